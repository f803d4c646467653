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
