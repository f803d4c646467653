/**
 * From the caller to the handler: RTP packets in, a timeline of samples without gaps out.
 *
 * The way of a packet, top to bottom: order (`rtp/reorder_window`), the hole before it filled
 * (`playout`: what the packet itself carries of it, concealment, or silence), decoded at the
 * handler's rate (`frame_decoder`), its place against the clock (`frame_placement`), the sink.
 * Sources and payload types have been judged by the session before.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import type { Hertz, Millis, RtpTimestamp, Samples } from "../base/units.ts";
import type { RtpHeader } from "../rtp/packet.ts";
import { LossPattern } from "../rtp/loss_pattern.ts";
import { REORDER_MS_MAX, ReorderWindow } from "../rtp/reorder_window.ts";
import { type ReceptionFigures, RtpStats } from "../rtp/rtp_stats.ts";
import { advanceTimestamp, timestampDelta } from "../rtp/sequence.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import { FramePlacement } from "./frame_placement.ts";
import type { MediaSink } from "./media_contract.ts";
import type { ReceivedQuality } from "./quality_report.ts";
import { ReceivedKeys } from "./received_keys.ts";
import { Playout } from "./playout.ts";
import type { ReceiveStatistics } from "./statistics.ts";

/** What the path needs to know of the negotiation. */
export interface ReceiveOptions {
  readonly codec: AudioCodec;
  readonly payloadType: number;
  readonly telephoneEventPayloadType: number | undefined;
  /** Of the telephone-events' timestamps and durations; default: the codec's. RFC 4733 §2.1. */
  readonly telephoneEventClockRate?: Hertz | undefined;
  /** Whether audio is wanted: our direction has a receive side. */
  readonly listening: boolean;
}

/** Static payload type of comfort noise, RFC 3389: what silence sounds like. */
const COMFORT_NOISE = 13;

/**
 * How much longer than the wait a hole by timestamps may be, before it counts as the sender's whim.
 */
const HOLE_SLACK_MS = 200;

/** A wake-up this late means that we stood still, and that packets wait in the socket. */
const STALL_MS = 10;
/** They get this long to be read before their time is filled, */
const STALL_GRACE_MS = 5;
/** but not at every wake-up of a loop that is always late. */
const STALL_INTERVAL_MS = 1000;

/** What the path needs of the session's sink. */
type ReceiveSink = Pick<MediaSink, "audio" | "event">;

/** The receive side of one session. Hot path: a packet in order allocates nothing. */
export class ReceivePath {
  readonly #decoder: FrameDecoder;
  readonly #playout: Playout;
  readonly #placement: FramePlacement;
  readonly #window = new ReorderWindow();
  readonly #samplesPerMs: number;
  readonly #keys: ReceivedKeys;
  readonly #losses = new LossPattern();
  #stats: RtpStats;
  #payloadType: number;
  #eventPayloadType: number;
  #listening: boolean;
  #stopped = false;

  /** Of the current stream, -1 before the first packet. */
  #ssrc = -1;
  /** Where the last audio ended. */
  #expectedTimestamp: RtpTimestamp = 0;
  #timestampKnown = false;
  /**
   * Audio has come, and more is expected in its time: silence waits for the reorder window as well.
   */
  #active = false;
  /** Silence by the clock since the last audio. */
  #filled: Samples = 0;
  /** Packets lost before ones that hold no audio: the next audio makes up for them. */
  #missing = 0;
  #lastSamples: Samples = 0;
  #lastAudioAt: Millis = 0;
  #lastPacketAt: Millis = 0;
  /** When we last noticed that we had stood still. */
  #graceAt: Millis = -Infinity;

  #late = 0;
  #duplicates = 0;
  #strays = 0;
  /** Of the streams before the clock rate changed. */
  #receivedBefore = 0;
  #lostBefore = 0;

