/**
 * A sound file that never begins: whoever is to hear it rings until it gives up.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

/** A pipe that nobody writes into. A route that plays it lets its calls ring. */
export class SilentPipe {
  /** For the key `play` of a route. */
  readonly path: string;
  readonly #folder: string;

  constructor() {
    this.#folder = mkdtempSync(`${tmpdir()}/voicegw-pipe-`);
    this.path = `${this.#folder}/never.wav`;
    Bun.spawnSync(["mkfifo", this.path]);
  }

  /** Gives an end of file to whoever still waits for a sound, and removes the pipe. */
  close(): void {
    Bun.spawnSync(["timeout", "1", "sh", "-c", `: > ${this.path}`]);
    rmSync(this.#folder, { recursive: true });
  }
}
