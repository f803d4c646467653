/**
 * How much of a few known frequencies is in a stream, step by step: a bank of Goertzel filters
 * whose phases run on from one step to the next.
 *
 * Since the phases run on, steps can be added up to longer windows, and how the phase of a
 * frequency moves from step to step tells how far off it is. What that means is for others to say.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/** Steps that are remembered. */
const STEPS = 4;

/** What to look for. */
export interface ToneDetectorOptions {
  readonly rate: Hertz;
  /** A multiple of four of them, since four are looked for at once. */
  readonly frequencies: readonly Hertz[];
  /** Length of a step. */
  readonly step: Samples;
  /** A step whose samples are weaker in the mean square is taken for silence, and not looked at. */
  readonly floor: number;
}

/**
 * Listens to one stream. Hot path: allocates nothing after construction.
 *
 * Steps are counted back from the last: 0 is the last one, 3 the oldest that is remembered.
 */
export class ToneDetector {
  readonly #count: number;
  readonly #floor: number;
  /** The step that is being filled. */
  readonly #samples: Float64Array;
  #filled: Samples = 0;

  /** Of each frequency: the Goertzel coefficient, and a turn by the phase of one sample, */
  readonly #coefficients: Float64Array;
  readonly #sampleCos: Float64Array;
  readonly #sampleSin: Float64Array;
  /** of one step, */
  readonly #stepCos: Float64Array;
  readonly #stepSin: Float64Array;
  /** and of all steps so far. */
  readonly #turnCos: Float64Array;
  readonly #turnSin: Float64Array;

  /** Amplitudes of {@linkcode STEPS} steps, a ring; energies likewise. */
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #energies = new Float64Array(STEPS);
  #last = 0;

  constructor({ rate, frequencies, step, floor }: ToneDetectorOptions) {
    const count = frequencies.length;
    const turns = frequencies.map((frequency) => (2 * Math.PI * frequency) / rate);
    this.#count = count;
    this.#floor = floor * step;
    this.#samples = new Float64Array(step);
    this.#coefficients = Float64Array.from(turns, (turn) => 2 * Math.cos(turn));
    this.#sampleCos = Float64Array.from(turns, (turn) => Math.cos(turn));
    this.#sampleSin = Float64Array.from(turns, (turn) => Math.sin(turn));
    this.#stepCos = Float64Array.from(turns, (turn) => Math.cos(turn * step));
    this.#stepSin = Float64Array.from(turns, (turn) => -Math.sin(turn * step));
    this.#turnCos = new Float64Array(count).fill(1);
    this.#turnSin = new Float64Array(count);
    this.#re = new Float64Array(count * STEPS);
    this.#im = new Float64Array(count * STEPS);
  }

  /**
   * Takes samples up to the end of the step at hand. At the end of a step the figures below are
   * those of the step.
   *
   * @returns How many were taken.
   */
  take(samples: Int16Array, offset: number, length: Samples): Samples {
    const step = this.#samples;
    const filled = this.#filled;
    const taken = Math.min(length, step.length - filled);
    for (let index = 0; index < taken; index++) {
      step[filled + index] = samples[offset + index] as number;
    }
    this.#filled = filled + taken;
    if (this.#filled === step.length) this.#endStep();
    return taken;
  }

  /** Whether nothing was taken since the end of a step. */
  get isAtEnd(): boolean {
    return this.#filled === 0;
  }

  /** Sum of the squares of a step's samples, less what is constant in them. */
  energy(stepsBack: number): number {
    return this.#energies[(this.#last + STEPS - stepsBack) % STEPS] as number;
  }

  /**
   * The amplitude of a frequency in a step: half of a sine's own times the length of the step. Its
   * phase stays the same from step to step for exactly this frequency.
   */
  re(stepsBack: number, index: number): number {
    return this.#re[((this.#last + STEPS - stepsBack) % STEPS) * this.#count + index] as number;
  }

  /** The imaginary part of what {@linkcode re} is the real part of. */
  im(stepsBack: number, index: number): number {
    return this.#im[((this.#last + STEPS - stepsBack) % STEPS) * this.#count + index] as number;
  }

  #endStep(): void {
    this.#filled = 0;
    this.#last = (this.#last + 1) % STEPS;
    const base = this.#last * this.#count;
    const energy = energyOf(this.#samples);
    this.#energies[this.#last] = energy;
    if (energy < this.#floor) {
      this.#re.fill(0, base, base + this.#count);
      this.#im.fill(0, base, base + this.#count);
      return;
    }
    for (let index = 0; index < this.#count; index += 4) this.#filterFour(index, base + index);
    this.#turn(base);
  }

  /** Runs the filters of four frequencies: as many as a processor has registers for. */
  #filterFour(from: number, to: number): void {
    const samples = this.#samples;
    const coefficients = this.#coefficients;
    const a = coefficients[from] as number;
    const b = coefficients[from + 1] as number;
    const c = coefficients[from + 2] as number;
    const d = coefficients[from + 3] as number;
    let a1 = 0, b1 = 0, c1 = 0, d1 = 0;
    let a2 = 0, b2 = 0, c2 = 0, d2 = 0;
    for (let index = 0; index < samples.length; index++) {
      const sample = samples[index] as number;
      const a0 = sample + a * a1 - a2;
      const b0 = sample + b * b1 - b2;
      const c0 = sample + c * c1 - c2;
      const d0 = sample + d * d1 - d2;
      a2 = a1;
      b2 = b1;
      c2 = c1;
      d2 = d1;
      a1 = a0;
      b1 = b0;
      c1 = c0;
      d1 = d0;
    }
    this.#store(from, to, a1, a2);
    this.#store(from + 1, to + 1, b1, b2);
    this.#store(from + 2, to + 2, c1, c2);
    this.#store(from + 3, to + 3, d1, d2);
  }

  /** Makes an amplitude of the two states that a Goertzel filter ends with. */
  #store(index: number, to: number, last: number, before: number): void {
    this.#re[to] = last - before * (this.#sampleCos[index] as number);
    this.#im[to] = before * (this.#sampleSin[index] as number);
  }

  /** Turns the amplitudes of the step back by what has passed since the first one. */
  #turn(base: number): void {
    const turnCos = this.#turnCos;
    const turnSin = this.#turnSin;
    for (let index = 0; index < this.#count; index++) {
      const stepCos = this.#stepCos[index] as number;
      const stepSin = this.#stepSin[index] as number;
      const oldCos = turnCos[index] as number;
      const oldSin = turnSin[index] as number;
      const cos = oldCos * stepCos - oldSin * stepSin;
      const sin = oldCos * stepSin + oldSin * stepCos;
      turnCos[index] = cos;
      turnSin[index] = sin;
      const re = this.#re[base + index] as number;
      const im = this.#im[base + index] as number;
      this.#re[base + index] = re * cos - im * sin;
      this.#im[base + index] = re * sin + im * cos;
    }
  }
}

function energyOf(samples: Float64Array): number {
  let sum = 0;
  let squares = 0;
  for (let index = 0; index < samples.length; index++) {
    const sample = samples[index] as number;
    sum += sample;
    squares += sample * sample;
  }
  return squares - (sum * sum) / samples.length;
}
