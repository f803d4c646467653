/**
 * The handler's marks: names of positions in its audio, in the order written.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";

/**
 * Marks that may wait. Above it the oldest is taken for passed, so that none is ever without an
 * answer.
 */
export const MARKS_MAX = 1024;

interface Mark {
  readonly name: string;
  readonly position: Samples;
}

/** A first-in first-out list of marks. */
export class MarkList {
  readonly #marks: Mark[] = [];

  /** Adds a mark at a position not before that of the last one. */
  push(name: string, position: Samples): void {
    this.#marks.push({ name, position });
  }

  /** Whether any mark waits. */
  get pending(): boolean {
    return this.#marks.length > 0;
  }

  /** Whether all audio before the first mark is gone. */
  isPassed(position: Samples): boolean {
    const first = this.#marks[0];
    return first !== undefined && (first.position <= position || this.#marks.length > MARKS_MAX);
  }

  /** Takes the first mark off; there must be one. */
  shift(): string {
    return (this.#marks.shift() as Mark).name;
  }
}
