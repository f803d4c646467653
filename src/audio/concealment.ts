/**
 * Makes up for lost audio: the last pitch periods are repeated and fade to silence, as G.711
 * Appendix I does in more words. What a codec makes up itself fades here by the same rule.
 *
 * Long holes are silence after the fade. When the stream goes on, its first samples are cross-faded
 * with what would have been repeated, or rise from where the fade had come to. Where silence takes
 * the place of audio, that ends within the same few milliseconds. How long the hole is, is for the
 * caller to know.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { NO_SAMPLES } from "./no_samples.ts";

/** After this long nothing is left of what was made up. */
export const FADE_MS: Millis = 60;

/** How much of the past is needed to repeat from, */
const HISTORY_MS = 30;
/** and how many times that has room, so that it need not be moved with each frame. */
const HISTORY_ROOM = 6;
/** Pitch is looked for from 400 Hz down to 66 Hz. */
const PITCH_MS_MIN = 2.5;
const PITCH_MS_MAX = 15;
/** Length of the stretch that is compared in looking for the pitch. */
const MATCH_MS = 15;
/** Length of the join with what comes after. */
const JOIN_MS = 5;
/** Within this much of a repetition its beginning has come from where the sound was. */
const GLIDE_MS = 2.5;
/** The pitch is looked for in about this many samples a millisecond, at any rate. */
const SEARCH_PER_MS = 4;

/**
 * How the next real audio is joined: as it is, cross-faded with the repetition, or rising from the
 * gain that was reached.
 */
type Join = "none" | "blend" | "rise";

/** The concealment of one stream. Hot path: allocates nothing after the first audio. */
export class Concealment {
  /** Has its room from the first audio on. */
  #history = NO_SAMPLES;
  /** Where the history ends, and how much of what is before it counts. */
  #end: Samples = 0;
  #known: Samples = 0;
  readonly #size: Samples;
  readonly #fade: Samples;
  readonly #joinLength: Samples;
  readonly #glideLength: Samples;
  readonly #pitchMin: Samples;
  readonly #pitchMax: Samples;
  readonly #match: Samples;
  readonly #step: Samples;
  #period: Samples = 0;
  /** How far the last sample is from the one that the repeated period followed on. */
  #offset = 0;
  /** Samples made up since the last real one. */
  #made: Samples = 0;
  #join: Join = "none";

  /** @param sampleRate Of the audio. */
  constructor(sampleRate: Hertz) {
    const samplesOf = (duration: Millis): Samples => Math.round((duration * sampleRate) / 1000);
    this.#size = samplesOf(HISTORY_MS);
    this.#fade = samplesOf(FADE_MS);
    this.#joinLength = samplesOf(JOIN_MS);
    this.#glideLength = samplesOf(GLIDE_MS);
    this.#pitchMin = samplesOf(PITCH_MS_MIN);
    this.#pitchMax = samplesOf(PITCH_MS_MAX);
    this.#match = samplesOf(MATCH_MS);
    this.#step = Math.max(1, Math.floor(sampleRate / 1000 / SEARCH_PER_MS));
  }

  /** How much can be made up before nothing is left. */
  get left(): Samples {
    return this.#made >= this.#fade ? 0 : this.#fade - this.#made;
  }

