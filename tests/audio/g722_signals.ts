/**
 * Sounds at 16 kHz to try G.722 with. They are made by whole numbers alone, so that they are the
 * same in every engine and checksums can stand for them.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";

/** Two seconds, by name. None is as loud as to overload a band. */
export const SIGNALS: Readonly<Record<string, Int16Array>> = {
  silence: signal(() => 0),
  "triangle of 300 Hz": triangle(300, 12_000),
  "triangle of 1 kHz": triangle(1000, 24_000),
  "alternating, 6 kHz": signal((at) => [0, 17_000, -17_000, 0, 17_000, -17_000, 0, -9000][at % 8]),
  "rising triangle": signal((at) => fold(at * (20 + (at >> 4)), 20_000)),
  "noise": noise(10_000),
  "faint noise": noise(20),
  "loud noise": noise(32_768),
  impulses: signal((at) => at % 997 === 0 ? 32_767 : at % 613 === 0 ? -32_768 : 0),
  "voice, then silence": signal((at) => at < 16_000 ? voice(at) : 0),
};

/** Two seconds as loud as 16 bits allow, which overload the bands. */
export const OVERLOADS: Readonly<Record<string, Int16Array>> = {
  "square of 500 Hz": signal((at) => (at >> 4) % 2 === 0 ? 32_767 : -32_768),
  "square of 2 kHz": signal((at) => (at >> 2) % 2 === 0 ? 32_767 : -32_768),
};

/** Something like a vowel at a pitch of about 125 Hz, that swells and fades five times a second. */
export function voice(at: number): number {
  const swell = Math.abs(at % 3200 - 1600);
  const period = at % (128 + (at >> 11));
  const formant = period < 64 ? fold(period * 2100, 16_000) * (64 - period) : 0;
  return (((formant >> 6) * swell) >> 11) + (fold(period * 256, 2000) >> 1);
}

/** Codes without any sense. */
export function randomCodes(count: number): Uint8Array {
  const codes = new Uint8Array(count);
  new SeededRandom(722).fill(codes);
  return codes;
}

function signal(sampleAt: (at: number) => number | undefined): Int16Array {
  return Int16Array.from({ length: 32_000 }, (_, at) => sampleAt(at) ?? 0);
}

function triangle(frequency: number, amplitude: number): Int16Array {
  const step = 4 * amplitude * frequency / 16_000;
  return signal((at) => fold(at * step, amplitude));
}

function noise(amplitude: number): Int16Array {
  const random = new SeededRandom(16);
  return signal(() => (random.nextUint32() >>> 0) % (2 * amplitude) - amplitude);
}

/** A line folded up between `-amplitude` and `amplitude`. */
function fold(value: number, amplitude: number): number {
  const at = Math.trunc(value + amplitude) % (4 * amplitude);
  return at < 2 * amplitude ? at - amplitude : 3 * amplitude - at;
}
