/**
 * The low-pass filter that changing a rate needs: a sinc under a Kaiser window, cut into phases.
 *
 * An output sample seldom falls on an input sample. Its phase says how far behind one it falls, and
 * each phase has its own taps, which are weights for the input samples around that place.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/** What the filter should be. */
export interface SincFilterOptions {
  /** How many places between two input samples are told apart. */
  readonly phases: number;
  /** Taps on either side of the middle. */
  readonly reach: Samples;
  /** Where the gain is one half, as a share of half the input's rate. */
  readonly cutOff: number;
  /** Shape of the Kaiser window: larger is a deeper stop band, and a wider slope. */
  readonly kaiserBeta: number;
}

/** A filter in polyphase form. Never changed after it was made, so that many may share it. */
export interface SincFilter {
  readonly phases: number;
  readonly reach: Samples;
  /**
   * `2 * reach` taps for each phase, one phase after another. The tap at `reach - 1` is for the
   * input sample at or before the output's place, those after it for later samples.
   */
  readonly taps: Float64Array;
}

/** Computes the taps. Every phase has a gain of exactly one for a constant, or silence would hum. */
export function designSincFilter(options: SincFilterOptions): SincFilter {
  const { phases, reach, cutOff, kaiserBeta } = options;
  const count = reach * 2;
  const taps = new Float64Array(phases * count);
  const windowScale = 1 / besselI0(kaiserBeta);
  for (let phase = 0; phase < phases; phase++) {
    let sum = 0;
    const base = phase * count;
    for (let tap = 0; tap < count; tap++) {
      const distance = tap - reach + 1 - phase / phases;
      const share = distance / reach;
      const inside = 1 - share * share;
      const window = inside <= 0 ? 0 : besselI0(kaiserBeta * Math.sqrt(inside)) * windowScale;
      const value = cutOff * sinc(cutOff * distance) * window;
      taps[base + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < count; tap++) taps[base + tap] = (taps[base + tap] as number) / sum;
  }
  return { phases, reach, taps };
}

/** The largest rate that divides both. */
export function commonRate(a: Hertz, b: Hertz): Hertz {
  return b === 0 ? a : commonRate(b, a % b);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** The modified Bessel function of the first kind and order zero, by its series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let index = 1; term > sum * 1e-12; index++) {
    term *= (x / (2 * index)) ** 2;
    sum += term;
  }
  return sum;
}
