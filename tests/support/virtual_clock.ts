/**
 * A clock that jumps from deadline to deadline, so that tests see exact instants and never sleep.
 *
 * @module
 */

import type { Millis } from "../../src/base/units.ts";

/** Any machine of the house: it says when it wants to be called, and is called then. */
export interface Clocked<Output> {
  readonly deadline: Millis | undefined;
  timeout(now: Millis): readonly Output[];
}

/** An output, and the instant at which it came. */
export interface Timed<Output> {
  readonly at: Millis;
  readonly output: Output;
}

/** A machine that asks to be called again and again without end is stopped here. */
const CALLS_MAX = 100_000;

/** Time, as one test sees it. */
export class VirtualClock {
  #now: Millis;

  constructor(start: Millis = 0) {
    this.#now = start;
  }

  /** The present instant. */
  get now(): Millis {
    return this.#now;
  }

  /**
   * Calls `machine` at each of its deadlines up to and including `until`, and ends there.
   *
   * @returns What came out, in order.
   */
  runUntil<Output>(machine: Clocked<Output>, until: Millis): Timed<Output>[] {
    const seen: Timed<Output>[] = [];
    for (let calls = 0; machine.deadline !== undefined && machine.deadline <= until; calls++) {
      if (calls === CALLS_MAX) throw new Error(`Machine does not move on from ${this.#now} ms`);
      this.#now = Math.max(this.#now, machine.deadline);
      for (const output of machine.timeout(this.#now)) seen.push({ at: this.#now, output });
    }
    this.#now = Math.max(this.#now, until);
    return seen;
  }

  /** Does the same for so many milliseconds from now. */
  run<Output>(machine: Clocked<Output>, duration: Millis): Timed<Output>[] {
    return this.runUntil(machine, this.#now + duration);
  }

  /** Calls `machine` at each of its deadlines until it has none; the clock stands at the last. */
  runToEnd<Output>(machine: Clocked<Output>): Timed<Output>[] {
    const seen: Timed<Output>[] = [];
    while (machine.deadline !== undefined) {
      if (seen.length > CALLS_MAX) throw new Error(`Machine does not end after ${this.#now} ms`);
      seen.push(...this.runUntil(machine, machine.deadline));
    }
    return seen;
  }
}