  /**
   * Takes the next real audio: joins its beginning to what was made up before it, in place, and
   * remembers its end. Fastest when `samples` is no longer than `length`.
   */
  good(samples: Int16Array, length: Samples): void {
    if (this.#join !== "none") this.#joinTo(samples, length);
    const size = this.#size;
    if (this.#history === NO_SAMPLES) this.#history = new Int16Array(size * HISTORY_ROOM);
    const history = this.#history;
    const from = Math.max(0, length - size);
    const count = length - from;
    if (this.#end + count > history.length) {
      history.copyWithin(0, this.#end - size, this.#end);
      this.#end = size;
    }
    const end = this.#end;
    if (from === 0 && samples.length === length) history.set(samples, end);
    else {
      for (let index = 0; index < count; index++) {
        history[end + index] = samples[from + index] as number;
      }
    }
    this.#end = end + count;
    this.#known = Math.min(size, this.#known + count);
  }

  /** Writes the next `length` made-up samples to `out`; call again for more of the same hole. */
  conceal(out: Int16Array, length: Samples): void {
    if (this.#made === 0) this.#beginRepeating();
    for (let index = 0; index < length; index++) out[index] = this.#repeated(this.#made + index);
    this.#made += length;
    this.#join = "blend";
  }

  /** Fades, in place, what the codec itself made up for the next `length` samples of a hole. */
  fade(samples: Int16Array, length: Samples): void {
    if (this.#made === 0) this.#period = 0;
    for (let index = 0; index < length; index++) {
      samples[index] = (samples[index] as number) * this.#gain(this.#made + index);
    }
    this.#made += length;
    this.#join = "rise";
  }

  /**
   * Lets what was heard last end without a click: adds a short rest of it to the beginning of
   * `silence`, the first `length` samples of which are played now. Nothing is left of it then.
   */
  end(silence: Int16Array, length: Samples): void {
    if (this.#made === 0 && this.#known > 0) this.#beginRepeating();
    if (this.#period > 0) {
      const span = Math.min(this.#joinLength, length);
      for (let index = 0; index < span; index++) {
        const rest = this.#repeated(this.#made + index) * (1 - (index + 1) / (span + 1));
        silence[index] = Math.max(-32768, Math.min(32767, (silence[index] as number) + rest));
      }
    }
    this.forget();
  }

  /** Real audio is left out here: what follows is joined to what was heard last. */
  cut(): void {
    if (this.#made > 0 || this.#known === 0) return;
    this.#beginRepeating();
    this.#join = "blend";
  }

  /** What was heard has nothing to do with what comes, which rises from silence. */
  forget(): void {
    if (this.#known === 0 && this.#made === 0) return;
    this.#known = 0;
    this.#made = this.#fade;
    this.#period = 0;
    this.#join = "rise";
  }

  #joinTo(samples: Int16Array, length: Samples): void {
    const span = Math.min(this.#joinLength, length);
    const blended = this.#join === "blend";
    const gain = this.#gain(this.#made);
    for (let index = 0; index < span; index++) {
      const share = (index + 1) / (span + 1);
      const real = samples[index] as number;
      samples[index] = blended
        ? real * share + this.#repeated(this.#made + index) * (1 - share)
        : real * (gain + (1 - gain) * share);
    }
    this.#made = 0;
    this.#join = "none";
  }

  #gain(at: Samples): number {
    return at >= this.#fade ? 0 : 1 - at / this.#fade;
  }

  #repeated(at: Samples): number {
    if (at >= this.#fade || this.#period === 0) return 0;
    const start = this.#end - this.#period;
    const within = at % this.#period;
    const sample = this.#history[start + within] as number;
    const glide = within < this.#glideLength ? this.#offset * (1 - within / this.#glideLength) : 0;
    const repeated = (sample + glide) * (1 - at / this.#fade);
    return repeated > 32767 ? 32767 : repeated < -32768 ? -32768 : repeated;
  }

  #beginRepeating(): void {
    this.#period = this.#findPeriod();
    const before = this.#end - this.#period - 1;
    this.#offset = before < 0 || this.#period === 0
      ? 0
      : (this.#history[this.#end - 1] as number) - (this.#history[before] as number);
  }

  /** The shift at which the end of the history is most like what came before it. */
  #findPeriod(): Samples {
    const history = this.#history;
    const end = this.#end;
    if (this.#known < this.#size) return Math.min(this.#known, this.#pitchMax);
    const from = end - this.#match;
    let best = this.#pitchMax;
    let bestScore = 0;
    for (let shift = this.#pitchMin; shift <= this.#pitchMax; shift++) {
      let product = 0;
      let energy = 1;
      for (let at = from; at < end; at += this.#step) {
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
