/**
 * Plays a WAV file once, several times or until the caller hangs up. The caller's audio is not
 * listened to, but a barge-in ends it.
 *
 * @module
 */

import type { Samples } from "../../base/units.ts";
import type { StartEvent } from "../../call/handler_message.ts";
import type { PlaySpec } from "../../route/route.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import type { ClipStore } from "./clip_store.ts";

/** What is handed over in one piece. */
const CHUNK_SAMPLES: Samples = 1_600;

/** Pieces handed over before others get their turn, should the queue never be full. */
const CHUNKS_A_TURN = 64;

/** What a player needs of the world around it. */
export interface PlayOptions {
  /** With its placeholders filled in. */
  readonly spec: PlaySpec;
  readonly runtime: Pick<Runtime, "setImmediate">;
  readonly clips: ClipStore;
  readonly host: HandlerHost;
}

/** A player of one file. */
export class PlayHandler implements Handler {
  readonly #options: PlayOptions;
  #state: "idle" | "loading" | "playing" | "ended" = "idle";
  /** Whether a later turn goes on by itself. */
  #scheduled = false;
  #pcm: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #rounds = 0;

  constructor(options: PlayOptions) {
    this.#options = options;
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    this.#state = "loading";
    const { clips, spec } = this.#options;
    clips.load(spec.file, event.audio.rate).then(
      (pcm) => this.#loaded(pcm),
      (error: Error) => this.#end({ type: "failed", reason: error.message }),
    );
  }

  receiveAudio(): void {}

  receiveEvent(): void {}

  resumeAudio(): void {
    if (this.#state === "playing" && !this.#scheduled) this.#play();
  }

  /** A caller who speaks over it has heard enough: as if the file had ended, with or without loop. */
  discardAudio(): void {
    if (this.#state === "playing") this.#end({ type: "completed" });
    else if (this.#state === "loading") this.#options.host.audioDiscarded();
  }

  stop(): void {
    this.#end({ type: "stopped" });
  }

  kill(): void {
    this.#end({ type: "stopped" });
  }

  #loaded(pcm: Uint8Array): void {
    if (this.#state !== "loading") return;
    this.#state = "playing";
    this.#pcm = pcm;
    this.#options.host.started();
    this.resumeAudio();
  }

  #play(): void {
    const { host, runtime, spec } = this.#options;
    for (let chunk = 0; chunk < CHUNKS_A_TURN; chunk++) {
      if (this.#state !== "playing") return;
      if (this.#offset >= this.#pcm.length) {
        this.#offset = 0;
        this.#rounds++;
        if (this.#rounds >= spec.loop) return this.#end({ type: "completed" });
      }
      const start = this.#offset;
      this.#offset += CHUNK_SAMPLES * 2;
      if (!host.audio(this.#pcm.subarray(start, this.#offset))) return;
    }
    this.#scheduled = true;
    runtime.setImmediate(() => {
      this.#scheduled = false;
      this.resumeAudio();
    });
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#pcm = new Uint8Array(0);
    this.#options.host.ended(end);
  }
}
