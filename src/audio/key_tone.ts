/**
 * Whether a moment of sound is a key's two tones and nothing else. ITU-T Q.23.
 *
 * This is for whoever must not take a key for a voice. Which key it is, and whether it was pressed
 * for long enough, is for `dtmf_detector` to say, at more expense.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { DTMF_HIGH, DTMF_LOW } from "./dtmf_tone.ts";

/** Share of the two tones in the energy; of a piece that a key fills in part, it is that part. */
const SHARE_MIN = 0.75;
/** How much of it one tone alone may have: 12 dB between the two. */
const ONE_TONE_MAX = 0.94;
/** Mean square, at 16 bits, below which it is no key: -50 dBov. */
const POWER_MIN = 10_000;
/** What is looked at in one piece: half of the shortest key, so that one piece is full of it. */
const PIECE_MS: Millis = 20;

/** The most recent sound of one stream. Hot path: `received` is a copy and allocates nothing. */
export class KeyTones {
  readonly #ring: Int16Array;
  readonly #piece: Float64Array;
  readonly #low: readonly number[];
  readonly #high: readonly number[];
  #end: Samples = 0;

  /**
   * @param rate Of the samples, 8000 or more.
   * @param kept How much can be looked back at.
   */
  constructor(rate: Hertz, kept: Millis) {
    const coefficient = (frequency: Hertz) => 2 * Math.cos(2 * Math.PI * frequency / rate);
    this.#ring = new Int16Array(kept * rate / 1000);
    this.#piece = new Float64Array(PIECE_MS * rate / 1000);
    this.#low = DTMF_LOW.map(coefficient);
    this.#high = DTMF_HIGH.map(coefficient);
  }

  /** Takes the next samples of the stream. */
  received(samples: Int16Array, count: Samples): void {
    const ring = this.#ring;
    let at = this.#end;
    for (let index = Math.max(0, count - ring.length); index < count; index++) {
      ring[at++] = samples[index] as number;
      if (at === ring.length) at = 0;
    }
    this.#end = at;
  }

  /** Tells whether there was a key in the last `span` samples: 20 ms or more, what is kept or less. */
  isKey(span: Samples): boolean {
    const last = Math.max(0, Math.min(span, this.#ring.length) - this.#piece.length);
    for (let back = 0; back <= last; back += this.#piece.length) {
      if (this.#isKeyAt(back)) return true;
    }
    return false;
  }

  /** @param back How far the piece ends before the end. */
  #isKeyAt(back: Samples): boolean {
    const piece = this.#piece;
    const ring = this.#ring;
    let at = (this.#end - back - piece.length + ring.length) % ring.length;
    let energy = 0;
    for (let index = 0; index < piece.length; index++) {
      const sample = ring[at] as number;
      piece[index] = sample;
      energy += sample * sample;
      if (++at === ring.length) at = 0;
    }
    if (energy < POWER_MIN * piece.length) return false;
    // The power of a sine is half of its energy times the length
    const whole = energy * piece.length / 2;
    const low = strongest(piece, this.#low) / whole;
    const high = strongest(piece, this.#high) / whole;
    return low + high >= SHARE_MIN && Math.max(low, high) <= ONE_TONE_MAX * (low + high);
  }
}

/** The greatest power among four frequencies, by Goertzel's filter. */
function strongest(piece: Float64Array, coefficients: readonly number[]): number {
  let greatest = 0;
  for (const coefficient of coefficients) {
    let last = 0;
    let before = 0;
    for (let index = 0; index < piece.length; index++) {
      const next = (piece[index] as number) + coefficient * last - before;
      before = last;
      last = next;
    }
    const power = last * last + before * before - coefficient * last * before;
    if (power > greatest) greatest = power;
  }
  return greatest;
}
