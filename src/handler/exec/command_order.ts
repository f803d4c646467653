/**
 * Keeps commands of the control channel in order with the audio on standard output.
 *
 * The two come through different pipes, and the short command overtakes the long audio. So a `mark`,
 * `play`, `say` or `clear` waits until what was in the audio pipe when it came has been read, and
 * every later command waits behind it. The sound stops at a `clear` all the same: at once, as the
 * first of its two steps.
 *
 * What a program writes to standard output right behind a command may still be read before it: who
 * needs that order waits for the answer of a mark.
 *
 * @module
 */

import type { HandlerCommand } from "../../call/handler_message.ts";

/** Commands that may wait for audio at a time. */
export const WAITING_COMMANDS_MAX = 256;

/** What the order needs from both sides. */
export interface OrderEvents {
  /** Calls back, later and in order, when what is in the audio pipe now has been read. */
  drain(done: () => void): void;
  /** First step of a clear. */
  clearAudio(): void;
  /** A command whose turn has come. */
  command(command: HandlerCommand): void;
}

/** The commands of one program. */
export class CommandOrder {
  readonly #events: OrderEvents;
  /** The first one waits for audio, or nothing waits. */
  #waiting: HandlerCommand[] = [];

  constructor(events: OrderEvents) {
    this.#events = events;
  }

  /** @returns `false` when too many wait already: the command is not taken. */
  receive(command: HandlerCommand): boolean {
    const waits = waitsForAudio(command);
    if (!waits && this.#waiting.length === 0) {
      this.#events.command(command);
      return true;
    }
    if (this.#waiting.length >= WAITING_COMMANDS_MAX) return false;
    this.#waiting.push(command);
    if (command.command === "clear") this.#events.clearAudio();
    if (waits) this.#events.drain(() => this.#release());
    return true;
  }

  /** Gives the first command, and those behind it that wait for nothing but their turn. */
  #release(): void {
    let next = this.#waiting.shift();
    while (next !== undefined) {
      this.#events.command(next);
      const following = this.#waiting[0];
      next = following === undefined || waitsForAudio(following)
        ? undefined
        : this.#waiting.shift();
    }
  }
}

/** Those that have a place in the audio. */
function waitsForAudio({ command }: HandlerCommand): boolean {
  return command === "mark" || command === "play" || command === "say" || command === "clear";
}
