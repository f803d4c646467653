/**
 * Does the actions of a web server one after the other, and asks for more where one of them says
 * so.
 *
 * ```
 * idle ─ actions ─▶ doing ─ a step wants to know more ─▶ asking ─ actions ─▶ doing
 *   ▲                 └─ nothing is left ─┐                 └─ nothing to say ─▶ doing what is left
 *   └─────────────────────────────────────┘
 * ```
 *
 * @module
 */

import { ACTIONS_MAX } from "../../action/action.ts";
import type { Millis } from "../../base/units.ts";
import type { EndEvent, HandlerCommand, HandlerEvent } from "../../call/handler_message.ts";
import type { Question, Step, StepEnd, WebAction } from "./step.ts";

/** Responses in a row in which nothing is heard or waited for, before it counts as a circle. */
export const ROUNDS_MAX = 20;

/** How long something has to last, in all, to be more than a round in a circle. */
const ROUND_MIN: Millis = 100;

/** Actions that are nothing but sound. */
const SOUNDS: ReadonlySet<WebAction["action"]> = new Set(["play", "say", "pause", "wav"]);

/** What a web server said. */
export type Reply =
  /** Do this; what was left is forgotten. `base` is the URL that relative ones belong to. */
  | { readonly type: "actions"; readonly actions: readonly WebAction[]; readonly base: string }
  /** Nothing: what was left goes on. */
  | { readonly type: "none" }
  | { readonly type: "failed"; readonly reason: string };

/** An action, and the URL of the response that it stood in. */
interface Placed {
  readonly action: WebAction;
  readonly base: string;
}

/** A request under way. */
export interface Asking {
  abort(): void;
}

/** What a runner needs. */
export interface RunnerOptions {
  readonly now: () => Millis;
  /** Makes the step of an action. */
  readonly makeStep: (action: WebAction, base: string, ended: (end: StepEnd) => void) => Step;
  /** Asks the web server; `undefined` when it has nothing to say to that. */
  readonly ask: (
    question: Question,
    base: string,
    replied: (reply: Reply) => void,
  ) => Asking | undefined;
  /** Gives a command that is done at once. */
  readonly command: (command: HandlerCommand) => void;
  /** Ends all sound now. */
  readonly clearSound: () => void;
  /** Waits for the web server, or no longer. */
  readonly waiting: (isWaiting: boolean) => void;
  /** Nothing is left to do; actions may still come. */
  readonly ranOut: () => void;
  /** The web server cannot be followed any more. */
  readonly failed: (reason: string) => void;
}

/** The actions of one call. */
export class ActionRunner {
  readonly #options: RunnerOptions;
  #left: Placed[] = [];
  /** Where the action under way comes from. */
  #base = "";
  #step: Step | undefined;
  #asking: Asking | undefined;
  #isWaiting = false;
  #isLooping = false;
  #isOver = false;
  #rounds = 0;
  /** How much time steps took since the last response that counts. */
  #lasted: Millis = 0;
  #stepBegan: Millis = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** What is being done; `undefined`: nothing, or an answer is waited for. */
  get step(): Step | undefined {
    return this.#step;
  }

  get isIdle(): boolean {
    return this.#step === undefined && this.#asking === undefined && this.#left.length === 0;
  }

