/**
 * Makes up for lost audio: the last pitch periods are repeated and fade to silence, as G.711
 * Appendix I does in more words.
 *
 * Long holes are silence after the fade. When the stream goes on, its first samples are cross-faded
 * with what would have been repeated. How long the hole is, is for the caller to know.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/** After this long nothing is left of the repetition. */
export const FADE_MS = 60;

/** How much of the past is kept to repeat from. */
const HISTORY_MS = 30;
/** Pitch is looked for from 400 Hz down to 66 Hz. */
const PITCH_MS_MIN = 2.5;
const PITCH_MS_MAX = 15;
/** Length of the stretch that is compared in looking for the pitch. */
const MATCH_MS = 15;
const CROSSFADE_MS = 5;

/** The concealment of one stream. Hot path: allocates nothing after construction. */
export class Concealment {
  readonly #history: Int16Array;
  #known: Samples = 0;
  readonly #fade: Samples;
  readonly #crossfade: Samples;
  readonly #pitchMin: Samples;
  readonly #pitchMax: Samples;
  readonly #match: Samples;
  #period: Samples = 0;
  /** Samples made up since the last real one. */
  #made: Samples = 0;

  /** @param sampleRate Of the audio. */
  constructor(sampleRate: Hertz) {
    const perMs = sampleRate / 1000;
    this.#history = new Int16Array(HISTORY_MS * perMs);
    this.#fade = FADE_MS * perMs;
    this.#crossfade = CROSSFADE_MS * perMs;
    this.#pitchMin = PITCH_MS_MIN * perMs;
    this.#pitchMax = PITCH_MS_MAX * perMs;
    this.#match = MATCH_MS * perMs;
  }

  /**
   * Takes the next real audio: blends its beginning with what was made up before it, in place, and
   * remembers its end.
   */
  good(samples: Int16Array, length: Samples): void {
    if (this.#made > 0) this.#blend(samples, length);
    const history = this.#history;
    const size = history.length;
    if (length >= size) {
      const from = length - size;
      for (let index = 0; index < size; index++) history[index] = samples[from + index] as number;
      this.#known = size;
      return;
    }
    history.copyWithin(0, length);
    const at = size - length;
    for (let index = 0; index < length; index++) history[at + index] = samples[index] as number;
    this.#known = Math.min(size, this.#known + length);
  }

  /** Writes the next `length` made-up samples to `out`; call again for more of the same hole. */
  conceal(out: Int16Array, length: Samples): void {
    if (this.#made === 0) this.#period = this.#findPeriod();
    for (let index = 0; index < length; index++) out[index] = this.#repeated(this.#made + index);
    this.#made += length;
  }

  /** Silence was played, or the stream began anew: there is nothing to repeat. */
  forget(): void {
    this.#known = 0;
    this.#made = 0;
  }

  #blend(samples: Int16Array, length: Samples): void {
    const span = Math.min(this.#crossfade, length);
    for (let index = 0; index < span; index++) {
      const share = (index + 1) / (span + 1);
      const real = samples[index] as number;
      samples[index] = real * share + this.#repeated(this.#made + index) * (1 - share);
    }
    this.#made = 0;
  }

  #repeated(at: Samples): number {
    if (at >= this.#fade || this.#period === 0) return 0;
    const start = this.#history.length - this.#period;
    const sample = this.#history[start + (at % this.#period)] as number;
    return sample * (1 - at / this.#fade);
  }

  /** The shift at which the end of the history is most like what came before it. */
  #findPeriod(): Samples {
    const history = this.#history;
    const size = history.length;
    if (this.#known < size) return Math.min(this.#known, this.#pitchMax);
    const from = size - this.#match;
    let best = this.#pitchMax;
    let bestScore = 0;
    for (let shift = this.#pitchMin; shift <= this.#pitchMax; shift++) {
      let product = 0;
      let energy = 1;
      for (let at = from; at < size; at += 2) {
        const past = history[at - shift] as number;
        product += (history[at] as number) * past;
        energy += past * past;
      }
      const score = product <= 0 ? 0 : (product * product) / energy;
      if (score > bestScore) {
        bestScore = score;
        best = shift;
      }
    }
    return best;
  }
}
