/**
 * Whether there is room for another call: how many at once, how many a second, not while the event loop is late, and not
 * while draining.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { LoopLag } from "./loop_lag.ts";

/** The operator's limits. */
export interface AdmissionLimits {
  /** Calls at the same time. */
  readonly calls: number;
  readonly calls_per_second: number;
  /** How late the event loop may be; 0: as late as it likes. */
  readonly lag: Millis;
}

/** Counts calls in and out. */
export class Admission {
  readonly #lag: Pick<LoopLag, "start" | "stop" | "exceeds" | "isSaturated">;
  #limits: AdmissionLimits;
  #calls = 0;
  #tokens: number;
  #refilledAt: Millis;
  draining = false;

  /** @param lag Beats while calls are in. */
  constructor(
    { limits, lag }: {
      readonly limits: AdmissionLimits;
      readonly lag: Pick<LoopLag, "start" | "stop" | "exceeds" | "isSaturated">;
    },
    now: Millis,
  ) {
    this.#limits = limits;
    this.#lag = lag;
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
    const { lag } = this.#limits;
    if (lag > 0 && this.#lag.exceeds(lag)) {
      return `limits.lag: the process is more than ${lag} ms late`;
    }
    if (lag > 0 && this.#lag.isSaturated) return "limits.lag: the process has no time left";
    this.#refill(now);
    if (this.#tokens < 1) {
      return `limits.calls_per_second: more than ${this.#limits.calls_per_second} a second`;
    }
    this.#tokens--;
    if (this.#calls++ === 0) this.#lag.start();
    return undefined;
  }

  /** A call that was let in is over. */
  leave(): void {
    if (--this.#calls === 0) this.#lag.stop();
  }

  #refill(now: Millis): void {
    const rate = this.#limits.calls_per_second;
    const gained = ((now - this.#refilledAt) / 1000) * rate;
    this.#tokens = Math.min(rate, this.#tokens + gained);
    this.#refilledAt = now;
  }
}
