/**
 * Twilio's webhooks: forms out, TwiML back. Requests follow where a verb has an `action`; of what
 * happens by the way, such as keys, nobody is told.
 *
 * @module
 */

import type { HandlerEvent } from "../../call/handler_message.ts";
import type { CallFacts } from "../../route/call_facts.ts";
import type { WebhookSpec } from "../../route/route.ts";
import type { Runtime } from "../../runtime/ports.ts";
import { parseTwiml } from "../../twilio/parse_twiml.ts";
import {
  callParameters,
  formEncode,
  type Parameter,
  type Parameters,
} from "../../twilio/request_parameters.ts";
import { signRequest } from "../../twilio/signature.ts";
import { isWav } from "./json_protocol.ts";
import type { Question, RecordedFile } from "./step.ts";
import {
  type Reading,
  targetOf,
  type WebAnswer,
  type WebProtocol,
  type WebRequest,
} from "./web_protocol.ts";

const decoder = new TextDecoder("utf-8");

/** What the protocol needs to know of its call. */
export interface TwilioProtocolOptions {
  readonly spec: WebhookSpec;
  readonly facts: CallFacts;
  readonly hmac: Runtime["hmac"];
  /** CallStatus now. */
  readonly status: () => string;
  /** Sid and URL of a recording that the web server can fetch. */
  readonly register: (file: string) => { readonly sid: string; readonly url: string };
}

/** The protocol of one call. */
export class TwilioProtocol implements WebProtocol {
  readonly #options: TwilioProtocolOptions;

  constructor(options: TwilioProtocolOptions) {
    this.#options = options;
  }

  incoming(): WebRequest {
    return this.form("call.incoming", { url: this.#options.spec.url, method: "POST" }, []);
  }

  question(question: Question, base: string): WebRequest | undefined {
    const extra = this.#extraOf(question);
    if (extra === undefined) return undefined;
    const next = "next" in question ? question.next : undefined;
    const request = this.form(`call.${question.type}`, targetOf(next, base), extra);
    return { ...request, base };
  }

  notification(_event: HandlerEvent): undefined {
    return undefined;
  }

  ended(): undefined {
    return undefined;
  }

  read({ body, contentType }: WebAnswer): Reading {
    if (isWav(body)) return { ok: true, actions: [{ action: "wav", bytes: body }] };
    const text = decoder.decode(body).trim();
    // An empty document is one without verbs
    if (text === "") return { ok: true, actions: [] };
    if (/^<!doctype html|^<html/i.test(text) || !text.startsWith("<")) {
      const kind = contentType === "" ? "something else" : contentType;
      const fix = "send TwiML such as <Response><Say>Hello</Say></Response>";
      return { ok: false, message: `it answered with ${kind}, ${fix}` };
    }
    const parsed = parseTwiml(text);
    return parsed.ok ? parsed : { ok: false, message: `its TwiML is wrong: ${parsed.message}` };
  }

  /**
   * A request with the parameters of the call, and more of them.
   *
   * @param status CallStatus; default: what it is now.
   */
  form(
    name: string,
    target: { readonly url: string; readonly method: "GET" | "POST" },
    extra: Parameters,
    status = this.#options.status(),
  ): WebRequest {
    const { spec: { account_sid: accountSid }, facts } = this.#options;
    return this.request(name, target, callParameters({ facts, accountSid, status, extra }));
  }

  /** A request with these parameters alone, signed. */
  request(
    name: string,
    target: { readonly url: string; readonly method: "GET" | "POST" },
    parameters: Parameters,
  ): WebRequest {
    const isPost = target.method === "POST";
    const body = formEncode(parameters);
    return {
      name,
      method: target.method,
      url: isPost ? target.url : withQuery(target.url, body),
      body: isPost ? body : NOTHING,
      contentType: isPost ? "application/x-www-form-urlencoded" : "",
      // What is in the URL is signed with it; a redirection may have left the body out
      sign: (url, sent) => this.signatureOf(url, sent.length > 0 ? parameters : []),
    };
  }

  /**
   * The header that tells who asks: nothing where the route has no token. The handshake of a
   * stream has it too, for a URL that begins with `wss://`.
   *
   * @param parameters Those of the form in the body.
   */
  signatureOf(url: string, parameters: Parameters): Readonly<Record<string, string>> {
    const { spec: { auth_token: authToken }, hmac } = this.#options;
    if (authToken === undefined) return {};
    return { "X-Twilio-Signature": signRequest({ authToken, url, parameters, hmac }) };
  }

  /** @returns `undefined` where the next verb follows without a question. */
  #extraOf(question: Question): Parameters | undefined {
    switch (question.type) {
      case "gathered": {
        const { digits, speech, confidence = 0, finish_key = "" } = question.result;
        return speech === ""
          ? [["Digits", digits], ["FinishedOnKey", finish_key]]
          : [["SpeechResult", speech], ["Confidence", String(confidence)]];
      }
      case "recorded":
        return this.#recorded(question.recording);
      case "completed":
        return undefined;
      case "fetch":
        return [];
    }
  }

  #recorded(recording: RecordedFile): readonly Parameter[] | undefined {
    const { file, duration_ms, digits, finished_by } = recording;
    if (duration_ms === 0) return undefined;
    const { sid, url } = this.#options.register(file);
    return [
      ["RecordingSid", sid],
      ["RecordingUrl", url],
      ["RecordingDuration", String(Math.max(1, Math.round(duration_ms / 1000)))],
      ["Digits", finished_by === "hangup" ? "hangup" : digits],
    ];
  }
}

const NOTHING = new Uint8Array(0);

function withQuery(url: string, form: Uint8Array): string {
  const target = URL.parse(url);
  if (target === null) return url;
  const query = decoder.decode(form);
  target.search = target.search === "" ? query : `${target.search.slice(1)}&${query}`;
  target.hash = "";
  return target.href;
}
