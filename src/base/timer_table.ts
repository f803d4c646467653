/**
 * Many deadlines, one timer: a binary min-heap of keyed absolute instants.
 *
 * It holds deadlines only. Who sleeps until the earliest, and what is done when it has come, is
 * left to the caller.
 *
 * @module
 */

import type { Millis } from "./units.ts";

interface Entry<K> {
  readonly key: K;
  deadline: Millis;
  /** Equal deadlines come out in the order in which they were set. */
  order: number;
  /** Where the entry stands in the heap. */
  index: number;
}

/**
 * The deadlines of many keys, at most one each. Setting, deleting and taking out cost O(log n); the
 * earliest is at hand. Keys are compared as `Map` compares them.
 */
export class TimerTable<K> {
  readonly #heap: Entry<K>[] = [];
  readonly #entries = new Map<K, Entry<K>>();
  #sets = 0;

  /** How many keys have a deadline. */
  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline of all; `undefined` when there is none. */
  get deadline(): Millis | undefined {
    return this.#heap[0]?.deadline;
  }

  /**
   * Gives `key` this deadline instead of any that it had. The one that it has already costs
   * nothing.
   *
   * @throws {RangeError} When `deadline` is not a number; nothing is changed.
   */
  set(key: K, deadline: Millis): void {
    if (Number.isNaN(deadline)) throw new RangeError("Deadline must be a number of milliseconds");
    const entry = this.#entries.get(key);
    if (entry?.deadline === deadline) return;
    const order = this.#sets++;
    if (entry === undefined) {
      const added = { key, deadline, order, index: this.#heap.length };
      this.#entries.set(key, added);
      this.#heap.push(added);
      this.#siftUp(added);
      return;
    }
    const later = deadline > entry.deadline;
    entry.deadline = deadline;
    entry.order = order;
    if (later) this.#siftDown(entry);
    else this.#siftUp(entry);
  }

  /** Takes the deadline of `key` away, if it has one. */
  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  /**
   * Takes out the key whose deadline is the earliest, if that has come.
   *
   * @returns `undefined` when nothing is due at `now`.
   */
  popDue(now: Millis): K | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadline > now) return undefined;
    this.#remove(first);
    return first.key;
  }

  #remove(entry: Entry<K>): void {
    this.#entries.delete(entry.key);
    const last = this.#heap.pop() as Entry<K>;
    if (last === entry) return;
    this.#place(last, entry.index);
    this.#siftUp(last);
    this.#siftDown(last);
  }

  #siftUp(entry: Entry<K>): void {
    let index = entry.index;
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1;
      const parent = this.#heap[parentIndex] as Entry<K>;
      if (!isEarlier(entry, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(entry, index);
  }

  #siftDown(entry: Entry<K>): void {
    const size = this.#heap.length;
    let index = entry.index;
    for (let child = 2 * index + 1; child < size; child = 2 * index + 1) {
      let least = this.#heap[child] as Entry<K>;
      const right = this.#heap[child + 1];
      if (right !== undefined && isEarlier(right, least)) least = right;
      if (!isEarlier(least, entry)) break;
      const leastIndex = least.index;
      this.#place(least, index);
      index = leastIndex;
    }
    this.#place(entry, index);
  }

  #place(entry: Entry<K>, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }
}

function isEarlier<K>(a: Entry<K>, b: Entry<K>): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}
