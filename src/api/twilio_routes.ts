/**
 * Twilio's REST resources, as far as bots use them while they are in a call: a call is looked at,
 * hung up, or given other instructions; a recording is fetched.
 *
 * Source: twilio.com/docs/voice/api/call-resource, twilio.com/docs/api/errors.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { Runtime } from "../runtime/ports.ts";
import type { Instructions, TwilioCall, TwilioCalls } from "../twilio/live_calls.ts";
import type { RecordingLinks } from "../twilio/recording_links.ts";
import { partyOf } from "../twilio/request_parameters.ts";
import { isSameText, readBasic } from "./basic_auth.ts";

/** What the resources are made of. */
export interface TwilioRoutesOptions {
  readonly calls: TwilioCalls;
  readonly recordings: RecordingLinks;
  readonly runtime: Pick<Runtime, "readFile">;
  /** Who asked for what, for a person. */
  readonly log: (message: string, call: string) => void;
}

/** Errors of Twilio's: code and HTTP status. */
const ERRORS = {
  unauthorized: { code: 20003, status: 401 },
  notFound: { code: 20404, status: 404 },
  invalid: { code: 20001, status: 400 },
} as const;

/** Makes the resources below `/2010-04-01`. */
export function twilioRoutes(options: TwilioRoutesOptions): Hono {
  const app = new Hono();
  app.get("/Accounts/:account/Calls/:call", (context) => {
    const found = findCall(options, context);
    return found instanceof Response ? found : context.json(resourceOf(found));
  });
  app.post("/Accounts/:account/Calls/:call", async (context) => {
    const found = findCall(options, context);
    return found instanceof Response ? found : await change(options, found, context);
  });
  app.get("/Accounts/:account/Recordings/:recording", async (context) => {
    const sid = context.req.param("recording").replace(/\.wav$/, "");
    const link = options.recordings.find(sid);
    if (link === undefined || link.accountSid !== context.req.param("account")) {
      return refuse(context, "notFound", "There is no such recording");
    }
    const bytes = await readOr(options.runtime, link.file);
    if (bytes === undefined) return refuse(context, "notFound", "The recording is gone");
    return context.body(bytes, 200, { "Content-Type": "audio/wav" });
  });
  return app;
}

/** The call that is asked for, or the answer to who may not have it. */
function findCall({ calls }: TwilioRoutesOptions, context: Context): TwilioCall | Response {
  const sid = (context.req.param("call") ?? "").replace(/\.json$/, "");
  const account = context.req.param("account");
  const call = calls.find(sid);
  if (call === undefined || call.accountSid !== account) {
    return refuse(
      context,
      "notFound",
      `The requested resource Calls/${sid.slice(0, 40)} was not found`,
    );
  }
  const { accountSid, authToken } = call;
  if (authToken === undefined) return call;
  const given = readBasic(context.req.header("Authorization"));
  const isKnown = given !== undefined && isSameText(given.user, accountSid) &&
    isSameText(given.password, authToken);
  if (isKnown) return call;
  context.header("WWW-Authenticate", 'Basic realm="voicegw"');
  return refuse(
    context,
    "unauthorized",
    "Authenticate with the route's account_sid and auth_token",
  );
}

async function change(
  { log }: TwilioRoutesOptions,
  call: TwilioCall,
  context: Context,
): Promise<Response> {
  const form = new URLSearchParams(await context.req.text());
  const status = form.get("Status");
  if (status === "completed" || status === "canceled") {
    log("Hung up over the web server", call.facts.id);
    call.hangUp();
    return context.json({ ...resourceOf(call), status: "completed" });
  }
  if (status !== null) {
    return refuse(context, "invalid", "Status can be completed or canceled");
  }
  const instructions = instructionsOf(form);
  if (typeof instructions === "string") return refuse(context, "invalid", instructions);
  const problem = call.replace(instructions);
  if (problem !== undefined) return refuse(context, "invalid", problem);
  log("Given other instructions over the web server", call.facts.id);
  return context.json(resourceOf(call));
}

function instructionsOf(form: URLSearchParams): Instructions | string {
  const twiml = form.get("Twiml");
  if (twiml !== null) return { twiml };
  const url = form.get("Url");
  if (url === null) return "Send Status=completed, Url or Twiml";
  const method = (form.get("Method") ?? "POST").toUpperCase();
  if (method !== "GET" && method !== "POST") return "Method can be GET or POST";
  if (!/^https?:\/\//i.test(url)) return "Url must begin with http:// or https://";
  return { url, method };
}

function resourceOf(call: TwilioCall): Readonly<Record<string, unknown>> {
  const { sid, accountSid, facts } = call;
  return {
    sid,
    account_sid: accountSid,
    api_version: "2010-04-01",
    status: call.status(),
    direction: "inbound",
    from: partyOf(facts.from),
    to: partyOf(facts.to),
    caller_name: facts.from.display_name === "" ? null : facts.from.display_name,
    uri: `/2010-04-01/Accounts/${accountSid}/Calls/${sid}.json`,
  };
}

function refuse(context: Context, error: keyof typeof ERRORS, message: string): Response {
  const { code, status } = ERRORS[error];
  const moreInfo = `https://www.twilio.com/docs/errors/${code}`;
  return context.json({ code, message, more_info: moreInfo, status }, status);
}

async function readOr(
  runtime: Pick<Runtime, "readFile">,
  file: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await runtime.readFile(file));
  } catch {
    return undefined;
  }
}
