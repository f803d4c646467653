/**
 * From the handler to the caller: PCM in any size and burst in, RTP packets at their instants out.
 *
 * The way of a sample, top to bottom: the queue (`handler_queue`), which also counts what was really
 * sent; cut into frames of the negotiated length, paced (`frame_pacer`), brought to the codec's rate
 * and encoded (`frame_encoder`), behind a header (`packet_sender`), the sink. Digits that go out
 * (`digit_sender`) take the place of frames.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import { NO_SAMPLES } from "../audio/no_samples.ts";
import { isQuiet } from "../audio/quiet.ts";
import { randomUint32 } from "../base/random.ts";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import { RTP_HEADER_BYTES } from "../rtp/packet.ts";
import { TELEPHONE_EVENT_BYTES, writeTelephoneEvent } from "../rtp/telephone_event.ts";
import { ArrivalSlack } from "./arrival_slack.ts";
import { digitClocks, DigitSender } from "./digit_sender.ts";
import { FRAME_MS_MAX, FrameEncoder } from "./frame_encoder.ts";
import { FramePacer } from "./frame_pacer.ts";
import { HandlerQueue } from "./handler_queue.ts";
import type { Cleared, MediaSink } from "./media_contract.ts";
import { PacketSender } from "./packet_sender.ts";
import type { SendStatistics } from "./statistics.ts";

/** What the path needs to know of the negotiation. */
export interface SendOptions {
  readonly codec: AudioCodec;
  readonly payloadType: number;
  readonly telephoneEventPayloadType: number | undefined;
  /** Of the durations of telephone-events; default: the clock of the stream. */
  readonly telephoneEventClockRate?: Hertz | undefined;
  readonly ptime: Millis;
}

/** What it needs to know for as long as it lives. */
export interface SendSetUp extends SendOptions {
  /** Of the handler's PCM. */
  readonly rate: Hertz;
  readonly random: RandomSource;
  /** Bound of the queue; what is written above it is dropped. */
  readonly queueMax?: Millis | undefined;
  /** Silence goes out when nothing has been sent for so long; 0: never. */
  readonly keepAlive: Millis;
  /** Hears each frame that goes out, at the handler's rate; reused after the return. */
  readonly tap?: (samples: Int16Array, count: Samples) => void;
}

type SendSink = Pick<MediaSink, "packet" | "event">;

/** How much of what is cleared goes out, fading, so that the end of the sound does not click. */
export const FADE_MS = 5;
/** From a clear to that frame, EARLY_MS early if need be: 20 ms less what waits elsewhere. */
const FADE_WITHIN_MS = 17;

/** Some peers say nothing before they hear something: they are not kept waiting for longer. */
const FIRST_KEEP_ALIVE_MS = 500;

/** A frame may leave this much before its deadline if that saves a wake-up. */
const EARLY_MS = 5;
/** After a longer pause a handler had nothing to say; after a shorter one it ran dry. */
const UNDERRUN_MS_MAX = 500;
/** Frames that make a handler's audio continuous. */
const SPEECH_FRAMES = 2;

/** The send side of one session. Hot path: a frame allocates nothing. */
export class SendPath {
  readonly #sink: SendSink;
  readonly #queue: HandlerQueue;
  readonly #pacer: FramePacer;
  readonly #encoder: FrameEncoder;
  readonly #packets: PacketSender;
  readonly #digits: DigitSender;
  readonly #slack = new ArrivalSlack();
  readonly #samplesPerMs: number;
  readonly #keepAlive: Millis;
  readonly #tap: SendSetUp["tap"];
  /** The frame that was taken last. */
  #samples = NO_SAMPLES;
  #payloadType = 0;
  #eventPayloadType = -1;
  #frame: Samples = 0;
  #lastWrite: Millis = -Infinity;
  #finish: "no" | "asked" | "done" = "no";
  #stopped = false;
  /** Frames since the handler's audio began or paused; 0 after an end named by mark or clear. */
  #spurtFrames = 0;
  /** The codec had nothing to say of the last frame. */
  #isSilent = false;
  /** When the wait for a packet began that keeps the stream alive. */
  #quietSince: Millis;
  #underruns = 0;
  #keepAlivePackets = 0;

