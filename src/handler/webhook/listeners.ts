/**
 * WebSocket servers that only listen to the caller, beside the actions.
 *
 * @module
 */

import type { EndEvent } from "../../call/handler_message.ts";
import { InnerHandler } from "./inner_handler.ts";
import type { StreamSpec } from "./make_inner.ts";
import type { StepContext } from "./step.ts";
import type { StreamWatch } from "./stream_callbacks.ts";

/** Servers that may listen at the same time, as with Twilio. */
export const LISTENERS_MAX = 4;

interface Listener {
  readonly name: string | undefined;
  readonly handler: InnerHandler;
}

/** Those who listen to one call. */
export class Listeners {
  readonly #context: StepContext;
  #listeners: Listener[] = [];

  constructor(context: StepContext) {
    this.#context = context;
  }

  /** @returns Why it cannot be done. */
  add(
    spec: StreamSpec,
    { name, watch }: {
      readonly name: string | undefined;
      readonly watch?: StreamWatch | undefined;
    },
  ): string | undefined {
    if (this.#listeners.length >= LISTENERS_MAX) {
      return `${LISTENERS_MAX} WebSocket servers listen already, stop one of them first`;
    }
    if (name !== undefined && this.#listeners.some((each) => each.name === name)) {
      return `A WebSocket server named "${name}" listens already`;
    }
    const handler: InnerHandler = new InnerHandler({
      spec,
      context: this.#context,
      speaks: false,
      watch,
      ended: (end) => {
        this.#listeners = this.#listeners.filter((each) => each.handler !== handler);
        if (end.type === "failed") this.#context.trouble(end.reason, "websocket");
      },
    });
    this.#listeners.push({ name, handler });
    handler.start();
    return undefined;
  }

  /** Ends the one of that name, or the last. */
  remove(name: string | undefined): void {
    const at = name === undefined
      ? this.#listeners.length - 1
      : this.#listeners.findIndex((each) => each.name === name);
    const [removed] = at < 0 ? [] : this.#listeners.splice(at, 1);
    removed?.handler.stop();
  }

  receiveAudio(pcm: Uint8Array): void {
    for (const { handler } of this.#listeners) handler.receiveAudio(pcm);
  }

  /** The call is over; without an event the call goes on, with other actions. */
  stop(event?: EndEvent): void {
    for (const { handler } of this.#listeners.splice(0)) handler.stop(event);
  }
}
