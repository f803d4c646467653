/**
 * The actions `exec` and `websocket` (both ways): another handler talks to the caller until it
 * ends.
 *
 * @module
 */

import type { EndEvent, HandlerEvent } from "../../call/handler_message.ts";
import type { HandlerEnd } from "../handler.ts";
import { InnerHandler } from "./inner_handler.ts";
import type { InnerSpec } from "./make_inner.ts";
import type { CompletedHandler, Question, Step, StepContext, StepEnd } from "./step.ts";
import type { StreamWatch } from "./stream_callbacks.ts";

/** What such an action is made of. */
export interface HandlerStepOptions {
  readonly spec: InnerSpec;
  readonly context: StepContext;
  readonly watch?: StreamWatch | undefined;
  readonly ended: (end: StepEnd) => void;
}

/** One handler that has the call for a while. */
export class HandlerStep implements Step {
  readonly takesVoice = true;
  readonly #options: HandlerStepOptions;
  #inner: InnerHandler | undefined;
  #isOver = false;
  #forget = () => {};

  constructor(options: HandlerStepOptions) {
    this.#options = options;
  }

  start(): void {
    const { context } = this.#options;
    context.answer();
    if (!this.#isOver) this.#forget = context.sounds.whenPlayed(() => this.#begin());
  }

  stop(): void {
    this.#isOver = true;
    this.#forget();
    this.#inner?.stop();
  }

  finish(event: EndEvent, asked: (question: Question | undefined) => void): void {
    this.#isOver = true;
    this.#forget();
    this.#inner?.stop(event);
    asked(undefined);
  }

  receiveAudio(pcm: Uint8Array): void {
    this.#inner?.receiveAudio(pcm);
  }

  receiveEvent(event: HandlerEvent): boolean {
    if (this.#inner?.isRunning !== true) return false;
    this.#inner.receiveEvent(event);
    return true;
  }

  resumeAudio(): void {
    this.#inner?.resumeAudio();
  }

  discardAudio(): boolean {
    if (this.#inner?.isRunning !== true) return false;
    this.#inner.discardAudio();
    return true;
  }

  #begin(): void {
    if (this.#isOver) return;
    const { spec, context, watch } = this.#options;
    this.#inner = new InnerHandler({
      spec,
      context,
      speaks: true,
      watch,
      ended: (end) => this.#ended(end),
    });
    this.#inner.start();
  }

  #ended(end: HandlerEnd): void {
    if (this.#isOver) return;
    const { spec, context, ended } = this.#options;
    const completed: CompletedHandler = {
      handler: spec.type,
      status: end.type === "failed" ? "failed" : "completed",
      ...(end.type === "failed" ? { reason: end.reason } : {}),
    };
    if (end.type === "failed") context.trouble(end.reason, spec.type);
    this.#forget = context.sounds.whenPlayed(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      ended({ type: "ask", question: { type: "completed", completed } });
    });
  }
}
