/**
 * Makes log lines of a program's standard error: bounded in length, and in number a second.
 *
 * Reading never stops, so that a talkative program is not blocked by its own messages.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { LineSplitter } from "../line_splitter.ts";
import { RateLimit } from "../rate_limit.ts";

/** Longest line that is logged. */
export const LOG_LINE_BYTES_MAX = 2_000;

const LINES_PER_SECOND = 20;
const LINES_BURST = 100;

/** The standard error of one program. */
export class StderrLog {
  readonly #log: (line: string) => void;
  readonly #now: () => Millis;
  readonly #lines = new LineSplitter(LOG_LINE_BYTES_MAX, (text, cut) => this.#take(text, cut));
  readonly #limit = new RateLimit({ perSecond: LINES_PER_SECOND, burst: LINES_BURST });
  #lastLine = "";

  constructor(log: (line: string) => void, now: () => Millis) {
    this.#log = log;
    this.#now = now;
  }

  /** The last line that was not empty, for the reason of a failure. */
  get lastLine(): string {
    return this.#lastLine;
  }

  /** Takes what the program wrote. */
  receive(data: Uint8Array): void {
    this.#lines.receive(data);
  }

  /** The program is gone: the unfinished line and the count of lines left out are logged. */
  end(): void {
    this.#lines.end();
    this.#logRefused();
  }

  #take(text: string, cut: boolean): void {
    if (text === "") return;
    this.#lastLine = text;
    if (!this.#limit.take(this.#now())) return;
    this.#logRefused();
    this.#log(cut ? `${text}…` : text);
  }

  #logRefused(): void {
    const refused = this.#limit.takeRefused();
    if (refused > 0) this.#log(`(${refused} lines were left out, since they came too fast)`);
  }
}
