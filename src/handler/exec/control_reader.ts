/**
 * Reads commands from a program's control channel: one JSON object a line.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { COMMAND_BYTES_MAX, type CommandEvents, CommandText } from "../command_text.ts";
import { LineSplitter } from "../line_splitter.ts";

/** The receiving side of one control channel. */
export class ControlReader {
  readonly #commands: CommandText;
  readonly #lines: LineSplitter;

  constructor(events: CommandEvents, now: () => Millis) {
    const commands = new CommandText("line", events, now);
    this.#commands = commands;
    this.#lines = new LineSplitter(
      COMMAND_BYTES_MAX,
      (text, tooLong) => commands.receive(text, tooLong),
    );
  }

  /** Takes bytes as they come; a line may come in pieces. */
  receive(data: Uint8Array): void {
    this.#lines.receive(data);
  }

  /** The channel is closed. A line that was not finished is no command. */
  end(): void {
    this.#commands.end();
  }
}
