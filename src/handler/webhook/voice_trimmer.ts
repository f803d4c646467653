/**
 * Leaves out the silence at both ends of what a caller says.
 *
 * @module
 */

import type { Hertz, Millis } from "../../base/units.ts";

/** What is kept before the first word: a voice is told of later than it began. */
const BEFORE: Millis = 800;

/** Silence behind a word that is held back until the next one; what is longer is given. */
const BEHIND_MAX: Millis = 10_000;

/** The voice of one recording. */
export class VoiceTrimmer {
  readonly #bytesPerMs: number;
  readonly #write: (pcm: Uint8Array) => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isVoice = false;
  /** A word was heard. */
  #hasBegun = false;

  /** @param write Takes what is kept; its buffer may be reused after. */
  constructor(rate: Hertz, write: (pcm: Uint8Array) => void) {
    this.#bytesPerMs = rate * 2 / 1000;
    this.#write = write;
  }

  /** @param pcm s16le; copied. */
  receive(pcm: Uint8Array): void {
    if (this.#isVoice) return this.#write(pcm);
    this.#held.push(pcm.slice());
    this.#heldBytes += pcm.length;
    if (this.#hasBegun) {
      if (this.#heldBytes > BEHIND_MAX * this.#bytesPerMs) this.#flush();
      return;
    }
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      if (this.#heldBytes - first.length < BEFORE * this.#bytesPerMs) return;
      this.#held.shift();
      this.#heldBytes -= first.length;
    }
  }

  /** The caller speaks now, or no longer does. */
  voice(isVoice: boolean): void {
    this.#isVoice = isVoice;
    if (!isVoice) return;
    this.#hasBegun = true;
    this.#flush();
  }

  #flush(): void {
    for (const pcm of this.#held) this.#write(pcm);
    this.#held = [];
    this.#heldBytes = 0;
  }
}