  /** @param now When the wait for the first packet that keeps the stream alive begins. */
  constructor(options: SendSetUp, sink: SendSink, now: Millis) {
    const { codec, random, rate, keepAlive } = options;
    this.#sink = sink;
    this.#samplesPerMs = rate / 1000;
    this.#queue = new HandlerQueue({ rate, max: options.queueMax });
    this.#keepAlive = keepAlive;
    this.#tap = options.tap;
    this.#quietSince = now + Math.min(0, FIRST_KEEP_ALIVE_MS - keepAlive);
    this.#packets = new PacketSender(random, sink);
    this.#encoder = new FrameEncoder({ codec, rate }, this.#packets.room);
    // RFC 3550 §5.1: the first timestamp is random.
    this.#pacer = new FramePacer(codec.clockRate, options.ptime, randomUint32(random));
    this.#digits = new DigitSender(digitClocks(options));
    this.#agree(options);
  }

  /**
   * Takes the handler's audio. A frame that is due leaves before the return.
   *
   * @param pcm s16le, any size; copied. A byte without its other half waits for it.
   * @returns `false` above the high-water mark: a `room` event follows.
   */
  write(pcm: Uint8Array, now: Millis): boolean {
    if (this.#stopped) return true;
    const queue = this.#queue;
    const before = queue.length;
    queue.append(pcm);
    const due = this.#pacer.due;
    if (!this.#digits.active) {
      if (before < this.#frame && queue.length >= this.#frame) this.#completed(now);
      else if (before >= this.#frame && now >= due) this.#sendFrame(now, false);
    }
    this.#lastWrite = now;
    return queue.measure();
  }

  /**
   * Reports `name` once all that was written before has been sent; at once when nothing is queued.
   */
  mark(name: string, now: Millis): void {
    if (this.#stopped) return;
    this.#queue.mark(name);
    this.#settle();
    this.timeout(now);
  }

  /**
   * Drops what is queued, and reports the marks in it. What is going out fades for
   * {@linkcode FADE_MS}, as the next frame, somewhat early: played from here on.
   */
  clear(now: Millis): Cleared {
    const queue = this.#queue;
    let droppedMs = 0;
    if (!this.#stopped) {
      droppedMs = queue.clear(this.#isPlaying ? FADE_MS : 0);
      if (queue.fading === 0) this.#endSpurt();
      else this.#pacer.hurry(now + FADE_WITHIN_MS, EARLY_MS);
    }
    const { playedMs } = queue;
    this.#settle();
    return { playedMs, droppedMs };
  }

  /**
   * Sends digits from the next frame time on; audio waits meanwhile. Without a payload type they
   * are left out.
   */
  sendDigits(digits: string, duration: Millis, now: Millis): void {
    if (this.#stopped) return;
    const starved = !this.#digits.active && this.#queue.length < this.#frame;
    if (this.#eventPayloadType >= 0) this.#digits.push(digits, duration);
    if (!this.#digits.active) this.#sink.event({ type: "digitsSent" });
    else if (now >= this.#pacer.due && this.#queue.fading === 0) this.#sendDigit(now, starved);
  }

  /** The handler writes no more: `drained` is reported once all is sent. */
  finish(now: Millis): void {
    if (this.#stopped || this.#finish !== "no") return;
    this.#finish = "asked";
    this.#settle();
    this.timeout(now);
  }

  /**
   * A re-INVITE changed what is agreed on. SSRC, sequence and timeline go on; digits that can no
   * longer be told are dropped.
   */
  renegotiate(options: SendOptions): void {
    const { codec } = options;
    if (this.#encoder.codec !== codec) {
      this.#pacer.breakSpurt();
      this.#pacer.clockRate = codec.clockRate;
      this.#encoder.codec = codec;
      this.#isSilent = false;
    }
    this.#pacer.ptime = options.ptime;
    this.#digits.clocks = digitClocks(options);
    this.#agree(options);
    if (this.#eventPayloadType >= 0 || !this.#digits.active) return;
    this.#digits.drop();
    this.#digitsDone();
  }

  /** Of our stream. */
  get ssrc(): number {
    return this.#packets.ssrc;
  }

  /** Sets where packets go; without it what falls due is dropped, at the pace of the clock. */
  aim(target: SocketAddress | undefined): void {
    this.#packets.aim(target);
  }

  /** Sends what is due, once. Early or late calls are safe. */
  timeout(now: Millis): void {
    if (now >= this.#audioDeadline) {
      if (this.#digits.active && this.#queue.fading === 0) this.#sendDigit(now, false);
      else {
        const waited = this.#queue.fading === 0 && this.#queue.length < this.#frame;
        this.#sendFrame(now, waited && now > this.#pacer.due);
      }
    }
    if (now >= this.#keepAliveDeadline) this.#sendKeepAlive(now);
  }

  /** When the next packet is due; Infinity when there is nothing to send. */
  get deadline(): Millis {
    return Math.min(this.#audioDeadline, this.#keepAliveDeadline);
  }

  /**
   * Nothing is sent or reported from now on. A fade-out that was counted leaves at once, before its
   * time: the peer plays it in its place.
   */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#queue.fading > 0) this.#sendFrame(this.#pacer.due, false);
  }

  /** How much of the handler's audio waits to be played. */
  get queuedMs(): Millis {
    return this.#queue.queuedMs;
  }

  /** Counts so far. */
  statistics(): SendStatistics {
    return {
      ...this.#queue.statistics(),
      ...this.#pacer.statistics(),
      packets_sent: this.#packets.count,
      underruns: this.#underruns,
      keep_alive_packets: this.#keepAlivePackets,
    };
  }

  #agree(options: SendOptions): void {
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    this.#frame = options.ptime * this.#samplesPerMs;
  }

  /** When audio or a digit is due. */
  get #audioDeadline(): Millis {
    const { due } = this.#pacer;
    if (this.#stopped) return Infinity;
    if (this.#digits.active || this.#queue.fading > 0 || this.#queue.length >= this.#frame) {
      return due;
    }
    if (this.#queue.length === 0) return Infinity;
    const last = this.#finish !== "no" || this.#queue.hasMark;
    // A rest that nothing was said about waits one frame time for more.
    return last ? due : Math.max(due, this.#lastWrite) + this.#pacer.ptime;
  }

  get #keepAliveDeadline(): Millis {
    if (this.#keepAlive === 0 || this.#stopped || !this.#packets.isAimed) return Infinity;
    return Math.max(this.#quietSince, this.#packets.lastAt) + this.#keepAlive;
  }

  /** A frame is complete that was not before. */
  #completed(now: Millis): void {
    const due = this.#pacer.due;
    const isAlone = this.#queue.length < this.#frame * 2;
    if (now >= due || (isAlone && now >= due - EARLY_MS)) this.#sendFrame(now, now > due);
    // A handler that is ahead wants to be
    if (!isAlone || this.#spurtFrames < SPEECH_FRAMES) this.#slack.reset();
    else this.#pacer.pullIn(this.#slack.note(due - now));
  }

  /** Sends one frame, or the rest of the queue filled up with silence. */
  #sendFrame(now: Millis, starved: boolean): void {
    const frame = this.#frame;
    const queue = this.#queue;
    if (this.#samples === NO_SAMPLES) {
      this.#samples = new Int16Array(FRAME_MS_MAX * this.#samplesPerMs);
    }
    queue.catchUp(frame);
    const isWhole = queue.length >= frame;
    const pause = this.#pacer.step(now, starved);
    if (pause > 0) this.#notePause(pause, starved, isWhole);
    this.#spurtFrames++;
    const isAimed = this.#packets.isAimed;
    const wasFading = queue.fading > 0;
    const samples = queue.take(frame, this.#samples, isAimed);
    if (samples < frame) this.#samples.fill(0, samples, frame);
    if (isAimed) {
      this.#tap?.(this.#samples, frame);
      this.#sendSamples(pause, now);
    } else this.#pacer.breakSpurt();
    if (wasFading && samples < frame) this.#endSpurt();
    this.#settle();
  }

  /** A pause came before the frame that leaves now. */
  #notePause(pause: Millis, starved: boolean, isWhole: boolean): void {
    const isShort = pause <= UNDERRUN_MS_MAX;
    this.#queue.noteDelay(isShort ? pause : 0, starved);
    // The frame that was sent last is still there: who was silent anyway has not run dry.
    const ranDry = starved && isWhole && this.#spurtFrames >= SPEECH_FRAMES &&
      !isQuiet(this.#samples, this.#frame);
    if (ranDry && isShort) this.#underruns++;
    this.#spurtFrames = 0;
  }

  #sendSamples(pause: Millis, now: Millis): void {
    const pacer = this.#pacer;
    // What a codec leaves out belongs to its stream; any other pause does not
    if (pause > 0 || (pacer.isSpurtBroken && !this.#isSilent)) this.#encoder.beginSpurt();
    const bytes = this.#encoder.encode(this.#samples, this.#frame);
    this.#isSilent = bytes === 0;
    // RFC 3551 §4.1: after what was not sent comes a marker.
    if (bytes === 0) return pacer.breakSpurt();
    this.#packets.send(bytes, this.#payloadType, pacer.timestamp, pacer.takeMarker(), now);
  }

  /** A frame of silence, beside the handler's audio and without an effect on it. RFC 6263 §4.6. */
  #sendKeepAlive(now: Millis): void {
    this.#quietSince = now;
    const timestamp = this.#pacer.keepAlive(now);
    const bytes = this.#encoder.encodeSilence(this.#pacer.ptime);
    if (bytes === 0) return;
    this.#keepAlivePackets++;
    this.#packets.send(bytes, this.#payloadType, timestamp, false, now);
  }

  /** Whether what is queued follows on sound that is going out. */
  get #isPlaying(): boolean {
    const { length } = this.#queue;
    return this.#spurtFrames > 0 && !this.#digits.active && this.#packets.isAimed &&
      (length >= this.#frame || this.#lastWrite < this.#pacer.due + this.#pacer.ptime);
  }

  /** The handler's audio ends here; what comes next begins. */
  #endSpurt(): void {
    this.#pacer.breakSpurt();
    this.#spurtFrames = 0;
  }

  /** Gives one frame time to the digits. */
  #sendDigit(now: Millis, starved: boolean): void {
    const pacer = this.#pacer;
    pacer.step(now, starved);
    const digit = this.#digits.next(pacer.timestamp, pacer.ptime);
    if (digit !== undefined && this.#packets.isAimed) {
      writeTelephoneEvent(this.#packets.room, RTP_HEADER_BYTES, digit);
      const { timestamp, marker } = digit;
      // All packets of a digit have the timestamp of its beginning. RFC 4733 §2.5.1.2.
      const bytes = TELEPHONE_EVENT_BYTES;
      this.#packets.send(bytes, this.#eventPayloadType, timestamp, marker, now);
    }
    if (!this.#digits.active) this.#digitsDone();
  }

  #digitsDone(): void {
    this.#endSpurt();
    this.#sink.event({ type: "digitsSent" });
    this.#settle();
  }

  /**
   * Reports what the queue's new state means: marks passed, room, the end. The sink may write or
   * clear meanwhile.
   */
  #settle(): void {
    const queue = this.#queue;
    while (!this.#stopped) {
      const name = queue.passedMark();
      if (name === undefined) break;
      if (queue.length === 0) this.#spurtFrames = 0;
      this.#sink.event({ type: "mark", name, playedMs: queue.playedMs });
    }
    if (this.#stopped) return;
    if (queue.takeRoom()) this.#sink.event({ type: "room" });
    if (this.#finish !== "asked" || this.#queue.length > 0 || this.#digits.active) return;
    if (this.#stopped) return;
    this.#finish = "done";
    this.#sink.event({ type: "drained" });
  }
}
