/**
 * The two sub-bands of G.722 at 64 kbit/s, ITU-T G.722 §3.3 to §3.6 and §6.2: the adaptive
 * quantisers around the {@linkcode G722Predictor}. Six bits for what is below 4 kHz, two for what
 * is above.
 *
 * A band encodes or decodes; both leave the same state behind.
 *
 * @module
 */

import { G722Predictor } from "./g722_predictor.ts";

/** Table q6: the decision levels of the lower band, in units of the scale. */
const DECISIONS_LOW: readonly number[] = [
  ...[35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714],
  ...[786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919],
];
/** The decision level of the upper band, q2. */
const DECISION_HIGH = 564;
/** What the codes of six bits stand for, qm6. */
const LEVELS_6 = Int16Array.of(
  ...[-136, -136, -136, -136, -24808, -21904, -19008, -16704],
  ...[-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856],
  ...[-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576],
  ...[-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728],
  ...[24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192],
  ...[10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456],
  ...[4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032],
  ...[1688, 1360, 1040, 728, 432, 136, -432, -136],
);
/** What their first four bits stand for, qm4: by these alone the band adapts. */
const LEVELS_4 = Int16Array.of(
  ...[0, -20456, -12896, -8968, -6288, -4240, -2584, -1200],
  ...[20456, 12896, 8968, 6288, 4240, 2584, 1200, 0],
);
/** What the codes of two bits stand for, qm2. */
const LEVELS_2 = Int16Array.of(-7408, -1616, 7408, 1616);
/** By how much a code of four bits, and one of two, moves the logarithm of the scale. */
const STEPS_4 = Int16Array.of(
  ...[-60, 3042, 1198, 538, 334, 172, 58, -30],
  ...[3042, 1198, 538, 334, 172, 58, -30, -60],
);
const STEPS_2 = Int16Array.of(798, -214, 798, -214);
/** §3.5: the logarithm of the scale, in 2048ths of an octave, ends after nine octaves or eleven. */
const LOG_LOW_MAX = 18432;
const LOG_HIGH_MAX = 22528;
/** Octaves by which the scale is below that of the table {@linkcode INVERSE_LOG}. */
const OCTAVES_LOW = 8;
const OCTAVES_HIGH = 10;
/** An octave of the inverse logarithm, ilb, 2048 · 2^(i / 32). */
const INVERSE_LOG: readonly number[] = [
  ...[2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774],
  ...[2834, 2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838],
  ...[3922, 4008],
];
const SCALES_LOW = scales(LOG_LOW_MAX, OCTAVES_LOW);
const SCALES_HIGH = scales(LOG_HIGH_MAX, OCTAVES_HIGH);
/** The last decision level: what is larger has one code. */
const SIZE_MAX = 2919;
const SIZES = 4096;
/** Codes by size in units of the scale; those of errors below zero from {@linkcode SIZES} on. */
const CODES = codesBySize();

/** The band below 4 kHz, in one direction. Hot path: allocates nothing. */
export class G722LowBand {
  readonly #predictor = new G722Predictor();
  #log = 0;
  #scale = SCALES_LOW[0] as number;

  /** @returns The code of six bits. */
  encode(sample: number): number {
    const error = saturate16(sample - this.#predictor.estimate);
    const code = quantiseLow(error, this.#scale);
    this.#adapt(code >> 2);
    return code;
  }

  /** @returns The sample, 15 bits wide. */
  decode(code: number): number {
    const level = ((LEVELS_6[code] as number) * this.#scale) >> 15;
    const sample = saturate15(this.#predictor.estimate + level);
    this.#adapt(code >> 2);
    return sample;
  }

  /** After a loss: as {@linkcode G722Predictor.relax}. */
  relax(): void {
    this.#predictor.relax();
  }

  reset(): void {
    this.#predictor.reset();
    this.#log = 0;
    this.#scale = SCALES_LOW[0] as number;
  }

  #adapt(code: number): void {
    this.#predictor.update(((LEVELS_4[code] as number) * this.#scale) >> 15);
    // LOGSCL and SCALEL
    const log = ((this.#log * 127) >> 7) + (STEPS_4[code] as number);
    this.#log = log < 0 ? 0 : log > LOG_LOW_MAX ? LOG_LOW_MAX : log;
    this.#scale = SCALES_LOW[this.#log >> 6] as number;
  }
}

/** The band above 4 kHz, in one direction. Hot path: allocates nothing. */
export class G722HighBand {
  readonly #predictor = new G722Predictor();
  #log = 0;
  #scale = SCALES_HIGH[0] as number;

  /** @returns The code of two bits. */
  encode(sample: number): number {
    const error = saturate16(sample - this.#predictor.estimate);
    // All ones where it is below zero, and where it is large: branches would cost more.
    const below = error >> 31;
    const large = ((DECISION_HIGH * this.#scale >> 12) - 1 - (error ^ below)) >> 31;
    const code = 3 + large + below + below;
    this.#adapt(code);
    return code;
  }

  /** @returns The sample, 15 bits wide. */
  decode(code: number): number {
    const estimate = this.#predictor.estimate;
    return saturate15(estimate + this.#adapt(code));
  }

  /** After a loss: as {@linkcode G722Predictor.relax}. */
  relax(): void {
    this.#predictor.relax();
  }

  reset(): void {
    this.#predictor.reset();
    this.#log = 0;
    this.#scale = SCALES_HIGH[0] as number;
  }

  /** Returns the difference that the code stands for. */
  #adapt(code: number): number {
    const difference = ((LEVELS_2[code] as number) * this.#scale) >> 15;
    this.#predictor.update(difference);
    // LOGSCH and SCALEH
    const log = ((this.#log * 127) >> 7) + (STEPS_2[code] as number);
    this.#log = log < 0 ? 0 : log > LOG_HIGH_MAX ? LOG_HIGH_MAX : log;
    this.#scale = SCALES_HIGH[this.#log >> 6] as number;
    return difference;
  }
}

/**
 * QUANTL: the code for an error. The recommendation looks for the first decision level `q` with
 * `size < (q * scale) >> 12`; that is the first that is at least `(size + 1) * 4096 / scale`, which
 * a table knows.
 */
function quantiseLow(error: number, scale: number): number {
  const below = error >> 31;
  const size = ((((error ^ below) + 1) * 4096 + scale - 1) / scale) | 0;
  return CODES[(below & SIZES) + (size > SIZE_MAX ? SIZE_MAX + 1 : size)] as number;
}

function saturate16(value: number): number {
  return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}

function saturate15(value: number): number {
  return value > 16383 ? 16383 : value < -16384 ? -16384 : value;
}

/** The scale for each 64th of the logarithm. */
function scales(logMax: number, octaves: number): Int16Array {
  const table = new Int16Array((logMax >> 6) + 1);
  for (let index = 0; index < table.length; index++) {
    const mantissa = INVERSE_LOG[index & 31] as number;
    const shift = octaves - (index >> 5);
    table[index] = (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2;
  }
  return table;
}

function codesBySize(): Uint8Array {
  const table = new Uint8Array(2 * SIZES);
  let interval = 0;
  for (let size = 0; size <= SIZE_MAX + 1; size++) {
    while (interval < DECISIONS_LOW.length && (DECISIONS_LOW[interval] as number) < size) {
      interval++;
    }
    table[size] = 61 - interval;
    table[SIZES + size] = (interval < 2 ? 63 : 33) - interval;
  }
  return table;
}
