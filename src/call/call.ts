/**
 * The machine of one call, from its route to its end; of one that we place, from its INVITE on.
 *
 * It decides; the gateway does: sockets, media and the handler are told by outputs and report back by inputs. Samples
 * never pass through here. The end happens exactly once, on every path, and has a cause. Changes of a session that is up
 * have inputs of their own: {@linkcode Call.renegotiation}, {@linkcode Call.transfer} and {@linkcode Call.referral}.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { MediaEvent } from "../media/media_contract.ts";
import type { CallFacts } from "../route/call_facts.ts";
import { AUDIO_DEFAULTS, type BargeIn } from "../route/route.ts";
import type { SipRequest } from "../sip/message/message.ts";
import { CallCore, type CallState } from "./call_core.ts";
import type { CallOptions, CallOutput, JoiningSession } from "./call_output.ts";
import { HandlerChain, type HandlerRoute, listeningOf } from "./handler_chain.ts";
import type { ClearedEvent, DtmfEvent, EndCause, HandlerCommand } from "./handler_message.ts";
import { type InfoDigit, readInfoDigit } from "./info_digit.ts";
import { KeyPresses } from "./key_presses.ts";
import { Pressing } from "./pressing.ts";
import { Recording } from "./recording.ts";
import { Renegotiation } from "./renegotiation.ts";
import { unavailable } from "./screening.ts";
import type { SessionMedia } from "./session_media.ts";
import { DECLINED, SetUp } from "./set_up.ts";
import { Referral, Transfer } from "./transfer.ts";
import { WaitingCommands } from "./waiting_commands.ts";

export type { CallState } from "./call_core.ts";
export type { CallEnd, CallOptions, CallOutput, SignallingOutput } from "./call_output.ts";

/** One call. */
export class Call {
  /** Who talks to the caller. */
  readonly handlers: HandlerChain;
  /** Offers within the session. */
  readonly renegotiation: Renegotiation;
  /** The REFER that the handler asks for. */
  readonly transfer: Transfer;
  /** The REFER that the caller sends. */
  readonly referral: Referral;
  /** The keys that the handler presses. */
  readonly pressing: Pressing;
  /** The recording of the call. */
  readonly recording: Recording;
  /** Of the PCM that handlers get and give. */
  readonly rate: Hertz;
  readonly #core: CallCore;
  readonly #options: CallOptions;
  readonly #keys = new KeyPresses();
  readonly #setUp: SetUp;
  readonly #waiting = new WaitingCommands();
  /** All audio of a handler that is done has been played. */
  #isDrained = false;

