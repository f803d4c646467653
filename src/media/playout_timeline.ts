/**
 * The handler's timeline: how much audio it has been given, against the clock.
 *
 * It follows the clock at a distance that costs no delay, since audio is handed on when it comes:
 * the distance is only how far silence stays behind. That reserve lets packets be late, early or
 * slightly too slow without a sample being dropped or made up. Only arithmetic is here; the receive
 * path acts on it.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";

/** How far behind the clock silence is filled in. */
export const RESERVE_MS = 120;
/**
 * How far ahead of the clock audio may get before it is dropped. A sender that began the moment the
 * timeline did is a whole frame ahead, and a little more when its timer is early.
 */
export const LEAD_MS_MAX = 24;
/** The same for quiet audio: a little less, so that a fast sender costs silence and not speech. */
export const QUIET_LEAD_MS_MAX = 22;
/** Silence is filled in by this much. */
export const FILL_MS = 20;

/** Guards against an instant that is a rounding error short of a sample. */
const ROUNDING = 0.001;

/** One handler's timeline. Positions and distances are samples. Hot path: plain numbers. */
export class PlayoutTimeline {
  readonly #start: Millis;
  readonly #perMs: number;
  readonly #reserve: Samples;
  #produced: Samples = 0;

  /** @param start Where the timeline begins. */
  constructor(start: Millis, sampleRate: Hertz) {
    this.#start = start;
    this.#perMs = sampleRate / 1000;
    this.#reserve = Math.round(RESERVE_MS * this.#perMs);
  }

  /** How far the timeline is behind the clock; negative when it is ahead. */
  lag(now: Millis): Samples {
    return Math.floor((now - this.#start) * this.#perMs + ROUNDING) - this.#produced;
  }

  /** Counts audio that has been given to the handler. */
  advance(samples: Samples): void {
    this.#produced += samples;
  }

  /** Distance behind the clock that silence keeps. */
  get reserve(): Samples {
    return this.#reserve;
  }

  /** When the timeline will be the reserve, and `patience` more, behind the clock. */
  dueAt(patience: Millis): Millis {
    return this.#start + (this.#produced + this.#reserve) / this.#perMs + patience;
  }
}
