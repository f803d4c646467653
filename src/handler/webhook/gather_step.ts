/**
 * The action `gather`: prompts, and meanwhile or after them the caller's keys and words. What
 * counts, and when it is complete, is the machine's to say (`action/gather.ts`).
 *
 * @module
 */

import type { GatherAction, Prompt } from "../../action/action.ts";
import { Gather, type GatherOutput, type GatherResult } from "../../action/gather.ts";
import type { Millis } from "../../base/units.ts";
import type { HandlerEvent } from "../../call/handler_message.ts";
import type { Recognizer, RecognizerEvents } from "../speech/recognizer.ts";
import { soundOf } from "./sound_step.ts";
import { NEXT, type Step, type StepContext, type StepEnd, StepTimer } from "./step.ts";

/** What a wait for input is made of. */
export interface GatherStepOptions {
  readonly action: GatherAction;
  readonly context: StepContext;
  /** Makes what understands the caller; `undefined`: there is none. */
  readonly recognize: (events: RecognizerEvents, language?: string) => Recognizer | undefined;
  readonly ended: (end: StepEnd) => void;
}

/** One wait for input. */
export class GatherStep implements Step {
  readonly #options: GatherStepOptions;
  readonly #context: StepContext;
  readonly #gather: Gather;
  readonly #prompts: Prompt[];
  readonly #timer: StepTimer;
  #recognizer: Recognizer | undefined;
  #forget = () => {};
  #isOver = false;

  constructor(options: GatherStepOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#prompts = [...options.action.prompts];
    const { runtime } = options.context;
    this.#timer = new StepTimer(runtime);
    // What was queued before belongs to the prompts: keys over it are early
    const { action } = options;
    const isQuiet = action.prompts.length === 0 && !options.context.sounds.isBusy;
    const prompts = isQuiet ? [] : [SILENT, ...action.prompts];
    this.#gather = new Gather({ ...action, prompts }, runtime.now());
  }

  get takesVoice(): boolean {
    return this.#recognizer !== undefined;
  }

  start(): void {
    const { action, recognize } = this.#options;
    this.#context.answer();
    if (this.#isOver) return;
    if (action.input.includes("speech")) {
      this.#recognizer = recognize({
        result: (heard) => this.#input((gather, now) => gather.recognized(heard, now)),
        ended: () => this.#input((gather, now) => gather.recognizerEnded(now)),
        failed: (reason) => {
          this.#context.trouble(reason, "gather");
          this.#input((gather, now) => gather.recognizerEnded(now));
        },
      }, action.language);
      if (this.#recognizer === undefined) {
        const fix = "Nothing understands speech, set speech.stt in the configuration";
        this.#context.trouble(fix, "gather");
        this.#input((gather, now) => gather.recognizerEnded(now));
      }
    }
    this.#prompt();
    this.#arm();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#forget();
    this.#recognizer?.stop();
  }

  receiveAudio(pcm: Uint8Array): void {
    if (!this.#isOver && this.#gather.isListening) this.#recognizer?.receiveAudio(pcm);
  }

  receiveEvent(event: HandlerEvent): boolean {
    switch (event.event) {
      case "dtmf":
        if (!this.#options.action.input.includes("dtmf")) return false;
        this.#input((gather, now) => gather.key(event.digit, now));
        return true;
      case "speech":
        if (!this.#options.action.input.includes("speech")) return false;
        this.#input((gather, now) =>
          event.state === "started" ? gather.speechStarted(now) : gather.speechStopped(now)
        );
        return true;
      default:
        return false;
    }
  }

  dropSounds(): void {
    this.#prompts.length = 0;
  }

  /** Plays what is left of the prompts; behind the last one time begins to count. */
  #prompt(): void {
    if (this.#isOver) return;
    const { sounds } = this.#context;
    const prompt = this.#prompts.shift();
    if (prompt === undefined) {
      this.#forget = sounds.whenPlayed(() =>
        this.#input((gather, now) => gather.promptsEnded(now))
      );
      return;
    }
    const spec = soundOf(prompt);
    if (spec === undefined) return this.#prompt();
    sounds.play(spec, {
      handedOver: () => this.#prompt(),
      failed: (reason) => {
        this.#context.trouble(reason, prompt.action);
        this.#prompt();
      },
    });
  }

  #input(step: (gather: Gather, now: Millis) => readonly GatherOutput[]): void {
    if (this.#isOver) return;
    for (const output of step(this.#gather, this.#context.runtime.now())) this.#do(output);
    this.#arm();
  }

  #do(output: GatherOutput): void {
    if (this.#isOver) return;
    switch (output.type) {
      case "stop_prompts":
        this.#prompts.length = 0;
        this.#forget();
        return this.#context.sounds.clear();
      case "listen_over":
        return this.#recognizer?.finish();
      case "done":
        this.stop();
        return this.#options.ended(this.#endOf(output.result));
    }
  }

  #endOf(result: GatherResult): StepEnd {
    const { action } = this.#options;
    const isEmpty = result.digits === "" && result.speech === "" && result.finished_by !== "key";
    if (isEmpty && !action.on_empty) return NEXT;
    const { next } = action;
    const question = { type: "gathered", result, ...(next === undefined ? {} : { next }) } as const;
    return { type: "ask", question };
  }

  #arm(): void {
    if (this.#isOver) return;
    this.#timer.set(this.#gather.deadline, () => this.#input((gather, now) => gather.timeout(now)));
  }
}

/** Stands for the sounds of the actions before. */
const SILENT: Prompt = { action: "pause", ms: 0 };
