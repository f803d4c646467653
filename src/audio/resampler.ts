/**
 * Changes the rate of whole recordings: band-limited interpolation by a windowed sinc, in
 * polyphase form.
 *
 * It is for prompts and recordings, that are there from beginning to end: the filter looks ahead,
 * so nothing is delayed or swallowed. Live streams have one of their own.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import { commonRate, designSincFilter, type SincFilter } from "./sinc_filter.ts";

/** Rates that are taken. */
export const RATE_MIN: Hertz = 1000;
export const RATE_MAX: Hertz = 384_000;

/** Zero crossings of the sinc on either side. */
const ZERO_CROSSINGS = 24;
/** Share of the lower of the two bands that is kept; the rest is the filter's slope. */
const PASSBAND = 0.94;
/** Shape of the Kaiser window: about 80 dB of rejection. */
const KAISER_BETA = 8;
/** Phases above this are not tabled: rates without a common measure are rounded to that grid. */
const PHASES_MAX = 1024;

/**
 * Gives the same sound at another rate. Its length is that of the input in time, rounded to whole
 * samples; loud input that overshoots is clipped.
 *
 * @returns A new array; the input itself when the rates are the same.
 * @throws {RangeError} When a rate is out of range.
 */
export function resample(samples: Int16Array, from: Hertz, to: Hertz): Int16Array {
  checkRate(from);
  checkRate(to);
  if (from === to) return samples;
  const divisor = commonRate(from, to);
  const phases = Math.min(PHASES_MAX, to / divisor);
  const filter = designFilter(phases, Math.min(1, to / from));
  const out = new Int16Array(Math.round((samples.length * to) / from));
  for (let index = 0; index < out.length; index++) {
    // Position of this output sample among the input's, as a whole number and a phase.
    const position = index * from;
    let whole = Math.floor(position / to);
    let phase = Math.round(((position - whole * to) / to) * phases);
    if (phase === phases) {
      phase = 0;
      whole++;
    }
    const value = Math.round(convolve(samples, whole, filter, phase));
    out[index] = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
  }
  return out;
}

function convolve(
  samples: Int16Array,
  whole: number,
  filter: SincFilter,
  phase: number,
): number {
  const { reach, taps } = filter;
  const count = reach * 2;
  const start = whole - reach + 1;
  const first = Math.max(0, -start);
  const last = Math.min(count, samples.length - start);
  const base = phase * count;
  let sum = 0;
  for (let tap = first; tap < last; tap++) {
    sum += (samples[start + tap] as number) * (taps[base + tap] as number);
  }
  return sum;
}

/** @param scale The lower of the two bands against the input's: below 1 when the rate goes down. */
function designFilter(phases: number, scale: number): SincFilter {
  return designSincFilter({
    phases,
    reach: Math.ceil(ZERO_CROSSINGS / scale),
    cutOff: scale * PASSBAND,
    kaiserBeta: KAISER_BETA,
  });
}

function checkRate(rate: Hertz): void {
  if (Number.isInteger(rate) && rate >= RATE_MIN && rate <= RATE_MAX) return;
  throw new RangeError(`A rate of ${rate} Hz is out of range, use ${RATE_MIN} to ${RATE_MAX}`);
}
