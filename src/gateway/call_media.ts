/**
 * The audio of one call in the world: its ports, its media session, and the clock that wakes it.
 *
 * The packet's way through here: `#receiveRtp` → media → handler, and handler → `write` → media →
 * `packet` → socket. Nothing else stands in it.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { Call } from "../call/call.ts";
import { EMPTY_STATISTICS } from "../call/call_record.ts";
import type { MediaEvent, MediaSink } from "../media/media_contract.ts";
import { MediaSession } from "../media/media_session.ts";
import type { Recorder } from "../media/recorder.ts";
import type { OutgoingReport } from "../media/rtcp_exchange.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { BargeIn } from "../route/route.ts";
import { BindError } from "../runtime/ports.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { AudibleMedia } from "./dead_air.ts";
import { HandlerAudio } from "./handler_audio.ts";
import type { LiveCallContext } from "./live_call.ts";
import { mediaChange, rtcpSetUp, speechOf } from "./media_change.ts";
import type { ClockSlot, TimedSession } from "./media_clock.ts";
import type { PortPair } from "./port_pool.ts";

/** Whom the audio of a call talks to. */
export interface CallMediaEvents {
  /** Audio of the caller for the handler; reused after the return. */
  audio(pcm: Uint8Array): void;
  event(event: MediaEvent): void;
  /** A bug of ours: the call is to end. */
  crashed(error: unknown, now: Millis): void;
  /** A bug of ours while the call ends anyway. */
  failed(error: unknown): void;
}

/** What the audio of a call is made of. */
export interface CallMediaOptions {
  readonly context: LiveCallContext;
  /** Of the PCM that handlers get and give. */
  readonly rate: Hertz;
  readonly listening: Call["listening"];
  /** Address that RTP is received at. */
  readonly rtpAddress: string;
  /** Address that the signalling comes from. */
  readonly signallingAddress: string;
  readonly events: CallMediaEvents;
}

/** The source of a peer's RTP. */
interface Source {
  readonly address: string;
  readonly port: number;
}

/** A peer that has hung up sends until our answer reaches it, and what it has sent is on its way. */
const LAST_PACKETS: Millis = 500;

/** The audio of one call. Hot path: a packet or a piece of audio allocates nothing here. */
export class CallMedia implements AudibleMedia, MediaSink, TimedSession {
  readonly #context: LiveCallContext;
  readonly #events: CallMediaEvents;
  readonly #rtpAddress: string;
  readonly #audio: HandlerAudio;
  readonly #rate: Hertz;
  #listening: Call["listening"];
  #signallingAddress: string;
  #ports: PortPair | undefined;
  #media: MediaSession | undefined;
  #agreed: NegotiatedMedia | undefined;
  /** Opened before the answer. */
  #isEarly = false;
  /** Of the media in the clock. */
  #slot: ClockSlot | undefined;
  #source: Source | undefined;
  /** Of the peer whose place another has taken: it may go on sending until its BYE is answered. */
  #formerSource: Source | undefined;
  #formerUntil: Millis = Infinity;
  #codec = "";

  constructor(options: CallMediaOptions) {
    const { context, rate, rtpAddress, signallingAddress, events } = options;
    this.#context = context;
    this.#rate = rate;
    this.#listening = options.listening;
    this.#audio = new HandlerAudio(rate);
    this.#rtpAddress = rtpAddress;
    this.#signallingAddress = signallingAddress;
    this.#events = events;
  }

  /** Name of the codec; empty when there has been no audio. */
  get codec(): string {
    return this.#codec;
  }

  /** Whether audio or a mark of the handler waits for the media to be opened. */
  get holdsAudio(): boolean {
    return this.#audio.holdsAudio;
  }

