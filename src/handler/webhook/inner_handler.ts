/**
 * A handler within the call: a program or a WebSocket server that talks to the caller, or listens,
 * because an action says so. It sees the call as any other handler does.
 *
 * @module
 */

import { EMPTY_STATISTICS } from "../../call/call_record.ts";
import type { Millis } from "../../base/units.ts";
import type { EndEvent, HandlerCommand, HandlerEvent } from "../../call/handler_message.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import type { InnerSpec } from "./make_inner.ts";
import type { StepContext } from "./step.ts";
import type { StreamWatch } from "./stream_callbacks.ts";

/** What a handler within a call is made of. */
export interface InnerHandlerOptions {
  /** With its placeholders filled in. */
  readonly spec: InnerSpec;
  readonly context: StepContext;
  /** Whether the caller hears it, and the call does what it says; else it only listens. */
  readonly speaks: boolean;
  readonly watch?: StreamWatch | undefined;
  /** Its life is over, and nobody told it to stop. */
  readonly ended: (end: HandlerEnd) => void;
}

/** One handler within a call. */
export class InnerHandler {
  readonly #options: InnerHandlerOptions;
  readonly #handler: Handler;
  readonly #begunAt: Millis;
  readonly #release: () => void;
  #isWaiting = false;
  #state: "idle" | "running" | "stopping" | "over" = "idle";

  constructor(options: InnerHandlerOptions) {
    this.#options = options;
    const { context } = options;
    this.#begunAt = context.runtime.now();
    this.#handler = context.makeHandler(options.spec, this.#host());
    this.#release = context.hold(() => this.#handler.kill());
  }

  /** Whether events and audio are for it. */
  get isRunning(): boolean {
    return this.#state === "running";
  }

  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "running";
    const { startEvent } = this.#options.context;
    this.#handler.start(startEvent);
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#state === "running") this.#handler.receiveAudio(pcm);
  }

  receiveEvent(event: HandlerEvent): void {
    if (this.#state === "running") this.#handler.receiveEvent(event);
  }

  resumeAudio(): void {
    if (this.#state === "running") this.#handler.resumeAudio();
  }

  discardAudio(): void {
    this.#handler.discardAudio();
  }

  /** It winds down by itself; nothing of it is heard any more. `event`: absent, the call goes on. */
  stop(event?: EndEvent): void {
    if (this.#state === "stopping" || this.#state === "over") return;
    this.#wait(false);
    this.#state = "stopping";
    this.#handler.stop(event ?? this.#farewell());
  }

  /** What a handler hears that has to give way to other actions. */
  #farewell(): EndEvent {
    const duration = this.#options.context.runtime.now() - this.#begunAt;
    return {
      event: "end",
      cause: "handler_hangup",
      sip_status: 200,
      duration_ms: Math.round(duration),
      statistics: EMPTY_STATISTICS,
    };
  }

  #host(): HandlerHost {
    const { context: { host, sounds }, speaks, watch } = this.#options;
    const isHeard = () => speaks && this.#state === "running";
    return {
      started: () => watch?.started(),
      audio: (pcm) => !isHeard() || sounds.write(pcm),
      command: (command) => {
        if (isHeard()) this.#command(command);
      },
      clearAudio: () => {
        if (isHeard()) host.clearAudio();
      },
      audioDiscarded: () => {
        if (isHeard()) host.audioDiscarded();
      },
      refused: (message, command) => {
        if (isHeard()) host.refused(message, command);
      },
      log: (line) => host.log(line),
      ended: (end) => this.#ended(end),
      waiting: (isWaiting) => this.#wait(isWaiting),
      audioDropped: (bytes) => host.audioDropped(bytes),
    };
  }

  #command(command: HandlerCommand): void {
    const { context } = this.#options;
    if (command.command === "clear") return context.sounds.endClear();
    if (command.command !== "answer" || !context.isAnswered) return context.command(command);
    const message = "The call is answered already";
    this.#handler.receiveEvent({ event: "error", message, command: "answer" });
  }

  #ended(end: HandlerEnd): void {
    if (this.#state === "over") return;
    const isUnasked = this.#state !== "stopping";
    this.#wait(false);
    this.#state = "over";
    this.#options.watch?.ended(end);
    if (isUnasked) this.#options.ended(end);
    this.#release();
  }

  #wait(isWaiting: boolean): void {
    const { context: { host }, speaks } = this.#options;
    if (!speaks || this.#state !== "running" || this.#isWaiting === isWaiting) return;
    this.#isWaiting = isWaiting;
    host.waiting(isWaiting);
  }
}
