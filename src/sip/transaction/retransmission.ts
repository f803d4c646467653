/**
 * The instants at which a message is sent again: timers A, E and G. RFC 3261 §17.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** One message's retransmission timer, running or not. */
export class Retransmission {
  #at: Millis | undefined;
  #interval: Millis = 0;
  #intervalMax: Millis = Infinity;

  /** When the message is to be sent again; `undefined` when it is not. */
  get at(): Millis | undefined {
    return this.#at;
  }

  /** Starts, or starts anew; does nothing when `interval` is `undefined`: a reliable transport. */
  start(interval: Millis | undefined, intervalMax: Millis, now: Millis): void {
    if (interval === undefined) return;
    this.#interval = interval;
    this.#intervalMax = intervalMax;
    this.#at = now + interval;
  }

  /** Makes every interval after the running one the longest. §17.1.2.2: timer E in Proceeding. */
  slowDown(): void {
    this.#interval = this.#intervalMax;
  }

  /** Stops. */
  stop(): void {
    this.#at = undefined;
  }

  /** Tells whether to send at `now`. */
  isDue(now: Millis): boolean {
    return this.#at !== undefined && this.#at <= now;
  }

  /**
   * Moves on to the next instant: the interval doubles up to its limit. Instants follow one another
   * on the schedule, not on the wake-ups; those that a late wake-up has missed are left out.
   */
  advance(now: Millis): void {
    if (this.#at === undefined) return;
    this.#interval = Math.min(2 * this.#interval, this.#intervalMax);
    const next = this.#at + this.#interval;
    this.#at = next > now ? next : now + this.#interval;
  }
}

/** The earlier of two deadlines, either of which may be absent. */
export function earlierOf(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}
