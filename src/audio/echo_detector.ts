/**
 * Tells our own audio that comes back from a caller's voice: line echo, or a loudspeaker near a
 * microphone.
 *
 * Both directions are kept for a moment at a low rate, which is enough for voices. What was heard
 * last is then looked for in what was sent before: an echo is the same sound, later and through a
 * filter, whereas somebody who speaks over it makes it unlike. Where it may be found is seen from
 * the correlation, whether it is one from what a filter explains. Nothing is taken out of the audio.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { EchoFilter, FILTER_TAPS } from "./echo_filter.ts";
import { correlate, FourierTransform } from "./fourier.ts";

/** Rate of what is kept. */
const KEPT_RATE: Hertz = 4000;
const KEPT_PER_MS = KEPT_RATE / 1000;
/** How much of the lower half is taken out, since voices have most of their strength there. */
const PRE_EMPHASIS = 0.9;

/** How much of what was heard is looked for. */
export const ECHO_WINDOW_MS: Millis = 250;
/** How much later than it was sent an echo may come: a mobile network there and back, and more. */
export const ECHO_DELAY_MS_MAX: Millis = 720;
/** How much earlier, by the count of samples: the timelines of both directions may differ. */
const ECHO_DELAY_MS_MIN: Millis = -50;

/** What share of it must be explained by what was sent for it to be an echo, or perhaps one. */
const EXPLAINED_MIN = 0.5;
const EXPLAINED_PERHAPS = 0.3;
/** Weaker than what was sent by this much, in power, it may be an echo in noise. */
const WEAK = 0.04;
/** What is not this much stronger than a known echo would be is nothing but that echo. */
const POWER_OVER_ECHO = 4;
/** No echo is stronger than this, beside what was sent. */
const GAIN_MAX = 2;
/** Found this often in the same place, it is one; a voice may be like what we sent once. */
const FOUND_MIN = 3;
/** As strong as this, at 16 bits, is what was sent that could come back. */
const SENT_MIN = 10;

/** Of a voice that begins within the window: a part of it, and how strong it is beside the strongest. */
const BLOCK: Samples = 20 * KEPT_PER_MS;
const ONSET_SHARE = 0.02;

/**
 * What was heard last: our own sound, a voice, or what may be either: `weak` is a voice much weaker
 * than ours, or an echo in noise.
 */
export type EchoVerdict = "echo" | "voice" | "weak" | "unsure";

const WINDOW: Samples = ECHO_WINDOW_MS * KEPT_PER_MS;
const DELAY_MAX: Samples = ECHO_DELAY_MS_MAX * KEPT_PER_MS;
const DELAYS: Samples = DELAY_MAX - ECHO_DELAY_MS_MIN * KEPT_PER_MS;
/** The first tap is for a way that is this much shorter than the one that was found. */
const EARLY: Samples = 2;
/** Powers of two. What is kept of sent audio is more than window, delays and filter together. */
const SENT_KEPT = 8192;
const RECEIVED_KEPT = 1024;

/** One direction at the low rate, by positions on a timeline. */
class Track {
  readonly #ring: Float32Array;
  readonly #mask: number;
  readonly #step: Samples;
  #sum = 0;
  #count: Samples = 0;
  #mean = 0;
  #smooth = 0;
  /** First position that has not been written. */
  end = 0;

  constructor(rate: Hertz, kept: Samples) {
    this.#ring = new Float32Array(kept);
    this.#mask = kept - 1;
    this.#step = rate / KEPT_RATE;
  }

  /** Silence up to a position; what lies before the end stays. */
  skipTo(position: number): void {
    const kept = this.#ring.length;
    if (position - this.end > kept) this.end = position - kept;
    for (; this.end < position; this.end++) this.#ring[this.end & this.#mask] = 0;
  }

  append(samples: Int16Array, count: Samples): void {
    const step = this.#step;
    let sum = this.#sum;
    let counted = this.#count;
    for (let index = 0; index < count; index++) {
      sum += samples[index] as number;
      if (++counted < step) continue;
      this.#keep(sum / step);
      sum = 0;
      counted = 0;
    }
    this.#sum = sum;
    this.#count = counted;
  }

