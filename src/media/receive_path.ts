/**
 * From the caller to the handler: RTP packets in, a timeline of samples without gaps out.
 *
 * The way of a packet, top to bottom: order (`rtp/reorder_window`), decode (`audio/codec`), the
 * hole before it filled (`audio/concealment` or silence), its place against the clock
 * (`playout_timeline`), the sink. Sources and payload types have been judged by the session before.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import type { Hertz, Millis, RtpTimestamp, Samples } from "../base/units.ts";
import type { RtpHeader } from "../rtp/packet.ts";
import { HELD_PAYLOAD_BYTES_MAX, ReorderWindow } from "../rtp/reorder_window.ts";
import { RtpStats } from "../rtp/rtp_stats.ts";
import { advanceTimestamp, timestampDelta } from "../rtp/sequence.ts";
import type { ReceivedDigit } from "../rtp/telephone_event.ts";
import { TelephoneEventReceiver } from "../rtp/telephone_event.ts";
import type { MediaSink } from "./media_contract.ts";
import { Playout } from "./playout.ts";
import { FILL_MS, LEAD_MS_MAX, QUIET_LEAD_MS_MAX } from "./playout_timeline.ts";
import type { ReceiveStatistics } from "./statistics.ts";

/** What the path needs to know of the negotiation. */
export interface ReceiveOptions {
  readonly codec: AudioCodec;
  readonly payloadType: number;
  readonly telephoneEventPayloadType: number | undefined;
  /** Whether audio is wanted: our direction has a receive side. */
  readonly listening: boolean;
}

/** Static payload type of comfort noise, RFC 3389: taken as silence. */
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

/** The receive side of one session. Hot path: a packet in order allocates nothing. */
export class ReceivePath {
  readonly #sink: MediaSink;
  readonly #playout: Playout;
  readonly #window = new ReorderWindow();
  readonly #stats: RtpStats;
  readonly #events: TelephoneEventReceiver;
  readonly #samplesPerMs: number;
  readonly #fill: Samples;
  readonly #lead: Samples;
  readonly #quietLead: Samples;
  #codec: AudioCodec;
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
  /** When we last noticed that we had stood still. */
  #graceAt: Millis = -Infinity;

  #late = 0;
  #duplicates = 0;
  #strays = 0;

