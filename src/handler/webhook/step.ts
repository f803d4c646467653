/**
 * What one action is while it is being done, and what it may ask of its call.
 *
 * @module
 */

import type { Action, NextRequest } from "../../action/action.ts";
import type { GatherResult } from "../../action/gather.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type {
  EndEvent,
  HandlerCommand,
  HandlerEvent,
  StartEvent,
} from "../../call/handler_message.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import type { Handler, HandlerHost } from "../handler.ts";
import type { InnerSpec } from "./make_inner.ts";
import type { SoundLine } from "./sound_line.ts";

/** An action, or a sound that came as the response itself. */
export type WebAction = Action | { readonly action: "wav"; readonly bytes: Uint8Array };

/** What a recording has become. */
export interface RecordedFile {
  readonly file: string;
  /** Number of the recording within its call, from 1. */
  readonly number: number;
  readonly duration_ms: number;
  readonly finished_by: "key" | "silence" | "max" | "hangup";
  /** The key that ended it; empty when none did. */
  readonly digits: string;
}

/** How a handler within the call has ended. */
export interface CompletedHandler {
  readonly handler: "exec" | "websocket";
  readonly status: "completed" | "failed";
  readonly reason?: string;
}

/** What the web server is asked, since an action is over. */
export type Question =
  | { readonly type: "gathered"; readonly result: GatherResult; readonly next?: NextRequest }
  | { readonly type: "recorded"; readonly recording: RecordedFile; readonly next?: NextRequest }
  | { readonly type: "completed"; readonly completed: CompletedHandler }
  | { readonly type: "fetch"; readonly next: NextRequest };

/** How an action ends: the next one follows, or the web server says what does. */
export type StepEnd =
  | { readonly type: "next" }
  | { readonly type: "ask"; readonly question: Question };

/** The common {@linkcode StepEnd}. */
export const NEXT: StepEnd = { type: "next" };

/** One action that is being done. Tells its end once, unless it is stopped before. */
export interface Step {
  /** Whether it is nothing but sound: what comes next may be queued behind it. */
  readonly isSound?: boolean;
  /** Whether what the caller says is meant for it alone. */
  readonly takesVoice?: boolean;
  start(): void;
  /** Something else takes its place: nothing of it goes on, and it tells no end. */
  stop(): void;
  /** s16le mono; `pcm` is reused after the return. */
  receiveAudio?(pcm: Uint8Array): void;
  /** @returns Whether the event is only its own business, and nobody else's. */
  receiveEvent?(event: HandlerEvent): boolean;
  /** The queue towards the caller has room again. */
  resumeAudio?(): void;
  /** The sound of it that has not been given yet is not wanted any more. */
  dropSounds?(): void;
  /** @returns Whether it answers with `audioDiscarded` itself. */
  discardAudio?(): boolean;
  /** The call is over: instead of `stop`; a question that is left is answered by nobody. */
  finish?(event: EndEvent, asked: (question: Question | undefined) => void): void;
}

/** What a step needs of its call and of the world. */
export interface StepContext {
  readonly runtime: Runtime;
  /** What the call takes. Audio goes through `sounds`. */
  readonly host: HandlerHost;
  readonly sounds: SoundLine;
  /** Of the call's PCM. */
  readonly rate: Hertz;
  readonly callId: string;
  /** The first event of the call, as a handler within it gets it. */
  readonly startEvent: StartEvent;
  readonly isAnswered: boolean;
  /** Answers the call, unless it is answered. */
  answer(): void;
  /** Gives the call a command. Keeps count of an answer. */
  command(command: HandlerCommand): void;
  /** An action could not be done, and the call goes on: for the log and the web server. */
  trouble(message: string, action: string): void;
  /** Makes a handler within the call. */
  makeHandler(spec: InnerSpec, host: HandlerHost): Handler;
  /**
   * Something that may live on after its step is awaited at the end of the call.
   *
   * @param kill Ends it without grace.
   * @returns To be called when it is gone.
   */
  hold(kill?: () => void): () => void;
}

/** Calls back after some time, unless cancelled; one time at a time. */
export class StepTimer {
  readonly #runtime: Pick<Runtime, "setTimer" | "now">;
  #timer: Timer | undefined;

  constructor(runtime: Pick<Runtime, "setTimer" | "now">) {
    this.#runtime = runtime;
  }

  /** @param at By the clock of the runtime; never when infinite. */
  set(at: Millis, callback: () => void): void {
    this.cancel();
    if (at === Infinity) return;
    const delay = Math.max(0, at - this.#runtime.now());
    this.#timer = this.#runtime.setTimer(() => {
      this.#timer = undefined;
      callback();
    }, delay);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
