/**
 * All recordings under way, and the one timer that has their audio written, off the way of the
 * packets.
 *
 * They take turns: a beat wakes a part of them, so that hundreds do not hold up the event loop at
 * one moment.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";

/** How often each recording is woken. */
export const RECORDING_INTERVAL: Millis = 500;

/** Parts that are woken in turn. */
const TURNS = 10;

/** What is to be woken. */
export interface Recorded {
  /** Write what there is. */
  drain(): void;
}

/** The recordings of one gateway. The timer is armed only while there are any. */
export class Recordings {
  readonly #runtime: Pick<Runtime, "setTimer">;
  readonly #turns: readonly Set<Recorded>[] = Array.from({ length: TURNS }, () => new Set());
  /** Whose turn is next. */
  #turn = 0;
  #size = 0;
  #timer: Timer | undefined;

  constructor(runtime: Pick<Runtime, "setTimer">) {
    this.#runtime = runtime;
  }

  /** Recordings whose file is open, or being opened. */
  get size(): number {
    return this.#size;
  }

  add(recording: Recorded): void {
    const fewest = Math.min(...this.#turns.map(({ size }) => size));
    this.#turns.find(({ size }) => size === fewest)?.add(recording);
    this.#size++;
    if (this.#timer === undefined) this.#arm();
  }

  /** @returns `false` when it was not there. */
  remove(recording: Recorded): boolean {
    if (!this.#turns.some((turn) => turn.delete(recording))) return false;
    this.#size--;
    if (this.#size > 0) return true;
    this.#timer?.cancel();
    this.#timer = undefined;
    return true;
  }

  #arm(): void {
    this.#timer = this.#runtime.setTimer(() => this.#beat(), RECORDING_INTERVAL / TURNS);
  }

  #beat(): void {
    const turn = this.#turns[this.#turn] as Set<Recorded>;
    this.#turn = (this.#turn + 1) % TURNS;
    for (const recording of turn) recording.drain();
    this.#arm();
  }
}
