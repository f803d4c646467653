/**
 * Lays what was heard beside what it should have been: how much later it is from place to place,
 * how far apart the spectra are, and how large the clicks.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../../src/base/units.ts";
import { isAudible, levelDistance, Spectrum, SPECTRUM_MS } from "./spectral_distance.ts";

/** How one sound differs from another. */
export interface Differences {
  /** By how much it is later: the median of all places, */
  readonly delayMs: Millis;
  /** and the most that it changes from one place to the next. */
  readonly delayStepMs: Millis;
  /** The first place against the last one. */
  readonly delayDriftMs: Millis;
  /** Mean distance of the frames in which either is audible, dB. */
  readonly distanceDb: number;
  /** Where the click is, by the other sound. */
  readonly clickAtMs: Millis;
  /** Largest jump from sample to sample that goes beyond all jumps of the other sound near it. */
  readonly click: number;
}

/** Sound may be moved by so much for good reasons. */
const NEAR_FRAMES = 4;

/** A sound with what is looked at again and again. */
export class Reference {
  readonly samples: Int16Array;
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
  readonly rate: Hertz;
  readonly frame: Samples;
  readonly #spectrum: Spectrum;
  readonly #levels: (Float64Array | undefined)[] = [];
  readonly #jumps: number[] = [];

  constructor(samples: Int16Array, rate: Hertz) {
    this.samples = samples;
    this.rate = rate;
    this.frame = (rate * SPECTRUM_MS) / 1000;
    this.fine = Float32Array.from(samples);
    this.coarse = thinned(samples, rate);
    this.#spectrum = new Spectrum(rate);
  }

  get frames(): number {
    return Math.floor(this.samples.length / this.frame);
  }

  levels(index: number): Float64Array | undefined {
    return this.#levels[index] ??= this.levelsOf(this.samples, index * this.frame);
  }

  levelsOf(samples: Int16Array, from: Samples): Float64Array | undefined {
    return this.#spectrum.levels(samples, from);
  }

