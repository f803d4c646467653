/**
 * Counts of one received RTP stream: loss by RFC 3550 §A.3, interarrival jitter by §A.8.
 *
 * Sums go on over changes of SSRC, so that a call has one figure.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { timestampDelta } from "./sequence.ts";

/** A change of transit time above this is a new time base of the sender, not jitter. */
const TRANSIT_CHANGE_MS_MAX = 5000;

/** How the present source is received, for a report. RFC 3550 §6.4.1 */
export interface ReceptionFigures {
  /** With its cycles, from 0. */
  readonly highestSequence: number;
  /** Negative with duplicates. */
  readonly cumulativeLost: number;
  /** Of 256, since the figures were taken last. */
  readonly fractionLost: number;
  /** In units of the RTP timestamp. */
  readonly jitter: number;
}

/** Sequence numbers of one cycle. */
const CYCLE = 0x1_0000;

/** The least and the most that 24 bits with a sign hold. */
const CUMULATIVE_LOST_MIN = -0x80_0000;
const CUMULATIVE_LOST_MAX = 0x7f_ffff;

/** Counts packets of one source after another. */
export class RtpStats {
  readonly #unitsPerMs: number;
  #received = 0;
  #lostBefore = 0;
  #streamReceived = 0;
  #streamFirst = -1;
  #streamHighest = -1;
  #jitter = 0;
  #lastArrival: Millis = 0;
  #lastTimestamp: RtpTimestamp = 0;
  #hasTransit = false;
  /** Of the source, when figures were taken last. */
  #expectedBefore = 0;
  #receivedBefore = 0;

  /** @param clockRate Of the RTP timestamp. */
  constructor(clockRate: Hertz) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /** Counts one valid packet that is no duplicate. `sequence` is extended. */
  count(sequence: number): void {
    this.#received++;
    this.occupy(sequence);
  }

  /** Notes the number of a packet that was refused: it is not received, but not lost either. */
  occupy(sequence: number): void {
    this.#streamReceived++;
    if (this.#streamFirst < 0 || sequence < this.#streamFirst) this.#streamFirst = sequence;
    if (sequence > this.#streamHighest) this.#streamHighest = sequence;
  }

  /**
   * Takes the arrival of an audio packet into the jitter. telephone-events are left out: their
   * timestamps stand still.
   */
  arrive(timestamp: RtpTimestamp, now: Millis): void {
    if (this.#hasTransit) {
      const units = (now - this.#lastArrival) * this.#unitsPerMs;
      const change = Math.abs(units - timestampDelta(timestamp, this.#lastTimestamp));
      // §A.8: J += (|D| - J) / 16.
      if (change <= TRANSIT_CHANGE_MS_MAX * this.#unitsPerMs) {
        this.#jitter += (change - this.#jitter) / 16;
      }
    }
    this.#hasTransit = true;
    this.#lastArrival = now;
    this.#lastTimestamp = timestamp;
  }

  /**
   * A new SSRC or a restart: sequence numbers and timestamps have nothing to do with those before.
   */
  restart(): void {
    this.#lostBefore += this.#streamLost();
    this.#streamReceived = 0;
    this.#streamFirst = -1;
    this.#streamHighest = -1;
    this.#hasTransit = false;
    this.#expectedBefore = 0;
    this.#receivedBefore = 0;
  }

  /**
   * Figures of the present source for a report, §A.3; the next fraction counts from here.
   *
   * @returns `undefined` before its first packet.
   */
  takeFigures(): ReceptionFigures | undefined {
    if (this.#streamFirst < 0) return undefined;
    const expected = this.#streamHighest - this.#streamFirst + 1;
    const received = this.#streamReceived;
    const expectedSince = expected - this.#expectedBefore;
    const lostSince = expectedSince - (received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = received;
    const fraction = expectedSince <= 0 || lostSince <= 0 ? 0 : lostSince / expectedSince;
    const lost = Math.min(CUMULATIVE_LOST_MAX, expected - received);
    return {
      // Extended numbers begin one cycle up, so that stragglers of the beginning have one too
      highestSequence: (this.#streamHighest - CYCLE) >>> 0,
      cumulativeLost: Math.max(CUMULATIVE_LOST_MIN, lost),
      fractionLost: Math.min(255, Math.floor(fraction * 256)),
      jitter: Math.round(this.#jitter),
    };
  }

  get received(): number {
    return this.#received;
  }

  /** Expected less received, never negative. */
  get lost(): number {
    return this.#lostBefore + this.#streamLost();
  }

  get jitterMs(): Millis {
    return this.#jitter / this.#unitsPerMs;
  }

  #streamLost(): number {
    if (this.#streamFirst < 0) return 0;
    return Math.max(0, this.#streamHighest - this.#streamFirst + 1 - this.#streamReceived);
  }
}
