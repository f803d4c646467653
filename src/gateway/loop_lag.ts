/**
 * How late the event loop is, while calls are live: a beat that should come at fixed instants is
 * compared with when it came. And how busy it is: one that has no time left at all may still run
 * its timers in time, while packets wait in their sockets.
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

/** Share of the last second that the thread may work. Beyond it, packets wait for it. */
const BUSY_SHARE_MAX = 0.95;

/** Lateness of the event loop over the last second, and its work. */
export interface LoopLagFigures {
  readonly lag_ms_p50: Millis;
  readonly lag_ms_p90: Millis;
  readonly lag_ms_max: Millis;
  /** Processor time of its thread, of the time that went by. */
  readonly busy_pct: number;
}

/** The beat of one gateway. */
export class LoopLag {
  readonly #runtime: Pick<Runtime, "now" | "setTimer" | "threadTime">;
  readonly #late = new Float64Array(BEATS);
  /** At each beat of the last second: when it was, and the thread's time. */
  readonly #at = new Float64Array(BEATS);
  readonly #worked = new Float64Array(BEATS);
  /** Of the last second; 0 before there was one. */
  #busyShare = 0;
  #next = 0;
  #timer: Timer | undefined;
  #dueAt: Millis = 0;

  constructor(runtime: Pick<Runtime, "now" | "setTimer" | "threadTime">) {
    this.#runtime = runtime;
  }

  /** There is a call that could suffer. Safe to call again. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#forget();
    this.#arm(this.#runtime.now());
  }

  /** There is none any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#forget();
  }

  /** Whether there was hardly a moment of the last second without work. */
  get isSaturated(): boolean {
    return this.#busyShare > BUSY_SHARE_MAX;
  }

  /** Tells whether more than a few beats of the last second were later than that. */
  exceeds(limit: Millis): boolean {
    let count = 0;
    for (let at = 0; at < BEATS; at++) if ((this.#late[at] as Millis) > limit) count++;
    return count > BEATS * LATE_SHARE;
  }

  get figures(): LoopLagFigures {
    const sorted = this.#late.slice().sort();
    const at = (share: number) =>
      Math.round((sorted[Math.floor(share * (BEATS - 1))] ?? 0) * 10) / 10;
    const busy_pct = Math.round(this.#busyShare * 100);
    return { lag_ms_p50: at(0.5), lag_ms_p90: at(0.9), lag_ms_max: at(1), busy_pct };
  }

  #forget(): void {
    this.#late.fill(0);
    this.#at.fill(0);
    this.#busyShare = 0;
  }

  #arm(now: Millis): void {
    this.#dueAt = now + LAG_BEAT;
    this.#timer = this.#runtime.setTimer(() => this.#beat(), LAG_BEAT);
  }

  #beat(): void {
    const now = this.#runtime.now();
    const worked = this.#runtime.threadTime();
    const before = this.#at[this.#next] as number;
    if (before > 0) {
      this.#busyShare = (worked - (this.#worked[this.#next] as number)) / (now - before);
    }
    this.#at[this.#next] = now;
    this.#worked[this.#next] = worked;
    this.#late[this.#next] = Math.max(0, now - this.#dueAt);
    this.#next = (this.#next + 1) % BEATS;
    this.#arm(now);
  }
}