  /**
   * @param options With the rate of the handler's samples.
   * @param now Where the handler's timeline begins.
   */
  constructor(options: ReceiveOptions & { readonly rate: Hertz }, sink: ReceiveSink, now: Millis) {
    const { codec, rate } = options;
    const { clockRate } = codec;
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    this.#listening = options.listening;
    this.#decoder = new FrameDecoder(codec, rate);
    const { samplesMax } = this.#decoder;
    this.#playout = new Playout({ sampleRate: rate, samplesMax }, sink, now);
    this.#placement = new FramePlacement(this.#playout, { rate, clockRate });
    this.#stats = new RtpStats(clockRate);
    this.#keys = new ReceivedKeys(options.telephoneEventClockRate ?? clockRate, sink);
    this.#samplesPerMs = rate / 1000;
  }

  /** Tells whether packets of a payload type were agreed on. */
  accepts(payloadType: number): boolean {
    return payloadType === this.#payloadType || payloadType === this.#eventPayloadType ||
      payloadType === COMFORT_NOISE;
  }

  /**
   * Takes a packet from the latched source.
   *
   * @param packet What `header` was parsed from; the caller may reuse it after the return.
   */
  receive(header: RtpHeader, packet: Uint8Array, now: Millis): void {
    const payloadType = header.payloadType;
    this.#lastPacketAt = now;
    if (header.ssrc !== this.#ssrc) this.#beginStream(header, now);
    if (payloadType === this.#payloadType) this.#stats.arrive(header.timestamp, now);
    if (payloadType === this.#eventPayloadType && this.#listening) {
      this.#keys.receive(header, packet, now);
    }
    let missing = 0;
    let placement = this.#window.place(header, packet, now);
    if (placement === "far") {
      this.#releaseAll(now);
      missing = this.#window.resumeAt(header);
      placement = this.#window.place(header, packet, now);
    } else if (placement === "restart") {
      this.#beginStream(header, now);
      placement = this.#window.place(header, packet, now);
    }
    // Whatever has a number of its own counts for the loss, audio or not.
    if (placement === "stray") this.#strays++;
    else if (placement === "duplicate") this.#duplicates++;
    else {
      const sequence = this.#window.extend(header.sequenceNumber);
      if (this.accepts(payloadType)) this.#stats.count(sequence);
      else this.#stats.occupy(sequence);
      if (placement === "next") this.#releaseNext(header, packet, missing, now);
      else if (placement === "late" && payloadType === this.#payloadType) this.#late++;
    }
  }

  /**
   * Tells whether a stream is the current one, so that a packet of it that is refused keeps its
   * number.
   */
  isCurrent(ssrc: number): boolean {
    return ssrc === this.#ssrc;
  }

  /**
   * A re-INVITE changed what is agreed on. The timeline goes on; what is held was sent before the
   * change and is played by the old rules. A codec that was replaced is not touched again.
   */
  renegotiate(options: ReceiveOptions): void {
    const { codec, payloadType, listening } = options;
    const eventPayloadType = options.telephoneEventPayloadType ?? -1;
    const isOther = codec !== this.#decoder.codec;
    if (isOther || payloadType !== this.#payloadType || listening !== this.#listening) {
      this.#releaseAll(this.#lastPacketAt);
    }
    this.#payloadType = payloadType;
    this.#eventPayloadType = eventPayloadType;
    if (isOther) this.#changeCodec(codec);
    this.#keys.clockRate = options.telephoneEventClockRate ?? codec.clockRate;
    if (listening !== this.#listening) {
      this.#timestampKnown = false;
      this.#active = false;
      this.#playout.forget();
    }
    this.#listening = listening;
  }

  /**
   * Does what the clock asks for: gives up missing packets, fills silence, ends keys without an
   * end.
   */
  timeout(now: Millis): void {
    const due = this.#dueAt();
    if (this.#stopped || now < due || now < this.#graceAt + STALL_GRACE_MS) return;
    if (now - due > STALL_MS && now - this.#graceAt > STALL_INTERVAL_MS) {
      this.#graceAt = now;
      return;
    }
    this.#keys.timeout(now);
    while (now >= this.#window.deadline) this.#releaseHeld(this.#window.skipGap(), now);
    if (this.#window.heldPackets > 0 || now < this.#fillAt()) return;
    this.#active = false;
    this.#filled += this.#playout.catchUp(now);
    this.#placement.settle();
  }

  /** When {@linkcode timeout} has something to do. */
  get deadline(): Millis {
    if (this.#stopped) return Infinity;
    return Math.max(this.#dueAt(), this.#graceAt + STALL_GRACE_MS);
  }

  /** Hands out what is held, brings the handler's timeline up to the clock, and ends it. */
  stop(now: Millis): void {
    if (this.#stopped) return;
    this.#keys.stop();
    this.#releaseAll(now);
    this.#playout.stop(now);
    this.#stopped = true;
  }

  /** How the current stream is received, for a report; figures count from the last one on. */
  takeReception(): (ReceptionFigures & { readonly ssrc: number }) | undefined {
    const figures = this.#stats.takeFigures();
    return figures && { ssrc: this.#ssrc, ...figures };
  }

  /** What is known of how the call sounds. */
  quality(): Omit<ReceivedQuality, "codec" | "packetsLate"> {
    const packetMs = this.#lastSamples / this.#samplesPerMs;
    return {
      packetsReceived: this.#receivedBefore + this.#stats.received,
      packetsLost: this.#lostBefore + this.#stats.lost,
      loss: this.#losses.figures(packetMs),
      packetMs,
      windowMs: this.#window.window,
      windowMsMax: REORDER_MS_MAX,
    };
  }

  /** Counts so far. Packets with an absurd sequence number are refused ones, as are `refused`. */
  statistics(refused = 0): ReceiveStatistics {
    return {
      packets_received: this.#receivedBefore + this.#stats.received,
      packets_lost: this.#lostBefore + this.#stats.lost,
      packets_late: this.#late,
      packets_duplicate: this.#duplicates,
      packets_refused: this.#strays + refused,
      concealed_ms: Math.round(this.#playout.concealedMs),
      recovered_ms: Math.round(this.#playout.recoveredMs),
      silence_ms: Math.round(this.#playout.silenceMs),
      stretched_ms: Math.round(this.#playout.stretchedMs),
      drift_ppm: Math.round(this.#placement.driftPpm) + 0,
      jitter_ms: Math.round(this.#stats.jitterMs * 10) / 10,
    };
  }

  /** When the next thing is due, were there no stall: a gap, silence, or the end of a key. */
  #dueAt(): Millis {
    const fill = this.#window.heldPackets === 0 ? this.#fillAt() : this.#window.deadline;
    const event = this.#keys.deadline;
    return event < fill ? event : fill;
  }

  /** While audio comes, silence has the patience of the reorder window. */
  #fillAt(): Millis {
    return this.#playout.dueAt(this.#active ? this.#window.window : 0);
  }

  /** Another source or time base: what is held of the old one is played, the timeline goes on. */
  #beginStream(header: RtpHeader, now: Millis): void {
    this.#releaseAll(now);
    this.#keys.restart();
    if (this.#stopped) return;
    this.#stats.restart();
    this.#window.restart(header.sequenceNumber);
    this.#decoder.reset();
    this.#placement.restart(this.#decoder.codec.clockRate);
    this.#ssrc = header.ssrc;
    this.#timestampKnown = false;
    this.#missing = 0;
  }

  /** Timestamps of another codec say nothing about those before. */
  #changeCodec(codec: AudioCodec): void {
    const clockRate = this.#decoder.codec.clockRate;
    this.#decoder.use(codec);
    this.#playout.makeRoom(this.#decoder.samplesMax);
    this.#placement.restart(codec.clockRate);
    this.#timestampKnown = false;
    this.#missing = 0;
    if (codec.clockRate === clockRate) return;
    this.#receivedBefore += this.#stats.received;
    this.#lostBefore += this.#stats.lost;
    this.#stats = new RtpStats(codec.clockRate);
  }

  #releaseNext(header: RtpHeader, packet: Uint8Array, missing: number, now: Millis): void {
    this.#window.settle(this.#stats.jitterMs);
    const { payloadType, payloadOffset, payloadLength, timestamp } = header;
    if (payloadType === this.#payloadType) this.#placement.arrive(timestamp, now);
    this.#release(payloadType, packet, payloadOffset, payloadLength, timestamp, missing, now);
    if (this.#window.heldPackets > 0) this.#releaseHeld(0, now);
  }

  #releaseAll(now: Millis): void {
    while (this.#window.heldPackets > 0) this.#releaseHeld(this.#window.skipGap(), now);
  }

  /** Releases held packets up to the next gap; `missing` were given up before the first. */
  #releaseHeld(missing: number, now: Millis): void {
    let before = missing;
    for (;;) {
      const held = this.#window.takeNext();
      if (held === undefined) return;
      const { payloadType, payload, payloadLength, timestamp } = held;
      this.#release(payloadType, payload, 0, payloadLength, timestamp, before, now);
      before = 0;
    }
  }

  /**
   * Gives one packet, in its turn, to the handler. `missing` packets before it have been given up.
   */
  #release(
    payloadType: number,
    payload: Uint8Array,
    offset: number,
    length: number,
    timestamp: RtpTimestamp,
    missing: number,
    now: Millis,
  ): void {
    if (this.#stopped) return;
    this.#missing += missing;
    this.#losses.lost(missing);
    this.#losses.received();
    if (payloadType !== this.#payloadType || length === 0 || !this.#listening) {
      if (payloadType === COMFORT_NOISE && length > 0 && this.#listening) {
        this.#playout.comfort(payload, offset, length);
      }
      this.#active = false;
      return;
    }
    if (this.#timestampKnown) {
      const hole = this.#holeBefore(timestamp, now);
      if (hole > 0) {
        const lost = Math.min(hole, this.#missing * this.#lastSamples);
        const last = Math.min(lost, this.#lastSamples);
        this.#playout.bridge({ hole, lost, last }, this.#decoder, payload, offset, length);
        // The handler may have ended it all, or changed the codec, while it heard that.
        if (this.#stopped || payloadType !== this.#payloadType) return;
      }
    }
    if (this.#filled > 0) this.#decoder.resume(this.#missing > 0);
    const samples = this.#decoder.decode(payload, offset, length, this.#playout.samples);
    this.#expectedTimestamp = advanceTimestamp(timestamp, this.#unitsOf(samples));
    this.#timestampKnown = true;
    this.#missing = 0;
    if (samples === 0) {
      // As good as lost; how long it was is told by the packet after it.
      this.#missing = 1;
      return;
    }
    this.#filled = 0;
    this.#lastSamples = samples;
    this.#lastAudioAt = now;
    this.#active = true;
    const waiting = this.#window.heldPackets * samples;
    if (!this.#placement.place(samples, this.#window.window, waiting, now)) this.#late++;
  }

  /** RTP timestamps are whole numbers, though the resampler may owe a part of a sample. */
  #unitsOf(samples: Samples): number {
    return Math.round(samples * this.#decoder.unitsPerSample);
  }

  /**
   * How many samples lie between the last audio and `timestamp` that the clock has not filled yet,
   * and that the timeline has room for.
   */
  #holeBefore(timestamp: RtpTimestamp, now: Millis): Samples {
    const units = timestampDelta(timestamp, this.#expectedTimestamp);
    if (units <= 0) {
      // The sender saw no pause, but its audio came after silence had taken its time: the timeline
      // shifts.
      if (units === 0 && this.#filled > 0) this.#late++;
      return 0;
    }
    // What silence by the clock still owes is not handed over in a burst: a handler that keeps pace
    // would write it back as delay that stays. The timeline is that much behind from here on.
    if (this.#filled > 0) return 0;
    const gap = units / this.#decoder.unitsPerSample;
    const plausible = (now - this.#lastAudioAt + HOLE_SLACK_MS) * this.#samplesPerMs;
    const room = this.#playout.lag(now) - this.#lastSamples;
    // A sender whose clock jumped has made no pause.
    const hole = gap <= plausible ? gap : this.#missing * this.#lastSamples;
    return Math.floor(Math.min(hole, room));
  }
}
