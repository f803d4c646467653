/**
 * Gives memory back when nothing is left to do. An engine looks for what nobody needs only while
 * more is asked for: after a busy hour it would hold on to all of it.
 *
 * @module
 */

import type { Runtime } from "../runtime/ports.ts";
import type { Counters } from "./counters.ts";

/** Fewer calls leave nothing behind that is worth the pause. */
const CALLS_MIN = 500;

/** Decides when that is. */
export class IdleMemory {
  readonly #runtime: Pick<Runtime, "freeMemory">;
  readonly #counters: Counters;
  /** Calls until the last time. */
  #calls = 0;

  constructor(runtime: Pick<Runtime, "freeMemory">, counters: Counters) {
    this.#runtime = runtime;
    this.#counters = counters;
  }

  /** No call is up, and no message can come again. */
  reached(): void {
    const calls = this.#counters.get("calls_received");
    if (calls - this.#calls < CALLS_MIN) return;
    this.#calls = calls;
    this.#runtime.freeMemory();
  }
}
