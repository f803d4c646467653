/**
 * The way of a call to its answer and to open media: who says that it is answered, and which of our messages describes
 * the session. RFC 3261 §13.3.1, RFC 3262 §5, RFC 3264 §5.
 *
 * What the descriptions say is left to `opening.ts`, and what changes them afterwards to `renegotiation.ts`.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Answer, SipBody } from "../sip/user_agent/output.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOptions, CallOutput } from "./call_output.ts";
import { answerModeOf } from "./handler_chain.ts";
import type { HandlerCommand, RedirectCommand } from "./handler_message.ts";
import { Opening } from "./opening.ts";
import { parseHandlerCommand } from "./parse_command.ts";
import type { Renegotiation } from "./renegotiation.ts";

/** What an INVITE gets that nobody wants to answer. RFC 3261 §21.6.2 */
export const DECLINED: Answer = { statusCode: 603 };

/**
 * How long a caller is left with the 100. A 180 with the 200 right behind it tells nobody anything, and proxies with
 * several workers hand such a pair on in either order.
 */
const RING_AFTER: Millis = 50;

const RINGING: CallOutput = { type: "answer", answer: { statusCode: 180 } };

/** The set-up of one call. */
export class SetUp {
  readonly #core: CallCore;
  readonly #renegotiation: Renegotiation;
  #opening: Opening;
  #isMediaOpen = false;
  /** A 180 went out. */
  #hasRung = false;
  /** The handler is done, and what it wrote cannot be played yet. */
  #finishPending = false;

  constructor(core: CallCore, renegotiation: Renegotiation, options: CallOptions) {
    const { media, hasOffer, reliable = false } = options;
    this.#core = core;
    this.#renegotiation = renegotiation;
    this.#opening = new Opening({ media, hasOffer, reliable });
  }

  /** The body of an INVITE of ours. */
  offer(): SipBody {
    return this.#opening.final() as SipBody;
  }

  /**
   * The answer to our INVITE came.
   *
   * @returns Why it cannot be used.
   */
  dialed(body: Uint8Array): string | undefined {
    const accepted = this.#opening.answered(body);
    return accepted.ok ? undefined : accepted.reason;
  }

  /** The handler runs: the call is answered, unless the handler is to say so. */
  handlerStarted(now: Millis): CallOutput[] {
    if (!this.#core.isOutbound && !this.#isManual) return this.#accept(now);
    this.#core.enter(this.#core.isOutbound ? "up" : "ringing");
    return this.#openMedia();
  }

  /** When the caller is to be told that it rings; nothing is told to one who knows that, or more. */
  get deadline(): Millis | undefined {
    const { state, begunAt } = this.#core;
    const isWaiting = state === "binding" || state === "starting" || state === "ringing";
    const isDescribed = this.#opening.state === "awaiting" || this.#opening.state === "settled";
    return isWaiting && !isDescribed && !this.#hasRung && !this.#core.isOutbound
      ? begunAt + RING_AFTER
      : undefined;
  }

  /** Early or late calls are safe. */
  timeout(now: Millis): CallOutput[] {
    return now < (this.deadline ?? Infinity) ? [] : this.#ring();
  }

  /** The handler gives audio before the call is answered: the caller is to hear it. */
  handlerWrote(): CallOutput[] {
    const body = this.#opening.early();
    return body === undefined ? [] : [{ type: "answer", answer: { statusCode: 183, body } }];
  }

  /** A command about the answer. */
  decide(
    command: HandlerCommand & { command: "answer" | "ring" | "reject" | "redirect" },
    now: Millis,
  ): CallOutput[] {
    if (this.#core.state !== "ringing") {
      return this.#core.refuse(command.command, "The call is answered already");
    }
    switch (command.command) {
      case "answer":
        return this.#accept(now);
      case "ring":
        return this.#ring();
      case "reject": {
        const { status: statusCode, reason } = command;
        const phrase = reason === undefined ? {} : { reasonPhrase: reason };
        return this.#core.end("rejected", reason ?? "", now, { statusCode, ...phrase });
      }
      case "redirect":
        return this.#redirect(command, now);
    }
  }

  /** The answer to our offer was due, if one is open. */
  answered(by: "PRACK" | "ACK", body: Uint8Array, now: Millis): CallOutput[] {
    if (this.#opening.state !== "awaiting" || this.#core.state === "ended") return [];
    const accepted = this.#opening.answered(body);
    if (!accepted.ok) {
      const reason = body.length === 0 ? `The ${by} brought no SDP answer` : accepted.reason;
      return this.#core.end("refused", reason, now, { statusCode: 488 });
    }
    // A session that has joined the call changes media that is open
    if (this.#isMediaOpen) return this.#renegotiation.joined();
    const outputs = this.#openMedia();
    if (this.#finishPending) outputs.push({ type: "finish" });
    return outputs;
  }

  /** The handler is done: what it wrote is played as soon as somebody can hear it. */
  finish(now: Millis): CallOutput[] {
    if (this.#isMediaOpen) return [{ type: "finish" }];
    // Nobody can hear it before the answer to our offer, and without one nobody ever will
    if (this.#opening.state === "unasked") {
      return this.#core.end("handler_hangup", "", now, DECLINED);
    }
    this.#finishPending = true;
    return [];
  }

  /** Another session takes the place of the one before. */
  join(opening: Opening): void {
    this.#opening = opening;
  }

  /** Whether the handler that the call has now is to say when it is answered; some cannot. */
  get #isManual(): boolean {
    return answerModeOf(this.#core.handler, this.#core.route.answer) === "manual";
  }

  #ring(): CallOutput[] {
    this.#hasRung = true;
    return [RINGING];
  }

  /** RFC 3261 §8.3: the URIs stand in Contact, so that none may hold what ends a header. */
  #redirect(command: RedirectCommand, now: Millis): CallOutput[] {
    // Not every handler's commands come as text that was checked
    const checked = parseHandlerCommand(command);
    if (!checked.ok) return this.#core.refuse("redirect", checked.message);
    const { to, status: statusCode } = command;
    const headers = to.map((uri) => ["Contact", `<${uri}>`] as const);
    return this.#core.end("redirected", `to ${to[0]}`, now, { statusCode, headers });
  }

  #accept(now: Millis): CallOutput[] {
    this.#core.answered(now);
    const opened = this.#openMedia();
    const body = this.#opening.final();
    return [...opened, { type: "answer", answer: { statusCode: 200, body } }];
  }

  /** Opens the media once both sides' descriptions are known. */
  #openMedia(): CallOutput[] {
    const media = this.#core.media.current;
    if (media === undefined || this.#isMediaOpen) return [];
    this.#isMediaOpen = true;
    this.#renegotiation.opened(media);
    return [{ type: "open_media", media }];
  }
}
