/**
 * One call in the world: joins its machine with its media, its ports and its handler, and does what the machine says.
 *
 * The packet's way through here: `#receiveRtp` → media → `audio` → handler, and handler → `#takeAudio` → media →
 * `packet` → socket. Nothing else stands in it.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Call, CallEnd, CallOutput } from "../call/call.ts";
import { type CallRecord, EMPTY_STATISTICS } from "../call/call_record.ts";
import type { EndEvent, StartEvent } from "../call/handler_message.ts";
import type { LiveHandlerSpec } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import type { ClipStore } from "../handler/builtin/clip_store.ts";
import { createHandler } from "../handler/create_handler.ts";
import type { Handler, HandlerEnd } from "../handler/handler.ts";
import type { MediaEvent, MediaSink } from "../media/media_contract.ts";
import { MediaSession } from "../media/media_session.ts";
import { BindError, type Runtime } from "../runtime/ports.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { SessionId } from "../sip/user_agent/output.ts";
import type { Answer } from "../sip/user_agent/server_side.ts";
import { CallHost } from "./call_host.ts";
import type { Counters } from "./counters.ts";
import { HandlerAudio } from "./handler_audio.ts";
import { mediaChange } from "./media_change.ts";
import type { ClockSlot, MediaClock, TimedSession } from "./media_clock.ts";
import type { GatewayObserver, LogLevel } from "./observer.ts";
import type { PortPair, PortPool } from "./port_pool.ts";

/** What a live call asks of the gateway. */
export interface LiveCallContext {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly environment: Readonly<Record<string, string>>;
  /** Sound files, read once for all calls. */
  readonly clipStore: ClipStore;
  readonly clock: MediaClock;
  readonly ports: PortPool;
  readonly counters: Counters;
  readonly observer: GatewayObserver;
  answer(session: SessionId, answer: Answer, now: Millis): void;
  answerReinvite(session: SessionId, answer: Answer, now: Millis): void;
  bye(session: SessionId, headers: readonly (readonly [string, string])[], now: Millis): void;
  /** The call's deadline may have moved. */
  rescheduled(live: LiveCall): void;
  /** The call is over; its handler may still wind down. Once. */
  ended(live: LiveCall): void;
  /** Nothing of the call is left, not even its handler. Once, after `ended`. */
  gone(live: LiveCall): void;
}

/** What a live call is made of. */
export interface LiveCallOptions {
  readonly call: Call;
  readonly session: SessionId;
  /** Address that RTP is received at. */
  readonly rtpAddress: string;
  /** Address that the signalling came from. */
  readonly signallingAddress: string;
  /** X-Session-ID, when the caller sent one. */
  readonly explicitSessionId: string | undefined;
}

/** One call. */
export class LiveCall implements MediaSink, TimedSession {
  readonly call: Call;
  readonly session: SessionId;
  readonly explicitSessionId: string | undefined;
  readonly #options: LiveCallOptions;
  readonly #context: LiveCallContext;
  readonly #startedAt: Millis;
  readonly #audio = new HandlerAudio();
  #ports: PortPair | undefined;
  #media: MediaSession | undefined;
  /** Of the media in the clock. */
  #slot: ClockSlot | undefined;
  #codec = "";
  #handler: Handler | undefined;

  constructor(options: LiveCallOptions, context: LiveCallContext) {
    this.call = options.call;
    this.session = options.session;
    this.explicitSessionId = options.explicitSessionId;
    this.#options = options;
    this.#context = context;
    this.#startedAt = context.runtime.wallClock();
  }

  /**
   * Hands something that happened to the machine, and does what it says. A bug of ours on the way ends this call and
   * no other.
   */
  input(step: (call: Call, now: Millis) => CallOutput[]): void {
    const now = this.#context.runtime.now();
    try {
      this.#perform(step(this.call, now), now);
    } catch (error) {
      this.#crashed(error, now);
    }
    this.#mediaTouched(now);
    this.#context.rescheduled(this);
  }

  /** Ends the handler now, without grace. */
  kill(): void {
    this.#handler?.kill();
  }

  /** Of the call's media; the call's own is with its machine. */
  get deadline(): Millis {
    return this.#media?.deadline ?? Infinity;
  }

  /** What falls due in the call's media. */
  timeout(now: Millis): void {
    try {
      this.#media?.timeout(now);
    } catch (error) {
      this.#crashed(error, now);
    }
  }

  audio(pcm: Uint8Array): void {
    this.#handler?.receiveAudio(pcm);
  }

  packet(bytes: Uint8Array, port: number, address: string): void {
    this.#ports?.rtp.send(bytes, port, address);
  }

  event(event: MediaEvent): void {
    if (event.type === "room") this.#handler?.resumeAudio();
    else this.input((call, now) => call.mediaEvent(event, now));
  }

