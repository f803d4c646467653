/**
 * What one call's web server is waited for: its answer, a sound, the beginning of a stream. The
 * call is told of the whole, so that a silence made of several waits is one.
 *
 * @module
 */

import type { Runtime } from "../../runtime/ports.ts";

/** What may be waited for. */
export type Awaited = "answer" | "sound" | "stream";

/** What waits are made of. */
export interface WaitsOptions {
  readonly runtime: Pick<Runtime, "setImmediate">;
  /** The caller waits, or no longer. Told when that changes. */
  readonly waiting: (isWaiting: boolean) => void;
}

/** The waits of one call. */
export class Waits {
  readonly #options: WaitsOptions;
  readonly #awaited = new Set<Awaited>();
  #isTold = false;
  #isLooking = false;

  constructor(options: WaitsOptions) {
    this.#options = options;
  }

  /** Something is waited for, or no longer. */
  set(what: Awaited, isWaiting: boolean): void {
    if (isWaiting) this.#awaited.add(what);
    else if (!this.#awaited.delete(what)) return;
    if (this.#awaited.size > 0) return this.#tell(true);
    if (this.#isLooking || !this.#isTold) return;
    this.#isLooking = true;
    // One wait may lead to the next at once
    this.#options.runtime.setImmediate(() => {
      this.#isLooking = false;
      if (this.#awaited.size === 0) this.#tell(false);
    });
  }

  /** The end: nothing is waited for. */
  stop(): void {
    this.#awaited.clear();
    this.#tell(false);
  }

  #tell(isWaiting: boolean): void {
    if (this.#isTold === isWaiting) return;
    this.#isTold = isWaiting;
    this.#options.waiting(isWaiting);
  }
}
