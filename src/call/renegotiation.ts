/**
 * Changes of a session: the offers of the peer in re-INVITE, UPDATE and PRACK, and our own for
 * hold, resume and the session timer. RFC 3261 §14, RFC 3264 §8, RFC 3311 §5, RFC 4028 §7.4.
 *
 * Whether an offer may go out or come in at that moment is the user agent's to say.
 *
 * @module
 */

import { type Direction, isHold, type NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { SipRequest } from "../sip/message/message.ts";
import type { Answer } from "../sip/user_agent/output.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOutput } from "./call_output.ts";
import { screenInvite } from "./screening.ts";
import { sdpBody } from "./session_media.ts";

/** Why we offer anew. */
type Purpose = "hold" | "resume" | "refresh";

/** What we offer for each purpose; `undefined`: what is agreed upon already. RFC 3264 §8.4 */
const OFFERED_DIRECTION: Readonly<Record<Purpose, Direction | undefined>> = {
  hold: "sendonly",
  resume: "sendrecv",
  refresh: undefined,
};

/** The user agent gives up an offer for another one of the peer. RFC 3261 §14.1 */
const REQUEST_PENDING = 491;

/** What changes in the sessions of one call. */
export class Renegotiation {
  readonly #core: CallCore;
  /** What the handler knows: whether the peer listens. */
  #onHold = false;
  /** Our offer that is not answered yet, or waits for its turn. */
  #ours: Purpose | undefined;
  /** What the handler has asked for meanwhile. */
  #next: "hold" | "resume" | undefined;

  constructor(core: CallCore) {
    this.#core = core;
  }

  /** The first agreement. A call that begins on hold tells its handler nothing. */
  opened(media: NegotiatedMedia): void {
    this.#onHold = isHold(media);
  }

  /** The handler puts the peer on hold, or takes it off. */
  command(command: "hold" | "resume"): CallOutput[] {
    const isHeld = this.#wanted === "hold";
    if (isHeld === (command === "hold")) {
      const message = isHeld ? "The caller is on hold already" : "The caller is not on hold";
      return this.#core.refuse(command, message);
    }
    if (this.#ours === undefined) return this.#offer(command);
    if (this.#ours === "refresh") {
      this.#next = command;
      return [];
    }
    return this.#core.refuse(
      command,
      `The ${this.#ours} before is not done yet, wait and try again`,
    );
  }

  /** A re-INVITE came. RFC 3261 §14.2 */
  reinvite(request: SipRequest, host: string): CallOutput[] {
    const { media } = this.#core;
    if (!this.#core.hasSession) return [{ type: "answer_reinvite", answer: { statusCode: 481 } }];
    if (request.body.length > 0) {
      const { answer, outputs } = this.#received(request, host);
      return [{ type: "answer_reinvite", answer }, ...outputs];
    }
    const refused = screenInvite(request, media, host);
    const answer = refused?.answer ?? { statusCode: 200, body: sdpBody(media.offer()) };
    return [{ type: "answer_reinvite", answer }];
  }

  /** An offer came in an UPDATE or PRACK: there is a description of ours already. */
  offer(request: SipRequest, host: string): CallOutput[] {
    const { state } = this.#core;
    if (!this.#core.hasSession && state !== "ringing" && state !== "draining") {
      return [{ type: "answer_offer", answer: { statusCode: 481 } }];
    }
    const { answer, outputs } = this.#received(request, host);
    return [{ type: "answer_offer", answer }, ...outputs];
  }

  /** The ACK of a re-INVITE came, with the answer when the offer was ours. */
  reinviteAcknowledged(body: Uint8Array): CallOutput[] {
    const { media, state } = this.#core;
    if (body.length === 0 || state === "ended") return [];
    if (media.accept(body).ok) return this.#renegotiated();
    media.withdraw();
    return [];
  }

  /** Our re-INVITE got a 2xx with the answer. */
  accepted(body: Uint8Array): CallOutput[] {
    const { media } = this.#core;
    const purpose = this.#ours;
    if (purpose === undefined || !this.#core.hasSession) return [];
    this.#ours = undefined;
    const accepted = media.accept(body);
    if (accepted.ok) return [...this.#renegotiated(), ...this.#turn()];
    media.withdraw();
    // A refresh has done its work even if the answer to it is of no use
    const told = purpose === "refresh"
      ? []
      : this.#core.refuse(purpose, `The caller's answer is no use: ${accepted.reason}`);
    return [...told, ...this.#turn()];
  }

  /** Our re-INVITE was refused: the session stays as it was. RFC 3261 §14.1 */
  rejected(statusCode: number): CallOutput[] {
    const purpose = this.#ours;
    if (purpose === undefined) return [];
    this.#core.media.withdraw();
    // Both sides have offered at once: the user agent says when it is our turn
    if (statusCode === REQUEST_PENDING) return [];
    this.#ours = undefined;
    const told = purpose === "refresh"
      ? []
      : this.#core.refuse(purpose, `The caller refused with ${statusCode}`);
    return [...told, ...this.#turn()];
  }

  /** Our re-INVITE could not go out now; it becomes due later. */
  putOff(): CallOutput[] {
    this.#core.media.takeBack();
    return [];
  }

  /** It is time for a refresh, or for an offer of ours that had to wait. */
  due(reason: "refresh" | "retry"): CallOutput[] {
    if (!this.#core.hasSession) return [];
    if (reason === "retry") return this.#offer(this.#ours ?? "refresh");
    // An offer of ours that is under way refreshes as well
    return this.#ours === undefined ? this.#offer("refresh") : [];
  }

  /** Another session has taken the place of the one before. */
  joined(): CallOutput[] {
    this.#ours = undefined;
    this.#next = undefined;
    return this.#core.media.current === undefined ? [] : this.#renegotiated();
  }

  /** The agreement has changed: the media follows, and the handler hears of hold and its end. */
  #renegotiated(): CallOutput[] {
    const media = this.#core.media.current as NegotiatedMedia;
    const outputs: CallOutput[] = [{ type: "renegotiate_media", media }];
    const onHold = isHold(media);
    if (onHold === this.#onHold) return outputs;
    this.#onHold = onHold;
    return [...outputs, ...this.#core.tell({ event: onHold ? "hold" : "resume" })];
  }

  /** An offer of the peer. RFC 3261 §14.2: a refused one leaves the session as it was. */
  #received(
    request: SipRequest,
    host: string,
  ): { readonly answer: Answer; readonly outputs: CallOutput[] } {
    const { media } = this.#core;
    const refused = screenInvite(request, media, host);
    if (refused !== undefined) return { answer: refused.answer, outputs: [] };
    const answer = { statusCode: 200, body: sdpBody(media.lastAnswer) };
    return { answer, outputs: this.#renegotiated() };
  }

  #offer(purpose: Purpose): CallOutput[] {
    this.#ours = purpose;
    const body = sdpBody(this.#core.media.reoffer(OFFERED_DIRECTION[purpose]));
    return [{ type: "reinvite", body }];
  }

  /** What had to wait for the offer before. */
  #turn(): CallOutput[] {
    const next = this.#next;
    this.#next = undefined;
    return next === undefined ? [] : this.#offer(next);
  }

  /** What the handler has asked for last, done or not. */
  get #wanted(): "hold" | "resume" {
    if (this.#next !== undefined) return this.#next;
    if (this.#ours === "hold" || this.#ours === "resume") return this.#ours;
    return this.#core.media.direction === "sendonly" ? "hold" : "resume";
  }
}
