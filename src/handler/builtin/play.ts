/**
 * Plays a WAV file once, several times or until the caller hangs up. The caller's audio is not
 * listened to, but a barge-in ends it.
 *
 * @module
 */

import type { StartEvent } from "../../call/handler_message.ts";
import type { PlaySpec } from "../../route/route.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import { loadClip, LoadedSound } from "../sound/loaded_sound.ts";
import type { Sound } from "../sound/sound.ts";
import type { ClipStore } from "./clip_store.ts";

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
  #sound: Sound | undefined;

  constructor(options: PlayOptions) {
    this.#options = options;
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    this.#state = "loading";
    const { clips, runtime, spec } = this.#options;
    this.#sound = new LoadedSound({
      load: (done) => loadClip(clips, { path: spec.file, rate: event.audio.rate }, done),
      loop: spec.loop,
      runtime,
      sink: {
        audio: (pcm) => this.#play(pcm),
        ended: () => this.#end({ type: "completed" }),
        failed: (reason) => this.#end({ type: "failed", reason }),
      },
    });
    this.#sound.start();
  }

  receiveAudio(): void {}

  receiveEvent(): void {}

  resumeAudio(): void {
    this.#sound?.resume();
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

  /** The first samples are the proof that it can be played. */
  #play(pcm: Uint8Array): boolean {
    const { host } = this.#options;
    if (this.#state === "loading") {
      this.#state = "playing";
      host.started();
    }
    return this.#isEnded || host.audio(pcm);
  }

  /** The host may have stopped it. */
  get #isEnded(): boolean {
    return this.#state === "ended";
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#sound?.stop();
    this.#options.host.ended(end);
  }
}
