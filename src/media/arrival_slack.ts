/**
 * How long the audio of a handler that keeps pace waits for its turn, without need.
 *
 * Such a handler writes a frame when the caller's has come. After it was late once, every frame of
 * it would wait that long for the rest of the call: it is given back once all have waited for a
 * while.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** Frames that are looked at: a second, at the usual length. */
const FRAMES = 50;

/** What is left to wait, so that a little lateness makes no gap. */
const KEPT_MS: Millis = 1;

/** Watches one stream. Hot path: plain numbers. */
export class ArrivalSlack {
  #least: Millis = Infinity;
  #frames = 0;

  /**
   * A frame was completed just in time.
   *
   * @param wait Until it is due; negative: it is late.
   * @returns How much earlier all that follows may leave.
   */
  note(wait: Millis): Millis {
    if (wait < this.#least) this.#least = wait;
    if (++this.#frames < FRAMES) return 0;
    const slack = this.#least - KEPT_MS;
    this.reset();
    return Math.max(0, slack);
  }

  /** The stream paused, or its handler is ahead: what was seen says nothing. */
  reset(): void {
    this.#least = Infinity;
    this.#frames = 0;
  }
}
