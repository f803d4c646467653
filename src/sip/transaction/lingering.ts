/**
 * Transactions that are done and absorb what may still come: most of all that there are, each for as
 * long as all others of its kind.
 *
 * So they need no order but that in which they came. They are let go many at a time: to wake up for
 * each, hours of calls a day, costs more than to keep it a little longer.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** An item may stay longer by this share of its time. */
const PATIENCE = 1 / 64;

/** Items that were let go stay at the beginning of the lists until there are as many. */
const GAP_MAX = 1024;

/** Items that wait equally long, the earliest first: two lists of the same length. */
interface Queue<T> {
  readonly duration: Millis;
  items: T[];
  ends: Millis[];
  /** Where the first one stands that was not let go. */
  first: number;
}

/** Items that wait for their end, in a few durations. */
export class Lingering<T> {
  readonly #queues: Queue<T>[] = [];

  /** When the next ones are to be let go; `undefined` when there are none. */
  get deadline(): Millis | undefined {
    let earliest: Millis | undefined;
    for (const { duration, ends, first } of this.#queues) {
      const end = ends[first];
      if (end === undefined) continue;
      const deadline = end + duration * PATIENCE;
      if (earliest === undefined || deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** From now on `item` waits for this long. It cannot be taken back. */
  add(item: T, duration: Millis, now: Millis): void {
    // The difference of two instants is seldom a whole number, even where it should be
    const whole = Math.round(duration);
    let queue = this.#queues.find((one) => one.duration === whole);
    if (queue === undefined) {
      queue = { duration: whole, items: [], ends: [], first: 0 };
      this.#queues.push(queue);
    }
    queue.items.push(item);
    queue.ends.push(now + duration);
  }

  /** Lets go whose time is over, if that is true of any for long enough: in their order. */
  takeDue(now: Millis): T[] {
    const due: T[] = [];
    for (const queue of this.#queues) {
      const { duration, items, ends } = queue;
      const head = ends[queue.first];
      if (head === undefined || head + duration * PATIENCE > now) continue;
      let next = queue.first;
      for (; (ends[next] ?? Infinity) <= now; next++) due.push(items[next] as T);
      queue.first = next;
      trim(queue);
    }
    return due;
  }
}

/** Frees the memory of what was let go. */
function trim<T>(queue: Queue<T>): void {
  if (queue.first < queue.items.length && queue.first < GAP_MAX) return;
  queue.items = queue.items.slice(queue.first);
  queue.ends = queue.ends.slice(queue.first);
  queue.first = 0;
}
