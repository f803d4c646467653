/**
 * What a call has besides when its web server is one of Twilio's kind: callbacks of its status, and
 * programs that ask for it by its sid.
 *
 * @module
 */

import { callSid, newSid } from "../../twilio/sids.ts";
import type { TwilioCall, TwilioCalls } from "../../twilio/live_calls.ts";
import { parseTwiml } from "../../twilio/parse_twiml.ts";
import { statusParameters, streamParameters } from "../../twilio/request_parameters.ts";
import type { CallFacts } from "../../route/call_facts.ts";
import type { WebhookSpec } from "../../route/route.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { ActionRunner } from "./action_runner.ts";
import type { CallSide } from "./call_side.ts";
import { StatusCallbacks } from "./status_callbacks.ts";
import { StreamCallbacks } from "./stream_callbacks.ts";
import { TwilioProtocol } from "./twilio_protocol.ts";
import { WebLine, type WebLineOptions } from "./web_line.ts";
import { targetOf } from "./web_protocol.ts";

/** What it is made of. */
export interface TwilioSideOptions {
  readonly spec: WebhookSpec;
  readonly facts: CallFacts;
  readonly runtime: Pick<Runtime, "hmac" | "wallClock" | "random">;
  readonly isAnswered: () => boolean;
  /** Makes a recording known to those who know its sid. */
  readonly register: (file: string) => { readonly sid: string; readonly url: string };
  /** Makes the requests of another line of the same call, that go to `url`. */
  readonly line: (url: string, protocol: WebLineOptions["protocol"]) => WebLine;
}

/** Twilio's side of one call. */
export class TwilioSide {
  readonly protocol: TwilioProtocol;
  readonly status: StatusCallbacks | undefined;
  /** What becomes of the WebSockets of its TwiML. */
  readonly streams: StreamCallbacks;
  readonly #options: TwilioSideOptions;
  #call: TwilioCall | undefined;
  #calls: TwilioCalls | undefined;

  constructor(options: TwilioSideOptions) {
    this.#options = options;
    const { spec, facts, runtime, register, line } = options;
    this.protocol = new TwilioProtocol({
      spec,
      facts,
      hmac: runtime.hmac,
      status: () => this.#status,
      register,
    });
    const { status_callback: url } = spec;
    if (url !== undefined) this.status = this.#statusCallbacks(url, line(url, UNREAD));
    // Its URLs stand in responses, and may lead where those may
    this.streams = this.#streamCallbacks(line(spec.url, UNREAD));
  }

  /** Others may ask for the call from now on. */
  enter(calls: TwilioCalls | undefined, runner: ActionRunner, call: CallSide): void {
    if (calls === undefined) return;
    const { spec, facts } = this.#options;
    this.#calls = calls;
    this.#call = {
      sid: callSid(facts.id),
      accountSid: spec.account_sid,
      authToken: spec.auth_token,
      facts,
      status: () => this.#status,
      hangUp: () => call.command({ command: "hangup" }),
      replace: (instructions) => {
        if ("url" in instructions) {
          const { url, method } = instructions;
          if (!URL.canParse(url)) return "The Url cannot be read";
          runner.replace([{ action: "fetch", next: { url, method } }], spec.url);
          return undefined;
        }
        const parsed = parseTwiml(instructions.twiml);
        if (!parsed.ok) return parsed.message;
        runner.replace(parsed.actions, spec.url);
        return undefined;
      },
    };
    calls.add(this.#call);
  }

  /** Nobody is told anything any more. */
  abort(): void {
    this.status?.line.abort();
    this.streams.abort();
  }

  /** The call is over, or somebody else's. */
  leave(): void {
    if (this.#call !== undefined) this.#calls?.remove(this.#call);
    this.#call = undefined;
  }

  /** What becomes of the call, while it is live. */
  get #status(): "in-progress" | "ringing" {
    return this.#options.isAnswered() ? "in-progress" : "ringing";
  }

  #statusCallbacks(url: string, line: WebLine): StatusCallbacks {
    const { runtime } = this.#options;
    return new StatusCallbacks({
      line,
      request: ({ status, sequence, end }) => {
        const extra = statusParameters({
          at: runtime.wallClock(),
          sequence,
          ...(end === undefined ? {} : {
            end: { durationMs: end.duration_ms, sipStatus: end.sip_status },
          }),
        });
        const target = { url, method: "POST" } as const;
        return this.protocol.form(`status callback ${status}`, target, extra, status);
      },
    });
  }

  #streamCallbacks(line: WebLine): StreamCallbacks {
    const { spec: { account_sid: accountSid }, facts, runtime } = this.#options;
    return new StreamCallbacks({
      line,
      newSid: () => newSid("MZ", runtime.random),
      request: (change, callback, base) => {
        const at = runtime.wallClock();
        const parameters = streamParameters({ ...change, facts, accountSid, at });
        const request = this.protocol.request(change.event, targetOf(callback, base), parameters);
        return { ...request, base, notification: true };
      },
    });
  }
}

/** What is answered to a callback is nobody's business. */
const UNREAD: WebLineOptions["protocol"] = { read: () => ({ ok: true, actions: undefined }) };
