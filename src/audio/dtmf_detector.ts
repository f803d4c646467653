/**
 * Finds the keys that are pressed in the sound itself. ITU-T Q.23 (tones), Q.24 (reception).
 *
 * Windows of 12.75 ms, one every 6.375 ms, are asked whether they look like a key. A run of windows
 * of one key is a digit if as a whole it is long, steady and pure enough:
 *
 * | of the signal                          | accepted          | refused               |
 * | -------------------------------------- | ----------------- | --------------------- |
 * | level of each tone                     | -36 to 0 dBm0     | below -42 dBm0        |
 * | twist, the high tone over the low one  | -8 to +4 dB       | below -11, above 7 dB |
 * | frequencies                            | off by 1.5 %      | off by 3.5 %          |
 * | duration                               | from 40 ms        | below 23 ms           |
 * | pause between two equal digits         | from 40 ms        | drop-outs to 10 ms    |
 * | all else, noise and harmonics included | 15 dB below       | 5 dB below            |
 *
 * RFC 4733 and INFO are other ways of saying the same; not to count a key twice is for the caller.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { DtmfRun, type DtmfTonePlace, LEVEL_DBM0_MIN } from "./dtmf_run.ts";
import { DTMF_AMPLITUDE_0_DBM0, DTMF_HIGH, DTMF_KEYS, DTMF_LOW } from "./dtmf_tone.ts";
import { ToneDetector } from "./tone_detector.ts";

/** A key that was pressed. */
export interface DetectedDigit {
  /** One of {@linkcode DTMF_KEYS}. */
  readonly digit: string;
  readonly durationMs: Millis;
}

/** A key that is held for longer is reported then; the rest of it is ignored. */
export const DIGIT_MS_MAX: Millis = 10_000;

/** Half a window. */
const STEP_MS: Millis = 6.375;
/** So many windows without the key end a run: more than a drop-out, less than a pause. */
const MISSES_MAX = 5;
/** Share of the two tones in the energy of a window, of which the key may fill but a part. */
const WINDOW_SHARE_MIN = 0.55;
/** Ratio of the powers of a tone and the others of its group: 3 dB. */
const DOMINANCE_MIN = 2;
/** A step may have so much less energy than a window must, since the key may fill but a part. */
const FLOOR_SHARE = 0.1;

const FREQUENCIES = [...DTMF_LOW, ...DTMF_HIGH];
const PLACES: readonly DtmfTonePlace[] = FREQUENCIES.map((frequency, index) => ({
  index,
  frequency,
}));
const GROUP = DTMF_LOW.length;
const NO_KEY = -1;

/** No run, a run that may become a digit, or a key that was reported and is still held. */
type State = "idle" | "running" | "reported";

/** Listens to one stream. Hot path: allocates only for a digit. */
export class DtmfDetector {
  readonly #tones: ToneDetector;
  readonly #run: DtmfRun;
  readonly #window: Samples;
  /** Of a window with both tones at the least level. */
  readonly #energyMin: number;
  /** Of the window at hand, for each frequency. */
  readonly #powers = new Float64Array(FREQUENCIES.length);
  #energy = 0;
  #state: State = "idle";
  /** Of the run. */
  #key = NO_KEY;
  readonly #found: DetectedDigit[] = [];

  /** @param rate Of the samples, 8000 or more. */
  constructor(rate: Hertz) {
    const step = Math.round((STEP_MS * rate) / 1000);
    const meanSquareMin = DTMF_AMPLITUDE_0_DBM0 ** 2 * 10 ** (LEVEL_DBM0_MIN / 10);
    const tones = new ToneDetector({
      rate,
      frequencies: FREQUENCIES,
      step,
      floor: meanSquareMin * FLOOR_SHARE,
    });
    this.#tones = tones;
    this.#run = new DtmfRun({ tones, rate, step });
    this.#window = step * 2;
    this.#energyMin = meanSquareMin * WINDOW_SHARE_MIN * this.#window;
  }

  /**
   * Takes the next samples, `samples[offset, offset + length)`, in pieces of any size.
   *
   * @returns A key that was released, or held for {@linkcode DIGIT_MS_MAX}. One at a time: when
   * more were released in a long piece, the others come with the next calls.
   */
  receive(samples: Int16Array, offset: number, length: Samples): DetectedDigit | undefined {
    const end = offset + length;
    for (let at = offset; at < end;) {
      at += this.#tones.take(samples, at, end - at);
      if (this.#tones.isAtEnd) this.#endStep();
    }
    return this.#found.length === 0 ? undefined : this.#found.shift();
  }

  /** The stream is over, or begins anew: whatever key is held is released. Call until `undefined`. */
  finish(): DetectedDigit | undefined {
    this.#release();
    return this.#found.shift();
  }

  #endStep(): void {
    const key = this.#keyOfWindow();
    const run = this.#run;
    if (this.#state !== "idle") {
      if (key === this.#key) {
        this.#hit();
        if (this.#state === "running" && run.span >= DIGIT_MS_MAX) this.#report();
        return;
      }
      run.miss();
      if (key === NO_KEY && run.misses < MISSES_MAX) return;
      this.#release();
    }
    if (key === NO_KEY) return;
    this.#key = key;
    this.#state = "running";
    run.begin(PLACES[key >> 2] as DtmfTonePlace, PLACES[GROUP + (key & 3)] as DtmfTonePlace);
    this.#hit();
  }

  #hit(): void {
    const key = this.#key;
    const low = this.#powers[key >> 2] as number;
    const high = this.#powers[GROUP + (key & 3)] as number;
    this.#run.hit(low, high, this.#energy);
  }

  #release(): void {
    if (this.#state === "running") this.#report();
    this.#state = "idle";
  }

  #report(): void {
    this.#state = "reported";
    const durationMs = Math.min(DIGIT_MS_MAX, this.#run.judge());
    if (durationMs > 0) this.#found.push({ digit: DTMF_KEYS.charAt(this.#key), durationMs });
  }

  /** The key that the window of the last two steps looks like. */
  #keyOfWindow(): number {
    const tones = this.#tones;
    this.#energy = tones.energy(0) + tones.energy(1);
    if (this.#energy < this.#energyMin) return NO_KEY;
    const powers = this.#powers;
    for (let index = 0; index < powers.length; index++) {
      const re = tones.re(0, index) + tones.re(1, index);
      const im = tones.im(0, index) + tones.im(1, index);
      powers[index] = re * re + im * im;
    }
    const row = dominant(powers, 0);
    const column = dominant(powers, GROUP);
    if (row === NO_KEY || column === NO_KEY) return NO_KEY;
    const power = (powers[row] as number) + (powers[column] as number);
    // Of a sine, the power is half of the window times the energy.
    if (power < (WINDOW_SHARE_MIN * this.#energy * this.#window) / 2) return NO_KEY;
    return row * GROUP + column - GROUP;
  }
}

/** The one of a group of four that is above all others; {@linkcode NO_KEY} for none. */
function dominant(powers: Float64Array, from: number): number {
  let best = from;
  let power = powers[from] as number;
  let second = 0;
  for (let index = from + 1; index < from + GROUP; index++) {
    const other = powers[index] as number;
    if (other > power) {
      second = power;
      power = other;
      best = index;
    } else if (other > second) second = other;
  }
  return power >= second * DOMINANCE_MIN && power > 0 ? best : NO_KEY;
}
