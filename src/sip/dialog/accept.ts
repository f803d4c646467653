/**
 * Our 2xx to an INVITE, repeated until the ACK. RFC 3261 §13.3.1.4.
 *
 * The transaction is over with the 2xx; that it arrives is the business of the dialog, on every transport.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** T1 and T2 of RFC 3261 §17.1.1.1, as this machine needs them. */
export interface AcceptTimers {
  readonly t1: Millis;
  readonly t2: Millis;
}

/** `sent`: waiting for the ACK. `acknowledged`, `failed`: over. */
export type AcceptState = "sent" | "acknowledged" | "failed";

/** What is to be done. */
export type AcceptOutput =
  | { readonly type: "retransmit" }
  /** No ACK within 64·T1: the dialog is confirmed, but the session should be ended by a BYE. */
  | { readonly type: "failed" };

/** One 2xx on its way. */
export class Accept {
  /** CSeq number of the INVITE, which its ACK repeats. */
  readonly sequence: number;
  readonly #timers: AcceptTimers;
  readonly #giveUpAt: Millis;
  #retransmitAt: Millis;
  #interval: Millis;
  #state: AcceptState = "sent";

  /** @param now When the 2xx was sent for the first time. */
  constructor(sequence: number, timers: AcceptTimers, now: Millis) {
    this.sequence = sequence;
    this.#timers = timers;
    this.#interval = timers.t1;
    this.#retransmitAt = now + timers.t1;
    this.#giveUpAt = now + 64 * timers.t1;
  }

  get state(): AcceptState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    return this.#state === "sent" ? Math.min(this.#retransmitAt, this.#giveUpAt) : undefined;
  }

  /** The ACK came. Repeated ones change nothing. */
  acknowledge(): void {
    if (this.#state === "sent") this.#state = "acknowledged";
  }

  /** The session ended before the ACK (a BYE came): nothing is repeated any more. */
  abandon(): void {
    if (this.#state === "sent") this.#state = "failed";
  }

  timeout(now: Millis): AcceptOutput | undefined {
    if (this.#state !== "sent") return undefined;
    if (now >= this.#giveUpAt) {
      this.#state = "failed";
      return { type: "failed" };
    }
    if (now < this.#retransmitAt) return undefined;
    // §13.3.1.4: starts at T1 and doubles until T2
    this.#interval = Math.min(this.#interval * 2, this.#timers.t2);
    this.#retransmitAt = now + this.#interval;
    return { type: "retransmit" };
  }
}
