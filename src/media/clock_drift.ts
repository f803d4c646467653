/**
 * How much faster or slower than ours the peer's clock runs, and how far that has carried the
 * handler's timeline away.
 *
 * A packet's transit is when it came less when, by its timestamp, it was spoken. Jitter only adds
 * to it, so the least of a span of packets is nearly free of jitter, and what the least does over
 * many spans is the drift. A transit that jumps between two spans is a change of the route and no
 * drift. Only arithmetic is here; the receive path acts on it.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { timestampDelta } from "../rtp/sequence.ts";

/** Spans are at least this long, */
const SPAN_MS: Millis = 2500;
/** and have at least so many packets, so that one of them has hardly any jitter. */
const SPAN_PACKETS = 25;

/** A step of the least transit above this from span to span is a change of the route. */
const ROUTE_CHANGE_MS: Millis = 10;
/** A transit so far from the one before is another time base of the sender. */
const TIME_BASE_CHANGE_MS: Millis = 1000;

/**
 * How far the timeline may be carried before it is corrected. More than half of the longest
 * correction, so that one does not call for its opposite.
 */
export const DRIFT_MS_MAX: Millis = 8;

/** Before so many spans the drift is not told, */
const SPANS_MIN = 8;
/** nor while it is not so many times what the least transit does from span to span. */
const SIGNIFICANCE = 3;

/** The drift of one stream after another. Hot path: plain numbers. */
export class ClockDrift {
  #unitsPerMs: number;
  #lastTimestamp: RtpTimestamp = 0;
  /** When the last packet was spoken, by its timestamps, since the first one. */
  #spoken: Millis = 0;
  #lastTransit: Millis = 0;

  #spanStart: Millis = 0;
  /** Packets in the span; 0 before the first one of a time base. */
  #packets = 0;
  #least: Millis = Infinity;
  /** Least transits of the last three spans, and how many there are. */
  readonly #leasts = [0, 0, 0];
  #spans = 0;

  /** The transit at which the timeline is where it should be, without the corrections. */
  #settled: Millis = 0;
  #isSettled = false;
  #corrected: Millis = 0;
  #excess: Millis = 0;

  /** Sum of what the least transit did, and of its magnitudes. */
  #drifted: Millis = 0;
  #wandered: Millis = 0;
  #watched: Millis = 0;
  #watchedSpans = 0;

  /** @param clockRate Of the RTP timestamp. */
  constructor(clockRate: Hertz) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /** Takes the arrival of an audio packet in order. */
  arrive(timestamp: RtpTimestamp, now: Millis): void {
    if (this.#packets > 0) {
      const spoken = this.#spoken +
        timestampDelta(timestamp, this.#lastTimestamp) / this.#unitsPerMs;
      const transit = now - spoken;
      if (Math.abs(transit - this.#lastTransit) <= TIME_BASE_CHANGE_MS) {
        this.#spoken = spoken;
        this.#lastTimestamp = timestamp;
        this.#lastTransit = transit;
        if (transit < this.#least) this.#least = transit;
        if (++this.#packets > SPAN_PACKETS && now - this.#spanStart >= SPAN_MS) this.#endSpan(now);
        return;
      }
    }
    this.#begin(timestamp, now);
  }

  /**
   * How far drift has carried the timeline behind where it settled; negative when ahead. 0 while
   * that is tolerable.
   */
  get excess(): Millis {
    return this.#excess;
  }

  /** The timeline was moved on, or back when negative, to make up for drift. */
  correct(by: Millis): void {
    this.#corrected += by;
    this.#judge();
  }

  /** The timeline was moved for other reasons: it is where it should be. */
  settle(): void {
    this.#corrected = 0;
    this.#excess = 0;
    this.#isSettled = false;
  }

  /** A stream with another time base, and maybe another clock rate, follows. */
  restart(clockRate: Hertz): void {
    this.#unitsPerMs = clockRate / 1000;
    this.#packets = 0;
    this.#spans = 0;
    this.settle();
  }

  /** Parts per million that the peer's clock is faster than ours; 0 until that can be told. */
  get ppm(): number {
    const spans = this.#watchedSpans;
    const noise = (this.#wandered / spans) * SIGNIFICANCE;
    if (spans < SPANS_MIN || Math.abs(this.#drifted) < noise) return 0;
    return ((0 - this.#drifted) / this.#watched) * 1e6;
  }

  #begin(timestamp: RtpTimestamp, now: Millis): void {
    this.#lastTimestamp = timestamp;
    this.#spoken = 0;
    this.#lastTransit = now;
    this.#least = now;
    this.#packets = 1;
    this.#spanStart = now;
    this.#spans = 0;
    this.settle();
  }

  #endSpan(now: Millis): void {
    const least = this.#least;
    const leasts = this.#leasts;
    if (this.#spans > 0) this.#compare(least - (leasts[0] as number), now - this.#spanStart);
    leasts[2] = leasts[1] as number;
    leasts[1] = leasts[0] as number;
    leasts[0] = least;
    this.#spans++;
    this.#spanStart = now;
    this.#packets = 1;
    this.#least = Infinity;
    this.#judge();
  }

  /** Takes what the least transit has done from one span to the next. */
  #compare(change: Millis, length: Millis): void {
    if (Math.abs(change) > ROUTE_CHANGE_MS) {
      // Spans of the old route say nothing about the new one.
      this.#spans = 0;
      this.settle();
      return;
    }
    this.#drifted += change;
    this.#wandered += Math.abs(change);
    this.#watched += length;
    this.#watchedSpans++;
  }

  #judge(): void {
    if (this.#spans < this.#leasts.length) return;
    const least = this.#median();
    if (!this.#isSettled) {
      this.#isSettled = true;
      this.#settled = least;
    }
    const excess = least - this.#settled - this.#corrected;
    this.#excess = Math.abs(excess) > DRIFT_MS_MAX ? excess : 0;
  }

  #median(): Millis {
    const [a, b, c] = this.#leasts as [number, number, number];
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
