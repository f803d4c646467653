/**
 * Audio that waits for who does not take it: up to a bound the oldest gives way, whole frames at a
 * time, so that the present is heard once it is taken again.
 *
 * @module
 */

/** Frames that wait, in order. Allocates only while something waits. */
export class AudioBacklog {
  readonly #bytesMax: number;
  readonly #dropped: (bytes: number) => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;

  /** @param dropped Hears of audio that gave way. */
  constructor(bytesMax: number, dropped: (bytes: number) => void) {
    this.#bytesMax = bytesMax;
    this.#dropped = dropped;
  }

  /** How much waits. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** Adds a frame, copied. */
  add(pcm: Uint8Array): void {
    this.#frames.push(pcm.slice());
    this.#bytes += pcm.length;
    while (this.#bytes > this.#bytesMax) this.#dropped(this.take().length);
  }

  /** Takes the oldest frame. There is one. */
  take(): Uint8Array {
    const frame = this.#frames.shift() as Uint8Array;
    this.#bytes -= frame.length;
    return frame;
  }

  /** Takes everything, as one piece. */
  takeAll(): Uint8Array {
    const joined = new Uint8Array(this.#bytes);
    let at = 0;
    for (const frame of this.#frames) {
      joined.set(frame, at);
      at += frame.length;
    }
    this.#frames = [];
    this.#bytes = 0;
    return joined;
  }

  /** Nobody is to take it any more: all of it gives way. */
  drop(): void {
    if (this.#bytes > 0) this.#dropped(this.#bytes);
    this.#frames = [];
    this.#bytes = 0;
  }
}
