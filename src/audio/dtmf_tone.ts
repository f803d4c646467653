/**
 * The keys of a telephone and the tones that they make. ITU-T Q.23.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";

/** Tones of the rows of the keypad, and of its columns. */
export const DTMF_LOW: readonly Hertz[] = [697, 770, 852, 941];
export const DTMF_HIGH: readonly Hertz[] = [1209, 1336, 1477, 1633];

/** The keys, row by row. */
export const DTMF_KEYS = "123A456B789C*0#D";

/** Amplitude of a sine at 0 dBm0: full scale is +3.17 dBm0 in the mu-law, ITU-T G.711. */
export const DTMF_AMPLITUDE_0_DBM0 = 32124 / 10 ** (3.17 / 20);

/** The sound rises and falls in this time, so that it does not click. */
const EDGE_MS: Millis = 1;

/** How a key sounds. */
export interface DtmfToneOptions {
  readonly durationMs: Millis;
  readonly rate: Hertz;
  /** Of the low tone, in dBm0. */
  readonly level?: number;
  /** How much louder the high tone is, in dB. */
  readonly twist?: number;
  /** How much higher both tones are than they should be, as a share. */
  readonly deviation?: number;
}

/**
 * Makes the sound of a key; what is louder than 16 bits allow is clipped.
 *
 * @throws {RangeError} There is no such key.
 */
export function dtmfTone(key: string, options: DtmfToneOptions): Int16Array<ArrayBuffer> {
  const { durationMs, rate, level = -10, twist = 0, deviation = 0 } = options;
  const place = key.length === 1 ? DTMF_KEYS.indexOf(key) : -1;
  if (place < 0) throw new RangeError(`There is no key "${key}", use one of ${DTMF_KEYS}`);
  const low = (DTMF_LOW[place >> 2] as number) * (1 + deviation);
  const high = (DTMF_HIGH[place & 3] as number) * (1 + deviation);
  const amplitudeLow = DTMF_AMPLITUDE_0_DBM0 * 10 ** (level / 20);
  const amplitudeHigh = amplitudeLow * 10 ** (twist / 20);
  const samples = new Int16Array(Math.round((durationMs * rate) / 1000));
  const edge: Samples = Math.round((EDGE_MS * rate) / 1000);
  for (let index = 0; index < samples.length; index++) {
    const turn = (2 * Math.PI * index) / rate;
    const gain = Math.min(1, (index + 1) / edge, (samples.length - index) / edge);
    const sum = amplitudeLow * Math.sin(turn * low) + amplitudeHigh * Math.sin(turn * high);
    samples[index] = Math.max(-32768, Math.min(32767, Math.round(sum * gain)));
  }
  return samples;
}
