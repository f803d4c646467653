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

/**
 * Looks for `sent` in `heard` at every delay from 0 up to `delayMax`.
 *
 * @param heard At the same rate as `sent`; what it lacks counts as silence.
 */
export function findSound(
  sent: Int16Array,
  heard: Int16Array,
  options: { readonly rate: Hertz; readonly delayMax: Millis },
): Similarity {
  const delayMax: Samples = Math.round((options.delayMax * options.rate) / 1000);
  let best = { correlation: 0, delay: 0 };
  const sentEnergy = energy(sent, 0, sent.length);
  for (let delay = 0; delay <= delayMax; delay++) {
    const correlation = correlate(sent, heard, delay, sentEnergy);
    if (Math.abs(correlation) > Math.abs(best.correlation)) best = { correlation, delay };
  }
  return { correlation: best.correlation, delayMs: (best.delay * 1000) / options.rate };
}

/** Root mean square level in dB relative to full scale; `-Infinity` for silence. */
export function levelDbfs(samples: Int16Array): number {
  if (samples.length === 0) return -Infinity;
  const meanSquare = energy(samples, 0, samples.length) / samples.length;
  return 10 * Math.log10(meanSquare / (32_768 * 32_768));
}

function correlate(
  sent: Int16Array,
  heard: Int16Array,
  delay: Samples,
  sentEnergy: number,
): number {
  const length = Math.min(sent.length, heard.length - delay);
  let sum = 0;
  for (let index = 0; index < length; index++) {
    sum += (sent[index] as number) * (heard[delay + index] as number);
  }
  const scale = Math.sqrt(sentEnergy * energy(heard, delay, delay + Math.max(0, length)));
  return scale === 0 ? 0 : sum / scale;
}

function energy(samples: Int16Array, from: Samples, to: Samples): number {
  let sum = 0;
  for (let index = from; index < to; index++) sum += (samples[index] as number) ** 2;
  return sum;
}
