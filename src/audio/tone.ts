/**
 * Test tones: sines at a telephone level.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";

/**
 * Amplitude of a sine at 0 dBm0: full scale of 16 bits is +3.17 dBm0 in the mu-law, ITU-T G.711.
 */
const AMPLITUDE_0_DBM0 = 32124 / 10 ** (3.17 / 20);

/**
 * Makes a sine that begins at its zero.
 *
 * @param level In dBm0; as loud as 16 bits allow, above +3.
 */
export function tone(
  frequency: Hertz,
  durationMs: Millis,
  rate: Hertz,
  level = -10,
): Int16Array<ArrayBuffer> {
  const samples = new Int16Array(Math.round((durationMs * rate) / 1000));
  const amplitude = AMPLITUDE_0_DBM0 * 10 ** (level / 20);
  const step = (2 * Math.PI * frequency) / rate;
  for (let index = 0; index < samples.length; index++) {
    const value = Math.round(amplitude * Math.sin(step * index));
    samples[index] = Math.max(-32768, Math.min(32767, value));
  }
  return samples;
}

/**
 * Tells how loud samples are: the level in dBm0 of a sine of the same power, -Infinity for
 * silence.
 */
export function levelOf(samples: Int16Array): number {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  const amplitude = Math.sqrt((2 * power) / Math.max(1, samples.length));
  return 20 * Math.log10(amplitude / AMPLITUDE_0_DBM0);
}