  /** Copies what lies from a position on; 0 where there is nothing. */
  copy(from: number, count: Samples, out: Float64Array): void {
    const ring = this.#ring;
    const oldest = this.end - ring.length;
    for (let index = 0; index < count; index++) {
      const at = from + index;
      const isKept = at >= oldest && at >= 0 && at < this.end;
      out[index] = isKept ? ring[at & this.#mask] as number : 0;
    }
  }

  #keep(mean: number): void {
    const smooth = (mean + this.#mean) / 2;
    this.#ring[this.end++ & this.#mask] = smooth - PRE_EMPHASIS * this.#smooth;
    this.#mean = mean;
    this.#smooth = smooth;
  }
}

/** For searches, one at a time, of whatever call: nothing in it is of use afterwards. */
const transform = new FourierTransform(4096);
const products = new Float64Array(transform.size);
const scratch = new Float64Array(transform.size);
const received = new Float64Array(WINDOW);
/** What was sent, from the longest delay to the shortest, with room for a filter before it. */
const sent = new Float64Array(FILTER_TAPS + DELAYS + WINDOW + EARLY);
/** Where in it the longest delay is. */
const SENT_BASE = FILTER_TAPS;
/** Energy of a window of it, for each delay, the longest first. */
const energies = new Float64Array(DELAYS + 1);

/**
 * The echo detector of one call. Hot path: `sent` and `received` are a sum a sample and allocate
 * nothing; `judge` takes some microseconds where the echo is that was found before, or up to two
 * milliseconds, and is for rare moments.
 */
export class EchoDetector {
  readonly #sent: Track;
  readonly #received: Track;
  #filter: EchoFilter | undefined;
  /** Of the echo that was found last, its power against what was sent, and how often it was. */
  #delay: Samples | undefined;
  #gain = 0;
  #found = 0;

  /** @param rate Of the samples, a multiple of 4000. */
  constructor(rate: Hertz) {
    this.#sent = new Track(rate, SENT_KEPT);
    this.#received = new Track(rate, RECEIVED_KEPT);
  }

  /**
   * Takes audio that goes to the caller.
   *
   * @param at Where it begins, since the call's audio began; not before the end of the last.
   */
  sent(samples: Int16Array, count: Samples, at: Millis): void {
    this.#sent.skipTo(Math.round(at * KEPT_PER_MS));
    this.#sent.append(samples, count);
  }

  /** Takes audio from the caller, without gaps. */
  received(samples: Int16Array, count: Samples): void {
    this.#received.append(samples, count);
  }

  /** Tells whether what was heard last is what we sent. */
  judge(): EchoVerdict {
    const start = this.#received.end - WINDOW;
    if (start < 0) return "unsure";
    this.#received.copy(start, WINDOW, received);
    return this.#isKnownEcho(start) ? "echo" : this.#search(start);
  }

  /**
   * How long ago a voice began that is not the echo which was found last.
   *
   * @returns `undefined` when no echo was found yet, or the voice is older than a window.
   */
  voiceMs(): Millis | undefined {
    const delay = this.#delay;
    const start = this.#received.end - WINDOW;
    if (delay === undefined || start < 0) return undefined;
    this.#received.copy(start, WINDOW, received);
    this.#sent.copy(start - delay - FILTER_TAPS, FILTER_TAPS + WINDOW + EARLY, sent);
    this.#filterOfCall.subtract(received, sent, FILTER_TAPS + EARLY);
    let strongest = 0;
    for (let at = WINDOW - BLOCK; at >= 0; at -= BLOCK) {
      strongest = Math.max(strongest, energyOf(received, at, BLOCK));
    }
    let at = WINDOW % BLOCK;
    if (energyOf(received, at, BLOCK) >= strongest * ONSET_SHARE) return undefined;
    while (energyOf(received, at, BLOCK) < strongest * ONSET_SHARE) at += BLOCK;
    return (WINDOW - at) / KEPT_PER_MS;
  }

