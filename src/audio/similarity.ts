/**
 * Finds one sound in another: whether what came back is what was sent, and how much later.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";

/** Where and how well one sound was found in another. */
export interface Similarity {
  /** Normalised cross-correlation at the best place, -1 to 1. Independent of loudness. */
  readonly correlation: number;
  /** From the start of `heard` to the start of `sent` within it. */
  readonly delayMs: Millis;
}

/** How far to look. */
export interface SimilarityOptions {
  /** Of both sounds. */
  readonly rate: Hertz;
  readonly delayMax: Millis;
  /**
   * Compares only what both have at a delay, and no delay that leaves less than this. Absent: what
   * `heard` lacks of `sent` counts as silence.
   */
  readonly overlapMin?: Millis;
}

/** Looks for `sent` in `heard` at every delay from 0 up to `delayMax`. */
export function findSound(
  sent: Int16Array,
  heard: Int16Array,
  options: SimilarityOptions,
): Similarity {
  const { rate, overlapMin } = options;
  const delayMax = samplesOf(options.delayMax, rate);
  const overlap = overlapMin === undefined ? undefined : Math.max(1, samplesOf(overlapMin, rate));
  const energies = { sent: energiesOf(sent), heard: energiesOf(heard) };
  let best = { correlation: 0, delay: 0 };
  for (let delay = 0; delay <= delayMax && delay < heard.length; delay++) {
    const length = Math.min(sent.length, heard.length - delay);
    if (overlap !== undefined && length < overlap) break;
    const compared = overlap === undefined ? sent.length : length;
    const heardEnergy = at(energies.heard, delay + length) - at(energies.heard, delay);
    const scale = Math.sqrt(at(energies.sent, compared) * heardEnergy);
    const correlation = scale === 0 ? 0 : product(sent, heard, delay, length) / scale;
    if (Math.abs(correlation) > Math.abs(best.correlation)) best = { correlation, delay };
  }
  return { correlation: best.correlation, delayMs: (best.delay * 1000) / rate };
}

/** Root mean square level in dB relative to full scale; `-Infinity` for silence. */
export function levelDbfs(samples: Int16Array): number {
  if (samples.length === 0) return -Infinity;
  const meanSquare = at(energiesOf(samples), samples.length) / samples.length;
  return 10 * Math.log10(meanSquare / (32_768 * 32_768));
}

function samplesOf(duration: Millis, rate: Hertz): Samples {
  return Math.round((duration * rate) / 1000);
}

/** Sum of the squares of the first n samples, for every n: whole numbers below 2^53, hence exact. */
function energiesOf(samples: Int16Array): Float64Array {
  const sums = new Float64Array(samples.length + 1);
  let sum = 0;
  for (let index = 0; index < samples.length; index++) {
    sum += (samples[index] as number) ** 2;
    sums[index + 1] = sum;
  }
  return sums;
}

function at(sums: Float64Array, index: number): number {
  return sums[index] as number;
}

function product(sent: Int16Array, heard: Int16Array, delay: Samples, length: Samples): number {
  let sum = 0;
  for (let index = 0; index < length; index++) {
    sum += (sent[index] as number) * (heard[delay + index] as number);
  }
  return sum;
}
