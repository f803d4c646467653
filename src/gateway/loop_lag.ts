/**
 * How late the event loop is, while calls are live: a beat that should come at fixed instants is
 * compared with when it came.
 *
 * One thread does everything, so that its lateness is what callers hear first. Newcomers are
 * refused before it hurts those that are there; a single stall (a collection of garbage, a burst of
 * new calls) refuses nobody.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";

/** Between two beats. */
export const LAG_BEAT: Millis = 25;

/** Beats that are looked back on: a second. */
const BEATS = 40;

/** Share of the beats that may be late. */
const LATE_SHARE = 0.1;

/** Lateness of the event loop over the last second. */
export interface LoopLagFigures {
  readonly lag_ms_p50: Millis;
  readonly lag_ms_p90: Millis;
  readonly lag_ms_max: Millis;
}

/** The beat of one gateway. */
export class LoopLag {
  readonly #runtime: Pick<Runtime, "now" | "setTimer">;
  readonly #late = new Float64Array(BEATS);
  #next = 0;
  #timer: Timer | undefined;
  #dueAt: Millis = 0;

  constructor(runtime: Pick<Runtime, "now" | "setTimer">) {
    this.#runtime = runtime;
  }

  /** There is a call that could suffer. Safe to call again. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#late.fill(0);
    this.#arm(this.#runtime.now());
  }

  /** There is none any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#late.fill(0);
  }

  /** Tells whether more than a few beats of the last second were later than that. */
  exceeds(limit: Millis): boolean {
    let count = 0;
    for (const late of this.#late) if (late > limit) count++;
    return count > BEATS * LATE_SHARE;
  }

  get figures(): LoopLagFigures {
    const sorted = this.#late.slice().sort();
    const at = (share: number) =>
      Math.round((sorted[Math.floor(share * (BEATS - 1))] ?? 0) * 10) / 10;
    return { lag_ms_p50: at(0.5), lag_ms_p90: at(0.9), lag_ms_max: at(1) };
  }

  #arm(now: Millis): void {
    this.#dueAt = now + LAG_BEAT;
    this.#timer = this.#runtime.setTimer(() => this.#beat(), LAG_BEAT);
  }

  #beat(): void {
    const now = this.#runtime.now();
    this.#late[this.#next] = Math.max(0, now - this.#dueAt);
    this.#next = (this.#next + 1) % BEATS;
    this.#arm(now);
  }
}
