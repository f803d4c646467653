/**
 * From the handler to the caller: PCM in any size and burst in, RTP packets at their instants out.
 *
 * The way of a sample, top to bottom: the queue (`sample_queue`), cut into frames of the negotiated
 * length, paced (`frame_pacer`), encoded (`audio/codec`), behind a header (`rtp/packet`), the sink.
 * Digits that go out (`digit_sender`) take the place of frames. The path counts what was really
 * sent: marks and clears answer with it.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import { isQuiet } from "../audio/quiet.ts";
import { randomUint16, randomUint32 } from "../base/random.ts";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import { emptyRtpHeader, RTP_HEADER_BYTES, writeRtpHeader } from "../rtp/packet.ts";
import { TELEPHONE_EVENT_BYTES, writeTelephoneEvent } from "../rtp/telephone_event.ts";
import { DigitSender } from "./digit_sender.ts";
import type { DigitPacket } from "./digit_sender.ts";
import { FramePacer } from "./frame_pacer.ts";
import { MarkList } from "./mark_list.ts";
import type { Cleared, MediaSink } from "./media_contract.ts";
import { SampleQueue } from "./sample_queue.ts";
import type { SendStatistics } from "./statistics.ts";

/** What the path needs to know of the negotiation. */
export interface SendOptions {
  readonly codec: AudioCodec;
  readonly payloadType: number;
  readonly telephoneEventPayloadType: number | undefined;
  readonly ptime: Millis;
}

/** Above this much queued audio `write` asks the handler to stop. */
export const HIGH_WATER_MS = 1000;
/** Below this much it may go on. */
export const LOW_WATER_MS = 500;
/** Bound of the queue when the options name none. */
export const QUEUE_MS_MAX = 30_000;

/** A frame may leave this much before its deadline if that saves a wake-up. */
const EARLY_MS = 2;
/**
 * A handler that goes on after a longer pause had nothing to say; after a shorter one it ran dry.
 */
const UNDERRUN_MS_MAX = 500;
/** Frames that make a handler's audio continuous. */
const SPEECH_FRAMES = 2;
const FRAME_MS_MAX = 60;

/** The send side of one session. Hot path: a frame allocates nothing. */
export class SendPath {
  readonly #sink: MediaSink;
  readonly #queue: SampleQueue;
  readonly #pacer: FramePacer;
  readonly #digits: DigitSender;
  readonly #marks: MarkList;
  readonly #samplesPerMs: number;
  readonly #highWater: Samples;
  readonly #lowWater: Samples;
  readonly #header = emptyRtpHeader();
  readonly #packet: Uint8Array;
  #packetView: Uint8Array;
  readonly #samples: Int16Array;
  #codec: AudioCodec;
  #payloadType: number;
  #eventPayloadType: number;
  #frame: Samples;
  /** Where packets go; port 0 stands for nowhere. */
  #address = "";
  #port = 0;

  /** Position of the queue's head in all that the handler wrote. */
  #position: Samples = 0;
  #lastWrite: Millis = -Infinity;
  /** `write` has returned `false`, and `room` has not been told. */
  #blocked = false;
  #finish: "no" | "asked" | "done" = "no";
  #stopped = false;
  /**
   * Frames since the handler's audio began or paused; 0 after an end that it named by a mark or
   * clear.
   */
  #spurtFrames = 0;

  /** Of the handler's own audio; the silence that fills up a frame does not count. */
  #played: Samples = 0;
  #dropped: Samples = 0;
  /** Quiet audio that was left out to make up for delay. */
  #skipped: Samples = 0;
  /** What pauses have added to the delay, and silence has not given back yet. */
  #delay: Samples = 0;
  #queueMax: Samples = 0;
  #packetsSent = 0;
  #underruns = 0;

