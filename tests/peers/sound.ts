/**
 * A sound to send through a call, and whether it came back.
 *
 * @module
 */

import { resample } from "../../src/audio/resampler.ts";
import { findSound } from "../../src/audio/similarity.ts";

/** Samples a second of all sounds here. */
export const RATE = 8000;

const PIECE_MS = 500;
const DELAY_MS_MAX = 300;
/** Of the end of a sound. */
const MISSING_MS_MAX = 300;
/** Below full scale, so that neither codec clips. */
const AMPLITUDE = 9000;

/** Where a sweep begins and ends, in Hz, and how many samples a second it has. */
export interface SweepOptions {
  /** Default: 300. */
  readonly from?: number;
  /** Default: 3000. */
  readonly to?: number;
  /** Default: {@linkcode RATE}. */
  readonly rate?: number;
}

/**
 * Sweeps from one frequency to another, each of its quarters louder or softer than the one before:
 * like speech, no part of it is like any other.
 */
export function sweep(durationMs: number, options: SweepOptions = {}): Int16Array {
  const { from = 300, to = 3000, rate = RATE } = options;
  const samples = new Int16Array(Math.round((durationMs * rate) / 1000));
  let phase = 0;
  for (let index = 0; index < samples.length; index++) {
    const share = index / samples.length;
    phase += (2 * Math.PI * (from + (to - from) * share)) / rate;
    const loudness = [1, 0.4, 0.8, 0.5][Math.floor(share * 4)] ?? 1;
    samples[index] = Math.round(AMPLITUDE * loudness * Math.sin(phase));
  }
  return samples;
}

/**
 * Looks for each half second of `sent` in `heard`, near where it was sent. In pieces, since one
 * hole would make all that follows it unlike.
 *
 * @param rate Samples a second of both.
 * @param pieceMs Length of a piece, when not half a second.
 * @returns Normalised cross-correlation of each piece at its best place, 1 for the very same.
 */
export function correlations(
  sent: Int16Array,
  heard: Int16Array,
  { rate = RATE, pieceMs = PIECE_MS }: { readonly rate?: number; readonly pieceMs?: number } = {},
): readonly number[] {
  const length = (pieceMs * rate) / 1000;
  const found: number[] = [];
  // The end may be missing: the caller hangs up while it is on its way.
  const end = sent.length - (MISSING_MS_MAX * rate) / 1000;
  for (let start = 0; start + length <= end; start += length) {
    const piece = sent.subarray(start, start + length);
    const { correlation } = findSound(piece, heard.subarray(start), {
      rate,
      delayMax: DELAY_MS_MAX,
    });
    found.push(correlation);
  }
  return found;
}

/** How much of a sound's power no telephone of the old kind carries: what is above 4 kHz, 0 to 1. */
export function widebandShare(samples: Int16Array, rate: number): number {
  return Math.max(0, 1 - meanSquare(resample(samples, rate, RATE)) / meanSquare(samples));
}

function meanSquare(samples: Int16Array): number {
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length);
}
