/**
 * One run of windows that look like the same DTMF key, and whether it is a digit. ITU-T Q.24.
 *
 * A window alone cannot tell: it is too short to know a frequency well. A run knows it from how
 * the phase of each tone moves from step to step, and how long it was from how much of its first
 * and last steps it filled.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { DTMF_AMPLITUDE_0_DBM0 } from "./dtmf_tone.ts";
import type { ToneDetector } from "./tone_detector.ts";

/** Each tone must have this. */
export const LEVEL_DBM0_MIN = -39;

/** Between what is to be accepted and what is to be refused. */
const DURATION_MS_MIN: Millis = 31.5;
const DEVIATION_MAX = 0.023;
/** Of the high tone's level over the low one's. */
const TWIST_DB_MIN = -9.5;
const TWIST_DB_MAX = 5.5;
/** Share of the two tones in all energy. */
const SHARE_MIN = 0.87;
/** How steadily the phases move: 1 is a sine. */
const COHERENCE_MIN = 0.94;
/** Windows with a window of the key before and after them that a digit must have, */
const INNER_MIN = 3;
/** and the share of windows of the key in it: drop-outs are few. */
const HITS_SHARE_MIN = 0.5;

/** What a run is taken from. */
export interface DtmfRunOptions {
  readonly tones: ToneDetector;
  readonly rate: Hertz;
  /** Half a window. */
  readonly step: Samples;
}

/** One of the two tones of a key, as the detector knows it. */
export interface DtmfTonePlace {
  /** Which of the detector's frequencies it is. */
  readonly index: number;
  readonly frequency: Hertz;
}

/** What is known of one of the two tones. */
interface Tone {
  place: DtmfTonePlace;
  /** Powers of the window before, and of all inner ones. */
  before: number;
  power: number;
  /** Sum of how the amplitude turns from step to step, and of what that is at most. */
  turnRe: number;
  turnIm: number;
  turnMax: number;
}

/** The run at hand; one object serves one run after another. Hot path: allocates nothing. */
export class DtmfRun {
  readonly #tones: ToneDetector;
  readonly #window: Samples;
  readonly #stepMs: Millis;
  readonly #low = newTone();
  readonly #high = newTone();

  /** Windows from the first of the key to the last, and how many of them were of the key. */
  #span = 0;
  #hits = 0;
  #consecutive = 0;
  #misses = 0;
  /** Inner windows, their energy, and that of the window before. */
  #inner = 0;
  #energy = 0;
  #energyBefore = 0;

  /** The key's amplitude in a step that it fills, */
  #plateau = 0;
  /** and in those in which it may have begun and ended. */
  #first = 0;
  #second = 0;
  #last = 0;
  #afterLast = 0;

  constructor({ tones, rate, step }: DtmfRunOptions) {
    this.#tones = tones;
    this.#window = step * 2;
    this.#stepMs = (step * 1000) / rate;
  }

  /** Windows since the last of the key. */
  get misses(): number {
    return this.#misses;
  }

  /** From the first window of the key to the last. */
  get span(): Millis {
    return this.#span * this.#stepMs;
  }

