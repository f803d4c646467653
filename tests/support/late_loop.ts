/**
 * An event loop that is as late as it is told, and what measures its lateness.
 *
 * @module
 */

import { LoopLag } from "../../src/gateway/loop_lag.ts";

/** A loop whose only timer fires when it is told to. */
export class LateLoop {
  now = 0;
  /** What share of the time it works. */
  busyShare = 0;
  readonly lag: LoopLag;
  #worked = 0;
  #due: { readonly at: number; readonly callback: () => void } | undefined;

  constructor() {
    this.lag = new LoopLag({
      now: () => this.now,
      threadTime: () => this.#worked,
      setTimer: (callback, delay) => {
        const due = { at: this.now + delay, callback };
        this.#due = due;
        return {
          cancel: () => {
            if (this.#due === due) this.#due = undefined;
          },
        };
      },
    });
  }

  get isBeating(): boolean {
    return this.#due !== undefined;
  }

  /** Fires the timer so often, each time so much too late. */
  beats(count: number, late: number): void {
    for (let index = 0; index < count && this.#due !== undefined; index++) {
      const now = this.#due.at + late;
      this.#worked += (now - this.now) * this.busyShare;
      this.now = now;
      this.#due.callback();
    }
  }
}
