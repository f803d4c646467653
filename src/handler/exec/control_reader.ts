/**
 * Reads commands from a program's control channel: one JSON object a line.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerCommand } from "../../call/handler_message.ts";
import { parseHandlerCommand } from "../../call/parse_command.ts";
import { LineSplitter } from "./line_splitter.ts";
import { RateLimit } from "./rate_limit.ts";

/** Longest line of a control channel. */
export const CONTROL_LINE_BYTES_MAX = 64 * 1024;

/**
 * Refusals are answered, logged and counted; a program that writes nothing else gets no more of
 * them than this.
 */
const REFUSALS_PER_SECOND = 10;
const REFUSALS_BURST = 50;

/** Where commands and refusals go. */
export interface ControlEvents {
  command(command: HandlerCommand): void;
  /** `command` is the name that the message gave, or empty. */
  refused(message: string, command: string): void;
  /** So many refusals were only counted. */
  refusalsLeftOut(count: number): void;
}

/** The receiving side of one control channel. */
export class ControlReader {
  readonly #events: ControlEvents;
  readonly #now: () => Millis;
  readonly #lines = new LineSplitter(
    CONTROL_LINE_BYTES_MAX,
    (text, tooLong) => this.#take(text, tooLong),
  );
  readonly #limit = new RateLimit({ perSecond: REFUSALS_PER_SECOND, burst: REFUSALS_BURST });

  constructor(events: ControlEvents, now: () => Millis) {
    this.#events = events;
    this.#now = now;
  }

  /** Takes bytes as they come; a line may come in pieces. */
  receive(data: Uint8Array): void {
    this.#lines.receive(data);
  }

  /** The channel is closed. A line that was not finished is no command. */
  end(): void {
    const leftOut = this.#limit.takeRefused();
    if (leftOut > 0) this.#events.refusalsLeftOut(leftOut);
  }

  #take(text: string, tooLong: boolean): void {
    if (tooLong) {
      return this.#refuse(`A line is longer than ${CONTROL_LINE_BYTES_MAX} bytes, send less`, "");
    }
    if (text.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      const shown = JSON.stringify(text.slice(0, 64));
      return this.#refuse(`Not JSON: ${shown}, send one JSON object a line`, "");
    }
    const parsed = parseHandlerCommand(value);
    if (parsed.ok) this.#events.command(parsed.command);
    else this.#refuse(parsed.message, parsed.command);
  }

  #refuse(message: string, command: string): void {
    if (!this.#limit.take(this.#now())) return;
    const leftOut = this.#limit.takeRefused();
    if (leftOut > 0) this.#events.refusalsLeftOut(leftOut);
    this.#events.refused(message, command);
  }
}
