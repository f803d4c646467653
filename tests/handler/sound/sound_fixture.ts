/**
 * Sounds of real files and programs, and who hears them.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ClipStore } from "../../../src/handler/builtin/clip_store.ts";
import { createSound, type SoundContext } from "../../../src/handler/sound/create_sound.ts";
import type { Sound, SoundSink, SoundSpec } from "../../../src/handler/sound/sound.ts";
import { serializeWav } from "../../../src/audio/wav.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";

export const runtime = createRuntime();

/** Keeps what it hears, and fills up like a queue. */
export class Listener implements SoundSink {
  readonly logged: string[] = [];
  /** `ended`, or why it failed. */
  end: string | undefined;
  /** Bytes after which it is full. */
  bytesMax = Infinity;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #waiting: (() => void)[] = [];

  get bytes(): number {
    return this.#bytes;
  }

  /** All samples so far. */
  get samples(): Int16Array {
    const pcm = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      pcm.set(chunk, at);
      at += chunk.length;
    }
    return new Int16Array(pcm.buffer);
  }

  audio(pcm: Uint8Array): boolean {
    if (this.end !== undefined) throw new Error("Audio after the end");
    if (pcm.length % 2 !== 0) throw new Error("Half a sample");
    this.#chunks.push(pcm.slice());
    this.#bytes += pcm.length;
    this.#wake();
    return this.#bytes < this.bytesMax;
  }

  ended(): void {
    this.#end("ended");
  }

  failed(reason: string): void {
    this.#end(reason);
  }

  /** Waits until something heard makes `check` true. */
  async until(check: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + 5_000;
    while (!check()) {
      if (performance.now() > giveUpAt) throw new Error(`Heard ${this.#bytes} bytes, ${this.end}`);
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, 50);
      });
    }
  }

  async untilEnd(): Promise<string> {
    await this.until(() => this.end !== undefined);
    return this.end ?? "";
  }

  #end(end: string): void {
    if (this.end !== undefined) throw new Error(`${end} after ${this.end}`);
    this.end = end;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}

/** Makes a sound and who hears it; nothing happens before its start. */
export function prepare(
  spec: SoundSpec,
  options: Partial<SoundContext> = {},
): { readonly sound: Sound; readonly heard: Listener } {
  const heard = new Listener();
  const context: SoundContext = {
    runtime,
    rate: 8000,
    environment: process.env as Record<string, string>,
    clips: new ClipStore(runtime),
    log: (line) => heard.logged.push(line),
    ...options,
  };
  return { sound: createSound(spec, context, heard), heard };
}

/** Plays a sound to its end. */
export async function play(
  spec: SoundSpec,
  options: Partial<SoundContext> = {},
): Promise<Listener> {
  const { heard, sound } = prepare(spec, options);
  sound.start();
  await heard.untilEnd();
  return heard;
}

/** The configuration of a program that speaks. */
export function tts(exec: readonly string[], timeout = 2_000, rate = 8000): Partial<SoundContext> {
  return { speech: { tts: { exec, rate, timeout } } };
}

/** A program of one line of shell; `$1` is the text. */
export function speaker(line: string, timeout?: number): Partial<SoundContext> {
  return tts(["sh", "-c", line.replaceAll("{", "{{"), "sh", "{text}"], timeout);
}

/** A folder of WAV files that is gone after the tests. */
export class WavFolder {
  readonly path = mkdtempSync(join(tmpdir(), "voicegw-sound-"));

  /** Writes samples; gives the path. */
  write(name: string, samples: Int16Array, rate = 8000): string {
    return this.writeBytes(name, serializeWav(samples, rate));
  }

  writeBytes(name: string, bytes: Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, bytes);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Samples that say where they come from. */
export function ramp(length: number, from = 1): Int16Array {
  return Int16Array.from({ length }, (_, index) => from + index);
}