  #perform(outputs: readonly CallOutput[], now: Millis): void {
    for (const output of outputs) this.#do(output, now);
  }

  #do(output: CallOutput, now: Millis): void {
    const { session } = this;
    switch (output.type) {
      case "answer":
        return this.#answer(output.answer, now);
      case "answer_reinvite":
        return this.#context.answerReinvite(session, output.answer, now);
      case "bye":
        return this.#context.bye(session, output.headers, now);
      case "bind_rtp":
        return void this.#bindRtp();
      case "start_handler":
        return this.#startHandler(output.spec, output.event, now);
      case "send_event":
        return this.#handler?.receiveEvent(output.event);
      case "open_media":
        return this.#openMedia(output.media, now);
      case "renegotiate_media":
        return this.#media?.renegotiate(mediaChange(output.media), now);
      case "mark":
        return this.#audio.mark(output.name, now);
      case "clear": {
        const heard = this.#audio.endClear(now);
        this.#handler?.resumeAudio();
        return this.#perform(this.call.cleared(heard), now);
      }
      case "finish":
        return this.#media?.finish(now);
      case "handler_failed":
        return this.#handlerFailed(output.reason, output.next, now);
      case "ended":
        return this.#end(output.end, now);
    }
  }

  #answer(answer: Answer, now: Millis): void {
    if (answer.statusCode >= 200 && answer.statusCode < 300) {
      this.#context.counters.add("calls_answered");
      this.#context.observer.callAnswered?.(this.call.facts);
    }
    this.#context.answer(this.session, answer, now);
  }

  async #bindRtp(): Promise<void> {
    const { ports, counters, runtime } = this.#context;
    let pair: PortPair | undefined;
    let problem = `rtp.ports: no free pair of ports among ${ports.capacity}`;
    try {
      pair = await ports.take(
        this.#options.rtpAddress,
        (data, port, address) => this.#receiveRtp(data, port, address, runtime.now()),
        () => counters.add("rtcp_packets_received"),
      );
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      problem = error.message;
    }
    if (pair === undefined) {
      this.#log("warning", `Refused: ${problem}`);
      return this.input((call, now) => call.rtpUnavailable(problem, now));
    }
    // The caller may have given up in the meantime
    if (this.call.state !== "binding") return pair.close();
    this.#ports = pair;
    const { port } = pair.rtp.local;
    this.input((call, now) => call.rtpBound(port, now));
  }

  #receiveRtp(data: Uint8Array, port: number, address: string, now: Millis): void {
    const media = this.#media;
    if (media === undefined) return;
    try {
      media.receive(data, port, address, now);
    } catch (error) {
      return this.#crashed(error, now);
    }
    this.#mediaTouched(now);
  }

  #takeAudio(pcm: Uint8Array): boolean {
    const now = this.#context.runtime.now();
    let more = true;
    try {
      more = this.#audio.write(pcm, now);
    } catch (error) {
      this.#crashed(error, now);
    }
    this.#mediaTouched(now);
    return more;
  }

  #mediaTouched(now: Millis): void {
    if (this.#slot !== undefined) this.#context.clock.touched(this.#slot, now);
  }

  #openMedia(agreed: NegotiatedMedia, now: Millis): void {
    const { config, clock, runtime } = this.#context;
    const media = new MediaSession(
      {
        ...mediaChange(agreed),
        signallingAddress: this.#options.signallingAddress,
        latch: config.rtp.latch,
        timeout: config.rtp.timeout,
        random: runtime.random,
      },
      this,
      now,
    );
    this.#media = media;
    this.#codec = agreed.codec;
    this.#audio.open(media, now);
    this.#slot = clock.add(this, now);
    this.#handler?.resumeAudio();
  }

  #startHandler(spec: LiveHandlerSpec, event: StartEvent, now: Millis): void {
    const { runtime, environment, clipStore } = this.#context;
    this.#audio.reset(now);
    const host = new CallHost({
      live: this,
      context: this.#context,
      takeAudio: (pcm) => this.#takeAudio(pcm),
      beginClear: () => {
        const at = runtime.now();
        this.#audio.beginClear(at);
        this.#mediaTouched(at);
      },
      ended: (ended) => this.#handlerEnded(host, ended),
    });
    const { facts } = this.call;
    const handler = createHandler(spec, { runtime, facts, environment, clipStore }, host);
    host.handler = handler;
    this.#handler = handler;
    handler.start(event);
  }

  #handlerEnded(host: CallHost, end: HandlerEnd): void {
    if (this.#handler !== host.handler) return;
    this.#handler = undefined;
    if (this.call.state === "ended") return this.#context.gone(this);
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
    this.#audio.reset(now);
  }

  #end(end: CallEnd, now: Millis): void {
    const { clock, observer } = this.#context;
    const media = this.#media;
    try {
      media?.stop(now);
    } catch (error) {
      // The call ends all the same, and with it everything that it holds
      this.#reportError(error);
    }
    const statistics = media?.statistics() ?? EMPTY_STATISTICS;
    if (this.#slot !== undefined) clock.remove(this.#slot);
    this.#slot = undefined;
    this.#media = undefined;
    this.#ports?.close();
    this.#ports = undefined;
    const event: EndEvent = {
      event: "end",
      cause: end.cause,
      sip_status: end.sipStatus,
      duration_ms: Math.round(end.durationMs),
      statistics,
    };
    const record: CallRecord = {
      call: this.call.facts,
      handler: end.handler,
      started_at: Math.round(this.#startedAt),
      ...(end.setupMs === undefined ? {} : { setup_ms: Math.round(end.setupMs) }),
      duration_ms: event.duration_ms,
      cause: end.cause,
      detail: end.detail,
      sip_status: end.sipStatus,
      codec: this.#codec,
      statistics,
    };
    this.#context.ended(this);
    observer.callEnded?.(record);
    const handler = this.#handler;
    if (handler === undefined) this.#context.gone(this);
    else handler.stop(event);
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
