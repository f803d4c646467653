/**
 * Comfort noise, RFC 3389, for who receives it: noise of the level and the spectrum that the peer
 * describes, in place of a silence that sounds like a cut line.
 *
 * The spectrum is a filter for 8 kHz, the clock of payload type 13 (RFC 3551 §6). For other rates
 * the noise is made at 8 kHz and resampled.
 *
 * @module
 */

import { type RandomSource, randomUint32 } from "../base/random.ts";
import type { Hertz, Samples } from "../base/units.ts";
import { StreamResampler } from "./stream_resampler.ts";

/** The rate that descriptions are for. */
const NOISE_RATE: Hertz = 8000;
/** Samples that are made at once, with one setting of the filter: 5 ms. */
const BLOCK: Samples = 40;
/** Reflection coefficients that are used. §3: a decoder may set those of higher order to zero. */
const ORDER_MAX = 16;
/** Share of the way to a new description that each block goes: 63 % within 40 ms. */
const APPROACH = 0.125;
/** The overload point: the level of a full-scale square wave, §3.1. */
const OVERLOAD = 32768;
/** Level before anything was described: none. */
const LEVEL_MIN = -127;
/** Standard deviation of the sum of four random bytes. */
const SUM_DEVIATION = Math.sqrt(4 * (256 ** 2 - 1) / 12);
/** Mean of the sum of four random bytes. */
const SUM_MEAN = 4 * 255 / 2;
/** Where the generator begins when no randomness is handed in. */
const SEED = 0x9e3779b9;

/** The noise of one stream. Hot path: allocates nothing after construction. */
export class ComfortNoise {
  readonly #resampler: StreamResampler | undefined;
  /** What is described, and what is played on the way there. In dBov. */
  #levelTold = LEVEL_MIN;
  #level = LEVEL_MIN;
  #described = false;
  readonly #told = new Float64Array(ORDER_MAX);
  readonly #reflection = new Float64Array(ORDER_MAX);
  /** Stages of the filter that are not at rest. */
  #order = 0;
  /** The backward errors of the lattice, one sample ago. */
  readonly #backward = new Float64Array(ORDER_MAX + 1);
  #random: number;
  readonly #block = new Int16Array(BLOCK);
  /** The block at the rate of the output, and what of it is not handed out yet. */
  readonly #ready: Int16Array;
  #at: Samples = 0;
  #end: Samples = 0;

  /**
   * @param rate Of the output.
   * @param random Where the seed of the noise comes from. Default: always the same noise.
   * @throws {RangeError} A live stream cannot have this rate.
   */
  constructor(rate: Hertz, random?: RandomSource) {
    this.#random = (random === undefined ? SEED : randomUint32(random)) || SEED;
    this.#resampler = rate === NOISE_RATE
      ? undefined
      : new StreamResampler({ from: NOISE_RATE, to: rate });
    this.#ready = this.#resampler === undefined
      ? this.#block
      : new Int16Array(this.#resampler.outputMax(BLOCK));
  }

  /**
   * Takes the payload of a comfort noise packet. The first counts at once, the noise changes
   * smoothly to those after it. An empty payload describes nothing.
   */
  describe(payload: Uint8Array, offset: number, length: number): void {
    if (length < 1) return;
    // §3.1: the most significant bit is unused
    this.#levelTold = -((payload[offset] as number) & 0x7f);
    const told = this.#told;
    const order = Math.min(ORDER_MAX, length - 1);
    for (let index = 0; index < order; index++) {
      told[index] = reflectionOf(payload[offset + 1 + index] as number);
    }
    told.fill(0, order);
    this.#order = Math.max(this.#order, order);
    if (this.#described) return;
    this.#described = true;
    this.#level = this.#levelTold;
    this.#reflection.set(told);
  }

  /** Writes the next `count` samples to the start of `out`: silence until noise is described. */
  fill(out: Int16Array, count: Samples): void {
    if (!this.#described) {
      out.fill(0, 0, count);
      return;
    }
    let written = 0;
    while (written < count) {
      if (this.#at === this.#end) this.#makeBlock();
      const length = Math.min(count - written, this.#end - this.#at);
      for (let index = 0; index < length; index++) {
        out[written + index] = this.#ready[this.#at + index] as number;
      }
      written += length;
      this.#at += length;
    }
  }

  #makeBlock(): void {
    this.#approach();
    const block = this.#block;
    const gain = this.#gain();
    for (let index = 0; index < BLOCK; index++) {
      const value = Math.round(this.#shaped(this.#white() * gain));
      block[index] = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
    }
    this.#at = 0;
    this.#end = this.#resampler?.process(block, 0, BLOCK, this.#ready) ?? BLOCK;
  }

  /** Goes a part of the way to what was described. Between stable filters all are stable. */
  #approach(): void {
    this.#level += (this.#levelTold - this.#level) * APPROACH;
    const reflection = this.#reflection;
    for (let index = 0; index < this.#order; index++) {
      const now = reflection[index] as number;
      reflection[index] = now + ((this.#told[index] as number) - now) * APPROACH;
    }
  }

  /** What white noise is to be multiplied with for the level behind the filter to be right. */
  #gain(): number {
    let power = (OVERLOAD / SUM_DEVIATION) ** 2 * 10 ** (this.#level / 10);
    // A stage raises the power of white noise by 1 / (1 - k²).
    for (let index = 0; index < this.#order; index++) {
      power *= 1 - (this.#reflection[index] as number) ** 2;
    }
    return Math.sqrt(power);
  }

  /** The next sample of noise that is nearly Gaussian, with deviation {@linkcode SUM_DEVIATION}. */
  #white(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return (x & 0xff) + (x >> 8 & 0xff) + (x >> 16 & 0xff) + (x >>> 24) - SUM_MEAN;
  }

  /** The all-pole filter 1 / A(z) as a lattice, where A(z) of the first order is 1 + k z⁻¹. */
  #shaped(excitation: number): number {
    const backward = this.#backward;
    const reflection = this.#reflection;
    let forward = excitation;
    for (let stage = this.#order - 1; stage >= 0; stage--) {
      const k = reflection[stage] as number;
      const past = backward[stage] as number;
      forward -= k * past;
      backward[stage + 1] = past + k * forward;
    }
    backward[0] = forward;
    return forward;
  }
}

/** §3.2: the coefficient that an index stands for. The reserved index is taken for the last. */
function reflectionOf(index: number): number {
  return 258 * (Math.min(index, 254) - 127) / 32768;
}
