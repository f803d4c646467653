/**
 * Which packets of a source have been seen: the replay list. RFC 3711 §3.3.2.
 *
 * @module
 */

/** A window over packet indexes, which ends at the highest one that was authentic. */
export class ReplayWindow {
  /** Whether an index has been seen, at the index modulo the size. */
  readonly #seen: Uint8Array;
  #highest = -1;

  /** @param size How many indexes are remembered; §3.3.2 wants 64 or more. */
  constructor(size: number) {
    this.#seen = new Uint8Array(size);
  }

  /** The highest index that was accepted; -1: none. */
  get highest(): number {
    return this.#highest;
  }

  /** Tells whether an index is new: neither seen nor older than the window. */
  isNew(index: number): boolean {
    if (index > this.#highest) return true;
    if (index < 0 || this.#highest - index >= this.#seen.length) return false;
    return this.#seen[index % this.#seen.length] === 0;
  }

  /** Remembers the index of an authentic packet, which must be new. */
  accept(index: number): void {
    const size = this.#seen.length;
    if (index - this.#highest >= size) {
      this.#seen.fill(0);
    } else {
      for (let passed = this.#highest + 1; passed < index; passed++) this.#seen[passed % size] = 0;
    }
    this.#seen[index % size] = 1;
    if (index > this.#highest) this.#highest = index;
  }
}
