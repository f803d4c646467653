/**
 * The caller's audio on its way to a program's standard input: when the program does not read, the oldest gives way, so
 * that it hears the present once it reads again.
 *
 * @module
 */

import type { ChildProcess } from "../../runtime/ports.ts";
import { AudioBacklog } from "../audio_backlog.ts";

/** The sending side of one standard input. */
export class AudioWriter {
  readonly #child: Pick<ChildProcess, "stdinQueuedBytes" | "writeStdin">;
  readonly #waiting: AudioBacklog;

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
    this.#waiting = new AudioBacklog(bytesMax, dropped);
  }

  /** Writes a frame, now or when the program has taken the ones before. `pcm` is copied. */
  write(pcm: Uint8Array): void {
    const isFree = this.#waiting.isEmpty && this.#child.stdinQueuedBytes === 0;
    if (isFree) this.#child.writeStdin(pcm);
    else this.#waiting.add(pcm);
  }

  /** Writes what waits. To be called when everything that was written before has left. */
  flush(): void {
    if (!this.#waiting.isEmpty) this.#child.writeStdin(this.#waiting.takeAll());
  }
}
