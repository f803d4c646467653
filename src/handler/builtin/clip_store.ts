/**
 * Sounds that are ready to be played, kept for the next call: files of ours, and what was fetched or
 * spoken.
 *
 * @module
 */

import { resample } from "../../audio/resampler.ts";
import { parseWav } from "../../audio/wav.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { Runtime } from "../../runtime/ports.ts";

/** Bytes of all clips that are kept: an hour of speech. */
const STORE_BYTES_MAX = 64 << 20;

/** Bytes of a file that is read at all. */
const FILE_BYTES_MAX = 256 << 20;

interface Clip {
  /** When its file was changed. */
  readonly modifiedAt?: Millis;
  /** Until when it may be used, where there is no file. */
  readonly until?: Millis;
  /** s16le mono. */
  readonly pcm: Uint8Array;
}

/** Clips by what they are. A file that has changed is read again. */
export class ClipStore {
  readonly #runtime: Pick<Runtime, "readFile" | "modifiedAt">;
  /** In the order of use, the longest unused first. */
  readonly #clips = new Map<string, Clip>();
  #bytes = 0;

  constructor(runtime: Pick<Runtime, "readFile" | "modifiedAt">) {
    this.#runtime = runtime;
  }

  /**
   * Reads a WAV file as s16le mono PCM at `rate`. The buffer is shared: do not write to it.
   *
   * Rejects with an `Error` that names the file and what is wrong with it.
   */
  async load(path: string, rate: Hertz): Promise<Uint8Array> {
    const key = `file ${rate} ${path}`;
    const modifiedAt = await this.#runtime.modifiedAt(path);
    const kept = this.#clips.get(key);
    this.#forget(key);
    if (kept?.modifiedAt === modifiedAt) {
      this.#keep(key, kept);
      return kept.pcm;
    }
    const pcm = convert(path, await this.#runtime.readFile(path), rate);
    this.#forget(key);
    this.#keep(key, { modifiedAt, pcm });
    return pcm;
  }

  /** What was kept under that key and may still be used. The buffer is shared. */
  find(key: string, now: Millis): Uint8Array | undefined {
    const kept = this.#clips.get(key);
    if (kept?.until === undefined) return undefined;
    this.#forget(key);
    if (now >= kept.until) return undefined;
    this.#keep(key, kept);
    return kept.pcm;
  }

  /**
   * Keeps a sound until then, or until others need its place.
   *
   * @param key Says what it is, its rate included; keys of files are the store's own.
   * @param pcm s16le mono; not to be written to any more.
   */
  keep(key: string, pcm: Uint8Array, until: Millis): void {
    this.#forget(key);
    this.#keep(key, { until, pcm });
  }

  #keep(key: string, clip: Clip): void {
    if (clip.pcm.length > STORE_BYTES_MAX) return;
    this.#clips.set(key, clip);
    this.#bytes += clip.pcm.length;
    for (const oldest of this.#clips.keys()) {
      if (this.#bytes <= STORE_BYTES_MAX) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const clip = this.#clips.get(key);
    if (clip === undefined) return;
    this.#clips.delete(key);
    this.#bytes -= clip.pcm.length;
  }
}

function convert(path: string, file: Uint8Array, rate: Hertz): Uint8Array {
  if (file.length > FILE_BYTES_MAX) {
    throw new Error(`Cannot play "${path}": it is larger than ${FILE_BYTES_MAX >> 20} MiB`);
  }
  let samples: Int16Array;
  try {
    const wav = parseWav(file);
    samples = resample(wav.samples, wav.sampleRate, rate);
  } catch (error) {
    throw new Error(`Cannot play "${path}": ${(error as Error).message}`, { cause: error });
  }
  if (samples.length === 0) throw new Error(`Cannot play "${path}": it has no audio`);
  const pcm = new Uint8Array(samples.length * 2);
  const view = new DataView(pcm.buffer);
  for (let index = 0; index < samples.length; index++) {
    view.setInt16(index * 2, samples[index] as number, true);
  }
  return pcm;
}
