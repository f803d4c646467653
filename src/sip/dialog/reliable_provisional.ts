/**
 * Provisional responses that arrive for certain: RSeq, PRACK and RAck, at either end. RFC 3262.
 *
 * What carries an offer or an answer (§5), and the PRACK transactions, are the user agent's.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { parseCSeq, serializeCSeq } from "../message/cseq.ts";
import { isSpace, parseScalar, skipSpace, trimSpace } from "../message/grammar.ts";
import { SipParseError } from "../message/parse_error.ts";
import type { AcceptTimers } from "./accept.ts";

/** The largest number of a response: 32 bits, and it never wraps. §3, §7.1 */
export const RSEQ_MAX = 0xffff_ffff;

/** The largest number of a first response, so that 2**31 may follow. §3 */
export const RSEQ_INITIAL_MAX = 0x7fff_ffff;

/** The value of RAck: which response a PRACK acknowledges. §7.2 */
export interface RAck {
  /** 1 to {@linkcode RSEQ_MAX}. */
  readonly rseq: number;
  /** CSeq number of the request that was responded to. */
  readonly sequence: number;
  /** Its method, case-sensitive. */
  readonly method: string;
}

/**
 * Reads `response-num LWS CSeq-num LWS Method`.
 *
 * @throws SipParseError
 */
export function parseRAck(text: string): RAck {
  const value = trimSpace(text);
  let end = 0;
  while (end < value.length && !isSpace(value.charCodeAt(end))) end++;
  const rseq = parseRSeq(value.slice(0, end));
  return { rseq, ...parseCSeq(value.slice(skipSpace(value, end))) };
}

/** Writes the value of a RAck header. */
export function formatRAck({ rseq, sequence, method }: RAck): string {
  return `${rseq} ${serializeCSeq({ sequence, method })}`;
}

/**
 * Reads the value of an RSeq header.
 *
 * @returns 1 to {@linkcode RSEQ_MAX}.
 * @throws SipParseError
 */
export function parseRSeq(text: string): number {
  const rseq = parseScalar(trimSpace(text), { what: "RSeq", max: RSEQ_MAX });
  if (rseq === 0) throw new SipParseError("RSeq is 0, and begins at 1");
  return rseq;
}

/**
 * - `idle`: nothing is under way; the next response may be sent.
 * - `waiting`: one is out, and repeated until its PRACK.
 * - `abandoned`: one is out, and its PRACK may still come, but the INVITE has its final response.
 * - `failed`: nobody acknowledged it in time.
 */
export type ReliableState = "idle" | "waiting" | "abandoned" | "failed";

/** What can happen to the responses, named after what was sent or received. */
export type ReliableEvent = "send" | "acknowledge" | "abandon" | "give_up";

/** Every allowed step; what is not here changes nothing. */
export const RELIABLE_TRANSITIONS: Readonly<
  Record<ReliableState, Partial<Readonly<Record<ReliableEvent, ReliableState>>>>
> = {
  idle: { send: "waiting", abandon: "abandoned" },
  waiting: { acknowledge: "idle", abandon: "abandoned", give_up: "failed" },
  // §3: once the final response is out, PRACKs of what was sent before are still to be taken
  abandoned: { acknowledge: "abandoned" },
  failed: { acknowledge: "failed" },
};

/** What is to be done. */
export type ReliableOutput =
  /** Send the response with the same RSeq again. */
  | { readonly type: "retransmit" }
  /** No PRACK within 64·T1: the INVITE should be refused with a 5xx. §3 */
  | { readonly type: "failed" };

/** The reliable provisional responses of ours to one INVITE: one at a time. §3 */
export class ReliableProvisional {
  readonly #timers: AcceptTimers;
  #state: ReliableState = "idle";
  /** Of the next response. */
  #next: number;
  /** Of the response that has no PRACK yet; `undefined` when all have. */
  #outstanding: number | undefined;
  #interval: Millis = 0;
  #retransmitAt: Millis = 0;
  #giveUpAt: Millis = 0;

  /**
   * @param options.rseq Number of the first response, drawn from 1 to {@linkcode RSEQ_INITIAL_MAX}.
   * @throws RangeError when it is not in there.
   */
  constructor({ rseq, timers }: { readonly rseq: number; readonly timers: AcceptTimers }) {
    if (!Number.isInteger(rseq) || rseq < 1 || rseq > RSEQ_INITIAL_MAX) {
      throw new RangeError(`First RSeq ${rseq} is not from 1 to ${RSEQ_INITIAL_MAX}`);
    }
    this.#next = rseq;
    this.#timers = timers;
  }

  get state(): ReliableState {
    return this.#state;
  }

  /** Whether a response waits for its PRACK, so that no other may be sent. §3 */
  get waiting(): boolean {
    return this.#state === "waiting";
  }

  get deadline(): Millis | undefined {
    return this.waiting ? Math.min(this.#retransmitAt, this.#giveUpAt) : undefined;
  }

  /**
   * A response goes out.
   *
   * @returns The RSeq to write into it.
   * @throws RangeError while another waits for its PRACK, and after `abandon` or a failure.
   */
  send(now: Millis): number {
    if (!this.#apply("send")) {
      throw new RangeError(`No reliable provisional response may be sent while ${this.#state}`);
    }
    // §3: each is one higher than the one before
    this.#outstanding = this.#next++;
    this.#interval = this.#timers.t1;
    this.#retransmitAt = now + this.#interval;
    this.#giveUpAt = now + 64 * this.#timers.t1;
    return this.#outstanding;
  }

  /**
   * A PRACK came.
   *
   * @param inviteSequence CSeq number of the INVITE.
   * @returns Whether it acknowledges what is outstanding: 2xx; else 481. §3
   */
  acknowledge(rack: RAck, inviteSequence: number): boolean {
    if (rack.rseq !== this.#outstanding || rack.sequence !== inviteSequence) return false;
    if (rack.method !== "INVITE" || !this.#apply("acknowledge")) return false;
    this.#outstanding = undefined;
    return true;
  }

  /** The INVITE got its final response: nothing is repeated any more. §3 */
  abandon(): void {
    this.#apply("abandon");
  }

  timeout(now: Millis): ReliableOutput | undefined {
    if (!this.waiting) return undefined;
    if (now >= this.#giveUpAt) {
      this.#apply("give_up");
      return { type: "failed" };
    }
    if (now < this.#retransmitAt) return undefined;
    // §3: starts at T1 and doubles each time; T2 bounds requests and the 2xx, but not this
    this.#interval *= 2;
    this.#retransmitAt = now + this.#interval;
    return { type: "retransmit" };
  }

  #apply(event: ReliableEvent): boolean {
    const next = RELIABLE_TRANSITIONS[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }
}

/**
 * What a reliable provisional response of the peer's is: `next`, to be taken and acknowledged;
 * `repeated`, to be dropped, since the PRACK's own transaction sees to its loss; `out_of_order`, to
 * be dropped without a PRACK, since it will be repeated after the one that is missing. §4
 */
export type ProvisionalVerdict = "next" | "repeated" | "out_of_order";

/** The order of the peer's reliable provisional responses in one early dialog. §4 */
export class ProvisionalOrder {
  #first: number | undefined;
  #last = 0;

  /** @param rseq As `parseRSeq` read it. */
  accept(rseq: number): ProvisionalVerdict {
    // §4: the first one sets the number, whichever it is
    if (this.#first === undefined || rseq === this.#last + 1) {
      this.#first ??= rseq;
      this.#last = rseq;
      return "next";
    }
    return rseq >= this.#first && rseq <= this.#last ? "repeated" : "out_of_order";
  }
}
