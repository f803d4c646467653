/**
 * What a call offers to one of its handlers. A handler that was replaced is heard no more.
 *
 * @module
 */

import type { HandlerCommand } from "../call/handler_message.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler/handler.ts";
import type { LiveCall, LiveCallContext } from "./live_call.ts";

/** What one handler of the call may do; a handler that was replaced is heard no more. */
export class CallHost implements HandlerHost {
  handler: Handler | undefined;
  readonly #live: LiveCall;
  readonly #context: LiveCallContext;
  readonly #takeAudio: (pcm: Uint8Array) => boolean;
  readonly #beginClear: () => void;
  readonly #onEnded: (end: HandlerEnd) => void;
  #over = false;

  constructor(
    live: LiveCall,
    context: LiveCallContext,
    takeAudio: (pcm: Uint8Array) => boolean,
    beginClear: () => void,
    onEnded: (end: HandlerEnd) => void,
  ) {
    this.#live = live;
    this.#context = context;
    this.#takeAudio = takeAudio;
    this.#beginClear = beginClear;
    this.#onEnded = onEnded;
  }

  started(): void {
    this.#live.input((call, now) => call.handlerStarted(now));
  }

  audio(pcm: Uint8Array): boolean {
    return this.#over || this.#takeAudio(pcm);
  }

  command(command: HandlerCommand): void {
    this.#live.input((call, now) => call.command(command, now));
  }

  clearAudio(): void {
    this.#beginClear();
  }

  audioDiscarded(): void {
    // Asked for by barge-in alone, which is not there yet
  }

  refused(message: string, command: string): void {
    this.#context.counters.add("handler_messages_refused");
    this.log(`refused: ${message}`);
    this.handler?.receiveEvent({ event: "error", message, command });
  }

  log(line: string): void {
    const { id, route } = this.#live.call.facts;
    this.#context.observer.log?.("info", line, { call: id, route, from: "handler" });
  }

  ended(end: HandlerEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnded(end);
  }

  audioDropped(bytes: number): void {
    this.#context.counters.add("handler_audio_dropped_bytes", bytes);
  }
}
