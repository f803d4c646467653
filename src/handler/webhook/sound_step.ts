/**
 * The actions that are nothing but sound: `play`, `say`, `pause`, and a WAV file that came as the
 * response itself.
 *
 * @module
 */

import type { Prompt } from "../../action/action.ts";
import type { SoundSpec } from "../sound/sound.ts";
import {
  NEXT,
  type Step,
  type StepContext,
  type StepEnd,
  StepTimer,
  type WebAction,
} from "./step.ts";

/** The actions of this file. */
export type SoundAction = Prompt | Extract<WebAction, { action: "wav" }>;

/** What a sound is made of. */
export interface SoundStepOptions {
  readonly action: SoundAction;
  readonly context: StepContext;
  readonly ended: (end: StepEnd) => void;
}

/** One sound. It is over when all of it was handed over, so that the next one follows closely. */
export class SoundStep implements Step {
  readonly isSound = true;
  readonly #options: SoundStepOptions;
  #isOver = false;

  constructor(options: SoundStepOptions) {
    this.#options = options;
  }

  start(): void {
    const { action, context } = this.#options;
    const spec = soundOf(action);
    if (spec === undefined) return this.#end();
    context.answer();
    if (this.#isOver) return;
    context.sounds.play(spec, {
      handedOver: () => this.#end(),
      failed: (reason) => {
        if (this.#isOver) return;
        context.trouble(reason, action.action);
        this.#end();
      },
    });
  }

  stop(): void {
    this.#isOver = true;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.ended(NEXT);
  }
}

/** A pause before the call is answered: nobody can hear its silence. */
export class QuietStep implements Step {
  readonly #timer: StepTimer;
  readonly #options: SoundStepOptions;

  constructor(options: SoundStepOptions) {
    this.#options = options;
    this.#timer = new StepTimer(options.context.runtime);
  }

  start(): void {
    const { action, context, ended } = this.#options;
    const ms = action.action === "pause" ? action.ms : 0;
    this.#timer.set(context.runtime.now() + ms, () => ended(NEXT));
  }

  stop(): void {
    this.#timer.cancel();
  }
}

/** @returns `undefined` where there is nothing to be heard. */
export function soundOf(action: SoundAction): SoundSpec | undefined {
  switch (action.action) {
    case "pause":
      return action.ms > 0 ? { type: "silence", ms: action.ms } : undefined;
    case "say": {
      const { text, language, voice, loop } = action;
      return { type: "say", text, language, voice, loop };
    }
    case "wav":
      return { type: "wav", bytes: action.bytes };
    case "play": {
      const { file, url, loop } = action;
      if (file !== undefined) return { type: "file", file, loop };
      return url === undefined ? undefined : { type: "url", url, loop };
    }
  }
}
