/**
 * WAV files: RIFF/WAVE with integer, float, A-law or mu-law samples, read to 16-bit mono and
 * written with 16 bits.
 *
 * Reading forgives what real programs write: chunks of any kind, extensible formats, and the data
 * length of a stream that was not known when its header was written. Changing the rate is for the
 * resampler.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import type { AudioCodec } from "./codec.ts";
import { PCMA, PCMU } from "./g711.ts";

/** A sound, mixed down to one channel. */
export interface WavAudio {
  readonly sampleRate: Hertz;
  /** Of the file. */
  readonly channels: number;
  /** Mono: the mean of all channels. */
  readonly samples: Int16Array;
}

/**
 * The bytes are no WAV file, or one of a kind that is not supported. The message says what to do.
 */
export class WavError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WavError";
  }
}

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_ALAW = 6;
const FORMAT_MULAW = 7;
const FORMAT_EXTENSIBLE = 0xfffe;

const CHANNELS_MAX = 64;

/** Length of the header that we write. */
export const WAV_HEADER_BYTES = 44;

/** Most bytes of samples that a header can tell of: its sizes have 32 bits. */
export const WAV_DATA_BYTES_MAX = 2 ** 32 - 1 - (WAV_HEADER_BYTES - 8);

/** 16-bit samples behind a header. */
export interface WavLayout {
  readonly rate: Hertz;
  /** Their samples stand in turn. */
  readonly channels: number;
  /** Of all samples; at most {@linkcode WAV_DATA_BYTES_MAX}. */
  readonly dataBytes: number;
}

interface WavFormat {
  readonly tag: number;
  readonly channels: number;
  readonly sampleRate: Hertz;
  readonly bitsPerSample: number;
}

/**
 * Reads a WAV file.
 *
 * @throws {WavError} When the bytes are not a WAV file of a supported format.
 */
export function parseWav(bytes: Uint8Array): WavAudio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tagAt(bytes, 0) !== "RIFF" || tagAt(bytes, 8) !== "WAVE") {
    throw new WavError("This is not a WAV file, convert it to RIFF/WAVE first");
  }
  let format: WavFormat | undefined;
  let offset = 12;
  while (offset + 8 <= bytes.length) {
    const tag = tagAt(bytes, offset);
    const length = view.getUint32(offset + 4, true);
    const start = offset + 8;
    if (tag === "fmt ") format = parseFormat(view, start, length);
    if (tag === "data") {
      if (format === undefined) throw new WavError('The WAV file has no "fmt " before its "data"');
      return decodeData(view, start, dataLength(length, bytes.length - start), format);
    }
    // Chunks are padded to even lengths.
    offset = start + length + (length & 1);
  }
  throw new WavError('The WAV file has no "data" chunk, it may be cut off');
}

/** Writes 16-bit mono samples as a WAV file. */
export function serializeWav(samples: Int16Array, rate: Hertz): Uint8Array<ArrayBuffer> {
  const dataBytes = samples.length * 2;
  const bytes = new Uint8Array(WAV_HEADER_BYTES + dataBytes);
  writeWavHeader(bytes, { rate, channels: 1, dataBytes });
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < samples.length; index++) {
    view.setInt16(WAV_HEADER_BYTES + index * 2, samples[index] as number, true);
  }
  return bytes;
}

/** Writes the header of 16-bit samples, s16le, to the start of `out`. */
export function writeWavHeader(out: Uint8Array, { rate, channels, dataBytes }: WavLayout): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const blockBytes = channels * 2;
  writeTag(out, 0, "RIFF");
  view.setUint32(4, WAV_HEADER_BYTES - 8 + dataBytes, true);
  writeTag(out, 8, "WAVE");
  writeTag(out, 12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, FORMAT_PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * blockBytes, true);
  view.setUint16(32, blockBytes, true);
  view.setUint16(34, 16, true);
  writeTag(out, 36, "data");
  view.setUint32(40, dataBytes, true);
}

/**
 * A program that writes to a pipe does not know the length: 0, or all ones, or too much. Then all
 * there is counts.
 */
function dataLength(told: number, available: number): number {
  return told === 0 || told > available ? available : told;
}

function parseFormat(view: DataView, start: number, length: number): WavFormat {
  if (length < 16 || start + length > view.byteLength) {
    throw new WavError("The format of the WAV file is cut off");
  }
  let tag = view.getUint16(start, true);
  // An extensible format names the real one in the first two bytes of its sub-format.
  if (tag === FORMAT_EXTENSIBLE && length >= 26) tag = view.getUint16(start + 24, true);
  const format = {
    tag,
    channels: view.getUint16(start + 2, true),
    sampleRate: view.getUint32(start + 4, true),
    bitsPerSample: view.getUint16(start + 14, true),
  };
  if (format.channels === 0 || format.channels > CHANNELS_MAX) {
    throw new WavError(`The WAV file has ${format.channels} channels, use 1 to ${CHANNELS_MAX}`);
  }
  if (format.sampleRate === 0) throw new WavError("The WAV file has a sample rate of 0 Hz");
  return format;
}

/** Reads one sample at a byte offset, at the scale of 16 bits but with its fraction. */
type SampleReader = (view: DataView, at: number) => number;

function decodeData(
  view: DataView,
  start: number,
  length: number,
  format: WavFormat,
): WavAudio {
  const { channels, sampleRate } = format;
  const read = readerOf(format);
  const sampleBytes = format.bitsPerSample >>> 3;
  const count = Math.floor(length / (sampleBytes * channels));
  const samples = new Int16Array(count);
  let at = start;
  for (let index = 0; index < count; index++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      sum += read(view, at);
      at += sampleBytes;
    }
    const value = Math.round(sum / channels);
    samples[index] = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
  }
  return { sampleRate, channels, samples };
}

function readerOf(format: WavFormat): SampleReader {
  const { tag, bitsPerSample } = format;
  if (tag === FORMAT_PCM && bitsPerSample === 8) {
    return (view, at) => (view.getUint8(at) - 128) * 256;
  }
  if (tag === FORMAT_PCM && bitsPerSample === 16) return (view, at) => view.getInt16(at, true);
  if (tag === FORMAT_PCM && bitsPerSample === 24) {
    return (view, at) => view.getInt16(at + 1, true) + view.getUint8(at) / 256;
  }
  if (tag === FORMAT_PCM && bitsPerSample === 32) {
    return (view, at) => view.getInt32(at, true) / 65536;
  }
  if (tag === FORMAT_FLOAT && bitsPerSample === 32) return readFloat;
  if (tag === FORMAT_ALAW && bitsPerSample === 8) return companded(PCMA);
  if (tag === FORMAT_MULAW && bitsPerSample === 8) return companded(PCMU);
  throw new WavError(
    `The WAV file has ${bitsPerSample}-bit samples of format ${tag}, ` +
      "convert it to 16-bit PCM first",
  );
}

/** A value that is not a number is silence. */
function readFloat(view: DataView, at: number): number {
  const value = view.getFloat32(at, true) * 32768;
  return Number.isNaN(value) ? 0 : Math.max(-32768, Math.min(32767, value));
}

function companded(codec: AudioCodec): SampleReader {
  const codes = new Uint8Array(256).map((_, code) => code);
  const linear = new Int16Array(256);
  codec.decode(codes, 0, 256, linear);
  return (view, at) => linear[view.getUint8(at)] as number;
}

function tagAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4));
}

function writeTag(bytes: Uint8Array, offset: number, tag: string): void {
  for (let index = 0; index < 4; index++) bytes[offset + index] = tag.charCodeAt(index);
}