  /** The largest jump in a frame and some on either side. */
  jumpNear(index: number): number {
    let jump = 0;
    for (let at = Math.max(0, index - NEAR_FRAMES); at <= index + NEAR_FRAMES; at++) {
      this.#jumps[at] ??= jumpIn(this.samples, at * this.frame, this.frame);
      jump = Math.max(jump, this.#jumps[at] as number);
    }
    return jump;
  }
}

/** Length of the places at which delay is looked for, in frames. */
const PLACE_FRAMES = 12;
/** How far to either side. */
const REACH_MS: Millis = 200;
/** The rate at which it is looked for first. */
const COARSE_RATE: Hertz = 2000;
/** So like the other, nothing better is looked for. */
const ALIKE = 0.95;
/** Another delay has to be so much more alike than the one before, */
const BETTER = 0.1;
/** and so alike at all. */
const ALIKE_ENOUGH = 0.7;

/** Compares what was heard with what it should have been. */
export function compareSounds(reference: Reference, heard: Int16Array): Differences {
  const { frame, frames } = reference;
  const delays = delaysOf(reference, heard);
  let sum = 0;
  let count = 0;
  let click = 0;
  let clickFrame = 0;
  for (let index = 0; index < frames; index++) {
    const at = index * frame + (delays[Math.floor(index / PLACE_FRAMES)] as number);
    const levels = reference.levelsOf(heard, at);
    const wanted = reference.levels(index);
    if (levels === undefined || wanted === undefined) continue;
    const beyond = jumpIn(heard, at, frame) - reference.jumpNear(index);
    if (beyond > click) {
      click = beyond;
      clickFrame = index;
    }
    if (!isAudible(levels) && !isAudible(wanted)) continue;
    sum += levelDistance(levels, wanted);
    count++;
  }
  const distanceDb = sum / Math.max(1, count);
  const clickAtMs = clickFrame * SPECTRUM_MS;
  return { ...figuresOf(delays, reference.rate), distanceDb, click, clickAtMs };
}

function figuresOf(delays: readonly Samples[], rate: Hertz) {
  const perMs = rate / 1000;
  const sorted = [...delays].sort((a, b) => a - b);
  let step = 0;
  for (let at = 1; at < delays.length; at++) {
    step = Math.max(step, Math.abs((delays[at] as number) - (delays[at - 1] as number)));
  }
  return {
    delayMs: (sorted[sorted.length >> 1] ?? 0) / perMs,
    delayStepMs: step / perMs,
    delayDriftMs: ((delays.at(-1) ?? 0) - (delays[0] ?? 0)) / perMs,
  };
}

/**
 * Of each place. One that stands alone is not believed: where much is missing, another place may
 * look more alike.
 */
function delaysOf(reference: Reference, heard: Int16Array): readonly Samples[] {
  const { frame, frames, rate } = reference;
  const other = { fine: Float32Array.from(heard), coarse: thinned(heard, rate) };
  const found: Samples[] = [];
  const places: number[] = [];
  for (let first = 0; first < frames; first += PLACE_FRAMES) {
    places.push(found.length);
    if (!isWorthIt(reference, first, Math.min(frames, first + PLACE_FRAMES))) continue;
    found.push(delayAt(reference, other, { at: first * frame, before: found.at(-1) ?? 0 }));
  }
  const believed = found.map((delay, at) => {
    const before = found[at - 1] ?? found[at + 1] ?? delay;
    const after = found[at + 1] ?? before;
    return Math.max(Math.min(before, delay), Math.min(Math.max(before, delay), after));
  });
  return places.map((at) => believed[Math.min(at, believed.length - 1)] ?? 0);
}

/** Half of the frames are audible. */
function isWorthIt(reference: Reference, first: number, last: number): boolean {
  let audible = 0;
  for (let index = first; index < last; index++) {
    const levels = reference.levels(index);
    if (levels !== undefined && isAudible(levels)) audible++;
  }
  return audible * 2 >= PLACE_FRAMES;
}

/** A sound as it is, and at {@linkcode COARSE_RATE}. */
interface Scales {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
}

/** How much later a place of the reference is in what was heard. */
function delayAt(
  reference: Reference,
  other: Scales,
  place: { readonly at: Samples; readonly before: Samples },
): Samples {
  const { rate, frame } = reference;
  const { at, before } = place;
  const length = frame * PLACE_FRAMES;
  const fine = { a: reference.fine, b: other.fine, at, length };
  const usual = likenessOf(fine, before);
  if (usual > ALIKE) return before;
  const thinning = rate / COARSE_RATE;
  const reach = (REACH_MS * COARSE_RATE) / 1000;
  const coarse = {
    a: reference.coarse,
    b: other.coarse,
    at: Math.floor(at / thinning),
    length: Math.floor(length / thinning),
  };
  const centre = Math.round(before / thinning);
  const near = best(coarse, centre - reach, centre + reach).delay * thinning;
  const found = best(fine, near - thinning, near + thinning);
  const wanted = Math.max(usual + BETTER, ALIKE_ENOUGH);
  return found.likeness > wanted ? found.delay : before;
}

/** A stretch of one sound, to be found in another. */
interface Stretch {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly at: Samples;
  readonly length: Samples;
}

function best(stretch: Stretch, from: Samples, to: Samples) {
  let found = { delay: from, likeness: -Infinity };
  for (let delay = from; delay <= to; delay++) {
    const likeness = likenessOf(stretch, delay);
    if (likeness > found.likeness) found = { delay, likeness };
  }
  return found;
}

/** Normalised correlation: 1 for the same, 0 for nothing in common. */
function likenessOf({ a, b, at, length }: Stretch, delay: Samples): number {
  const from = Math.max(at, -delay, 0);
  const to = Math.min(at + length, a.length, b.length - delay);
  if (to - from < length / 2) return 0;
  let product = 0;
  let energyA = 1;
  let energyB = 1;
  for (let index = from; index < to; index++) {
    const x = a[index] as number;
    const y = b[index + delay] as number;
    product += x * y;
    energyA += x * x;
    energyB += y * y;
  }
  return product / Math.sqrt(energyA * energyB);
}

function thinned(samples: Int16Array, rate: Hertz): Float32Array {
  const thinning = rate / COARSE_RATE;
  const thin = new Float32Array(Math.floor(samples.length / thinning));
  for (let at = 0; at < thin.length; at++) {
    let sum = 0;
    for (let index = 0; index < thinning; index++) {
      sum += samples[at * thinning + index] as number;
    }
    thin[at] = sum;
  }
  return thin;
}

function jumpIn(samples: Int16Array, from: Samples, length: Samples): number {
  let jump = 0;
  const to = Math.min(samples.length, from + length);
  for (let at = Math.max(1, from); at < to; at++) {
    jump = Math.max(jump, Math.abs((samples[at] as number) - (samples[at - 1] as number)));
  }
  return jump;
}
