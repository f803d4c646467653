/**
 * The actions that are commands to the call, done in their turn: `dtmf`, and those that end the
 * handler's part in it: `hangup`, `reject`, `redirect`, `transfer`, `route`. And `fetch`, which
 * waits for its turn in the same way.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerCommand, HandlerEvent } from "../../call/handler_message.ts";
import {
  NEXT,
  type Question,
  type Step,
  type StepContext,
  type StepEnd,
  StepTimer,
} from "./step.ts";

/** Between two keys, and what stands for a pause between them. */
const DIGIT_GAP: Millis = 80;
const PAUSES: Readonly<Record<string, Millis>> = { w: 500, ",": 2000 };

/** What such an action is made of. */
export interface CommandStepOptions {
  readonly command: HandlerCommand;
  readonly context: StepContext;
  readonly ended: (end: StepEnd) => void;
}

/** A command that the call ends with, unless it cannot be done: then the next action follows. */
export class CommandStep implements Step {
  readonly #options: CommandStepOptions;
  #state: "waiting" | "given" | "over" = "waiting";
  #forget = () => {};

  constructor(options: CommandStepOptions) {
    this.#options = options;
  }

  start(): void {
    const { command, context } = this.#options;
    this.#forget = context.sounds.whenPlayed(() => {
      if (this.#state !== "waiting") return;
      this.#state = "given";
      context.command(command);
    });
  }

  stop(): void {
    this.#state = "over";
    this.#forget();
  }

  receiveEvent(event: HandlerEvent): boolean {
    if (this.#state !== "given") return false;
    const { command } = this.#options.command;
    const isRefused = event.event === "error" && event.command === command;
    const isFailed = event.event === "transfer" && event.status === "failed";
    if (isRefused || (isFailed && command === "transfer")) {
      this.#state = "over";
      this.#options.ended(NEXT);
    }
    return false;
  }
}

/** Keys that are pressed. It is over when the last one is up. */
export class DigitsStep implements Step {
  readonly #options: CommandStepOptions;
  readonly #timer: StepTimer;
  #isOver = false;
  #forget = () => {};

  constructor(options: CommandStepOptions) {
    this.#options = options;
    this.#timer = new StepTimer(options.context.runtime);
  }

  start(): void {
    const { context } = this.#options;
    context.answer();
    if (!this.#isOver) this.#forget = context.sounds.whenPlayed(() => this.#press());
  }

  stop(): void {
    this.#isOver = true;
    this.#forget();
    this.#timer.cancel();
  }

  #press(): void {
    const { command, context, ended } = this.#options;
    context.command(command);
    if (this.#isOver) return;
    const { digits, duration_ms } = command as HandlerCommand & { command: "dtmf" };
    let length = 0;
    for (const digit of digits) length += PAUSES[digit] ?? duration_ms + DIGIT_GAP;
    this.#timer.set(context.runtime.now() + length, () => ended(NEXT));
  }
}

/** Asks the web server once everything before it has been heard. */
export class AskStep implements Step {
  readonly #question: Question;
  readonly #options: Omit<CommandStepOptions, "command">;
  #forget = () => {};

  constructor(question: Question, options: Omit<CommandStepOptions, "command">) {
    this.#question = question;
    this.#options = options;
  }

  start(): void {
    const { context, ended } = this.#options;
    this.#forget = context.sounds.whenPlayed(() =>
      ended({ type: "ask", question: this.#question })
    );
  }

  stop(): void {
    this.#forget();
  }
}

/** Something that takes no time, done once everything before it has been heard. */
export class TurnStep implements Step {
  readonly #act: () => void;
  readonly #options: Omit<CommandStepOptions, "command">;
  #forget = () => {};

  constructor(act: () => void, options: Omit<CommandStepOptions, "command">) {
    this.#act = act;
    this.#options = options;
  }

  start(): void {
    const { context, ended } = this.#options;
    this.#forget = context.sounds.whenPlayed(() => {
      this.#act();
      ended(NEXT);
    });
  }

  stop(): void {
    this.#forget();
  }
}

/** Something that takes no time, done as soon as what is before it was handed over. */
export class InstantStep implements Step {
  readonly #act: () => void;
  readonly #ended: (end: StepEnd) => void;

  constructor(act: () => void, ended: (end: StepEnd) => void) {
    this.#act = act;
    this.#ended = ended;
  }

  start(): void {
    this.#act();
    this.#ended(NEXT);
  }

  stop(): void {}
}
