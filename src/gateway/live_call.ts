/**
 * One call in the world: joins its machine with its signalling, its audio and its handler, and does
 * what the machine says.
 *
 * @module
 */

import type { AudioLibraries } from "../audio/audio_libraries.ts";
import type { Millis } from "../base/units.ts";
import type { Call, CallEnd, CallOutput } from "../call/call.ts";
import type { ClearedEvent, StartEvent } from "../call/handler_message.ts";
import type { LiveHandlerSpec } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import type { ClipStore } from "../handler/builtin/clip_store.ts";
import type { ExecPools } from "../handler/exec/exec_pools.ts";
import type { HandlerEnd } from "../handler/handler.ts";
import type { MediaEvent } from "../media/media_contract.ts";
import type { Route } from "../route/route.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { Headers } from "../sip/message/headers.ts";
import type { InviteOutput, SessionId, SessionOutput, SipBody } from "../sip/user_agent/output.ts";
import type { Agent, SessionOwner } from "./agent.ts";
import { CallMedia } from "./call_media.ts";
import { CallRecording } from "./call_recording.ts";
import { CallSignalling } from "./call_signalling.ts";
import type { Counters } from "./counters.ts";
import { endEventOf, recordOf } from "./end_of_call.ts";
import type { HandOver } from "./hand_over.ts";
import type { HandlerServices } from "./handler_services.ts";
import { LiveHandlers } from "./live_handlers.ts";
import type { MediaClock } from "./media_clock.ts";
import type { GatewayObserver, LogLevel } from "./observer.ts";
import type { PortPool } from "./port_pool.ts";
import type { Recordings } from "./recordings.ts";
import type { ReferredCall } from "./referred_call.ts";

/** What a live call asks of the gateway. */
export interface LiveCallContext {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly environment: Readonly<Record<string, string>>;
  /** Sound files, read once for all calls. */
  readonly clipStore: ClipStore;
  /** Programs that were started ahead. */
  readonly pools: ExecPools;
  readonly services: HandlerServices;
  readonly clock: MediaClock;
  /** Codecs and detectors that had to be loaded. */
  readonly libraries: AudioLibraries;
  readonly ports: PortPool;
  readonly recordings: Recordings;
  readonly counters: Counters;
  readonly observer: GatewayObserver;
  readonly agent: Agent;
  /** The call's deadline may have moved. */
  rescheduled(live: LiveCall): void;
  /** The caller has acknowledged our 200. Once. */
  acknowledged(live: LiveCall): void;
  /** The call is over; its handler may still wind down. Once. */
  ended(live: LiveCall): void;
  /** Nothing of the call is left, not even its handler. Once, after `ended`. */
  gone(live: LiveCall): void;
  /** What the peer asked for within the call is refused. */
  refused(live: LiveCall, statusCode: number, reason: string): void;
  /** Finds the route that a call is to be handed to, and room on it; or says why not. */
  handOver(live: LiveCall, name: string): HandOver;
  /** It was handed over: it counts for that route now, or for none. */
  handedOver(live: LiveCall, route: Route | undefined): void;
  /** Another live call, by the id in its facts. */
  callById(id: string): LiveCall | undefined;
  /**
   * The peer's REFER is accepted: place the call that it asks for, and report to `referred`. Where
   * `sip.refer` does not allow that target, `referred.failed(603, …)`.
   */
  refer(live: LiveCall, referred: ReferredCall): void;
  /** A call that we place wants its INVITE sent, with this offer. */
  dial(live: LiveCall, offer: SipBody): void;
  /** It is given up. Nothing happens when it has a result already. */
  cancelDial(live: LiveCall, headers: Headers): void;
}

/** What a live call is made of. */
export interface LiveCallOptions {
  readonly call: Call;
  readonly session: SessionId;
  /** Address that RTP is received at. */
  readonly rtpAddress: string;
  /** Address that the signalling came from. */
  readonly signallingAddress: string;
  /** The same for an INVITE of the peer; `undefined` for ours. */
  readonly sourceAddress: string | undefined;
  /** X-Session-ID, when the caller sent one. */
  readonly explicitSessionId: string | undefined;
}

/** One call. */
export class LiveCall implements SessionOwner {
  readonly call: Call;
  /** Of the INVITE that began the call; it names the call in tables, and may be over before it. */
  readonly session: SessionId;
  readonly explicitSessionId: string | undefined;
  /** Address that the INVITE came from; `undefined` when it is ours. */
  readonly sourceAddress: string | undefined;
  readonly #context: LiveCallContext;
  readonly #startedAt: Millis;
  readonly #media: CallMedia;
  readonly #signalling: CallSignalling;
  readonly #recording: CallRecording;
  readonly #handlers: LiveHandlers;
  /** The record of the call is written. */
  #isRecordTold = false;

