/**
 * Lets some things through each second, and counts the others.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** A bucket that fills with `perSecond` permits a second, up to `burst`. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #permits: number;
  #filledAt: Millis | undefined;
  #refused = 0;

  constructor(options: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#permits = options.burst;
  }

  /** Takes a permit, if there is one; else counts one refusal. */
  take(now: Millis): boolean {
    const elapsed = now - (this.#filledAt ?? now);
    this.#filledAt = now;
    this.#permits = Math.min(this.#burst, this.#permits + elapsed * this.#perSecond / 1000);
    if (this.#permits < 1) {
      this.#refused++;
      return false;
    }
    this.#permits--;
    return true;
  }

  /** Gives the count of refusals since the last call, and starts it again. */
  takeRefused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}
