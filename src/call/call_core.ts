/**
 * What the phases of one call share: where it stands, whom it talks to, and its one end.
 *
 * The phases are `call.ts` (set-up, media), `handler_chain.ts` (who talks to the caller),
 * `renegotiation.ts` (changes of the session) and `transfer.ts`.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { CallFacts } from "../route/call_facts.ts";
import { AUDIO_DEFAULTS, type HandlerSpec } from "../route/route.ts";
import type { Answer } from "../sip/user_agent/output.ts";
import type { CallEnd, CallOptions, CallOutput } from "./call_output.ts";
import { reasonHeader } from "./end_cause.ts";
import type { HandlerRoute } from "./handler_chain.ts";
import type { EndCause, HandlerCommand, HandlerEvent } from "./handler_message.ts";
import { unavailable } from "./screening.ts";
import type { SessionMedia } from "./session_media.ts";

/**
 * - `binding`: RTP ports are being bound.
 * - `dialing`: our INVITE is on its way.
 * - `starting`: the handler is being started.
 * - `ringing`: the handler runs and is to say when the call is answered.
 * - `up`: our 200 is out; handlers may still change.
 * - `draining`: the handler is done, what it wrote is still being played; answered or not.
 * - `ended`: nothing more happens.
 */
export type CallState =
  | "binding"
  | "dialing"
  | "starting"
  | "ringing"
  | "up"
  | "draining"
  | "ended";

/** Causes after which the INVITE or the session needs nothing of us any more. */
const PEER_KNOWS: ReadonlySet<EndCause> = new Set([
  "caller_hangup",
  "callee_hangup",
  "caller_cancel",
  "prack_timeout",
]);

/** Final status of the INVITE that the user agent has sent by itself. */
const SENT_BY_USER_AGENT: Partial<Readonly<Record<EndCause, number>>> = {
  caller_cancel: 487,
  prack_timeout: 504,
};

/** The common part of one call. */
export class CallCore {
  /** Whether the INVITE is ours. */
  readonly isOutbound: boolean;
  readonly #begunAt: Millis;
  #facts: CallFacts;
  #route: HandlerRoute;
  #state: CallState = "binding";
  #answeredAt: Millis | undefined;
  #handlerIndex = 0;
  #isHandlerStarted = false;
  #media: SessionMedia;
  #isConfirmed = false;

  constructor(options: CallOptions, now: Millis) {
    const { facts, handlers, media, direction } = options;
    const { answer = "auto", bargeIn = AUDIO_DEFAULTS.barge_in } = options;
    this.#facts = facts;
    this.isOutbound = direction === "outbound";
    this.#route = { name: facts.route, handlers, answer, bargeIn };
    this.#media = media;
    this.#begunAt = now;
  }

  /** Their `route` is that of the handlers which have the call now. */
  get facts(): CallFacts {
    return this.#facts;
  }

  get state(): CallState {
    return this.#state;
  }

  get begunAt(): Millis {
    return this.#begunAt;
  }

  /** When our 200 was given. */
  get answeredAt(): Millis | undefined {
    return this.#answeredAt;
  }

  /** Whether there is a session whose descriptions can be changed. */
  get hasSession(): boolean {
    return (this.#state === "up" || this.#state === "draining") && this.#answeredAt !== undefined;
  }

  /** The descriptions of the session that the call has now. */
  get media(): SessionMedia {
    return this.#media;
  }

  /**
   * Whether requests of ours may go out within the session: the ACK is here. RFC 3261 §14.1, §15
   */
  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  /** Whose handlers have the call. */
  get route(): HandlerRoute {
    return this.#route;
  }

  get handler(): HandlerSpec {
    return this.#route.handlers[this.#handlerIndex] as HandlerSpec;
  }

  enter(state: Exclude<CallState, "ended">): void {
    this.#state = state;
  }

  /** Our 200 is given. */
  answered(now: Millis): void {
    this.#state = "up";
    this.#answeredAt = now;
  }

  confirmed(): void {
    this.#isConfirmed = true;
  }

  /** From now on the call has another session. */
  join(media: SessionMedia, isConfirmed: boolean): void {
    this.#media = media;
    this.#isConfirmed = isConfirmed;
  }

  handlerStarts(): void {
    this.#isHandlerStarted = false;
  }

  handlerStarted(): void {
    this.#isHandlerStarted = true;
  }

  /** Turns to the next handler of the chain, if there is one. */
  nextHandler(): HandlerSpec | undefined {
    const next = this.#route.handlers[this.#handlerIndex + 1];
    if (next !== undefined) this.#handlerIndex++;
    return next;
  }

  /** From now on the handlers of another route have the call, the first of them first. */
  handOver(route: HandlerRoute): void {
    this.#route = route;
    this.#facts = { ...this.#facts, route: route.name };
    this.#handlerIndex = 0;
    this.#isHandlerStarted = false;
  }

  /**
   * Tells the handler, if there is one that listens. One that takes over in a call that is up hears
   * of keys while it starts: they are held until it can be told.
   */
  tell(event: HandlerEvent): CallOutput[] {
    const isLate = this.#state === "up" && event.event === "dtmf";
    const listens = this.#isHandlerStarted &&
      (this.#state === "up" || this.#state === "ringing");
    return listens || isLate ? [{ type: "send_event", event }] : [];
  }

  /** Tells the handler that a command of it could not be done; the call goes on. */
  refuse(command: HandlerCommand["command"], message: string): CallOutput[] {
    return this.tell({ event: "error", message, command });
  }

  /**
   * The call is over. Nothing happens the second time.
   *
   * @param answer What the INVITE gets when it has no final response yet, and the caller still
   * waits for one.
   */
  end(cause: EndCause, detail: string, now: Millis, answer?: Answer): CallOutput[] {
    if (this.#state === "ended") return [];
    this.#state = "ended";
    const answeredAt = this.#answeredAt;
    const final = answer ?? unavailable(cause).answer;
    const outputs: CallOutput[] = [];
    if (!PEER_KNOWS.has(cause)) outputs.push(this.#farewell(cause, final));
    const sent = SENT_BY_USER_AGENT[cause] ?? (cause === "caller_hangup" ? 487 : final.statusCode);
    const isOurs = SENT_BY_USER_AGENT[cause] === undefined && answeredAt !== undefined;
    const end: CallEnd = {
      cause,
      detail,
      sipStatus: isOurs ? 200 : sent,
      setupMs: answeredAt === undefined ? undefined : answeredAt - this.#begunAt,
      durationMs: answeredAt === undefined ? 0 : now - answeredAt,
      handler: this.handler.type,
    };
    return [...outputs, { type: "ended", end }];
  }

  /** What the peer is to hear of the end. */
  #farewell(cause: EndCause, answer: Answer): CallOutput {
    if (this.#answeredAt !== undefined) return { type: "bye", headers: [reasonHeader(cause)] };
    return this.isOutbound
      ? { type: "cancel_dial", headers: [reasonHeader(cause)] }
      : { type: "answer", answer };
  }
}
