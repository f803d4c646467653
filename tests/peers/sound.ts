/**
 * A sound to send through a call, and whether it came back.
 *
 * @module
 */

import { findSound } from "../../src/audio/similarity.ts";

/** Samples a second of all sounds here. */
export const RATE = 8000;

const PIECE_MS = 500;
const DELAY_MS_MAX = 300;
/** Of the end of a sound. */
const MISSING_MS_MAX = 300;
/** Below full scale, so that neither codec clips. */
const AMPLITUDE = 9000;

/**
 * Sweeps from 300 to 3000 Hz, each of its quarters louder or softer than the one before: like
 * speech, no part of it is like any other.
 */
export function sweep(durationMs: number): Int16Array {
  const samples = new Int16Array(Math.round((durationMs * RATE) / 1000));
  let phase = 0;
  for (let index = 0; index < samples.length; index++) {
    const share = index / samples.length;
    phase += (2 * Math.PI * (300 + 2700 * share)) / RATE;
    const loudness = [1, 0.4, 0.8, 0.5][Math.floor(share * 4)] ?? 1;
    samples[index] = Math.round(AMPLITUDE * loudness * Math.sin(phase));
  }
  return samples;
}

/**
 * Looks for each half second of `sent` in `heard`, near where it was sent. In pieces, since one
 * hole would make all that follows it unlike.
 *
 * @returns Normalised cross-correlation of each piece at its best place, 1 for the very same.
 */
export function correlations(sent: Int16Array, heard: Int16Array): readonly number[] {
  const length = (PIECE_MS * RATE) / 1000;
  const found: number[] = [];
  // The end may be missing: the caller hangs up while it is on its way.
  const end = sent.length - (MISSING_MS_MAX * RATE) / 1000;
  for (let start = 0; start + length <= end; start += length) {
    const piece = sent.subarray(start, start + length);
    const { correlation } = findSound(piece, heard.subarray(start), {
      rate: RATE,
      delayMax: DELAY_MS_MAX,
    });
    found.push(correlation);
  }
  return found;
}
