/**
 * How far apart two sounds are for the ear: level by level of their spectra in bands of the mel
 * scale, frame by frame, in dB.
 *
 * What lies under the floor counts as the floor, so that the silence between words weighs nothing.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../../src/base/units.ts";

/** Length of a frame. */
export const SPECTRUM_MS: Millis = 20;

const BANDS = 20;
/** Edges of the bands, Hz; the upper one for a rate of 8000, and as the speech is, above. */
const LOWEST: Hertz = 100;
const HIGHEST: Hertz = 3600;
/** Of a band, of the square of samples, in dB: some 55 dB under loud speech. */
const FLOOR_DB = 20;

/** The bands of one rate, with the tables that they need. */
export class Spectrum {
  readonly #frame: Samples;
  readonly #size: number;
  readonly #window: Float64Array;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  /** Which band a line of the spectrum is in, -1 for none. */
  readonly #bandOf: Int8Array;

  constructor(rate: Hertz) {
    const frame = (rate * SPECTRUM_MS) / 1000;
    const size = 2 ** Math.ceil(Math.log2(frame));
    this.#frame = frame;
    this.#size = size;
    this.#window = Float64Array.from(
      { length: frame },
      (_, at) => (0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / frame)) / Math.sqrt(frame),
    );
    const turn = (_: unknown, at: number): number => (2 * Math.PI * at) / size;
    this.#cosines = Float64Array.from({ length: size / 2 }, turn).map(Math.cos);
    this.#sines = Float64Array.from({ length: size / 2 }, turn).map(Math.sin);
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
    this.#bandOf = Int8Array.from({ length: size / 2 }, (_, line) => bandOf((line * rate) / size));
  }

  /**
   * Levels of the bands in the frame that begins at `from`, in dB above one squared sample.
   *
   * @returns `undefined` when the sound does not hold all of the frame.
   */
  levels(samples: Int16Array, from: Samples): Float64Array | undefined {
    if (from < 0 || from + this.#frame > samples.length) return undefined;
    const real = this.#real.fill(0);
    const imaginary = this.#imaginary.fill(0);
    for (let at = 0; at < this.#frame; at++) {
      real[at] = (samples[from + at] as number) * (this.#window[at] as number);
    }
    this.#transform(real, imaginary);
    const powers = new Float64Array(BANDS);
    for (let line = 0; line < this.#size / 2; line++) {
      const band = this.#bandOf[line] as number;
      if (band < 0) continue;
      powers[band] = (powers[band] as number) +
        (real[line] as number) ** 2 + (imaginary[line] as number) ** 2;
    }
    return powers.map((power) => Math.max(FLOOR_DB, 10 * Math.log10(power + 1)));
  }

  /** A Fourier transform of the Cooley-Tukey kind, in place. */
  #transform(real: Float64Array, imaginary: Float64Array): void {
    reverseBits(real);
    const size = this.#size;
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let at = 0; at < half; at++) {
          const cosine = this.#cosines[at * stride] as number;
          const sine = this.#sines[at * stride] as number;
          const low = start + at;
          const high = low + half;
          const x = real[high] as number;
          const y = imaginary[high] as number;
          const turnedReal = x * cosine + y * sine;
          const turnedImaginary = y * cosine - x * sine;
          real[high] = (real[low] as number) - turnedReal;
          imaginary[high] = (imaginary[low] as number) - turnedImaginary;
          real[low] = (real[low] as number) + turnedReal;
          imaginary[low] = (imaginary[low] as number) + turnedImaginary;
        }
      }
    }
  }
}

/** Root of the mean of the squared differences of levels, dB. */
export function levelDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let band = 0; band < a.length; band++) {
    sum += ((a[band] as number) - (b[band] as number)) ** 2;
  }
  return Math.sqrt(sum / a.length);
}

/** Whether any band is above the floor. */
export function isAudible(levels: Float64Array): boolean {
  return levels.some((level) => level > FLOOR_DB + 10);
}

function bandOf(hertz: Hertz): number {
  if (hertz < LOWEST || hertz >= HIGHEST) return -1;
  const share = (mel(hertz) - mel(LOWEST)) / (mel(HIGHEST) - mel(LOWEST));
  return Math.floor(share * BANDS);
}

function mel(hertz: Hertz): number {
  return 2595 * Math.log10(1 + hertz / 700);
}

/** The imaginary part is all zero, and need not be reordered. */
function reverseBits(values: Float64Array): void {
  const size = values.length;
  for (let at = 1, reversed = 0; at < size; at++) {
    let bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (at >= reversed) continue;
    const value = values[at] as number;
    values[at] = values[reversed] as number;
    values[reversed] = value;
  }
}
