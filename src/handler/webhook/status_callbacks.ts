/**
 * Tells a web server of each change of a call's status, as Twilio does.
 *
 * @module
 */

import type { EndEvent } from "../../call/handler_message.ts";
import type { TwilioCallStatus } from "../../twilio/request_parameters.ts";
import type { WebLine } from "./web_line.ts";
import type { WebRequest } from "./web_protocol.ts";

/** What a callback tells. */
export interface StatusChange {
  readonly status: TwilioCallStatus;
  /** From 0. */
  readonly sequence: number;
  /** When the call is over. */
  readonly end?: EndEvent;
}

/** What callbacks need. */
export interface StatusCallbacksOptions {
  readonly request: (change: StatusChange) => WebRequest;
  readonly line: WebLine;
}

/** The callbacks of one call. */
export class StatusCallbacks {
  readonly line: WebLine;
  readonly #options: StatusCallbacksOptions;
  #sequence = 0;

  constructor(options: StatusCallbacksOptions) {
    this.#options = options;
    this.line = options.line;
  }

  /** @param isAnswered Whether another handler has answered it. */
  begun(isAnswered: boolean): void {
    if (isAnswered) return this.answered();
    this.#tell("initiated");
    this.#tell("ringing");
  }

  answered(): void {
    this.#tell("in-progress");
  }

  ended(end: EndEvent): void {
    this.#tell(statusOf(end), end);
  }

  #tell(status: StatusChange["status"], end?: EndEvent): void {
    const sequence = this.#sequence++;
    const change = { status, sequence, ...(end === undefined ? {} : { end }) };
    this.line.tell(this.#options.request(change));
  }
}

/** What has become of a call. */
export function statusOf({ cause, duration_ms, sip_status }: EndEvent): TwilioCallStatus {
  const isOver = sip_status === 200 || duration_ms > 0;
  // Who has handed it on has done with it
  if (isOver || cause === "routed") return "completed";
  if (cause === "caller_cancel") return "canceled";
  if (sip_status === 486 || sip_status === 600) return "busy";
  return sip_status === 408 || sip_status === 480 ? "no-answer" : "failed";
}
