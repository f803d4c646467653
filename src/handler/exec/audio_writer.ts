/**
 * The caller's audio on its way to a program's standard input: when the program does not read, the oldest gives way, so
 * that it hears the present once it reads again.
 *
 * @module
 */

import type { ChildProcess } from "../../runtime/ports.ts";

/** The sending side of one standard input. */
export class AudioWriter {
  readonly #child: Pick<ChildProcess, "stdinQueuedBytes" | "writeStdin">;
  readonly #bytesMax: number;
  readonly #dropped: (bytes: number) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /**
   * @param bytesMax What waits at most, besides what the system's pipe holds.
   * @param dropped Hears of audio that gave way.
   */
  constructor(
    child: Pick<ChildProcess, "stdinQueuedBytes" | "writeStdin">,
    bytesMax: number,
    dropped: (bytes: number) => void,
  ) {
    this.#child = child;
    this.#bytesMax = bytesMax;
    this.#dropped = dropped;
  }

  /** Writes a frame, now or when the program has taken the ones before. `pcm` is copied. */
  write(pcm: Uint8Array): void {
    if (this.#waiting.length === 0 && this.#child.stdinQueuedBytes === 0) {
      return this.#child.writeStdin(pcm);
    }
    this.#waiting.push(pcm.slice());
    this.#waitingBytes += pcm.length;
    while (this.#waitingBytes > this.#bytesMax) {
      const oldest = this.#waiting.shift() as Uint8Array;
      this.#waitingBytes -= oldest.length;
      this.#dropped(oldest.length);
    }
  }

  /** Writes what waits. To be called when everything that was written before has left. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const joined = new Uint8Array(this.#waitingBytes);
    let at = 0;
    for (const frame of this.#waiting) {
      joined.set(frame, at);
      at += frame.length;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#child.writeStdin(joined);
  }
}
