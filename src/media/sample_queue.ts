/**
 * The handler's audio that waits to be sent: a ring of samples that grows on demand up to a bound.
 *
 * @module
 */

import { NO_SAMPLES } from "../audio/no_samples.ts";
import { QUIET_MEAN } from "../audio/quiet.ts";
import type { Samples } from "../base/units.ts";

/** Samples of the first ring, a power of two: a handler that keeps pace never needs more. */
const CAPACITY_START = 1024;
/** A ring above this is given back once it is empty. */
const CAPACITY_KEPT = 16384;

/** A first-in first-out queue of 16-bit samples. Hot path: allocates only to grow. */
export class SampleQueue {
  readonly #max: Samples;
  /** Has its first room from the first audio on: its length is a power of two, or 0. */
  #ring = NO_SAMPLES;
  #head = 0;
  #length: Samples = 0;
  /** Low byte of a sample whose high byte has not been written yet, -1 when there is none. */
  #half = -1;

  /** @param max Samples above this are refused. */
  constructor(max: Samples) {
    this.#max = max;
  }

  get length(): Samples {
    return this.#length;
  }

  /**
   * Adds audio; half a sample at the end waits for its other half.
   *
   * @param pcm s16le, any size; copied.
   * @returns Count of samples that the bound refused.
   */
  append(pcm: Uint8Array): Samples {
    let at = 0;
    if (this.#half >= 0 && pcm.length > 0) {
      const sample = this.#half | ((pcm[0] as number) << 8);
      at = 1;
      this.#half = -1;
      if (this.#length >= this.#max) return 1 + ((pcm.length - 1) >>> 1);
      this.#reserve(1);
      this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = sample;
      this.#length++;
    }
    const offered = (pcm.length - at) >>> 1;
    const taken = Math.min(offered, this.#max - this.#length);
    this.#reserve(taken);
    const ring = this.#ring;
    const mask = ring.length - 1;
    let tail = this.#head + this.#length;
    for (const end = at + taken * 2; at < end; at += 2) {
      ring[tail++ & mask] = (pcm[at] as number) | ((pcm[at + 1] as number) << 8);
    }
    this.#length += taken;
    if (((pcm.length - at) & 1) !== 0) this.#half = pcm[pcm.length - 1] as number;
    return offered - taken;
  }

  /** Moves the oldest `count` samples to the start of `out`; there must be as many. */
  take(count: Samples, out: Int16Array): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const head = this.#head;
    for (let index = 0; index < count; index++) out[index] = ring[(head + index) & mask] as number;
    this.#head = (head + count) & mask;
    this.#length -= count;
    if (this.#length === 0) this.#emptied();
  }

  /** Tells whether the oldest `count` samples are as good as silence; there must be as many. */
  isQuiet(count: Samples): boolean {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const head = this.#head;
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum += Math.abs(ring[(head + index) & mask] as number);
    }
    return sum < count * QUIET_MEAN;
  }

  /** Drops the oldest `count` samples; there must be as many. */
  skip(count: Samples): void {
    this.#head = (this.#head + count) & (this.#ring.length - 1);
    this.#length -= count;
  }

  /**
   * Drops everything behind the oldest `count` samples, half a sample too; there must be as many.
   */
  keep(count: Samples): void {
    if (count === 0) return this.clear();
    this.#length = count;
    this.#half = -1;
  }

  /** Lets the oldest `count` samples fade to silence; there must be as many. */
  fade(count: Samples): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const step = 1 / (count + 1);
    for (let index = 0; index < count; index++) {
      const at = (this.#head + index) & mask;
      ring[at] = Math.round((ring[at] as number) * (1 - step * (index + 1)));
    }
  }

  /** Drops everything, half a sample too. */
  clear(): void {
    this.#head = 0;
    this.#length = 0;
    this.#half = -1;
    this.#emptied();
  }

  #reserve(more: Samples): void {
    const needed = this.#length + more;
    if (needed <= this.#ring.length) return;
    let capacity = Math.max(CAPACITY_START, this.#ring.length);
    while (capacity < needed) capacity *= 2;
    const grown = new Int16Array(capacity);
    const first = this.#ring.subarray(this.#head, this.#head + this.#length);
    grown.set(first);
    grown.set(this.#ring.subarray(0, this.#length - first.length), first.length);
    this.#ring = grown;
    this.#head = 0;
  }

  /** What comes next goes to the start of the ring, which is the memory that was used last. */
  #emptied(): void {
    this.#head = 0;
    if (this.#ring.length > CAPACITY_KEPT) this.#ring = new Int16Array(CAPACITY_START);
  }
}
