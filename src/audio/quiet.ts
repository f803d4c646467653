/**
 * When audio is as good as silence.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";

/** Mean magnitude of samples that nobody misses: -50 dB of full scale. */
export const QUIET_MEAN = 100;

/** Tells whether the first `count` samples hold nothing that would be missed. */
export function isQuiet(samples: Int16Array, count: Samples): boolean {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += Math.abs(samples[index] as number);
  return sum < count * QUIET_MEAN;
}
