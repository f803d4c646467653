/**
 * Whether there is room for another call: how many at once, how many a second, and not while draining.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** The operator's limits. */
export interface AdmissionLimits {
  /** Calls at the same time. */
  readonly calls: number;
  readonly calls_per_second: number;
}

/** Counts calls in and out. */
export class Admission {
  #limits: AdmissionLimits;
  #calls = 0;
  #tokens: number;
  #refilledAt: Millis;
  draining = false;

  constructor(limits: AdmissionLimits, now: Millis) {
    this.#limits = limits;
    this.#tokens = limits.calls_per_second;
    this.#refilledAt = now;
  }

  /** Calls that are in. */
  get calls(): number {
    return this.#calls;
  }

  set limits(limits: AdmissionLimits) {
    this.#limits = limits;
    this.#tokens = Math.min(this.#tokens, limits.calls_per_second);
  }

  /** Lets a call in, or says why not. */
  enter(now: Millis): string | undefined {
    if (this.draining) return "the gateway is draining";
    if (this.#calls >= this.#limits.calls) {
      return `limits.calls: ${this.#limits.calls} calls are up`;
    }
    this.#refill(now);
    if (this.#tokens < 1) {
      return `limits.calls_per_second: more than ${this.#limits.calls_per_second} a second`;
    }
    this.#tokens--;
    this.#calls++;
    return undefined;
  }

  /** A call that was let in is over. */
  leave(): void {
    this.#calls--;
  }

  #refill(now: Millis): void {
    const rate = this.#limits.calls_per_second;
    const gained = ((now - this.#refilledAt) / 1000) * rate;
    this.#tokens = Math.min(rate, this.#tokens + gained);
    this.#refilledAt = now;
  }
}