  constructor(options: LiveCallOptions, context: LiveCallContext) {
    const { call, session, rtpAddress, signallingAddress, explicitSessionId } = options;
    this.call = call;
    this.session = session;
    this.explicitSessionId = explicitSessionId;
    this.sourceAddress = options.sourceAddress;
    this.#context = context;
    this.#startedAt = context.runtime.wallClock();
    this.#media = new CallMedia({
      context,
      rate: call.rate,
      listening: call.listening,
      rtpAddress,
      signallingAddress,
      events: {
        audio: (pcm) => this.#handlers.present?.receiveAudio(pcm),
        event: (event) => this.#mediaEvent(event),
        crashed: (error, now) => this.#crashed(error, now),
        failed: (error) => this.#reportError(error),
      },
    });
    this.#handlers = new LiveHandlers({
      live: this,
      context,
      media: this.#media,
      takeAudio: (pcm) => this.#takeAudio(pcm),
      beginClear: () => this.#beginClear(),
      ended: (end) => this.#handlerEnded(end),
      left: () => this.#leave(),
    });
    this.#signalling = new CallSignalling({
      live: this,
      context,
      session,
      takenOver: (address) => this.#takenOver(address),
      formerGone: () => this.#media.forgetFormer(context.runtime.now()),
    });
    this.#recording = new CallRecording({
      context,
      rate: call.rate,
      startRecorder: () => this.#media.startRecording(),
      log: (level, message) => this.#log(level, message),
      failed: (reason) => this.input((recorded) => recorded.recording.failed(reason)),
    });
  }

  /** Another than `session` once somebody took the caller's place. */
  get currentSession(): SessionId {
    return this.#signalling.session;
  }

  /** What the user agent tells of the call's session. */
  receive(output: SessionOutput): void {
    if (output.type === "acknowledged") this.#context.acknowledged(this);
    this.#signalling.receive(output);
  }

  /** Whom we called has answered. */
  dialed(session: SessionId, body: Uint8Array): void {
    this.#signalling.dialed(session);
    this.#answered(this.#context.runtime.now());
    this.input((call, now) => call.dialed(body, now));
  }

  /**
   * An INVITE came that names the call's session in Replaces. RFC 3891
   *
   * @returns Why it was refused. It is answered in either case, and its session is the call's or
   * gone.
   */
  replace(invite: InviteOutput): string | undefined {
    return this.#signalling.replace(invite);
  }

  /**
   * Hands something that happened to the machine, and does what it says. A bug of ours on the way
   * ends this call and no other.
   */
  input(step: (call: Call, now: Millis) => CallOutput[]): void {
    const now = this.#context.runtime.now();
    try {
      this.#perform(step(this.call, now), now);
    } catch (error) {
      this.#crashed(error, now);
    }
    this.#media.touched(now);
    this.#context.rescheduled(this);
  }

  /** When {@linkcode timeout} is to be called; `Infinity`: never. */
  get deadline(): Millis {
    return Math.min(this.call.deadline ?? Infinity, this.#handlers.deadline ?? Infinity);
  }

  /** Early or late calls are safe. */
  timeout(): void {
    this.input((call, now) => call.timeout(now));
    this.#handlers.timeout(this.#context.runtime.now());
    this.#context.rescheduled(this);
  }

  /** Ends the handler now, without grace. */
  kill(): void {
    this.#handlers.kill();
  }

  #perform(outputs: readonly CallOutput[], now: Millis): void {
    for (const output of outputs) this.#do(output, now);
  }

  #do(output: CallOutput, now: Millis): void {
    switch (output.type) {
      case "bind_rtp":
        return this.#media.bind((bound) => this.#rtpBound(bound));
      case "start_handler":
        return this.#startHandler(output.spec, output.event, now);
      case "send_event":
        return this.#handlers.present?.receiveEvent(output.event);
      case "hand_over":
        return this.#handlers.handOver(output.name);
      case "stop_handler":
        return this.#handlers.dismiss(output, this.#media.statistics);
      case "listen":
        return this.#media.listen(output.bargeIn, now);
      case "open_media":
        return this.#openMedia(output.media, now);
      case "renegotiate_media":
        return this.#media.renegotiate(output.media, now);
      case "mark":
        return this.#media.mark(output.name, now);
      case "clear":
        return this.#endClear(output.reason, now);
      case "barge_in":
        return this.#bargeIn(now);
      case "send_digits":
        return this.#media.sendDigits(output.digits, output.durationMs, now);
      case "record":
        return this.#recording.perform(output.order);
      case "finish":
        return this.#media.finish(now);
      case "handler_failed":
        return this.#handlerFailed(output.reason, output.next, now);
      case "ended":
        return this.#end(output.end, now);
      case "answer":
        if (output.answer.statusCode >= 200 && output.answer.statusCode < 300) this.#answered(now);
        return this.#signalling.perform(output);
      default:
        return this.#signalling.perform(output);
    }
  }

  /** The second step of a clear. */
  #endClear(reason: ClearedEvent["reason"], now: Millis): void {
    const heard = this.#media.endClear(now);
    this.#handlers.present?.resumeAudio();
    this.#perform(this.call.cleared(heard, reason), now);
  }

  /** The first one, when the handler asks for it. */
  #beginClear(): void {
    const now = this.#context.runtime.now();
    this.#media.beginClear(now);
    this.#media.touched(now);
  }

  /** The caller speaks over our sound: nothing is cleared, or told, where there is none. */
  #bargeIn(now: Millis): void {
    if (!this.#media.isHandlerHeard) return;
    this.#media.beginClear(now);
    this.#handlers.present?.discardAudio();
  }

  #answered(now: Millis): void {
    const { counters, observer } = this.#context;
    counters.add("calls_answered");
    observer.callAnswered?.(this.call.facts);
    this.#media.answered(now);
    this.#handlers.answered(now);
  }

  #rtpBound(bound: number | string): void {
    if (typeof bound === "string") {
      this.#log("warning", `Refused: ${bound}`);
      return this.input((call, now) => call.rtpUnavailable(bound, now));
    }
    // The caller may have given up in the meantime
    if (this.call.state === "binding") this.input((call, now) => call.rtpBound(bound, now));
    else this.#media.close(this.#context.runtime.now());
  }

  #mediaEvent(event: MediaEvent): void {
    if (event.type === "room") this.#handlers.present?.resumeAudio();
    else if (event.type !== "latched") this.input((call, now) => call.mediaEvent(event, now));
  }

  #takeAudio(pcm: Uint8Array): boolean {
    // The caller is to know where early media comes from before it comes
    if (this.call.state === "ringing") this.input((call) => call.handlerWrote());
    const now = this.#context.runtime.now();
    let more = true;
    try {
      more = this.#media.write(pcm, now);
    } catch (error) {
      this.#crashed(error, now);
    }
    this.#media.touched(now);
    return more;
  }

  #openMedia(agreed: NegotiatedMedia, now: Millis): void {
    const isAnswered = this.call.state !== "ringing";
    if (!isAnswered && this.#media.holdsAudio) this.#perform(this.call.handlerWrote(), now);
    this.#media.open(agreed, isAnswered, now);
    this.#handlers.mediaOpened(now);
    this.#recording.mediaOpened();
    this.#handlers.present?.resumeAudio();
  }

  /** Somebody else takes the caller's place. */
  #takenOver(signallingAddress: string): void {
    this.#media.takeOver(signallingAddress, this.#context.runtime.now());
    this.#log("info", `Another session takes the caller's place, from ${signallingAddress}`);
  }

  #startHandler(spec: LiveHandlerSpec, event: StartEvent, now: Millis): void {
    this.#media.reset(now);
    this.#handlers.start(spec, event);
  }

  #handlerEnded(end: HandlerEnd): void {
    if (this.call.state === "ended") return this.#leave();
    if (end.type === "failed") {
      this.input((call, now) => call.handlerFailed(end.reason, now));
    } else {
      this.input((call, now) => call.handlerCompleted(now));
    }
  }

  #handlerFailed(reason: string, next: string | undefined, now: Millis): void {
    this.#context.counters.add("calls_failed");
    const then = next === undefined ? "the call ends" : `on_error goes on with ${next}`;
    this.#log("warning", `Handler failed: ${reason}; ${then}`);
    this.#media.reset(now);
  }

  #end(end: CallEnd, now: Millis): void {
    const { observer } = this.#context;
    const statistics = this.#media.close(now);
    this.#signalling.close();
    const { codec } = this.#media;
    const ended = { facts: this.call.facts, end, startedAt: this.#startedAt, codec, statistics };
    const record = recordOf(ended);
    this.#context.ended(this);
    this.#recording.end((recording) => {
      observer.callEnded?.(recording === undefined ? record : { ...record, recording });
      this.#isRecordTold = true;
      this.#leave();
    });
    this.#handlers.stop(endEventOf(ended));
  }

  /** The call is gone once its handlers are, and all files are closed. */
  #leave(): void {
    if (this.#handlers.isGone && this.#isRecordTold) this.#context.gone(this);
  }

  #crashed(error: unknown, now: Millis): void {
    this.#reportError(error);
    this.#perform(this.call.crashed("internal error", now), now);
  }

  #reportError(error: unknown): void {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#context.counters.add("internal_errors");
    this.#log("error", `Internal error, the call ends: ${message}`);
  }

  #log(level: LogLevel, message: string): void {
    const { id, route } = this.call.facts;
    this.#context.observer.log?.(level, message, { call: id, route });
  }
}
