/**
 * How late the frames of one call left: a histogram of fixed size, from which percentiles are read.
 *
 * Steps are fine where a listener's jitter buffer decides, and double above.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** Width of the fine steps is 1 / this, in ms. */
const STEPS_PER_MS = 2;
/** Where the fine steps end. */
const FINE_MS_MAX = 64;
/** Steps from 0 to {@linkcode FINE_MS_MAX}; the first holds what was not late at all. */
const FINE_STEPS = FINE_MS_MAX * STEPS_PER_MS + 1;
/** Steps above, each twice as wide as the one before; the last holds all the rest. */
const COARSE_STEPS = 8;

const NO_COUNTS = new Uint32Array(0);

/** Counts lateness. Hot path: {@linkcode Lateness.note} allocates nothing after the first frame. */
export class Lateness {
  /** Has its room from the first frame on. */
  #counts = NO_COUNTS;
  #total = 0;
  #max: Millis = 0;

  /** The largest there was, exactly. */
  get max(): Millis {
    return this.#max;
  }

  /** Counts a frame that left `late` after it was due; one that left early was not late. */
  note(late: Millis): void {
    if (this.#total === 0) this.#counts = new Uint32Array(FINE_STEPS + COARSE_STEPS);
    const step = late <= 0 ? 0 : stepOf(late);
    this.#counts[step] = (this.#counts[step] as number) + 1;
    this.#total++;
    if (late > this.#max) this.#max = late;
  }

  /**
   * The lateness that so many of the frames did not exceed, rounded up to the end of its step; 0
   * when there were no frames.
   *
   * @param share From 0 to 1.
   */
  percentile(share: number): Millis {
    let left = share * this.#total;
    for (let step = 0; step < this.#counts.length; step++) {
      left -= this.#counts[step] as number;
      if (left <= 0) return Math.min(endOf(step), this.#max);
    }
    return this.#max;
  }
}

function stepOf(late: Millis): number {
  if (late <= FINE_MS_MAX) return Math.ceil(late * STEPS_PER_MS);
  const doublings = 32 - Math.clz32((late - 1e-6) / FINE_MS_MAX);
  return FINE_STEPS - 1 + Math.min(doublings, COARSE_STEPS);
}

function endOf(step: number): Millis {
  if (step < FINE_STEPS) return step / STEPS_PER_MS;
  const doublings = step - FINE_STEPS + 1;
  return doublings === COARSE_STEPS ? Infinity : FINE_MS_MAX * 2 ** doublings;
}
