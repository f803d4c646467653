/**
 * One timer for whatever is due first. Whoever it wakes looks what is due, and sets it anew.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";

/** Whom an alarm wakes, and by what. */
export interface AlarmOptions {
  readonly runtime: Pick<Runtime, "now" | "setTimer">;
  readonly ring: (now: Millis) => void;
  /** A timer that is armed for nearly the right moment is left alone. Default: 0. */
  readonly slack?: Millis;
}

/** A timer that is moved to earlier instants only: one that rings too early costs less than moving it. */
export class Alarm {
  readonly #options: AlarmOptions;
  readonly #slack: Millis;
  #timer: Timer | undefined;
  #at: Millis = Infinity;

  constructor(options: AlarmOptions) {
    this.#options = options;
    this.#slack = options.slack ?? 0;
  }

  /** Rings at `at`, or sooner when it was set so before; once. Infinity asks for nothing. */
  set(at: Millis, now: Millis): void {
    if (at >= this.#at - this.#slack) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#options.runtime.setTimer(() => this.#ring(), Math.max(0, at - now));
  }

  /** Does not ring any more, until it is set. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #ring(): void {
    this.#timer = undefined;
    this.#at = Infinity;
    this.#options.ring(this.#options.runtime.now());
  }
}
