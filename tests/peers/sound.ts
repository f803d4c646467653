/**
 * A sound to send through a call, and whether it came back.
 *
 * @module
 */

import { findSound } from "../../src/audio/similarity.ts";

/** Samples a second of all sounds here. */
export const RATE = 8000;

const PIECE_MS = 500;
const DELAY_MS_MAX = 400;
/** Below full scale, so that neither codec clips. */
const AMPLITUDE = 9000;

/** How much of a sound came back. */
export interface Comparison {
  /** Of each piece of half a second, in order: normalised cross-correlation at its best place. */
  readonly correlations: readonly number[];
  /** Median over the pieces. */
  readonly correlation: number;
  /** Median over the pieces: how much later they came back. */
  readonly delayMs: number;
}

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
 * stretch of waiting on a busy machine would make all that follows it unlike.
 */
export function compare(sent: Int16Array, heard: Int16Array): Comparison {
  const length = (PIECE_MS * RATE) / 1000;
  const found = [];
  for (let start = 0; start + length <= sent.length; start += length) {
    const piece = sent.subarray(start, start + length);
    // Of the last pieces the end may be missing: the caller hangs up while they are on their way.
    if (start + length > heard.length - length / 2) break;
    found.push(findSound(piece, heard.subarray(start), { rate: RATE, delayMax: DELAY_MS_MAX }));
  }
  return {
    correlations: found.map(({ correlation }) => correlation),
    correlation: median(found.map(({ correlation }) => correlation)),
    delayMs: median(found.map(({ delayMs }) => delayMs)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
