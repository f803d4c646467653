/**
 * A bad network link as data: loss, delay, jitter, reordering and duplication, all from a seed,
 * without a clock.
 *
 * Whoever owns it pushes items in with the instant, and pops those that have arrived by another
 * instant. The same seed and the same pushes give the same arrivals.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";

/** How bad the link is. What is absent is perfect. */
export interface BadLinkOptions {
  readonly seed: number;
  /** Share of items that never arrive, 0 to 1. */
  readonly loss?: number;
  /** Every item takes at least this long. */
  readonly delay?: Millis;
  /**
   * Up to this much is added to the delay, uniformly. Items stay in order unless `reordering` says
   * otherwise.
   */
  readonly jitter?: Millis;
  /**
   * Share of items that may overtake or be overtaken: they take `jitter` (or 30 ms) more, others
   * pass.
   */
  readonly reordering?: number;
  /** Share of items that arrive twice. */
  readonly duplication?: number;
}

/** How much longer a reordered item takes when there is no jitter to tell. */
const REORDERING_DELAY: Millis = 30;

interface Transit<Item> {
  readonly item: Item;
  readonly arrival: Millis;
}

/** One direction of a link. Items are handed through as they are: copy buffers that are reused. */
export class BadLink<Item> {
  readonly #options: BadLinkOptions;
  readonly #random: SeededRandom;
  /** In order of arrival; those of the same instant in the order pushed. */
  readonly #transit: Transit<Item>[] = [];
  #lastArrival: Millis = -Infinity;

  constructor(options: BadLinkOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    for (let draw = 0; draw < 8; draw++) this.#random.nextUint32();
  }

  /** Sends an item at `now`. */
  push(item: Item, now: Millis): void {
    const { loss = 0, delay = 0, jitter = 0, reordering = 0, duplication = 0 } = this.#options;
    // Every push draws the same count of numbers, so that one setting does not disturb the luck of
    // another.
    const lost = this.#random.nextUnit() < loss;
    const wait = this.#random.nextUnit() * jitter;
    const reordered = this.#random.nextUnit() < reordering;
    const twice = this.#random.nextUnit() < duplication;
    const again = this.#random.nextUnit() * (jitter || REORDERING_DELAY);
    if (lost) return;
    let arrival = now + delay + wait;
    if (reordered) arrival += jitter || REORDERING_DELAY;
    else {
      arrival = Math.max(arrival, this.#lastArrival);
      this.#lastArrival = arrival;
    }
    this.#insert({ item, arrival });
    if (twice) this.#insert({ item, arrival: arrival + again });
  }

  /** Takes out everything that has arrived by `now`, in order of arrival. */
  popDue(now: Millis): Item[] {
    let count = 0;
    while (count < this.#transit.length && (this.#transit[count] as Transit<Item>).arrival <= now) {
      count++;
    }
    return this.#transit.splice(0, count).map((transit) => transit.item);
  }

  /** When the next item arrives; Infinity when none is on its way. */
  get deadline(): Millis {
    return this.#transit[0]?.arrival ?? Infinity;
  }

  #insert(transit: Transit<Item>): void {
    let at = this.#transit.length;
    while (at > 0 && (this.#transit[at - 1] as Transit<Item>).arrival > transit.arrival) at--;
    this.#transit.splice(at, 0, transit);
  }
}