  /** @param now Where the handler's timeline begins. */
  constructor(options: ReceiveOptions & { readonly rate: Hertz }, sink: MediaSink, now: Millis) {
    const codec = options.codec;
    this.#sink = sink;
    this.#codec = codec;
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    this.#listening = options.listening;
    const samplesMax = codec.samplesMax(HELD_PAYLOAD_BYTES_MAX);
    this.#playout = new Playout({ sampleRate: codec.sampleRate, samplesMax }, sink, now);
    this.#stats = new RtpStats(codec.clockRate);
    this.#events = new TelephoneEventReceiver(codec.clockRate);
    this.#samplesPerMs = codec.sampleRate / 1000;
    this.#fill = FILL_MS * this.#samplesPerMs;
    this.#lead = LEAD_MS_MAX * this.#samplesPerMs;
    this.#quietLead = QUIET_LEAD_MS_MAX * this.#samplesPerMs;
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
    if (header.ssrc !== this.#ssrc) this.#beginStream(header, now);
    if (payloadType === this.#payloadType) this.#stats.arrive(header.timestamp, now);
    if (payloadType === this.#eventPayloadType && this.#listening) {
      const { payloadOffset, payloadLength, timestamp } = header;
      this.#report(
        this.#events.receive(packet, payloadOffset, payloadLength, timestamp, now),
      );
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

  /** A re-INVITE changed what is agreed on. The timeline goes on. */
  renegotiate(options: ReceiveOptions): void {
    this.#codec = options.codec;
    this.#payloadType = options.payloadType;
    this.#eventPayloadType = options.telephoneEventPayloadType ?? -1;
    if (options.listening !== this.#listening) {
      this.#timestampKnown = false;
      this.#active = false;
      this.#playout.forget();
    }
    this.#listening = options.listening;
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
    this.#report(this.#events.timeout(now));
    while (now >= this.#window.deadline) this.#releaseHeld(this.#window.skipGap(), now);
    if (this.#window.heldPackets > 0 || now < this.#fillAt()) return;
    this.#active = false;
    this.#filled += this.#playout.catchUp(now);
  }

  /** When {@linkcode timeout} has something to do. */
  get deadline(): Millis {
    if (this.#stopped) return Infinity;
    return Math.max(this.#dueAt(), this.#graceAt + STALL_GRACE_MS);
  }

  /** Hands out what is held, brings the handler's timeline up to the clock, and ends it. */
  stop(now: Millis): void {
    if (this.#stopped) return;
    this.#report(this.#events.restart());
    this.#releaseAll(now);
    this.#playout.stop(now);
    this.#stopped = true;
  }

  /** Counts so far. Packets with an absurd sequence number are refused ones. */
  statistics(): ReceiveStatistics {
    return {
      packets_received: this.#stats.received,
      packets_lost: this.#stats.lost,
      packets_late: this.#late,
      packets_duplicate: this.#duplicates,
      packets_refused: this.#strays,
      concealed_ms: Math.round(this.#playout.concealedMs),
      silence_ms: Math.round(this.#playout.silenceMs),
      jitter_ms: Math.round(this.#stats.jitterMs * 10) / 10,
    };
  }

  /** When the next thing is due, were there no stall: a gap, silence, or the end of a key. */
  #dueAt(): Millis {
    const fill = this.#window.heldPackets === 0 ? this.#fillAt() : this.#window.deadline;
    const event = this.#events.deadline;
    return event < fill ? event : fill;
  }

  /** While audio comes, silence has the patience of the reorder window. */
  #fillAt(): Millis {
    return this.#playout.dueAt(this.#active ? this.#window.window : 0);
  }

  /** Another source or time base: what is held of the old one is played, the timeline goes on. */
  #beginStream(header: RtpHeader, now: Millis): void {
    this.#releaseAll(now);
    this.#report(this.#events.restart());
    this.#stats.restart();
    this.#window.restart(header.sequenceNumber);
    this.#ssrc = header.ssrc;
    this.#timestampKnown = false;
    this.#missing = 0;
  }

  #releaseNext(header: RtpHeader, packet: Uint8Array, missing: number, now: Millis): void {
    this.#window.settle(this.#stats.jitterMs);
    const { payloadType, payloadOffset, payloadLength, timestamp } = header;
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
    this.#missing += missing;
    if (payloadType !== this.#payloadType || length === 0 || !this.#listening) {
      this.#active = false;
      return;
    }
    const samples = this.#codec.decode(payload, offset, length, this.#playout.samples);
    const hole = this.#timestampKnown ? this.#holeBefore(timestamp, now) : 0;
    let room = this.#playout.lag(now) - samples;
    if (hole > 0 && room > 0) room -= this.#fillHole(Math.min(hole, room));
    this.#timestampKnown = true;
    this.#expectedTimestamp = advanceTimestamp(
      timestamp,
      samples * (this.#codec.clockRate / this.#codec.sampleRate),
    );
    this.#filled = 0;
    this.#missing = 0;
    this.#lastSamples = samples;
    this.#lastAudioAt = now;
    this.#active = true;
    const outside = room < 0 || room > this.#playout.reserve;
    if (!outside || this.#isKept(samples, room)) this.#playout.play(samples);
  }

  /**
   * How many samples lie between the last audio and `timestamp` that the clock has not filled yet.
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
    const gap = units * (this.#codec.sampleRate / this.#codec.clockRate);
    const plausible = (now - this.#lastAudioAt + HOLE_SLACK_MS) * this.#samplesPerMs;
    return Math.floor(Math.min(gap, plausible));
  }

  /** Fills a hole of so many samples: what was lost is concealed, the rest was silence. */
  #fillHole(hole: Samples): Samples {
    const concealable = this.#missing * this.#lastSamples;
    const made = concealable === 0 ? 0 : this.#playout.conceal(Math.min(hole, concealable));
    if (hole > made) this.#playout.silence(hole - made);
    return hole;
  }

  /**
   * Keeps the timeline within its bounds: far ahead of the clock, silence is dropped, and a little
   * later anything; far behind, silence grows.
   *
   * @param room How far the timeline would be behind the clock after the packet.
   */
  #isKept(samples: Samples, room: Samples): boolean {
    const quiet = this.#playout.isQuiet(samples);
    if (room > 0) {
      if (quiet) this.#playout.silence(this.#fill);
      return true;
    }
    if (room >= -(quiet ? this.#quietLead : this.#lead)) return true;
    this.#late++;
    return false;
  }

  #report(digit: ReceivedDigit | undefined): void {
    if (digit === undefined || this.#stopped) return;
    this.#sink.event({ type: "dtmf", digit: digit.digit, durationMs: digit.durationMs });
  }
}
