/**
 * Which nonce counts were used: a request that is recorded and sent again is not let in. RFC 7616
 * §3.4, §5.5.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** A nonce that let somebody in. */
interface Counts {
  /** When the nonce was made. */
  readonly madeAt: Millis;
  highest: number;
  /** Bit n: the count `highest - n` was used. */
  used: number;
}

/** How far counts may come out of order: requests overtake each other on UDP. */
const WINDOW = 32;

/** A count that was used, one of a nonce that is no longer remembered, or a new one. */
export type CountUse = "new" | "used" | "forgotten";

/**
 * The counts of the nonces that were used with the right password, which nobody without one can add
 * to. When there are too many, the oldest are forgotten, and whatever was made before them is not
 * taken any more: forgetting lets no repetition in.
 */
export class NonceCounts {
  readonly #noncesMax: number;
  readonly #lifetime: Millis;
  /** In the order of the first use. */
  readonly #nonces = new Map<string, Counts>();
  /** Nonces made up to then and not among those above are taken for used. */
  #forgottenUntil: Millis = -Infinity;

  /** @param options.noncesMax At least 1. */
  constructor(options: { noncesMax: number; lifetime: Millis }) {
    this.#noncesMax = options.noncesMax;
    this.#lifetime = options.lifetime;
  }

  /** Nonces that are remembered. */
  get size(): number {
    return this.#nonces.size;
  }

  /**
   * Uses a count, once.
   *
   * @param use.count 0 to 2^32 - 1.
   * @param use.madeAt When the nonce was made.
   */
  use(
    { nonce, count, madeAt }: { nonce: string; count: number; madeAt: Millis },
    now: Millis,
  ): CountUse {
    const counts = this.#nonces.get(nonce);
    if (counts !== undefined) return useCount(counts, count);
    if (madeAt <= this.#forgottenUntil) return "forgotten";
    this.#makeRoom(now);
    this.#nonces.set(nonce, { madeAt, highest: count, used: 1 });
    return "new";
  }

  /** Forgets expired nonces from the front, few at a time, and the oldest to make room. */
  #makeRoom(now: Millis): void {
    let checked = 0;
    for (const [nonce, { madeAt }] of this.#nonces) {
      const isFull = this.#nonces.size >= this.#noncesMax;
      if (!isFull && (checked++ === 2 || now - madeAt < this.#lifetime)) return;
      this.#nonces.delete(nonce);
      this.#forgottenUntil = Math.max(this.#forgottenUntil, madeAt);
    }
  }
}

function useCount(counts: Counts, count: number): CountUse {
  const ahead = count - counts.highest;
  if (ahead > 0) {
    counts.used = ahead >= WINDOW ? 1 : ((counts.used << ahead) | 1) >>> 0;
    counts.highest = count;
    return "new";
  }
  if (ahead <= -WINDOW) return "used";
  const bit = (1 << -ahead) >>> 0;
  if ((counts.used & bit) !== 0) return "used";
  counts.used = (counts.used | bit) >>> 0;
  return "new";
}