  constructor(options: CallOptions, now: Millis) {
    this.rate = options.rate ?? AUDIO_DEFAULTS.rate;
    this.#options = options;
    this.#core = new CallCore(options, now);
    this.handlers = new HandlerChain(this.#core, this.rate);
    this.renegotiation = new Renegotiation(this.#core);
    this.#setUp = new SetUp(this.#core, this.renegotiation, options);
    this.transfer = new Transfer(this.#core);
    this.referral = new Referral(this.#core);
    this.pressing = new Pressing(this.#core, options.dtmf);
    this.recording = new Recording(this.#core, options.record);
  }

  /** Their `route` is the present one: that of the call's record, once it is over. */
  get facts(): CallFacts {
    return this.#core.facts;
  }

  get state(): CallState {
    return this.#core.state;
  }

  /** What is listened for in the caller's audio. */
  get listening(): { readonly bargeIn: BargeIn; readonly inbandDtmf: boolean } {
    const inbandDtmf = this.#options.dtmf === "inband";
    return { bargeIn: listeningOf(this.#core.route), inbandDtmf };
  }

  /** The descriptions of the session that the call has now. */
  get media(): SessionMedia {
    return this.#core.media;
  }

  /** Whether another session may take the place of the one that there is. RFC 3891 §3 */
  get isReplaceable(): boolean {
    return this.#core.hasSession;
  }

  get deadline(): Millis | undefined {
    const { state, answeredAt, begunAt } = this.#core;
    // How long it rings is the dialer's to say
    if (state === "ended" || state === "dialing") return undefined;
    const end = answeredAt === undefined
      ? begunAt + this.#options.setupMax
      : answeredAt + this.#options.durationMax;
    return Math.min(end, this.#setUp.deadline ?? Infinity, this.pressing.deadline ?? Infinity);
  }

  /** The INVITE passed screening, or ours is to be sent. */
  begin(): CallOutput[] {
    return [{ type: "bind_rtp" }];
  }

  /** A port pair is bound. */
  rtpBound(port: number, now: Millis): CallOutput[] {
    if (this.state !== "binding") return [];
    this.media.port = port;
    if (this.#core.isOutbound) {
      this.#core.enter("dialing");
      return [{ type: "dial", body: this.#setUp.offer() }];
    }
    this.#core.enter("starting");
    return this.handlers.start(now);
  }

  /** Whom we called has answered; `body` is the answer to our offer. */
  dialed(body: Uint8Array, now: Millis): CallOutput[] {
    if (this.state !== "dialing") return [];
    this.#core.answered(now);
    this.#core.confirmed();
    const problem = this.#setUp.dialed(body);
    if (problem !== undefined) return this.#core.end("refused", problem, now);
    this.#core.enter("starting");
    return this.handlers.start(now);
  }

  /** Whom we called did not answer, or refused. */
  dialFailed(statusCode: number, reason: string, now: Millis): CallOutput[] {
    return this.#core.end("dial_failed", reason, now, { statusCode });
  }

  /** There is no port pair left. */
  rtpUnavailable(reason: string, now: Millis): CallOutput[] {
    return this.#core.end("refused", reason, now, unavailable(reason).answer);
  }

  /** The handler runs: the call is answered, unless it is already, or the handler is to say so. */
  handlerStarted(now: Millis): CallOutput[] {
    const { state } = this;
    if (state !== "starting" && state !== "ringing" && state !== "up") return [];
    this.#core.handlerStarted();
    return state === "up" ? [] : this.#recorded(this.#setUp.handlerStarted(now));
  }

  /**
   * The handler gives audio before the call is answered: the caller is to hear it. RFC 3261
   * §13.3.1.1, RFC 3262 §5
   */
  handlerWrote(): CallOutput[] {
    return this.state === "ringing" ? this.#setUp.handlerWrote() : [];
  }

  /** The handler is done: what it wrote is played, then we hang up. */
  handlerCompleted(now: Millis): CallOutput[] {
    const { state } = this;
    if (state === "starting") return this.handlers.fail("The handler ended before it began", now);
    if (state !== "up" && state !== "ringing") return [];
    this.#core.enter("draining");
    return this.#setUp.finish(now);
  }

  /** The handler failed: the next of the chain takes over. */
  handlerFailed(reason: string, now: Millis): CallOutput[] {
    const { state } = this;
    return state === "starting" || state === "ringing" || state === "up"
      ? this.handlers.fail(reason, now)
      : [];
  }

  /** The route that the handler hands the call to was found. */
  handOver(route: HandlerRoute, now: Millis): CallOutput[] {
    const { state } = this;
    if (state !== "up" && state !== "ringing") return [];
    // They were the former handler's
    this.#waiting.take();
    return this.handlers.handOver(route, now);
  }

  /** A command of the handler. One that is out of place gets an `error` event. */
  command(command: HandlerCommand, now: Millis): CallOutput[] {
    const { state } = this;
    if (state !== "up" && state !== "ringing") return [];
    switch (command.command) {
      case "clear":
        return [{ type: "clear", reason: "command" }];
      case "mark":
        return [{ type: "mark", name: command.name }];
      case "hangup":
        return this.#core.end("handler_hangup", command.cause ?? "", now, DECLINED);
      case "answer":
      case "ring":
      case "reject":
      case "redirect":
        return this.#recorded(this.#setUp.decide(command, now));
      case "record":
        return this.recording.command(command.action);
      case "hold":
      case "resume":
      case "transfer":
        return this.#withinSession(command, now);
      case "route":
        return this.handlers.command(command, this.transfer.isPending);
      // Whoever runs the handler turns them into audio
      case "play":
      case "say":
        return this.#core.refuse(command.command, "Not possible here");
      case "dtmf":
        return this.pressing.needsSession
          ? this.#withinSession(command, now)
          : this.pressing.command(command, now);
    }
  }

  /**
   * Something happened to the call's audio. `room` and `latched` are the gateway's own business.
   */
  mediaEvent(event: MediaEvent, now: Millis): CallOutput[] {
    const { state } = this;
    if (state !== "up" && state !== "ringing" && state !== "draining") return [];
    switch (event.type) {
      case "dtmf":
        return this.#pressed(event, event.source, now);
      case "mark": {
        const { name, playedMs } = event;
        return this.#core.tell({ event: "mark", name, played_ms: Math.round(playedMs) });
      }
      case "speech":
        return this.handlers.speech(event.state, event.atMs);
      case "bargeIn":
        return [{ type: "barge_in" }];
      case "digitsSent":
        this.pressing.digitsSent();
        return [];
      case "drained":
        return state === "draining" ? this.#drained(now) : [];
      case "timeout":
        return this.#core.end("media_timeout", "no RTP from the caller", now);
      default:
        return [];
    }
  }

  /** An INFO came within the call. One that holds no key says nothing to a handler. */
  info(request: SipRequest, now: Millis): CallOutput[] {
    const pressed = readInfoDigit(request);
    return pressed === undefined ? [] : this.#pressed(pressed, "info", now);
  }

  /** The answer to an INFO of ours came. */
  infoAnswered(statusCode: number, now: Millis): CallOutput[] {
    return this.#afterKeys(this.pressing.answered(statusCode, now), now);
  }

  /** After a barge-in: what the handler gives from now on is new. */
  audioDiscarded(): CallOutput[] {
    const { state } = this;
    return state === "up" || state === "ringing" ? [{ type: "clear", reason: "barge_in" }] : [];
  }

  /** The queue of the handler's audio was dropped. */
  cleared(
    heard: { readonly playedMs: Millis; readonly droppedMs: Millis },
    reason: ClearedEvent["reason"],
  ): CallOutput[] {
    return this.#core.tell({
      event: "cleared",
      reason,
      played_ms: Math.round(heard.playedMs),
      dropped_ms: Math.round(heard.droppedMs),
    });
  }

  /** The caller gave up before the answer; `reason` is what its CANCEL says. */
  cancelled(now: Millis, reason = ""): CallOutput[] {
    return this.#core.end("caller_cancel", reason, now);
  }

  /** The peer hung up; `reason` is what its BYE says. */
  bye(now: Millis, reason = ""): CallOutput[] {
    return this.#core.end(`${this.#core.isOutbound ? "callee" : "caller"}_hangup`, reason, now);
  }

  /** Our 200 was never acknowledged. */
  ackTimeout(now: Millis): CallOutput[] {
    return this.#core.end("ack_timeout", "the caller never acknowledged our 200", now);
  }

  /** Our early media was never acknowledged; the INVITE got 504. RFC 3262 §3 */
  prackTimeout(now: Millis): CallOutput[] {
    return this.#core.end("prack_timeout", "the caller never acknowledged our 183", now);
  }

  /** The session was not refreshed in time. RFC 4028 §10 */
  sessionExpired(now: Millis): CallOutput[] {
    return this.#core.end("session_expired", "the caller no longer knows the session", now);
  }

  /** The PRACK of our 183 came. RFC 3262 §5: when the offer was ours, it brings the answer. */
  provisionalAcknowledged(body: Uint8Array, now: Millis): CallOutput[] {
    return this.#setUp.answered("PRACK", body, now);
  }

  /** The ACK of our 200 came. RFC 3264 §5: when the offer was ours, it brings the answer. */
  acknowledged(body: Uint8Array, now: Millis): CallOutput[] {
    if (this.state === "ended") return [];
    this.#core.confirmed();
    const outputs = this.#setUp.answered("ACK", body, now);
    return [...outputs, ...this.#waiting.take().flatMap((command) => this.command(command, now))];
  }

  /** Another session takes the place of the one before; the handler goes on. RFC 3891, RFC 3515 */
  join({ media, opening, isConfirmed }: JoiningSession, now: Millis): CallOutput[] {
    if (!this.isReplaceable) return [];
    this.#core.join(media, isConfirmed);
    this.#setUp.join(opening);
    const outputs = [...this.transfer.joined(now), ...this.pressing.joined()];
    return this.#afterKeys([...outputs, ...this.renegotiation.joined()], now);
  }

  /** The operator, or the end of the process, wants the call to end. */
  hangup(cause: EndCause & ("operator_hangup" | "shutdown"), now: Millis): CallOutput[] {
    return this.#core.end(cause, "", now);
  }

  /** A bug of ours: the call must not hang. */
  crashed(message: string, now: Millis): CallOutput[] {
    return this.#core.end("internal_error", message, now, { statusCode: 500 });
  }

  timeout(now: Millis): CallOutput[] {
    if (now < (this.deadline ?? Infinity)) return [];
    const keys = this.#afterKeys(this.pressing.timeout(now), now);
    const outputs = [...this.#setUp.timeout(now), ...keys];
    if (now < (this.deadline ?? Infinity)) return outputs;
    if (this.#core.answeredAt !== undefined) return this.#core.end("duration_limit", "", now);
    const reason = `the handler did not ${this.state === "ringing" ? "answer" : "start"} in time`;
    return this.#core.end("setup_timeout", reason, now, unavailable(reason).answer);
  }

  /** Commands that make requests of ours: they wait until the caller knows of its session. */
  #withinSession(
    command: HandlerCommand & { command: "hold" | "resume" | "transfer" | "dtmf" },
    now: Millis,
  ): CallOutput[] {
    const name = command.command;
    if (this.state !== "up") return this.#core.refuse(name, "Answer the call first");
    if (!this.#core.isConfirmed) {
      return this.#waiting.add(command)
        ? []
        : this.#core.refuse(name, "Too many commands wait for the caller, send fewer");
    }
    switch (command.command) {
      case "transfer":
        return this.transfer.command(command);
      case "dtmf":
        return this.pressing.command(command, now);
      default:
        return this.renegotiation.command(command.command);
    }
  }

  /** All that the handler wrote is played; keys that it pressed are awaited. */
  #drained(now: Millis): CallOutput[] {
    this.#isDrained = true;
    if (this.pressing.isPending) return [];
    return this.#core.answeredAt === undefined
      ? this.#core.end("handler_hangup", "", now, DECLINED)
      : this.transfer.handlerDone(now);
  }

  /** Keys have moved on: a handler that is done may have waited for them. */
  #afterKeys(outputs: CallOutput[], now: Millis): CallOutput[] {
    return this.#isDrained ? [...outputs, ...this.#drained(now)] : outputs;
  }

  /** The call may be answered now: then it may be recorded from here on. */
  #recorded(outputs: CallOutput[]): CallOutput[] {
    return [...outputs, ...this.recording.answered()];
  }

  #pressed(key: InfoDigit, source: DtmfEvent["source"], now: Millis): CallOutput[] {
    const event = this.#keys.pressed(key, source, now);
    return event === undefined ? [] : this.#core.tell(event);
  }
}
