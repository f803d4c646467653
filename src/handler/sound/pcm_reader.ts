/**
 * Reads what programs write as sound, piece by piece: a WAV file as it comes, or bare samples; out
 * comes PCM at the rate of the call.
 *
 * A program that writes to a pipe cannot know how long its file becomes, and writes a length of
 * zero or a huge one into its header: then all that comes counts.
 *
 * @module
 */

import { StreamResampler } from "../../audio/stream_resampler.ts";
import { parseWav, WavError } from "../../audio/wav.ts";
import type { Hertz } from "../../base/units.ts";

/** Longest header, whatever chunks there are in front of the samples. */
const HEADER_BYTES_MAX = 256 << 10;

/** Lengths from here on stand for one that was not known: 2 GiB are 12 hours at 24 kHz. */
const LENGTH_UNKNOWN = 0x7f00_0000;

/** Rates and length of what is read. */
export interface PcmReaderOptions {
  /** Of bare samples, s16le mono; absent: they are not taken. */
  readonly bareRate?: Hertz;
  /** Of the PCM that comes out. */
  readonly to: Hertz;
}

/** What stands in front of the samples of a WAV file, reduced to its format. */
interface Header {
  /** A file without samples. */
  readonly bytes: Uint8Array;
  readonly blockBytes: number;
  readonly dataBytes: number;
  /** Where the samples begin. */
  readonly end: number;
}

const NO_WAV = "This is not a WAV file, convert it to RIFF/WAVE first";

const NOTHING = new Uint8Array(0);

/** One stream. Each method throws {@linkcode WavError} where the bytes are no sound we can play. */
export class PcmReader {
  readonly #options: PcmReaderOptions;
  /** Bytes that wait for more: of the header, then of a sample. */
  #held: Uint8Array = NOTHING;
  #form: "unknown" | "bare" | "wav" = "unknown";
  #header: Header | undefined;
  #leftBytes = Infinity;
  #resampler: StreamResampler | undefined;
  #rate: Hertz = 0;

  constructor(options: PcmReaderOptions) {
    this.#options = options;
  }

  /** Whether it is a WAV file whose header has not ended yet. */
  get isInHeader(): boolean {
    return this.#form === "unknown" || (this.#form === "wav" && this.#header === undefined);
  }

  /**
   * Takes the next bytes, of any number, copied.
   *
   * @returns s16le mono of its own buffer, or nothing when more has to come first.
   */
  receive(data: Uint8Array): Uint8Array {
    let bytes = this.#held.length === 0 ? data : join(this.#held, data);
    this.#held = NOTHING;
    if (this.#form === "unknown") {
      if (bytes.length < 4) return this.#hold(bytes);
      this.#form = tagAt(bytes, 0) === "RIFF" ? "wav" : "bare";
      if (this.#form === "bare") this.#checkBare();
    }
    if (this.#form === "wav" && this.#header === undefined) {
      this.#header = readHeader(bytes);
      if (this.#header === undefined) return this.#hold(bytes);
      this.#leftBytes = this.#header.dataBytes;
      bytes = bytes.subarray(this.#header.end);
    }
    return this.#samples(bytes);
  }

  /** Nothing follows: gives what is still in the filter. */
  end(): Uint8Array {
    if (this.#form === "unknown" && this.#held.length > 0) {
      this.#form = "bare";
      this.#checkBare();
      const bytes = this.#held;
      this.#held = NOTHING;
      return join(this.#samples(bytes), this.end());
    }
    if (this.#resampler === undefined) return NOTHING;
    return this.#convert(new Int16Array(Math.ceil(this.#resampler.delay * this.#rate / 1000)));
  }

  #checkBare(): void {
    if (this.#options.bareRate === undefined) throw new WavError(NO_WAV);
  }

  #hold(bytes: Uint8Array): Uint8Array {
    this.#held = bytes.slice();
    return NOTHING;
  }

  #samples(bytes: Uint8Array): Uint8Array {
    const header = this.#header;
    const blockBytes = header?.blockBytes ?? 2;
    const there = Math.min(bytes.length, this.#leftBytes);
    const whole = there - there % blockBytes;
    this.#leftBytes -= whole;
    // What lies behind the samples of a file is no sound
    if (there === bytes.length) this.#held = bytes.slice(whole);
    if (whole === 0) return NOTHING;
    const taken = bytes.subarray(0, whole);
    if (header === undefined) {
      this.#open(this.#options.bareRate ?? 0);
      return this.#convert(new Int16Array(taken.slice().buffer));
    }
    const wav = parseWav(join(header.bytes, taken));
    this.#open(wav.sampleRate);
    return this.#convert(wav.samples);
  }

  #open(rate: Hertz): void {
    if (this.#resampler !== undefined) return;
    try {
      this.#resampler = new StreamResampler({ from: rate, to: this.#options.to });
    } catch (error) {
      throw new WavError((error as Error).message);
    }
    this.#rate = rate;
  }

  #convert(samples: Int16Array): Uint8Array {
    const resampler = this.#resampler as StreamResampler;
    const out = new Int16Array(resampler.outputMax(samples.length));
    const count = resampler.process(samples, 0, samples.length, out);
    return new Uint8Array(out.buffer, 0, count * 2);
  }
}

/** @returns `undefined` when more has to come first. */
function readHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 12 && tagAt(bytes, 8) !== "WAVE") {
    throw new WavError(NO_WAV);
  }
  let format: Uint8Array | undefined;
  let offset = 12;
  while (offset + 8 <= bytes.length) {
    const length = view.getUint32(offset + 4, true);
    const tag = tagAt(bytes, offset);
    if (tag === "data") return makeHeader(format, { length, end: offset + 8 });
    const end = offset + 8 + length;
    if (tag === "fmt " && end <= bytes.length) format = bytes.slice(offset, end);
    // Chunks are padded to even lengths
    offset = end + (length & 1);
  }
  if (bytes.length > HEADER_BYTES_MAX) {
    throw new WavError('The WAV file has no "data" chunk near its beginning');
  }
  return undefined;
}

function makeHeader(
  format: Uint8Array | undefined,
  data: { readonly length: number; readonly end: number },
): Header {
  if (format === undefined || format.length < 24) {
    throw new WavError('The WAV file has no "fmt " before its "data"');
  }
  const bytes = new Uint8Array(12 + format.length + (format.length & 1) + 8);
  const text = new TextEncoder();
  bytes.set(text.encode("RIFF"), 0);
  bytes.set(text.encode("WAVE"), 8);
  bytes.set(format, 12);
  bytes.set(text.encode("data"), bytes.length - 8);
  const view = new DataView(format.buffer, format.byteOffset, format.byteLength);
  const sampleBytes = view.getUint16(22, true) >>> 3;
  return {
    bytes,
    blockBytes: Math.max(1, view.getUint16(10, true) * sampleBytes),
    dataBytes: data.length === 0 || data.length >= LENGTH_UNKNOWN ? Infinity : data.length,
    end: data.end,
  };
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

function tagAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4));
}
