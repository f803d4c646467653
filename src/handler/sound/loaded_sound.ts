/**
 * A sound that has to be loaded before it can begin: a file of ours, or of a web server.
 *
 * @module
 */

import type { Hertz } from "../../base/units.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { ClipStore } from "../builtin/clip_store.ts";
import { PcmPlayer } from "./pcm_player.ts";
import type { Sound, SoundSink } from "./sound.ts";

/** What came of loading: PCM at the call's rate, or why there is none. */
export type LoadedPcm =
  | { readonly ok: true; readonly pcm: Uint8Array }
  | { readonly ok: false; readonly reason: string };

/** Loads PCM; `done` may be called from inside. Nothing is told after `abort`. */
export type LoadPcm = (done: (loaded: LoadedPcm) => void) => { abort(): void };

/** What a sound is made of. */
export interface LoadedSoundOptions {
  readonly load: LoadPcm;
  /** How often it is played in all. */
  readonly loop: number;
  readonly runtime: Pick<Runtime, "setImmediate">;
  readonly sink: SoundSink;
}

/** One sound. */
export class LoadedSound implements Sound {
  readonly #options: LoadedSoundOptions;
  #state: "idle" | "begun" | "stopped" = "idle";
  #loading: { abort(): void } | undefined;
  #player: PcmPlayer | undefined;

  constructor(options: LoadedSoundOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "begun";
    this.#loading = this.#options.load((loaded) => this.#loaded(loaded));
  }

  resume(): void {
    this.#player?.resume();
  }

  stop(): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#loading?.abort();
    this.#player?.stop();
  }

  #loaded(loaded: LoadedPcm): void {
    if (this.#state !== "begun") return;
    const { loop, runtime, sink } = this.#options;
    if (!loaded.ok) {
      this.#state = "stopped";
      return sink.failed(loaded.reason);
    }
    const { pcm } = loaded;
    this.#player = new PcmPlayer({ pcm, totalBytes: pcm.length * loop, runtime, sink });
    this.#player.resume();
  }
}

/** Loads a file of ours. */
export function loadClip(
  clips: ClipStore,
  { path, rate }: { readonly path: string; readonly rate: Hertz },
  done: (loaded: LoadedPcm) => void,
): { abort(): void } {
  let isAborted = false;
  const tell = (loaded: LoadedPcm): void => {
    if (!isAborted) done(loaded);
  };
  clips.load(path, rate).then(
    (pcm) => tell({ ok: true, pcm }),
    (error: Error) => tell({ ok: false, reason: error.message }),
  );
  return {
    abort: () => {
      isAborted = true;
    },
  };
}
