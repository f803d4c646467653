/**
 * Who has an offer open within a session: there is one at a time, of one side, until its answer.
 * RFC 3261 §14, RFC 3311 §5, RFC 3264 §4.
 *
 * Which messages carry an offer or an answer is left to the user agent; what they say, to `sdp`.
 *
 * @module
 */

import { type RandomSource, randomUint32 } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";

/** `sent`: ours waits for its answer. `received`: the peer's waits for ours. */
export type OfferOwner = "none" | "sent" | "received";

/** What can happen: an offer goes out, one comes in, or the open one is answered or refused. */
export type OfferEvent = "send" | "receive" | "settle";

/** Every allowed step; what is not here is refused and changes nothing. */
export const OFFER_TRANSITIONS: Readonly<
  Record<OfferOwner, Partial<Readonly<Record<OfferEvent, OfferOwner>>>>
> = {
  none: { send: "sent", receive: "received", settle: "none" },
  sent: { settle: "none" },
  received: { settle: "none" },
};

/**
 * What becomes of an offer of the peer's: `taken`; `glare`, to be answered 491, when ours is open;
 * `busy`, to be answered 500 with a Retry-After of 0 to 10 s, when one of its own is.
 */
export type OfferVerdict = "taken" | "glare" | "busy";

/** The offer of one session. */
export class OfferState {
  #owner: OfferOwner = "none";

  get state(): OfferOwner {
    return this.#owner;
  }

  /** @returns Whether an offer of ours may go out; then it counts as sent. RFC 3264 §4 */
  send(): boolean {
    return this.#apply("send");
  }

  /** An offer came in a re-INVITE, UPDATE or PRACK. */
  receive(): OfferVerdict {
    if (this.#apply("receive")) return "taken";
    // RFC 3261 §14.2, RFC 3311 §5.2
    return this.#owner === "sent" ? "glare" : "busy";
  }

  /** The open offer got its answer, or was refused together with what carried it. */
  settle(): void {
    this.#apply("settle");
  }

  #apply(event: OfferEvent): boolean {
    const next = OFFER_TRANSITIONS[this.#owner][event];
    if (next === undefined) return false;
    this.#owner = next;
    return true;
  }
}

/** RFC 3261 §14.1: the bounds of both waits, in units of 10 ms, each included. */
const GLARE_UNIT: Millis = 10;
const OWNER_WAIT = { first: 210, last: 400 } as const;
const OTHER_WAIT = { first: 0, last: 200 } as const;

/**
 * Draws how long to wait before a request that got 491 is tried again. RFC 3261 §14.1.
 *
 * @param ownsCallId Whether the Call-ID of the dialog is ours: that side waits longer, so that the
 * two do not meet again.
 */
export function glareDelay(ownsCallId: boolean, random: RandomSource): Millis {
  const { first, last } = ownsCallId ? OWNER_WAIT : OTHER_WAIT;
  const step = Math.floor(randomUint32(random) / 0x1_0000_0000 * (last - first + 1));
  return (first + step) * GLARE_UNIT;
}
