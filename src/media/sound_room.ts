/**
 * Room for sound on its way through: decoded or made up, heard by the handler, and forgotten before the next is put there.
 *
 * All calls of a thread use the same: a room of its own would be out of the processor's caches each time that a call's next
 * packet comes. So nothing may stay in it from one packet to the next.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";

/** The beginning of a room: as samples, and as they lie in memory. */
export interface SoundCut {
  readonly samples: Int16Array;
  /** s16le: every machine that our runtimes know is little-endian. */
  readonly bytes: Uint8Array;
}

/** Lengths that are kept at hand; calls have few different ones. */
const CUTS_MAX = 32;

/** A room that grows with what is put there. */
export class SoundRoom {
  #samples = new Int16Array(0);
  readonly #cuts = new Map<Samples, SoundCut>();

  /** The whole of it, valid until the next {@linkcode reserve}. */
  get samples(): Int16Array {
    return this.#samples;
  }

  /** Makes it at least that long. What is in it is lost if it has to grow. */
  reserve(length: Samples): void {
    if (length <= this.#samples.length) return;
    this.#samples = new Int16Array(new ArrayBuffer(length * 2));
    this.#cuts.clear();
  }

  /** The first `count` samples. */
  cut(count: Samples): SoundCut {
    const known = this.#cuts.get(count);
    if (known !== undefined) return known;
    const { buffer } = this.#samples;
    const cut = {
      samples: this.#samples.subarray(0, count),
      bytes: new Uint8Array(buffer, 0, count * 2),
    };
    if (this.#cuts.size >= CUTS_MAX) this.#cuts.clear();
    this.#cuts.set(count, cut);
    return cut;
  }
}
