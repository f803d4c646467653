/**
 * Sounds for tests: a sentence of synthetic speech, noise, tones.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { PCMU } from "../../src/audio/g711.ts";
import { resample } from "../../src/audio/resampler.ts";

const CLIP = new URL("./data/speech.ul", import.meta.url);
const CLIP_RATE = 8000;
/** Of the clip as it is stored. */
const CLIP_DBOV = -27.7;

const made = new Map<string, Int16Array<ArrayBuffer>>();

/**
 * "No, wait a moment. I would like to order seven large pizzas with olives, please.": 5.3 s,
 * beginning at once.
 *
 * @param dbov Its level over all of it.
 * @returns Samples that others have too: not to be written to.
 */
export function speech(rate: number, dbov = CLIP_DBOV): Int16Array {
  const key = `${rate} ${dbov}`;
  const sound = made.get(key) ?? Int16Array.from(loadSpeech(rate, dbov));
  made.set(key, sound);
  return sound;
}

function loadSpeech(rate: number, dbov: number): Int16Array {
  const bytes = new Uint8Array(readFileSync(CLIP));
  const samples = new Int16Array(bytes.length);
  PCMU.decode(bytes, 0, bytes.length, samples);
  const gain = 10 ** ((dbov - CLIP_DBOV) / 20);
  const loud = samples.map((sample) => Math.max(-32_768, Math.min(32_767, sample * gain)));
  return rate === CLIP_RATE ? loud : resample(loud, CLIP_RATE, rate);
}

/** White noise of a normal distribution. The same seed gives the same noise. */
export function whiteNoise(seed: number, dbov: number, count: number): Int16Array {
  const next = pseudoRandom(seed);
  const amplitude = 32_768 * 10 ** (dbov / 20);
  return Int16Array.from({ length: count }, () => {
    let sum = -6;
    for (let index = 0; index < 12; index++) sum += next();
    return Math.round(amplitude * sum);
  });
}

export function tone(frequency: number, rate: number, count: number): Int16Array {
  const step = (2 * Math.PI * frequency) / rate;
  return Int16Array.from({ length: count }, (_, at) => Math.round(5000 * Math.sin(step * at)));
}

/** Puts one sound over another, from `at` on. */
export function mixed(under: Int16Array, over: Int16Array, at: number): Int16Array {
  const sum = under.slice();
  for (const [index, sample] of over.entries()) {
    if (at + index < sum.length) sum[at + index] = (sum[at + index] as number) + sample;
  }
  return sum;
}

/** Numbers from 0 up to 1, the same for the same seed. */
export function pseudoRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e37_79b9) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
