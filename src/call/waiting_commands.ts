/**
 * Commands of a handler that need a session which both sides know of: they wait for the caller's ACK.
 *
 * @module
 */

import type { HandlerCommand } from "./handler_message.ts";

/** Commands that wait; what comes on top is refused. */
const WAITING_COMMANDS_MAX = 8;

/** The commands of one call that wait. */
export class WaitingCommands {
  #commands: HandlerCommand[] = [];

  /** @returns `false` when there are too many. */
  add(command: HandlerCommand): boolean {
    if (this.#commands.length >= WAITING_COMMANDS_MAX) return false;
    this.#commands.push(command);
    return true;
  }

  /** All of them, in their order; none waits afterwards. */
  take(): readonly HandlerCommand[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }
}
