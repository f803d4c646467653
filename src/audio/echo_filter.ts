/**
 * How much of a sound is another one that came through a filter: the best filter of a few
 * milliseconds is computed by least squares (covariance method), and what it explains is measured.
 *
 * A hybrid or a loudspeaker is such a filter. No short filter makes the voice of one person from
 * that of another.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";

/** Length of the filter. */
export const FILTER_TAPS: Samples = 24;

/** Keeps the equations solvable where the sound is but a few tones: -40 dB. */
const DIAGONAL_LOADING = 1e-4;
/** Of a filter that is known, each so many samples are looked at. */
const STRIDE: Samples = 4;

const TAPS = FILTER_TAPS;

/** The filters of one echo. Allocates nothing after construction. */
export class EchoFilter {
  /** The filter that is known; the first tap is the shortest way. */
  readonly #taps = new Float64Array(TAPS);
  readonly #fitted = new Float64Array(TAPS);

  /**
   * Computes the filter that makes `received` of `sent` best.
   *
   * @param received All of it is looked at.
   * @param offset Where in `sent` the sample is that the first tap makes the first of `received`
   * of: as many samples before it as there are taps, and as many behind it as were received.
   * @returns What share of the energy of `received` it explains, 0 to 1.
   */
  fit(received: Float64Array, sent: Float64Array, offset: number): number {
    const energy = energyOf(received, 1);
    if (energy === 0) return 0;
    covariances(received, sent, offset);
    const explained = solve(this.#fitted);
    return Math.min(1, explained / energy);
  }

  /** The filter that was computed last is known from now on. */
  keep(): void {
    this.#taps.set(this.#fitted);
  }

  /** What share of the energy of `received` the known filter explains: below 0 when it adds some. */
  explains(received: Float64Array, sent: Float64Array, offset: number): number {
    const energy = energyOf(received, STRIDE);
    if (energy === 0) return 0;
    const taps = this.#taps;
    let rest = 0;
    for (let at = 0; at < received.length; at += STRIDE) {
      let error = received[at] as number;
      const newest = offset + at;
      for (let tap = 0; tap < TAPS; tap++) {
        error -= (taps[tap] as number) * (sent[newest - tap] as number);
      }
      rest += error * error;
    }
    return 1 - rest / energy;
  }

  /** Takes what the known filter explains out of `received`. */
  subtract(received: Float64Array, sent: Float64Array, offset: number): void {
    const taps = this.#taps;
    for (let at = 0; at < received.length; at++) {
      let error = received[at] as number;
      for (let tap = 0; tap < TAPS; tap++) {
        error -= (taps[tap] as number) * (sent[offset + at - tap] as number);
      }
      received[at] = error;
    }
  }
}

/** Of the equations; what they hold is of no use after a solution, so all calls share it. */
const matrix = new Float64Array(TAPS * TAPS);
const right = new Float64Array(TAPS);
const lower = new Float64Array(TAPS * TAPS);

/** Fills the upper half of {@linkcode matrix}, and {@linkcode right}. */
function covariances(received: Float64Array, sent: Float64Array, offset: number): void {
  const { length } = received;
  for (let tap = 0; tap < TAPS; tap++) {
    let own = 0;
    let cross = 0;
    for (let at = 0; at < length; at++) {
      const delayed = sent[offset + at - tap] as number;
      own += (sent[offset + at] as number) * delayed;
      cross += (received[at] as number) * delayed;
    }
    matrix[tap] = own;
    right[tap] = cross;
  }
  const end = offset + length;
  for (let row = 1; row < TAPS; row++) {
    for (let column = row; column < TAPS; column++) {
      // The same products as one row and column before, moved on by one sample
      const first = (sent[offset - row] as number) * (sent[offset - column] as number);
      const last = (sent[end - row] as number) * (sent[end - column] as number);
      const before = matrix[(row - 1) * TAPS + column - 1] as number;
      matrix[row * TAPS + column] = before + first - last;
    }
  }
}

/**
 * Solves the equations by Cholesky's decomposition.
 *
 * @returns The energy that the solution explains.
 */
function solve(taps: Float64Array): number {
  const loading = (matrix[0] as number) * DIAGONAL_LOADING + Number.MIN_VALUE;
  let explained = 0;
  for (let row = 0; row < TAPS; row++) {
    const base = row * TAPS;
    for (let column = 0; column <= row; column++) {
      const sum = (matrix[column * TAPS + row] as number) - dot(base, column * TAPS, column);
      const pivot = lower[column * TAPS + column] as number;
      lower[base + column] = row === column
        ? Math.sqrt(Math.max(sum + loading, loading))
        : sum / pivot;
    }
    let sum = right[row] as number;
    for (let at = 0; at < row; at++) sum -= (lower[base + at] as number) * (taps[at] as number);
    const half = sum / (lower[base + row] as number);
    taps[row] = half;
    explained += half * half;
  }
  for (let row = TAPS - 1; row >= 0; row--) {
    let sum = taps[row] as number;
    for (let below = row + 1; below < TAPS; below++) {
      sum -= (lower[below * TAPS + row] as number) * (taps[below] as number);
    }
    taps[row] = sum / (lower[row * TAPS + row] as number);
  }
  return explained;
}

function dot(a: number, b: number, count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += (lower[a + at] as number) * (lower[b + at] as number);
  return sum;
}

function energyOf(samples: Float64Array, stride: Samples): number {
  let sum = 0;
  for (let at = 0; at < samples.length; at += stride) sum += (samples[at] as number) ** 2;
  return sum;
}