  /** A run begins with the window at hand, for which {@linkcode hit} is to be called next. */
  begin(low: DtmfTonePlace, high: DtmfTonePlace): void {
    forget(this.#low, low);
    forget(this.#high, high);
    this.#span = 0;
    this.#hits = 0;
    this.#consecutive = 0;
    this.#misses = 0;
    this.#inner = 0;
    this.#energy = 0;
    this.#plateau = 0;
    this.#first = this.#amplitude(2);
    this.#second = this.#amplitude(1);
  }

  /** The window at hand is of the key, and has these powers of its tones and this energy. */
  hit(low: number, high: number, energy: number): void {
    this.#span += this.#misses + 1;
    this.#misses = 0;
    this.#hits++;
    this.#consecutive++;
    if (this.#consecutive > 2) {
      this.#inner++;
      this.#energy += this.#energyBefore;
      this.#low.power += this.#low.before;
      this.#high.power += this.#high.before;
      this.#addTurn(this.#low);
      this.#addTurn(this.#high);
    }
    this.#low.before = low;
    this.#high.before = high;
    this.#energyBefore = energy;
    this.#last = this.#amplitude(0);
    this.#afterLast = 0;
    this.#plateau = Math.max(this.#plateau, Math.min(this.#last, this.#amplitude(1)));
  }

  /** The window at hand is not of the key. */
  miss(): void {
    if (this.#misses === 0) this.#afterLast = this.#amplitude(0);
    this.#misses++;
    this.#consecutive = 0;
  }

  /** Tells how long the key was pressed; 0 when this was no digit. */
  judge(): Millis {
    if (this.#inner < INNER_MIN || this.#hits < this.#span * HITS_SHARE_MIN) return 0;
    const low = this.#steadyPower(this.#low);
    const high = this.#steadyPower(this.#high);
    // The least power: a sine's amplitude times half of the window, squared.
    const amplitudeMin = DTMF_AMPLITUDE_0_DBM0 * 10 ** (LEVEL_DBM0_MIN / 20);
    const powerMin = this.#inner * (amplitudeMin * this.#window / 2) ** 2;
    if (low < powerMin || high < powerMin) return 0;
    const twist = 10 * Math.log10(high / low);
    if (twist < TWIST_DB_MIN || twist > TWIST_DB_MAX) return 0;
    // Of a sine, the power is half of the window times the energy.
    if (low + high < (SHARE_MIN * this.#energy * this.#window) / 2) return 0;
    const duration = this.#duration();
    return duration < DURATION_MS_MIN ? 0 : duration;
  }

  #addTurn(tone: Tone): void {
    const tones = this.#tones;
    const index = tone.place.index;
    // Three steps, the middle one twice: what is next to the tone is heard less than in two.
    const re = tones.re(0, index) + 2 * tones.re(1, index) + tones.re(2, index);
    const im = tones.im(0, index) + 2 * tones.im(1, index) + tones.im(2, index);
    const reBefore = tones.re(1, index) + 2 * tones.re(2, index) + tones.re(3, index);
    const imBefore = tones.im(1, index) + 2 * tones.im(2, index) + tones.im(3, index);
    tone.turnRe += re * reBefore + im * imBefore;
    tone.turnIm += im * reBefore - re * imBefore;
    tone.turnMax += Math.sqrt((re * re + im * im) * (reBefore ** 2 + imBefore ** 2));
  }

  /** The power of a tone as if its frequency were exact; 0 when it is none of the key's. */
  #steadyPower(tone: Tone): number {
    if (Math.hypot(tone.turnRe, tone.turnIm) < tone.turnMax * COHERENCE_MIN) return 0;
    const turn = Math.atan2(tone.turnIm, tone.turnRe);
    const deviation = (turn * 1000) / (2 * Math.PI * this.#stepMs);
    if (Math.abs(deviation) > tone.place.frequency * DEVIATION_MAX) return 0;
    // A window is two steps: over them, the phase turns away from the filter's by twice as much.
    return turn === 0 ? tone.power : tone.power * (turn / Math.sin(turn)) ** 2;
  }

  #duration(): Millis {
    const steps = this.#span - 1 + this.#filled(this.#first) + this.#filled(this.#second) +
      this.#filled(this.#last) + this.#filled(this.#afterLast);
    return steps * this.#stepMs;
  }

  /** How much of a step the key filled. */
  #filled(amplitude: number): number {
    return Math.min(1, amplitude / this.#plateau);
  }

  /** Of both tones of the key in a step. */
  #amplitude(stepsBack: number): number {
    const tones = this.#tones;
    const low = this.#low.place.index;
    const high = this.#high.place.index;
    return Math.sqrt(
      tones.re(stepsBack, low) ** 2 + tones.im(stepsBack, low) ** 2 +
        tones.re(stepsBack, high) ** 2 + tones.im(stepsBack, high) ** 2,
    );
  }
}

function newTone(): Tone {
  const place = { index: 0, frequency: 0 };
  return { place, before: 0, power: 0, turnRe: 0, turnIm: 0, turnMax: 0 };
}

function forget(tone: Tone, place: DtmfTonePlace): void {
  tone.place = place;
  tone.before = 0;
  tone.power = 0;
  tone.turnRe = 0;
  tone.turnIm = 0;
  tone.turnMax = 0;
}
