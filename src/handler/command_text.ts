/**
 * Reads commands that come as texts of JSON, whatever they come through, and bounds the answers to
 * what cannot be understood.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { HandlerCommand } from "../call/handler_message.ts";
import { parseHandlerCommand } from "../call/parse_command.ts";
import { RateLimit } from "./rate_limit.ts";

/** Longest text of one command. */
export const COMMAND_BYTES_MAX = 64 * 1024;

/**
 * Refusals are answered, logged and counted; a program that writes nothing else gets no more of
 * them than this.
 */
const REFUSALS_PER_SECOND = 10;
const REFUSALS_BURST = 50;

/** Where refusals go. */
export interface RefusalEvents {
  /** `command` is the name that the message gave, or empty. */
  refused(message: string, command: string): void;
  /** So many refusals were only counted. */
  refusalsLeftOut(count: number): void;
}

/** Where commands and refusals go. */
export interface CommandEvents extends RefusalEvents {
  command(command: HandlerCommand): void;
}

/** What cannot be understood, so many times a second at most. */
export class Refusals {
  readonly #events: RefusalEvents;
  readonly #now: () => Millis;
  readonly #limit = new RateLimit({ perSecond: REFUSALS_PER_SECOND, burst: REFUSALS_BURST });

  constructor(events: RefusalEvents, now: () => Millis) {
    this.#events = events;
    this.#now = now;
  }

  /** Says it, or only counts it. */
  refuse(message: string, command: string): void {
    if (!this.#limit.take(this.#now())) return;
    this.end();
    this.#events.refused(message, command);
  }

  /** There is nothing more to come: tells what was only counted. */
  end(): void {
    const leftOut = this.#limit.takeRefused();
    if (leftOut > 0) this.#events.refusalsLeftOut(leftOut);
  }
}

/** The receiving side of one channel of commands. */
export class CommandText {
  readonly #unit: string;
  readonly #events: CommandEvents;
  readonly #refusals: Refusals;

  /** @param unit What one command comes in, such as `line`. */
  constructor(unit: "line" | "message", events: CommandEvents, now: () => Millis) {
    this.#unit = unit;
    this.#events = events;
    this.#refusals = new Refusals(events, now);
  }

  /**
   * Takes one text. An empty one is none.
   *
   * @param tooLong It is only the beginning of one that was too long.
   */
  receive(text: string, tooLong: boolean): void {
    if (tooLong) {
      const message = `A ${this.#unit} is longer than ${COMMAND_BYTES_MAX} bytes, send less`;
      return this.#refusals.refuse(message, "");
    }
    if (text.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      const shown = JSON.stringify(text.slice(0, 64));
      const message = `Not JSON: ${shown}, send one JSON object a ${this.#unit}`;
      return this.#refusals.refuse(message, "");
    }
    const parsed = parseHandlerCommand(value);
    if (parsed.ok) this.#events.command(parsed.command);
    else this.#refusals.refuse(parsed.message, parsed.command);
  }

  /** The channel is closed. */
  end(): void {
    this.#refusals.end();
  }
}