  /** An answer that decides how it goes on is under way. */
  await(begin: (replied: (reply: Reply) => void) => Asking | undefined): void {
    if (this.#isOver) return;
    this.#wait(true);
    let isOver = false;
    const asking = begin((reply) => {
      if (isOver || this.#isOver) return;
      isOver = true;
      this.#asking = undefined;
      this.#wait(false);
      this.#replied(reply);
    });
    if (isOver || this.#isOver) return;
    if (asking !== undefined) {
      this.#asking = asking;
      return;
    }
    isOver = true;
    this.#wait(false);
    this.#run();
  }

  /** Does this instead of what is being done and what is left. */
  replace(actions: readonly WebAction[], base: string): void {
    const rest = this.#commandAtOnce(actions);
    if (this.#isOver) return;
    this.#interrupt();
    this.#options.clearSound();
    this.#follow(rest, base);
  }

  /**
   * An answer to something that happened by the way: commands are done at once, and actions take
   * the place of those before.
   *
   * @param isEcho Whether it may have happened because of the answer before.
   */
  interject(actions: readonly WebAction[], base: string, isEcho = false): void {
    if (isEcho && actions.length > 0 && this.#isCircle()) return;
    const rest = this.#commandAtOnce(actions);
    if (rest.length > 0) this.replace(rest, base);
  }

  /** Does this behind what is heard; what waits for something else gives way. */
  append(actions: readonly WebAction[], base: string): void {
    const rest = this.#commandAtOnce(actions);
    if (this.#isOver || rest.length === 0) return;
    const isPatient = this.isIdle || this.#step?.isSound === true;
    if (!isPatient) return this.replace(rest, base);
    const placed = rest.map((action) => ({ action, base }));
    this.#left = [...this.#left, ...placed].slice(0, ACTIONS_MAX);
    this.#run();
  }

  /** The sound that is heard is not wanted any more, and neither is what follows as sound alone. */
  dropSounds(): void {
    const step = this.#step;
    step?.dropSounds?.();
    if (step?.isSound !== true) return;
    while (this.#left[0] !== undefined && SOUNDS.has(this.#left[0].action.action)) {
      this.#left.shift();
    }
  }

  /** Nothing more is done. */
  stop(): void {
    this.#isOver = true;
    this.#interrupt();
    this.#wait(false);
  }

  /**
   * The call is over.
   *
   * @param asked Is told what the action under way wanted to ask, at once or soon.
   */
  finish(event: EndEvent, asked: (question: Question | undefined) => void): void {
    const step = this.#step;
    this.#step = undefined;
    // What is being told is told to its end
    this.#asking = undefined;
    this.stop();
    if (step?.finish !== undefined) return step.finish(event, asked);
    step?.stop();
    asked(undefined);
  }

  /** @returns Whether the event concerns nobody but the action. */
  receiveEvent(event: HandlerEvent): boolean {
    return this.#step?.receiveEvent?.(event) === true;
  }

  /** URL of the response that the action under way stood in. */
  get base(): string {
    return this.#base;
  }

  #replied(reply: Reply): void {
    if (reply.type === "failed") return this.#fail(reply.reason);
    if (this.#isCircle()) return;
    if (reply.type === "none") return this.#run();
    const rest = this.#commandAtOnce(reply.actions);
    this.#follow(rest, reply.base);
  }

  /** Counts a response that may have brought itself on. Too many of them are a failure. */
  #isCircle(): boolean {
    const now = this.#options.now();
    const lasted = this.#lasted + (this.#step === undefined ? 0 : now - this.#stepBegan);
    this.#lasted = 0;
    this.#stepBegan = now;
    this.#rounds = lasted >= ROUND_MIN ? 1 : this.#rounds + 1;
    if (this.#isOver || this.#rounds <= ROUNDS_MAX) return this.#isOver;
    this.#fail(
      `${ROUNDS_MAX} responses of the web server in a row led nowhere: it goes round in a ` +
        "circle, let one of them play, gather or hang up",
    );
    return true;
  }

  #follow(actions: readonly WebAction[], base: string): void {
    if (this.#isOver) return;
    this.#left = actions.slice(0, ACTIONS_MAX).map((action) => ({ action, base }));
    this.#run();
  }

  /** @returns The actions that are done in their turn. */
  #commandAtOnce(actions: readonly WebAction[]): readonly WebAction[] {
    for (const action of actions) {
      if (this.#isOver) return [];
      if (action.action === "command") this.#options.command(action.command);
    }
    return this.#isOver ? [] : actions.filter(({ action }) => action !== "command");
  }

  /** Not from inside of itself: an action that takes no time does not add to the stack. */
  #run(): void {
    if (this.#isLooping || this.#isOver) return;
    this.#isLooping = true;
    try {
      while (!this.#isOver && this.#step === undefined && this.#asking === undefined) {
        const placed = this.#left.shift();
        if (placed === undefined) break;
        this.#begin(placed);
      }
    } finally {
      this.#isLooping = false;
    }
    if (!this.#isOver && this.isIdle) this.#options.ranOut();
  }

  #begin({ action, base }: Placed): void {
    this.#base = base;
    const step = this.#options.makeStep(action, base, (end) => {
      if (this.#step === step) this.#stepEnded(end);
    });
    this.#step = step;
    this.#stepBegan = this.#options.now();
    step.start();
  }

  #stepEnded(end: StepEnd): void {
    this.#step = undefined;
    this.#lasted += this.#options.now() - this.#stepBegan;
    if (end.type === "next") return this.#run();
    const { question } = end;
    this.await((replied) => this.#options.ask(question, this.#base, replied));
  }

  #interrupt(): void {
    const step = this.#step;
    const asking = this.#asking;
    this.#step = undefined;
    this.#asking = undefined;
    this.#left = [];
    step?.stop();
    if (asking === undefined) return;
    asking.abort();
    this.#wait(false);
  }

  #wait(isWaiting: boolean): void {
    if (this.#isWaiting === isWaiting) return;
    this.#isWaiting = isWaiting;
    this.#options.waiting(isWaiting);
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.stop();
    this.#options.failed(reason);
  }
}
