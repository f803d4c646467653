/**
 * A WAV file of the caller's voice, written while it is being recorded: whenever the process dies,
 * what was written until then is a whole file.
 *
 * @module
 */

import { WAV_DATA_BYTES_MAX, WAV_HEADER_BYTES, writeWavHeader } from "../../audio/wav.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import { FileError, type FileWriter, type Runtime } from "../../runtime/ports.ts";

/** What is written in one piece, unless the file is closed. */
const PIECE: Millis = 500;

/** What may wait for the disk; what comes on top is lost, and silence in the file. */
const WAITING_MAX: Millis = 20_000;

/** The highest number of a file of one call. */
const NUMBER_MAX = 9_999;

/** What a file is made of. */
export interface WavFileOptions {
  readonly runtime: Pick<Runtime, "openFile">;
  /** Made when it is not there. */
  readonly folder: string;
  /** What its name begins with; a number follows. */
  readonly name: string;
  /** The number to begin with. A file that is there is left alone: the new one gets the next. */
  readonly number: number;
  readonly rate: Hertz;
}

/** What has become of a file. */
export interface WrittenFile {
  readonly file: string;
  readonly number: number;
  readonly duration_ms: number;
}

/** One file of 16-bit mono samples. Begins to be written at once. */
export class WavFile {
  readonly #options: WavFileOptions;
  readonly #bytesPerMs: number;
  readonly #header = new Uint8Array(WAV_HEADER_BYTES);
  readonly #done: Promise<WrittenFile>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lostBytes = 0;
  /** Of samples, written or silent. */
  #dataBytes = 0;
  #number: number;
  #isClosed = false;
  #wake = () => {};

  constructor(options: WavFileOptions) {
    this.#options = options;
    this.#number = options.number;
    this.#bytesPerMs = options.rate * 2 / 1000;
    this.#done = this.#run();
    // Whoever closes the file is told
    this.#done.catch(() => {});
  }

  /** @param pcm s16le; copied. */
  write(pcm: Uint8Array): void {
    if (this.#isClosed) return;
    const isFull = this.#waitingBytes + pcm.length > WAITING_MAX * this.#bytesPerMs;
    if (isFull) {
      this.#lostBytes += pcm.length;
      return;
    }
    this.#waiting.push(pcm.slice());
    this.#waitingBytes += pcm.length;
    if (this.#waitingBytes >= PIECE * this.#bytesPerMs) this.#wake();
  }

  /** Writes what is left. Rejects with an `Error` that names the file. Safe to call twice. */
  close(): Promise<WrittenFile> {
    this.#isClosed = true;
    this.#wake();
    return this.#done;
  }

  get #path(): string {
    const { folder, name } = this.#options;
    return `${folder.replace(/\/+$/, "")}/${name}-${this.#number}.wav`;
  }

  async #run(): Promise<WrittenFile> {
    const writer = await this.#open();
    try {
      await this.#writeHeader(writer);
      while (true) {
        await this.#writePiece(writer);
        if (this.#isClosed && this.#waitingBytes === 0) break;
        if (!this.#isClosed) await this.#turn();
      }
    } finally {
      await writer.close();
    }
    const duration_ms = Math.round(this.#dataBytes / this.#bytesPerMs);
    return { file: this.#path, number: this.#number, duration_ms };
  }

  async #open(): Promise<FileWriter> {
    for (;; this.#number++) {
      try {
        return await this.#options.runtime.openFile(this.#path);
      } catch (error) {
        const isTaken = error instanceof FileError && error.code === "EEXIST";
        if (!isTaken || this.#number >= NUMBER_MAX) throw error;
      }
    }
  }

  async #writePiece(writer: FileWriter): Promise<void> {
    const piece = join(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    // What was lost came behind what waited
    const lost = this.#lostBytes;
    this.#lostBytes = 0;
    if (piece.length + lost === 0) return;
    if (this.#dataBytes + piece.length + lost > WAV_DATA_BYTES_MAX) {
      throw new FileError("EFBIG", `"${this.#path}" is full: a WAV file holds no more`);
    }
    await writer.write(piece, WAV_HEADER_BYTES + this.#dataBytes);
    this.#dataBytes += piece.length + lost;
    if (lost > 0) await writer.write(new Uint8Array(2), WAV_HEADER_BYTES + this.#dataBytes - 2);
    await this.#writeHeader(writer);
  }

  async #writeHeader(writer: FileWriter): Promise<void> {
    const { rate } = this.#options;
    writeWavHeader(this.#header, { rate, channels: 1, dataBytes: this.#dataBytes });
    await writer.write(this.#header, 0);
  }

  /** Resolves when there is enough to write, or nothing more comes. */
  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => {};
  }
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}