  /** Whether it is the echo that was found before. */
  #isKnownEcho(start: number): boolean {
    const delay = this.#delay;
    if (delay === undefined) return false;
    const filter = this.#filterOfCall;
    const before = FILTER_TAPS;
    this.#sent.copy(start - delay - before, before + WINDOW + EARLY, sent);
    const offset = before + EARLY;
    if (filter.explains(received, sent, offset) >= EXPLAINED_MIN) {
      this.#found++;
      return true;
    }
    const power = energyOf(received, 0);
    const sentPower = energyOf(sent, before);
    const isKnown = this.#found >= FOUND_MIN;
    const echoMax = sentPower * (isKnown ? this.#gain * POWER_OVER_ECHO : GAIN_MAX);
    if (isKnown && power < echoMax) return true;
    const explained = filter.fit(received, sent, offset);
    if (explained < EXPLAINED_MIN || explained * power > echoMax) return false;
    this.#note(delay, explained * power / sentPower);
    return true;
  }

  /** Looks for it at all delays. */
  #search(start: number): EchoVerdict {
    this.#sent.copy(start - DELAY_MAX - SENT_BASE, sent.length, sent);
    const strongest = measureEnergies();
    if (strongest < SENT_MIN * SENT_MIN * WINDOW) return "voice";
    const power = energyOf(received, 0);
    const place = likeliestPlace(strongest);
    const filter = this.#filterOfCall;
    const explained = filter.fit(received, sent, SENT_BASE + place + EARLY);
    const gain = explained * power / (energies[place] as number);
    if (explained >= EXPLAINED_MIN && gain <= GAIN_MAX) {
      this.#note(DELAY_MAX - place, gain);
      return "echo";
    }
    if (power >= WEAK * strongest) return "voice";
    return explained >= EXPLAINED_PERHAPS ? "unsure" : "weak";
  }

  get #filterOfCall(): EchoFilter {
    this.#filter ??= new EchoFilter();
    return this.#filter;
  }

  #note(delay: Samples, gain: number): void {
    const isSame = Math.abs(delay - (this.#delay ?? Infinity)) < FILTER_TAPS;
    this.#found = isSame ? this.#found + 1 : 1;
    this.#delay = delay;
    this.#gain = gain;
    this.#filterOfCall.keep();
  }
}

/** @returns The greatest of the {@linkcode energies}. */
function measureEnergies(): number {
  let energy = energyOf(sent, SENT_BASE);
  let greatest = energy;
  energies[0] = energy;
  for (let place = 1; place <= DELAYS; place++) {
    const gone = sent[SENT_BASE + place - 1] as number;
    const come = sent[SENT_BASE + place + WINDOW - 1] as number;
    energy = Math.max(0, energy + come * come - gone * gone);
    energies[place] = energy;
    if (energy > greatest) greatest = energy;
  }
  return greatest;
}

/**
 * Where in {@linkcode sent} an echo begins, if there is one: where as many delays in a row as a
 * filter has correlate best, together.
 */
function likeliestPlace(strongest: number): number {
  products.fill(0);
  products.set(sent.subarray(SENT_BASE, SENT_BASE + DELAYS + WINDOW));
  scratch.fill(0);
  scratch.set(received);
  correlate(transform, products, scratch);
  const least = strongest / 1000;
  let sum = 0;
  let greatest = 0;
  let found = 0;
  for (let place = 0; place <= DELAYS; place++) {
    sum += shareAt(place, least);
    if (place >= FILTER_TAPS) sum -= shareAt(place - FILTER_TAPS, least);
    if (sum <= greatest) continue;
    greatest = sum;
    found = place;
  }
  return found;
}

/** What share of what was received is explained by one delay, but for a factor. */
function shareAt(place: number, least: number): number {
  const energy = energies[place] as number;
  return energy < least ? 0 : (products[place] as number) ** 2 / energy;
}

/** Energy of a window. */
function energyOf(samples: Float64Array, from: number, count: Samples = WINDOW): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += (samples[from + index] as number) ** 2;
  return sum;
}
