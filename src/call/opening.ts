/**
 * Offer and answer of the INVITE itself: who offers, and which response or request carries our
 * description. RFC 3261 §13.2.1, RFC 3262 §5.
 *
 * What changes a session that is up is left to `renegotiation.ts`.
 *
 * @module
 */

import type { SipRequest } from "../sip/message/message.ts";
import type { SipBody } from "../sip/user_agent/output.ts";
import { understands } from "../sip/user_agent/uas_core.ts";
import { type Accepted, sdpBody, type SessionMedia } from "./session_media.ts";

/**
 * - `offered`: the INVITE has brought an offer, which is not answered yet.
 * - `unasked`: it has brought none, and ours is not out yet.
 * - `awaiting`: our offer is out; a PRACK or the ACK brings the answer.
 * - `settled`: both sides have described themselves.
 */
export type OpeningState = "offered" | "unasked" | "awaiting" | "settled";

/** What can happen: we describe ourselves, or the peer answers our offer. */
export type OpeningEvent = "describe" | "answered";

/** Every allowed step. */
export const OPENING_TRANSITIONS: Readonly<
  Record<OpeningState, Partial<Readonly<Record<OpeningEvent, OpeningState>>>>
> = {
  offered: { describe: "settled" },
  unasked: { describe: "awaiting" },
  awaiting: { answered: "settled" },
  settled: {},
};

/** What an opening is about. */
export interface OpeningOptions {
  readonly media: SessionMedia;
  /** Whether the INVITE brought an offer; `media` has taken it then. */
  readonly hasOffer: boolean;
  /** Whether the caller takes reliable provisional responses. */
  readonly reliable: boolean;
}

/** The descriptions of one INVITE of the peer. */
export class Opening {
  readonly #media: SessionMedia;
  readonly #hasOffer: boolean;
  readonly #reliable: boolean;
  #state: OpeningState;

  constructor({ media, hasOffer, reliable }: OpeningOptions) {
    this.#media = media;
    this.#hasOffer = hasOffer;
    this.#reliable = reliable;
    this.#state = hasOffer ? "offered" : "unasked";
  }

  /** The opening of a session whose INVITE was ours: nothing is left to be said. */
  static settled(media: SessionMedia): Opening {
    const opening = new Opening({ media, hasOffer: false, reliable: false });
    opening.#state = "settled";
    return opening;
  }

  get state(): OpeningState {
    return this.#state;
  }

  /**
   * The body of a 183 for early media, once.
   *
   * @returns `undefined` when it is out already, or when it would be an offer of ours that the
   * caller cannot answer before the ACK. RFC 3262 §5: an offer needs a reliable response.
   */
  early(): SipBody | undefined {
    if (this.#state === "offered" || (this.#state === "unasked" && this.#reliable)) {
      return this.#describe();
    }
    return undefined;
  }

  /**
   * The body of the 200. RFC 3261 §13.2.1: an answer that went out in a 183 stands there once more,
   * since that one may be lost; the user agent leaves it out where the caller has acknowledged it.
   * An offer of ours goes out once.
   */
  final(): SipBody | undefined {
    if (this.#state === "awaiting") return undefined;
    if (this.#state === "settled") return this.#hasOffer ? this.#answer() : undefined;
    return this.#describe();
  }

  /** The PRACK or ACK came that is to bring the answer to our offer. */
  answered(body: Uint8Array): Accepted {
    this.#apply("answered");
    return this.#media.accept(body);
  }

  #describe(): SipBody {
    const body = this.#hasOffer ? this.#answer() : sdpBody(this.#media.offer());
    this.#apply("describe");
    return body;
  }

  #answer(): SipBody {
    return sdpBody(this.#media.lastAnswer);
  }

  #apply(event: OpeningEvent): void {
    this.#state = OPENING_TRANSITIONS[this.#state][event] ?? this.#state;
  }
}

/** Tells whether the sender of an INVITE takes reliable provisional responses. RFC 3262 §3 */
export function takesReliably(invite: SipRequest): boolean {
  return understands(invite, "100rel") !== false;
}
