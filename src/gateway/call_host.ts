/**
 * What a call offers to one of its handlers. A handler that was replaced is heard no more.
 *
 * @module
 */

import type { HandlerCommand } from "../call/handler_message.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler/handler.ts";
import type { CallFacts } from "../route/call_facts.ts";
import { Refusals } from "../handler/command_text.ts";
import type { LiveCall, LiveCallContext } from "./live_call.ts";

/** What joins a handler to its call. */
export interface CallHostOptions {
  readonly live: LiveCall;
  /** Of the call, as its handler sees it. */
  readonly facts: CallFacts;
  readonly context: LiveCallContext;
  readonly takeAudio: (pcm: Uint8Array) => boolean;
  readonly beginClear: () => void;
  readonly started: () => void;
  readonly waiting: (isWaiting: boolean) => void;
  readonly ended: (end: HandlerEnd) => void;
}

/** What one call offers to one handler. */
export class CallHost implements HandlerHost {
  handler: Handler | undefined;
  readonly #options: CallHostOptions;
  /** `dismissed`: it has the call no more, and winds down. */
  #state: "present" | "dismissed" | "ended" = "present";
  /** Those that are logged; all are counted, and told to the handler. */
  readonly #logged: Refusals;

  constructor(options: CallHostOptions) {
    this.#options = options;
    this.#logged = new Refusals({
      refused: (message) => this.log(`refused: ${message}`),
      refusalsLeftOut: (count) => this.log(`(${count} more messages were refused)`),
    }, options.context.runtime.now);
  }

  /** Another handler has the call: this one's audio and commands are taken no more. */
  dismiss(): void {
    this.#state = "dismissed";
  }

  started(): void {
    if (!this.#isPresent) return;
    this.#options.live.input((call, now) => call.handlerStarted(now));
    this.#options.started();
  }

  audio(pcm: Uint8Array): boolean {
    return !this.#isPresent || this.#options.takeAudio(pcm);
  }

  command(command: HandlerCommand): void {
    if (this.#isPresent) this.#options.live.input((call, now) => call.command(command, now));
  }

  clearAudio(): void {
    if (this.#isPresent) this.#options.beginClear();
  }

  audioDiscarded(): void {
    if (this.#isPresent) this.#options.live.input((call) => call.audioDiscarded());
  }

  refused(message: string, command: string): void {
    this.#options.context.counters.add("handler_messages_refused");
    this.#logged.refuse(message, command);
    if (this.#isPresent) this.handler?.receiveEvent({ event: "error", message, command });
  }

  log(line: string): void {
    const { id, route } = this.#options.facts;
    this.#options.context.observer.log?.("info", line, { call: id, route, from: "handler" });
  }

  waiting(isWaiting: boolean): void {
    if (this.#isPresent) this.#options.waiting(isWaiting);
  }

  ended(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#logged.end();
    this.#options.ended(end);
  }

  audioDropped(bytes: number): void {
    this.#options.context.counters.add("handler_audio_dropped_bytes", bytes);
  }

  get #isPresent(): boolean {
    return this.#state === "present";
  }
}
