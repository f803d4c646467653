/**
 * Keys that we press by SIP INFO, where no telephone-events were agreed on: one request a key, each after the answer to
 * the one before. RFC 6086 §4, with the body that phones use, `application/dtmf-relay`.
 *
 * @module
 */

import type { SipResponse } from "../sip/message/message.ts";
import type { InDialogRequest } from "../sip/user_agent/in_session.ts";
import { DIGIT_DURATION } from "./outbound_audio.ts";

const encoder = new TextEncoder();

/** The keys of one call. */
export class InfoDigits {
  #waiting: string;

  constructor(digits: string) {
    this.#waiting = digits;
  }

  /** Keys that the peer has not taken, in their order. */
  get waiting(): string {
    return this.#waiting;
  }

  /** The request for the first key that waits; `undefined` when there is none. */
  next(): InDialogRequest | undefined {
    const digit = this.#waiting[0];
    if (digit === undefined) return undefined;
    const text = `Signal=${digit}\r\nDuration=${DIGIT_DURATION}\r\n`;
    return {
      method: "INFO",
      body: { bytes: encoder.encode(text), contentType: "application/dtmf-relay" },
    };
  }

  /**
   * The answer to that request came.
   *
   * @returns Whether the peer took the key: then there may be another one.
   */
  answered(statusCode: number): boolean {
    if (statusCode >= 300) return false;
    this.#waiting = this.#waiting.slice(1);
    return this.#waiting !== "";
  }
}

/** Whether the callee may take INFO: it says so, or says nothing of what it takes. §20.5 */
export function mayTakeInfo(response: SipResponse): boolean {
  const allowed = response.headers.values("Allow");
  return allowed.length === 0 || allowed.includes("INFO");
}
