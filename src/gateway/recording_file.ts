/**
 * One WAV file of two tracks, written while its call goes on: whenever the process dies, what was
 * written until then is a whole file.
 *
 * @module
 */

import { WAV_DATA_BYTES_MAX, WAV_HEADER_BYTES, writeWavHeader } from "../audio/wav.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import { STEREO_SAMPLE_BYTES } from "../media/recorder.ts";
import { FileError, type FileWriter, type Runtime } from "../runtime/ports.ts";

/** The highest number behind a name that is taken already. */
const NUMBER_MAX = 999;

/** What a file is made of. */
export interface RecordingFileOptions {
  /** Where it is to lie. A file that is there is left alone: the new one gets a number. */
  readonly path: string;
  readonly rate: Hertz;
  /** Bound of the samples' bytes. Default: what WAV can hold. */
  readonly dataBytesMax?: number;
}

/** A file that takes samples. One method at a time. */
export class RecordingFile {
  /** Where it lies. */
  readonly path: string;
  readonly #writer: FileWriter;
  readonly #rate: Hertz;
  readonly #dataBytesMax: number;
  /** Used again for each update. */
  readonly #header = new Uint8Array(WAV_HEADER_BYTES);
  #dataBytes = 0;

  private constructor(path: string, writer: FileWriter, options: RecordingFileOptions) {
    this.path = path;
    this.#writer = writer;
    this.#rate = options.rate;
    const { dataBytesMax = WAV_DATA_BYTES_MAX } = options;
    this.#dataBytesMax = dataBytesMax - dataBytesMax % STEREO_SAMPLE_BYTES;
  }

  /** Makes the file, and the folders that it lies in. Rejects with a `FileError`. */
  static async create(
    runtime: Pick<Runtime, "openFile">,
    options: RecordingFileOptions,
  ): Promise<RecordingFile> {
    for (let number = 1;; number++) {
      const path = number === 1 ? options.path : numbered(options.path, number);
      try {
        return new RecordingFile(path, await runtime.openFile(path), options);
      } catch (error) {
        const isTaken = error instanceof FileError && error.code === "EEXIST";
        if (!isTaken || number >= NUMBER_MAX) throw error;
      }
    }
  }

  /** Length of what the header tells of. */
  get duration(): Millis {
    return this.#dataBytes / STEREO_SAMPLE_BYTES / this.#rate * 1000;
  }

  /**
   * Writes samples of both tracks, and then the header that tells of them. Rejects with a
   * `FileError` when they cannot be written, or not all of them: its code is `EFBIG` when the file
   * is full; what fitted is in it then.
   *
   * @param pcm Of both tracks in turn, s16le.
   * @param position Samples since the beginning; what is left out is silence.
   */
  async append(pcm: Uint8Array, position: Samples): Promise<void> {
    const start = position * STEREO_SAMPLE_BYTES;
    const room = Math.max(0, this.#dataBytesMax - start);
    const fitting = pcm.length > room ? pcm.subarray(0, room) : pcm;
    if (fitting.length > 0) await this.#writer.write(fitting, WAV_HEADER_BYTES + start);
    // Only what is there may be told of, should the process die in between
    const dataBytes = start + fitting.length;
    if (fitting.length > 0) this.#dataBytes = dataBytes;
    writeWavHeader(this.#header, { rate: this.#rate, channels: 2, dataBytes: this.#dataBytes });
    await this.#writer.write(this.#header, 0);
    if (fitting.length === pcm.length) return;
    throw new FileError("EFBIG", `"${this.path}" is full: a WAV file holds no more`);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

/** `calls/a.wav` and 2 are `calls/a-2.wav`. */
function numbered(path: string, number: number): string {
  const extension = /\.[^./\\]*$/.exec(path)?.[0] ?? "";
  return `${path.slice(0, path.length - extension.length)}-${number}${extension}`;
}
