/**
 * The quadrature mirror filters of G.722, ITU-T G.722 §3.1, §4.4 and §5: 24 taps that part 16 kHz
 * into two bands of 8 kHz, and join them. Together they delay by 22 samples.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";

/** Samples of a band that are filtered at once at most: 20 ms. */
export const BAND_BLOCK: Samples = 160;

/** How many samples of the past a pair of new ones needs. */
const PAST: Samples = 22;

/** Parts the two bands. Hot path: allocates nothing after construction. */
export class G722Analysis {
  readonly #samples = new Int32Array(PAST + 2 * BAND_BLOCK);
  /** What it makes of the block. */
  readonly low = new Int16Array(BAND_BLOCK);
  readonly high = new Int16Array(BAND_BLOCK);

  /** Parts `2 * count` samples from `offset` on. */
  process(samples: Int16Array, offset: number, count: Samples): void {
    const x = this.#samples;
    for (let index = 0; index < 2 * count; index++) {
      x[PAST + index] = samples[offset + index] as number;
    }
    const { low, high } = this;
    for (let index = 0, at = 0; index < count; index++, at += 2) {
      const even = convolveEven(x, at);
      const odd = convolveOdd(x, at);
      low[index] = saturate15((even + odd) >> 14);
      high[index] = saturate15((odd - even) >> 14);
    }
    x.copyWithin(0, 2 * count, 2 * count + PAST);
  }

  /** Takes the first `length` samples for its past, without parting them. */
  follow(samples: Int16Array, length: Samples): void {
    const x = this.#samples;
    const count = Math.min(PAST, length);
    x.copyWithin(0, count, PAST);
    const from = length - PAST;
    for (let index = PAST - count; index < PAST; index++) {
      x[index] = samples[from + index] as number;
    }
  }

  reset(): void {
    this.#samples.fill(0);
  }
}

/** Joins the two bands. Hot path: allocates nothing after construction. */
export class G722Synthesis {
  /** The difference and the sum of the bands in turn. */
  readonly #bands = new Int32Array(PAST + 2 * BAND_BLOCK);
  /** What it is made of. */
  readonly low = new Int16Array(BAND_BLOCK);
  readonly high = new Int16Array(BAND_BLOCK);

  /** Joins `count` samples of each band to `2 * count` samples in `out`, from `offset` on. */
  process(count: Samples, out: Int16Array, offset: number): void {
    const x = this.#bands;
    const { low, high } = this;
    for (let index = 0, at = PAST; index < count; index++, at += 2) {
      const l = low[index] as number;
      const h = high[index] as number;
      x[at] = l + h;
      x[at + 1] = l - h;
    }
    for (let at = 0; at < 2 * count; at += 2) {
      out[offset + at] = saturate16(convolveOdd(x, at) >> 11);
      out[offset + at + 1] = saturate16(convolveEven(x, at) >> 11);
    }
    x.copyWithin(0, 2 * count, 2 * count + PAST);
  }

  reset(): void {
    this.#bands.fill(0);
  }
}

/** The samples at even places times the even taps. */
function convolveEven(x: Int32Array, at: number): number {
  return Math.imul(3, x[at] as number) +
    Math.imul(-11, x[at + 2] as number) +
    Math.imul(12, x[at + 4] as number) +
    Math.imul(32, x[at + 6] as number) +
    Math.imul(-210, x[at + 8] as number) +
    Math.imul(951, x[at + 10] as number) +
    Math.imul(3876, x[at + 12] as number) +
    Math.imul(-805, x[at + 14] as number) +
    Math.imul(362, x[at + 16] as number) +
    Math.imul(-156, x[at + 18] as number) +
    Math.imul(53, x[at + 20] as number) +
    Math.imul(-11, x[at + 22] as number);
}

/** The samples at odd places times the odd taps, which are the even ones backwards. */
function convolveOdd(x: Int32Array, at: number): number {
  return Math.imul(-11, x[at + 1] as number) +
    Math.imul(53, x[at + 3] as number) +
    Math.imul(-156, x[at + 5] as number) +
    Math.imul(362, x[at + 7] as number) +
    Math.imul(-805, x[at + 9] as number) +
    Math.imul(3876, x[at + 11] as number) +
    Math.imul(951, x[at + 13] as number) +
    Math.imul(-210, x[at + 15] as number) +
    Math.imul(32, x[at + 17] as number) +
    Math.imul(12, x[at + 19] as number) +
    Math.imul(-11, x[at + 21] as number) +
    Math.imul(3, x[at + 23] as number);
}

/** §5.2 LOWT and HIGHT limit the bands to 15 bits. */
function saturate15(value: number): number {
  return value > 16383 ? 16383 : value < -16384 ? -16384 : value;
}

function saturate16(value: number): number {
  return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}
