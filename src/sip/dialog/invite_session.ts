/**
 * The life of a session that an INVITE asks for, at either end. RFC 3261 §13, §14, §15.
 *
 * It knows when a BYE may be sent and what repeats until the ACK. Messages, transactions and flows are the user agent's.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { Accept, type AcceptTimers } from "./accept.ts";

/**
 * - `proceeding`: the INVITE has no final response yet.
 * - `accepted`: our 2xx is out, its ACK is not here yet.
 * - `confirmed`: both sides know that the session is up.
 * - `hanging_up`: we want to end it, but §15 forbids a BYE of the called side before the ACK.
 * - `ending`: our BYE is out.
 */
export type SessionState =
  | "proceeding"
  | "accepted"
  | "confirmed"
  | "hanging_up"
  | "ending"
  | "terminated";

/** What can happen to a session, named after what was sent or received. */
export type SessionEvent =
  | "accept"
  | "refuse"
  | "acknowledge"
  | "give_up"
  | "hangup"
  | "receive_bye"
  | "bye_completed";

type Row = Partial<Readonly<Record<SessionEvent, SessionState>>>;

/** Every allowed step; what is not here changes nothing. */
export const SESSION_TRANSITIONS: Readonly<Record<SessionState, Row>> = {
  proceeding: { accept: "accepted", refuse: "terminated", receive_bye: "terminated" },
  accepted: {
    acknowledge: "confirmed",
    give_up: "confirmed",
    hangup: "hanging_up",
    receive_bye: "terminated",
  },
  confirmed: { hangup: "ending", receive_bye: "terminated" },
  hanging_up: { acknowledge: "ending", give_up: "ending", receive_bye: "terminated" },
  // §15.1.2: two BYEs may cross; the answer to ours still comes
  ending: { bye_completed: "terminated" },
  terminated: {},
};

/** What is to be done. */
export type SessionOutput =
  /** Send the BYE now. */
  | { readonly type: "bye" }
  /** Send the 2xx to the INVITE with this CSeq number again. */
  | { readonly type: "retransmit"; readonly sequence: number }
  /** A 2xx was never acknowledged: §13.3.1.4 wants the session ended by a BYE, which is now allowed. */
  | { readonly type: "ack_timeout" };

/** One session. */
export class InviteSession {
  #state: SessionState;
  readonly #timers: AcceptTimers;
  /** Our 2xxs that wait for their ACK: the first one, then one for each re-INVITE. */
  #accepts: Accept[] = [];

  /** @param role Whether we were called (`server`), or called (`client`: begins when the 2xx came and was acknowledged). */
  constructor(role: "server" | "client", timers: AcceptTimers) {
    this.#state = role === "server" ? "proceeding" : "confirmed";
    this.#timers = timers;
  }

  get state(): SessionState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    let earliest: Millis | undefined;
    for (const { deadline } of this.#accepts) {
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) {
        earliest = deadline;
      }
    }
    return earliest;
  }

  /** A 2xx to the INVITE or re-INVITE with this CSeq number was sent. */
  accept(sequence: number, now: Millis): void {
    this.#apply("accept");
    this.#accepts.push(new Accept(sequence, this.#timers, now));
  }

  /** A final response other than 2xx was sent. */
  refuse(): void {
    this.#apply("refuse");
  }

  /**
   * The ACK with this CSeq number came.
   *
   * @returns `first` for the ACK of the first 2xx, `repeated` for one that changes nothing.
   */
  acknowledge(sequence: number): { first: boolean; repeated: boolean; outputs: SessionOutput[] } {
    const accept = this.#accepts.find((candidate) => candidate.sequence === sequence);
    if (accept?.state !== "sent") return { first: false, repeated: true, outputs: [] };
    accept.acknowledge();
    this.#accepts = this.#accepts.filter((candidate) => candidate !== accept);
    const before = this.#state;
    const after = this.#apply("acknowledge");
    const outputs: SessionOutput[] = before === "hanging_up" && after === "ending"
      ? [{ type: "bye" }]
      : [];
    return { first: before !== after, repeated: false, outputs };
  }

  /** We want to end it. §15: the BYE of the called side waits for the ACK. */
  hangup(): SessionOutput[] {
    const before = this.#state;
    return this.#apply("hangup") === "ending" && before !== "ending" ? [{ type: "bye" }] : [];
  }

  /** A BYE came. §15.1.2: at any time, even before the ACK. */
  receiveBye(): void {
    this.#apply("receive_bye");
    this.#abandon();
  }

  /** Our BYE was answered, or nobody will answer it any more. */
  byeCompleted(): void {
    this.#apply("bye_completed");
    this.#abandon();
  }

  timeout(now: Millis): SessionOutput[] {
    const outputs: SessionOutput[] = [];
    for (const accept of this.#accepts) {
      const output = accept.timeout(now);
      if (output?.type === "retransmit") {
        outputs.push({ type: "retransmit", sequence: accept.sequence });
      } else if (output?.type === "failed") {
        const waited = this.#state === "hanging_up";
        this.#apply("give_up");
        outputs.push({ type: waited ? "bye" : "ack_timeout" });
      }
    }
    if (this.#state === "ending") this.#abandon();
    return outputs;
  }

  #apply(event: SessionEvent): SessionState {
    this.#state = SESSION_TRANSITIONS[this.#state][event] ?? this.#state;
    return this.#state;
  }

  #abandon(): void {
    for (const accept of this.#accepts) accept.abandon();
    this.#accepts = [];
  }
}
