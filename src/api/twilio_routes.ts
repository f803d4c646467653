/**
 * Twilio's REST resources, as far as bots use them while they are in a call: a call is looked at,
 * hung up, or given other instructions; a recording is fetched.
 *
 * Source: twilio.com/docs/voice/api/call-resource, twilio.com/docs/api/errors.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { formatSocketAddress, type SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { isSameText } from "../base/same_text.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { Instructions, TwilioCall, TwilioCalls } from "../twilio/live_calls.ts";
import type { RecordingLinks } from "../twilio/recording_links.ts";
import { dateText, partyOf } from "../twilio/request_parameters.ts";
import { readBasic } from "./basic_auth.ts";

/** What is known of a request besides. */
export interface ApiEnv {
  readonly Bindings: {
    /** Who asks. */
    readonly remote: SocketAddress;
  };
}

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
export function twilioRoutes(options: TwilioRoutesOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const { calls, log } = options;
  const guard = { calls, log, told: new WeakSet<TwilioCall>() };
  app.get("/Accounts/:account/Calls/:call", (context) => {
    const found = findCall(guard, context);
    return found instanceof Response ? found : context.json(resourceOf(found));
  });
  app.post("/Accounts/:account/Calls/:call", async (context) => {
    const found = findCall(guard, context);
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
  // Clients of Twilio's read such errors
  app.all("*", (context) =>
    refuse(
      context,
      "notFound",
      "There is no such resource here: a live call (GET, POST) and a recording (GET) are",
    ));
  return app;
}

/** What keeps strangers from calls. */
interface Guard extends Pick<TwilioRoutesOptions, "calls" | "log"> {
  /** Calls whose strangers were logged: one line for each, however often they ask. */
  readonly told: WeakSet<TwilioCall>;
}

/** The call that is asked for, or the answer to who may not have it. */
function findCall({ calls, log, told }: Guard, context: Context<ApiEnv>): TwilioCall | Response {
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
  if (!told.has(call)) {
    told.add(call);
    log(`${whoOf(context)} asked for the call with a wrong token`, call.facts.id);
  }
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
  context: Context<ApiEnv>,
): Promise<Response> {
  const form = new URLSearchParams(await context.req.text());
  const status = form.get("Status");
  if (status === "completed" || status === "canceled") {
    log(`${whoOf(context)} hung up over the web server`, call.facts.id);
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
  log(`${whoOf(context)} gave other instructions over the web server`, call.facts.id);
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
  const { from, to, diversion: [diversion] } = facts;
  const begun = dateText(timeOf(facts.id));
  return {
    sid,
    account_sid: accountSid,
    api_version: "2010-04-01",
    status: call.status(),
    direction: "inbound",
    from: partyOf(from),
    from_formatted: partyOf(from),
    to: partyOf(to),
    to_formatted: partyOf(to),
    caller_name: from.display_name === "" ? null : from.display_name,
    forwarded_from: diversion === undefined ? null : partyOf(diversion),
    date_created: begun,
    date_updated: begun,
    start_time: begun,
    ...UNKNOWN,
    uri: `/2010-04-01/Accounts/${accountSid}/Calls/${sid}.json`,
    subresource_uris: {},
  };
}

/** What a live call does not have, or nobody here knows. */
const UNKNOWN = {
  end_time: null,
  duration: null,
  price: null,
  price_unit: null,
  answered_by: null,
  annotation: null,
  group_sid: null,
  parent_call_sid: null,
  phone_number_sid: null,
  queue_time: "0",
  trunk_sid: null,
} as const;

/** When a UUIDv7 was made, since 1970. RFC 9562 §5.7 */
function timeOf(id: string): Millis {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}

function whoOf({ env: { remote } }: Context<ApiEnv>): string {
  return formatSocketAddress(remote);
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
