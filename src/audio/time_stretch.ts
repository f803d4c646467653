/**
 * Makes a frame a little shorter or longer without a click and at the same pitch: one period, or a
 * few, are taken out of it or put in once more. It is how a stream makes up for clocks that run
 * apart.
 *
 * The frame is searched for two places that are alike (as in WSOLA, overlap and add by waveform
 * similarity); the sound is led from one over to the other. How long that was is for the caller to
 * account for, and when to do it for the caller to know.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { isQuiet } from "./quiet.ts";

/** The least and the most that a frame is changed by: periods of voices, or a few. */
export const STRETCH_MS_MIN: Millis = 2.5;
export const STRETCH_MS_MAX: Millis = 15;

/** What quiet that is like nothing is changed by. */
const QUIET_MS: Millis = 10;
/** The sound is led over in at least this long; else in as long as the change is. */
const OVERLAP_MS: Millis = 5;
/** Two places are alike from here on; 1 is the very same. */
const SIMILARITY_MIN = 0.75;
/** Places of a frame that are tried, */
const PLACES = 6;
/** in so many samples a millisecond, at any rate. */
const SEARCH_PER_MS = 4;

/** Shortens and lengthens the frames of one rate. Allocates nothing after construction. */
export class TimeStretch {
  readonly #shiftMin: Samples;
  readonly #shiftMax: Samples;
  readonly #quiet: Samples;
  readonly #overlapMin: Samples;
  readonly #step: Samples;

  // What was found: from #at on, #overlap samples are like those #shift later.
  #at: Samples = 0;
  #shift: Samples = 0;
  #overlap: Samples = 0;

  constructor(rate: Hertz) {
    const samplesOf = (duration: Millis): Samples => Math.round((duration * rate) / 1000);
    this.#shiftMin = samplesOf(STRETCH_MS_MIN);
    this.#shiftMax = Math.floor((STRETCH_MS_MAX * rate) / 1000);
    this.#quiet = samplesOf(QUIET_MS);
    this.#overlapMin = samplesOf(OVERLAP_MS);
    this.#step = Math.max(1, Math.floor(rate / 1000 / SEARCH_PER_MS));
  }

  /**
   * Takes {@linkcode STRETCH_MS_MIN} to {@linkcode STRETCH_MS_MAX} out of the first `count`
   * samples, in place. Best with 20 ms or more.
   *
   * @returns The new count; the old one where nothing can be taken out unheard.
   */
  shorten(samples: Int16Array, count: Samples): Samples {
    if (!this.#find(samples, count, this.#shiftMax)) return count;
    const at = this.#at;
    const later = at + this.#shift;
    const overlap = this.#overlap;
    for (let index = 0; index < overlap; index++) {
      const here = samples[at + index] as number;
      const there = samples[later + index] as number;
      samples[at + index] = Math.round(here + (there - here) * fade(index, overlap));
    }
    samples.copyWithin(at + overlap, later + overlap, count);
    return count - this.#shift;
  }

  /**
   * Puts {@linkcode STRETCH_MS_MIN} to {@linkcode STRETCH_MS_MAX} into the first `count` samples,
   * in place.
   *
   * @param samples Should have room for as much more; nothing is put in for which there is none.
   * @returns The new count; the old one where nothing can be put in unheard.
   */
  lengthen(samples: Int16Array, count: Samples): Samples {
    if (!this.#find(samples, count, Math.min(this.#shiftMax, samples.length - count))) return count;
    const at = this.#at;
    const later = at + this.#shift;
    const overlap = this.#overlap;
    samples.copyWithin(later + overlap, at + overlap, count);
    // Backwards, since what is written may be what an earlier sample is made of.
    for (let index = overlap - 1; index >= 0; index--) {
      const here = samples[at + index] as number;
      const there = samples[later + index] as number;
      samples[later + index] = Math.round(there + (here - there) * fade(index, overlap));
    }
    return count + this.#shift;
  }

  /** Finds the two places that are most alike, at most `shiftMax` apart; `false` for none. */
  #find(samples: Int16Array, count: Samples, shiftMax: Samples): boolean {
    const longest = Math.min(shiftMax, count - this.#overlapMin);
    let best = 0;
    for (let shift = this.#shiftMin; shift <= longest; shift++) {
      const overlap = this.#overlapOf(shift, count);
      const spare = count - shift - overlap;
      const stride = Math.max(1, Math.ceil(spare / (PLACES - 1)));
      for (let at = 0; at <= spare; at += stride) {
        const likeness = similarity(samples, at, shift, overlap, this.#step);
        if (likeness <= best) continue;
        best = likeness;
        this.#at = at;
        this.#shift = shift;
        this.#overlap = overlap;
      }
    }
    if (best > 0 && similarity(samples, this.#at, this.#shift, this.#overlap, 1) > SIMILARITY_MIN) {
      return true;
    }
    return longest >= this.#shiftMin && isQuiet(samples, count) && this.#takeAny(count, longest);
  }

  /** In quiet any place will do. */
  #takeAny(count: Samples, longest: Samples): true {
    this.#at = 0;
    this.#shift = Math.min(this.#quiet, longest);
    this.#overlap = this.#overlapOf(this.#shift, count);
    return true;
  }

  #overlapOf(shift: Samples, count: Samples): Samples {
    return Math.min(Math.max(shift, this.#overlapMin), count - shift);
  }
}

/** How alike two places are: 1 for the very same, less for another shape or loudness. */
function similarity(
  samples: Int16Array,
  at: Samples,
  shift: Samples,
  length: Samples,
  step: Samples,
): number {
  let product = 0;
  let energy = 1;
  for (let index = at; index < at + length; index += step) {
    const here = samples[index] as number;
    const there = samples[index + shift] as number;
    product += here * there;
    energy += here * here + there * there;
  }
  return (2 * product) / energy;
}

/** From 0 to 1 over so many samples, level at both ends. */
function fade(index: number, length: Samples): number {
  const share = (index + 1) / (length + 1);
  return share * share * (3 - 2 * share);
}
