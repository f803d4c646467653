/**
 * Something that can be played to the caller: a file, a text that is spoken, a beep, silence.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** What is to be played. */
export type SoundSpec =
  /** A WAV file of ours. `loop`: how often in all, or `Infinity`. */
  | { readonly type: "file"; readonly file: string; readonly loop: number }
  /** A WAV file of a web server. */
  | { readonly type: "url"; readonly url: string; readonly loop: number }
  /** A WAV file that is at hand. */
  | { readonly type: "wav"; readonly bytes: Uint8Array }
  /** A text, spoken by `speech.tts`. */
  | {
    readonly type: "say";
    readonly text: string;
    readonly language?: string | undefined;
    readonly voice?: string | undefined;
    readonly loop: number;
  }
  /** What a recording begins with. */
  | { readonly type: "beep" }
  | { readonly type: "silence"; readonly ms: Millis };

/** Who takes a sound. Nothing comes after `ended` or `failed`. */
export interface SoundSink {
  /**
   * s16le mono PCM at the call's rate, reused after the return.
   *
   * @returns `false`: no more until {@linkcode Sound.resume}.
   */
  audio(pcm: Uint8Array): boolean;
  /** All of it was given. */
  ended(): void;
  /** It cannot be played, or not to its end; `reason` names the fix. */
  failed(reason: string): void;
}

/** One sound for one call. Does nothing before `start`; `audio` may come from inside of it. */
export interface Sound {
  start(): void;
  resume(): void;
  /** Ends it, and everything that it holds; nothing more is told. Safe to call twice. */
  stop(): void;
}