  /**
   * Takes a pair of ports.
   *
   * @param done Hears what stands in the way, or the RTP port: before the return where a pair is at
   * hand.
   */
  bind(done: (bound: number | string) => void): void {
    const { ports, runtime } = this.#context;
    const taken = ports.take(
      this.#rtpAddress,
      (data, port, address) => this.#receiveRtp(data, port, address, runtime.now()),
      (data, _port, address) => this.#receiveRtcp(data, address, runtime.now()),
    );
    if (taken instanceof Promise) void this.#whenBound(taken).then(done);
    else done(this.#use(taken));
  }

  async #whenBound(binding: Promise<PortPair | undefined>): Promise<number | string> {
    try {
      const pair = await binding;
      if (pair !== undefined) return this.#use(pair);
      return `rtp.ports: no free pair of ports among ${this.#context.ports.capacity}`;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      return error.message;
    }
  }

  #use(pair: PortPair): number {
    this.#ports = pair;
    return pair.rtp.local.port;
  }

  /**
   * Begins to send and receive.
   *
   * @param isAnswered Before the answer a caller may be silent for as long as it likes.
   */
  open(agreed: NegotiatedMedia, isAnswered: boolean, now: Millis): void {
    const { config, clock, runtime } = this.#context;
    const media = new MediaSession(
      {
        ...mediaChange(agreed),
        rate: this.#rate,
        signallingAddress: this.#signallingAddress,
        latch: config.rtp.latch,
        timeout: isAnswered ? config.rtp.timeout : 0,
        keepAlive: config.rtp.keep_alive,
        newSourceAfter: config.rtp.new_source_after,
        rtcp: rtcpSetUp(runtime, config.rtp.rtcp_interval),
        srtpCrypto: runtime.srtpCrypto,
        libraries: this.#context.libraries,
        speech: speechOf(this.#listening.bargeIn),
        inbandDtmf: this.#listening.inbandDtmf,
        random: runtime.random,
      },
      this,
      now,
    );
    this.#media = media;
    this.#agreed = agreed;
    this.#isEarly = !isAnswered;
    this.#codec = agreed.codec;
    this.#audio.open(media, now);
    this.#slot = clock.add(this, now);
  }

  /** The call is answered: from now on a silent caller is missed. */
  answered(now: Millis): void {
    const media = this.#media;
    const agreed = this.#agreed;
    if (!this.#isEarly || media === undefined || agreed === undefined) return;
    this.#isEarly = false;
    const { direction } = agreed;
    // The wait for RTP begins when a session begins to listen
    media.renegotiate({ direction: "inactive" }, now);
    media.renegotiate({ direction, timeout: this.#context.config.rtp.timeout }, now);
  }

  /** Follows a new agreement with the peer. */
  renegotiate(agreed: NegotiatedMedia, now: Millis): void {
    this.#agreed = agreed;
    this.#media?.renegotiate(mediaChange(agreed), now);
    if (this.#media !== undefined) this.#codec = agreed.codec;
  }

  /**
   * Another peer takes the place of the one so far: its packets are taken, those of the one before
   * no more.
   *
   * @param signallingAddress Where the new peer's SIP comes from.
   */
  takeOver(signallingAddress: string, now: Millis): void {
    this.#signallingAddress = signallingAddress;
    this.#formerSource = this.#source;
    this.#formerUntil = Infinity;
    this.#source = undefined;
    // Without a target the latch is open again, whatever the next agreement says
    this.#media?.renegotiate({ remote: undefined, signallingAddress }, now);
  }

  /** The session of the former peer is gone, and its last packets soon are. */
  forgetFormer(now: Millis): void {
    this.#formerUntil = now + LAST_PACKETS;
  }

  /** @returns `false` when the handler should stop writing. */
  write(pcm: Uint8Array, now: Millis): boolean {
    return this.#audio.write(pcm, now);
  }

  mark(name: string, now: Millis): void {
    const playedMs = this.#audio.mark(name, now);
    if (playedMs !== undefined) this.#events.event({ type: "mark", name, playedMs });
  }

  /** Whether there is a way for audio. */
  get isOpen(): boolean {
    return this.#media !== undefined;
  }

  get queuedMs(): Millis {
    return this.#audio.queuedMs;
  }

  get isPrompting(): boolean {
    return this.#audio.isPrompting;
  }

  startPrompt(pcm: Uint8Array, now: Millis): void {
    this.#audio.startPrompt(pcm, now);
    this.touched(now);
  }

  stopPrompt(now: Millis): void {
    this.#audio.stopPrompt(now);
    this.touched(now);
  }

  /** Whether the handler has been heard since the last clear. */
  get isHandlerHeard(): boolean {
    return this.#audio.isHeard;
  }

  /** First step of a clear: the sound stops. */
  beginClear(now: Millis): void {
    this.#audio.beginClear(now);
  }

  /** Second step of a clear: what is written from now on is new. */
  endClear(now: Millis): { readonly playedMs: Millis; readonly droppedMs: Millis } {
    return this.#audio.endClear(now);
  }

  /** Another handler takes over. */
  reset(now: Millis): void {
    this.#audio.reset(now);
  }

  /** Listens for the caller's speech in this way from now on. */
  listen(bargeIn: BargeIn, now: Millis): void {
    const before = this.#listening.bargeIn;
    this.#listening = { ...this.#listening, bargeIn };
    if (before.mode === bargeIn.mode && before.after === bargeIn.after) return;
    const { libraries } = this.#context;
    this.#media?.renegotiate({ speech: speechOf(bargeIn), libraries }, now);
  }

  /** Presses keys, as telephone-events. */
  sendDigits(digits: string, durationMs: Millis, now: Millis): void {
    this.#media?.sendDigits(digits, durationMs, now);
  }

  /** Has both directions recorded from now on; `undefined` when there is no audio yet. */
  startRecording(): Recorder | undefined {
    return this.#media?.startRecording();
  }

  finish(now: Millis): void {
    this.#media?.finish(now);
  }

  /** What has come and gone so far. */
  get statistics(): MediaStatistics {
    return this.#audio.counted(this.#media?.statistics() ?? EMPTY_STATISTICS);
  }

  /** Ends everything, and gives the ports back. Safe to call twice. */
  close(now: Millis): MediaStatistics {
    const media = this.#media;
    try {
      media?.stop(now);
    } catch (error) {
      // The call ends all the same, and with it everything that it holds
      this.#events.failed(error);
    }
    if (this.#slot !== undefined) this.#context.clock.remove(this.#slot);
    this.#slot = undefined;
    this.#media = undefined;
    this.#ports?.close();
    this.#ports = undefined;
    return this.#audio.counted(media?.statistics() ?? EMPTY_STATISTICS);
  }

  /** The media's deadline may have moved. */
  touched(now: Millis): void {
    if (this.#slot !== undefined) this.#context.clock.touched(this.#slot, now);
  }

  get deadline(): Millis {
    return this.#media?.deadline ?? Infinity;
  }

  timeout(now: Millis): void {
    try {
      this.#media?.timeout(now);
    } catch (error) {
      this.#events.crashed(error, now);
    }
  }

  audio(pcm: Uint8Array): void {
    this.#events.audio(pcm);
  }

  packet(bytes: Uint8Array, port: number, address: string): void {
    this.#ports?.rtp.send(bytes, port, address);
  }

  report({ bytes, to, mux }: OutgoingReport): void {
    const ports = this.#ports;
    (mux ? ports?.rtp : ports?.rtcp)?.send(bytes, to.port, to.address);
  }

  event(event: MediaEvent): void {
    if (event.type === "latched") this.#source = { address: event.address, port: event.port };
    if (event.type !== "mark") return this.#events.event(event);
    if (this.#audio.isPrompting) return this.#audio.promptPlayed(this.#context.runtime.now());
    this.#events.event({ ...event, playedMs: this.#audio.playedOf(event.playedMs) });
  }

  #receiveRtcp(data: Uint8Array, address: string, now: Millis): void {
    this.#context.counters.add("rtcp_packets_received");
    try {
      this.#media?.receiveRtcp(data, address, now);
    } catch (error) {
      this.#events.crashed(error, now);
    }
  }

  #receiveRtp(data: Uint8Array, port: number, address: string, now: Millis): void {
    const media = this.#media;
    if (media === undefined) return;
    const former = this.#formerSource;
    const isFormer = former !== undefined && port === former.port && address === former.address;
    if (isFormer && now < this.#formerUntil) return;
    try {
      media.receive(data, port, address, now);
    } catch (error) {
      return this.#events.crashed(error, now);
    }
    this.touched(now);
  }
}
