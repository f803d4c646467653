/**
 * Tells our own audio that comes back from a caller's voice: line echo, or a loudspeaker near a
 * microphone.
 *
 * Both directions are kept for a moment at a low rate, which is enough for voices. What was heard
 * last is then looked for in what was sent before: an echo is the same wave form, weaker and later,
 * whereas somebody who speaks over it makes it unlike. Nothing is taken out of the audio.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";

/** Rate of what is kept: voices have their strength below half of it. */
const KEPT_RATE: Hertz = 2000;
const KEPT_PER_MS = KEPT_RATE / 1000;

/** How much of what was heard is looked for. */
const WINDOW_MS: Millis = 250;
/** How much later than it was sent an echo may come. */
export const ECHO_DELAY_MS_MAX: Millis = 1000;
/** How much earlier, by the count of samples: the timelines of both directions may differ. */
const ECHO_DELAY_MS_MIN: Millis = -250;

/** Magnitude of the normalised correlation from which on it is an echo. */
const ECHO_CORRELATION = 0.55;
/** An echo stays where it was: the search begins there. */
const NEAR_MS: Millis = 8;
/** Found this often in the same place, it is one; a voice may be like what we sent once. */
const FOUND_MIN = 3;
/** What is not this much stronger than a known echo would be is nothing but that echo. */
const POWER_OVER_ECHO = 4;

/** Mean square, at 16 bits, below which nothing was sent that could come back. */
const SENT_POWER_MIN = 100;

const WINDOW = WINDOW_MS * KEPT_PER_MS;
const DELAY_MIN = ECHO_DELAY_MS_MIN * KEPT_PER_MS;
const DELAY_MAX = ECHO_DELAY_MS_MAX * KEPT_PER_MS;
const NEAR = NEAR_MS * KEPT_PER_MS;
const SAME_DELAY = 2;
/** A power of two, more than window and delays together. */
const KEPT = 4096;
const MASK = KEPT - 1;

/** One direction at the low rate, by positions on a timeline. */
class Track {
  readonly ring = new Float32Array(KEPT);
  readonly #step: Samples;
  #sum = 0;
  #count: Samples = 0;
  /** First position that has not been written. */
  end = 0;

  constructor(rate: Hertz) {
    this.#step = rate / KEPT_RATE;
  }

  /** Silence up to a position; what lies before the end stays. */
  skipTo(position: number): void {
    if (position - this.end > KEPT) this.end = position - KEPT;
    for (; this.end < position; this.end++) this.ring[this.end & MASK] = 0;
  }

  append(samples: Int16Array, count: Samples): void {
    const step = this.#step;
    let sum = this.#sum;
    let counted = this.#count;
    for (let index = 0; index < count; index++) {
      sum += samples[index] as number;
      if (++counted < step) continue;
      this.ring[this.end++ & MASK] = sum / step;
      sum = 0;
      counted = 0;
    }
    this.#sum = sum;
    this.#count = counted;
  }

  power(from: number, to: number): number {
    let sum = 0;
    for (let at = from; at < to; at++) sum += (this.ring[at & MASK] as number) ** 2;
    return sum;
  }
}

/**
 * The echo detector of one call. Hot path: `sent` and `received` are a sum a sample and allocate
 * nothing; `isEcho` takes about a millisecond and is for rare moments.
 */
export class EchoDetector {
  readonly #sent: Track;
  readonly #received: Track;
  /** Of the echo that was found last, its power against what was sent, and how often it was. */
  #delay: number | undefined;
  #gain = 0;
  #found = 0;

  /** @param rate Of the samples, a multiple of 2000. */
  constructor(rate: Hertz) {
    this.#sent = new Track(rate);
    this.#received = new Track(rate);
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
  isEcho(): boolean {
    const end = this.#received.end;
    const start = end - WINDOW;
    if (start < 0) return false;
    const power = this.#received.power(start, end);
    if (power === 0) return false;
    const near = this.#delay;
    if (near !== undefined) {
      if (this.#search(start, power, near - NEAR, near + NEAR)) return true;
      const sent = this.#sent.power(start - near, start - near + WINDOW);
      const isKnown = this.#found >= FOUND_MIN;
      if (isKnown && power < this.#gain * sent * POWER_OVER_ECHO) return true;
    }
    return this.#search(start, power, DELAY_MIN, DELAY_MAX);
  }

  /** Looks for the received window in what was sent, at delays from `first` to `last`. */
  #search(start: number, power: number, first: number, last: number): boolean {
    const sent = this.#sent;
    // What has been overwritten, and what has not been sent yet
    const oldest = Math.max(0, sent.end - KEPT);
    const from = Math.max(first, start + WINDOW - sent.end);
    const to = Math.min(last, start - oldest);
    if (from > to) return false;
    let sentPower = sent.power(start - to, start - to + WINDOW);
    for (let delay = to; delay >= from; delay--) {
      const at = start - delay;
      if (sentPower > SENT_POWER_MIN * WINDOW) {
        const product = this.#product(start, at);
        if (Math.abs(product) >= ECHO_CORRELATION * Math.sqrt(power * sentPower)) {
          this.#note(delay, (product / sentPower) ** 2);
          return true;
        }
      }
      const first = sent.ring[at & MASK] as number;
      const next = sent.ring[(at + WINDOW) & MASK] as number;
      sentPower += next * next - first * first;
    }
    return false;
  }

  #note(delay: number, gain: number): void {
    const isSame = Math.abs(delay - (this.#delay ?? Infinity)) <= SAME_DELAY;
    this.#found = isSame ? this.#found + 1 : 1;
    this.#delay = delay;
    this.#gain = gain;
  }

  #product(received: number, sent: number): number {
    const a = this.#received.ring;
    const b = this.#sent.ring;
    let sum = 0;
    for (let index = 0; index < WINDOW; index++) {
      sum += (a[(received + index) & MASK] as number) * (b[(sent + index) & MASK] as number);
    }
    return sum;
  }
}
