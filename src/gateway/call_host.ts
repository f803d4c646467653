/**
 * What a call offers to one of its handlers. A handler that was replaced is heard no more.
 *
 * @module
 */

import type { HandlerCommand } from "../call/handler_message.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler/handler.ts";
import type { LiveCall, LiveCallContext } from "./live_call.ts";

/** What joins a handler to its call. */
export interface CallHostOptions {
  readonly live: LiveCall;
  readonly context: LiveCallContext;
  readonly takeAudio: (pcm: Uint8Array) => boolean;
  readonly beginClear: () => void;
  readonly waiting: (isWaiting: boolean) => void;
  readonly ended: (end: HandlerEnd) => void;
}

/** What one call offers to one handler. */
export class CallHost implements HandlerHost {
  handler: Handler | undefined;
  readonly #options: CallHostOptions;
  #over = false;

  constructor(options: CallHostOptions) {
    this.#options = options;
  }

  started(): void {
    this.#options.live.input((call, now) => call.handlerStarted(now));
  }

  audio(pcm: Uint8Array): boolean {
    return this.#over || this.#options.takeAudio(pcm);
  }

  command(command: HandlerCommand): void {
    this.#options.live.input((call, now) => call.command(command, now));
  }

  clearAudio(): void {
    this.#options.beginClear();
  }

  audioDiscarded(): void {
    if (!this.#over) this.#options.live.input((call) => call.audioDiscarded());
  }

  refused(message: string, command: string): void {
    this.#options.context.counters.add("handler_messages_refused");
    this.log(`refused: ${message}`);
    this.handler?.receiveEvent({ event: "error", message, command });
  }

  log(line: string): void {
    const { id, route } = this.#options.live.call.facts;
    this.#options.context.observer.log?.("info", line, { call: id, route, from: "handler" });
  }

  waiting(isWaiting: boolean): void {
    if (!this.#over) this.#options.waiting(isWaiting);
  }

  ended(end: HandlerEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.ended(end);
  }

  audioDropped(bytes: number): void {
    this.#options.context.counters.add("handler_audio_dropped_bytes", bytes);
  }
}
