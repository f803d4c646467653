/**
 * The first second of a program: who does not survive it again and again is not started for a
 * while, so that callers go on to `on_error` at once.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import type { HandlerEnd } from "../handler.ts";
import type { TargetGuard } from "../target_guard.ts";

/** A program that has lived for so long was no failed start. */
export const PROBATION: Millis = 1_000;

/** Longest name of a program. */
const TARGET_LENGTH_MAX = 200;

/**
 * The name that a program is known by among the targets: its argv as the configuration has it, with
 * placeholders, so that all calls of a route ask for the same one.
 */
export function execTarget(command: readonly string[]): string {
  return `exec:${command.join(" ")}`.slice(0, TARGET_LENGTH_MAX);
}

/** The first second of one program. */
export class Probation {
  readonly #guard: TargetGuard;
  readonly #target: string;
  readonly #runtime: Pick<Runtime, "setTimer">;
  /** There while nothing is known. */
  #timer: Timer | undefined;

  constructor(
    options: {
      readonly guard: TargetGuard;
      /** See {@linkcode execTarget}. */
      readonly target: string;
      readonly runtime: Pick<Runtime, "setTimer">;
    },
  ) {
    this.#guard = options.guard;
    this.#target = options.target;
    this.#runtime = options.runtime;
  }

  /** @returns Why the program is not to be started now. */
  begin(): string | undefined {
    const refused = this.#guard.refuse(this.#target);
    if (refused !== undefined) return refused;
    this.#timer = this.#runtime.setTimer(() => {
      this.#timer = undefined;
      this.#guard.succeeded(this.#target);
    }, PROBATION);
    return undefined;
  }

  /** The program has ended, or did not begin. */
  end(end: HandlerEnd["type"]): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    if (end === "failed") this.#guard.failed(this.#target);
    else if (end === "completed") this.#guard.succeeded(this.#target);
    else this.#guard.abandoned(this.#target);
  }
}