  /** @param queueMax Bound of the queue; what is written above it is dropped. */
  constructor(
    options: SendOptions & {
      readonly rate: Hertz;
      readonly random: RandomSource;
      readonly queueMax?: Millis | undefined;
      readonly keepAlive: Millis;
    },
    sink: MediaSink,
    _now: Millis,
  ) {
    const { codec, random } = options;
    const perMs = codec.sampleRate / 1000;
    const max = Math.floor((options.queueMax ?? QUEUE_MS_MAX) * perMs);
    this.#sink = sink;
    this.#codec = codec;
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    this.#samplesPerMs = perMs;
    this.#frame = options.ptime * perMs;
    this.#queue = new SampleQueue(max);
    this.#highWater = Math.min(HIGH_WATER_MS * perMs, max / 2);
    this.#lowWater = Math.min(LOW_WATER_MS * perMs, max / 4);
    this.#marks = new MarkList();
    // RFC 3550 §5.1: SSRC, first sequence number and first timestamp are random.
    this.#header.ssrc = randomUint32(random);
    this.#header.sequenceNumber = randomUint16(random);
    this.#pacer = new FramePacer(codec.clockRate, options.ptime, randomUint32(random));
    this.#digits = new DigitSender(codec.clockRate);
    this.#samples = new Int16Array(FRAME_MS_MAX * perMs);
    this.#packet = new Uint8Array(RTP_HEADER_BYTES + this.#samples.length * 2);
    this.#packetView = this.#packet;
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
    this.#dropped += queue.append(pcm);
    const due = this.#pacer.due;
    if (!this.#digits.active) {
      if (before < this.#frame && queue.length >= this.#frame) {
        const alone = queue.length < this.#frame * 2;
        if (now >= due || (alone && now >= due - EARLY_MS)) this.#sendFrame(now, now > due);
      } else if (before >= this.#frame && now >= due) this.#sendFrame(now, false);
    }
    if (queue.length > this.#queueMax) this.#queueMax = queue.length;
    this.#lastWrite = now;
    if (queue.length <= this.#highWater) return true;
    this.#blocked = true;
    return false;
  }

  /**
   * Reports `name` once all that was written before has been sent; at once when nothing is queued.
   */
  mark(name: string, now: Millis): void {
    if (this.#stopped) return;
    this.#marks.push(name, this.#position + this.#queue.length);
    this.#settle();
    this.timeout(now);
  }

  /** Drops what is queued, and reports the marks in it. The next packet has the marker. */
  clear(): Cleared {
    const dropped = this.#stopped ? 0 : this.#queue.length;
    if (!this.#stopped) {
      this.#queue.clear();
      this.#position += dropped;
      this.#dropped += dropped;
      this.#pacer.breakSpurt();
      this.#spurtFrames = 0;
      this.#delay = 0;
    }
    const cleared = {
      playedMs: this.#playedMs(),
      droppedMs: Math.round(dropped / this.#samplesPerMs),
    };
    this.#settle();
    return cleared;
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
    else if (now >= this.#pacer.due) this.#sendDigit(now, starved);
  }

  /** The handler writes no more: `drained` is reported once all is sent. */
  finish(now: Millis): void {
    if (this.#stopped || this.#finish !== "no") return;
    this.#finish = "asked";
    this.#settle();
    this.timeout(now);
  }

  /** A re-INVITE changed what is agreed on. SSRC, sequence and timeline go on. */
  renegotiate(options: SendOptions): void {
    if (this.#codec !== options.codec) this.#pacer.breakSpurt();
    this.#codec = options.codec;
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    this.#frame = options.ptime * this.#samplesPerMs;
    this.#pacer.ptime = options.ptime;
  }

  /** Sets where packets go; without it what falls due is dropped, at the pace of the clock. */
  aim(target: SocketAddress | undefined): void {
    this.#address = target?.address ?? "";
    this.#port = target?.port ?? 0;
  }

  /** Sends what is due, once. Early or late calls are safe. */
  timeout(now: Millis): void {
    if (now < this.deadline) return;
    if (this.#digits.active) this.#sendDigit(now, false);
    else if (this.#queue.length >= this.#frame) this.#sendFrame(now, false);
    else this.#sendFrame(now, now > this.#pacer.due);
  }

  /** When the next packet is due; Infinity when there is nothing to send. */
  get deadline(): Millis {
    if (this.#stopped) return Infinity;
    if (this.#digits.active || this.#queue.length >= this.#frame) return this.#pacer.due;
    if (this.#queue.length === 0) return Infinity;
    const last = this.#finish !== "no" || this.#marks.pending;
    // A rest that nothing was said about waits one frame time for more.
    return last ? this.#pacer.due : Math.max(this.#pacer.due, this.#lastWrite) + this.#pacer.ptime;
  }

  /** Nothing is sent or reported from now on. */
  stop(): void {
    this.#stopped = true;
  }

  /** Counts so far. */
  statistics(): SendStatistics {
    return {
      packets_sent: this.#packetsSent,
      played_ms: this.#playedMs(),
      dropped_ms: Math.round(this.#dropped / this.#samplesPerMs),
      skipped_ms: Math.round(this.#skipped / this.#samplesPerMs),
      underruns: this.#underruns,
      late_frames: this.#pacer.lateFrames,
      late_ms_max: Math.round(this.#pacer.lateMax * 10) / 10,
      queue_ms_max: Math.round(this.#queueMax / this.#samplesPerMs),
    };
  }

  #playedMs(): Millis {
    return Math.round(this.#played / this.#samplesPerMs);
  }

  /** Sends one frame, or the rest of the queue filled up with silence. */
  #sendFrame(now: Millis, starved: boolean): void {
    const frame = this.#frame;
    this.#catchUp();
    const samples = Math.min(frame, this.#queue.length);
    const pause = this.#pacer.step(now, starved);
    if (pause > 0) {
      this.#noteDelay(pause, starved);
      // The frame that was sent last is still there: who was silent anyway has not run dry.
      const dry = starved && samples === frame && this.#spurtFrames >= SPEECH_FRAMES &&
        !isQuiet(this.#samples, frame);
      if (dry && pause <= UNDERRUN_MS_MAX) this.#underruns++;
      this.#spurtFrames = 0;
    }
    this.#spurtFrames++;
    this.#queue.take(samples, this.#samples);
    this.#position += samples;
    if (this.#port === 0) {
      this.#dropped += samples;
      this.#pacer.breakSpurt();
    } else {
      if (samples < frame) this.#samples.fill(0, samples, frame);
      this.#played += samples;
      const bytes = this.#codec.encode(this.#samples, 0, frame, this.#packet, RTP_HEADER_BYTES);
      const header = this.#header;
      header.payloadType = this.#payloadType;
      header.timestamp = this.#pacer.timestamp;
      header.marker = this.#pacer.takeMarker();
      this.#sendPacket(bytes);
    }
    this.#settle();
  }

  /**
   * Remembers what a pause may have added to the delay: a handler that keeps pace with the caller
   * writes later what was not there in time, and from then on it all waits.
   */
  #noteDelay(pause: Millis, starved: boolean): void {
    const added = pause > UNDERRUN_MS_MAX ? 0 : pause * this.#samplesPerMs;
    // A queue that was empty held no delay of before.
    this.#delay = starved ? added : this.#delay + added;
  }

  /** Gives the delay back where nobody hears it: in the handler's own silence. */
  #catchUp(): void {
    const frame = this.#frame;
    const queue = this.#queue;
    while (this.#delay > 0 && queue.length > frame) {
      const samples = Math.floor(Math.min(frame, this.#delay, queue.length - frame));
      if (samples === 0 || !queue.isQuiet(samples)) return;
      queue.skip(samples);
      this.#delay -= samples;
      this.#position += samples;
      this.#skipped += samples;
    }
  }

  /** Gives one frame time to the digits. */
  #sendDigit(now: Millis, starved: boolean): void {
    const pacer = this.#pacer;
    pacer.step(now, starved);
    const units = pacer.ptime * (this.#codec.clockRate / 1000);
    const digit = this.#digits.next(pacer.timestamp, units);
    if (digit !== undefined && this.#port !== 0) this.#sendDigitPacket(digit);
    if (this.#digits.active) return;
    pacer.breakSpurt();
    this.#spurtFrames = 0;
    this.#sink.event({ type: "digitsSent" });
    this.#settle();
  }

  /** All packets of a digit have the timestamp of its beginning. §2.5.1.2. */
  #sendDigitPacket(digit: DigitPacket): void {
    const header = this.#header;
    header.payloadType = this.#eventPayloadType;
    header.timestamp = digit.timestamp;
    header.marker = digit.marker;
    writeTelephoneEvent(this.#packet, RTP_HEADER_BYTES, digit);
    this.#sendPacket(TELEPHONE_EVENT_BYTES);
  }

  /** Puts the header before the payload that lies in the packet, and hands it over. */
  #sendPacket(payloadBytes: number): void {
    const header = this.#header;
    const length = RTP_HEADER_BYTES + payloadBytes;
    writeRtpHeader(this.#packet, header);
    header.sequenceNumber = (header.sequenceNumber + 1) & 0xffff;
    this.#packetsSent++;
    if (this.#packetView.length !== length) this.#packetView = this.#packet.subarray(0, length);
    this.#sink.packet(this.#packetView, this.#port, this.#address);
  }

  /**
   * Reports what the queue's new state means: marks passed, room, the end. The sink may write or
   * clear meanwhile.
   */
  #settle(): void {
    while (!this.#stopped && this.#marks.isPassed(this.#position)) {
      if (this.#queue.length === 0) this.#spurtFrames = 0;
      const name = this.#marks.shift();
      this.#sink.event({ type: "mark", name, playedMs: this.#playedMs() });
    }
    if (this.#stopped) return;
    if (this.#blocked && this.#queue.length < this.#lowWater) {
      this.#blocked = false;
      this.#sink.event({ type: "room" });
    }
    if (this.#finish !== "asked" || this.#queue.length > 0 || this.#digits.active) return;
    if (this.#stopped) return;
    this.#finish = "done";
    this.#sink.event({ type: "drained" });
  }
}
