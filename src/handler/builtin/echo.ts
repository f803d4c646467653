/**
 * Sends the caller's audio back: the smallest handler, and the first one to try.
 *
 * @module
 */

import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";

/** An echo. Allocates nothing for each frame. */
export class EchoHandler implements Handler {
  readonly #host: HandlerHost;
  #state: "idle" | "running" | "ended" = "idle";

  constructor(host: HandlerHost) {
    this.#host = host;
  }

  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#host.started();
  }

  receiveAudio(pcm: Uint8Array): void {
    // A full queue is no reason to stop: what comes in at the rate of time goes out at the same
    // rate.
    if (this.#state === "running") this.#host.audio(pcm);
  }

  receiveEvent(): void {}

  resumeAudio(): void {}

  discardAudio(): void {
    if (this.#state === "running") this.#host.audioDiscarded();
  }

  stop(): void {
    this.#end({ type: "stopped" });
  }

  kill(): void {
    this.#end({ type: "stopped" });
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#host.ended(end);
  }
}
