/**
 * Opus for speech. RFC 6716, RFC 7587.
 *
 * The coding is the library's that is handed in. Packets of two channels become one. Frames that
 * can be encoded are 10, 20, 40 and 60 ms long; there are none of 30 or 50 ms.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";
import type { OpusDecoder, OpusEncoder, OpusLibrary, OpusWishes } from "./audio_libraries.ts";
import type { AudioCodec } from "./codec.ts";
import type { CodecOptions } from "./codec_table.ts";
import { carriesRedundancy } from "./opus_packet.ts";

/** RFC 6716 §2: rates that encoder and decoder have; of the sound, not of what is on the wire. */
const RATES: readonly Hertz[] = [8000, 12_000, 16_000, 24_000, 48_000];

/** RFC 7587 §4.1: the timestamp's rate is this one at every rate of the sound. */
const CLOCK_RATE: Hertz = 48_000;

/** RFC 6716 §3.1: the most that a packet can hold. */
const PACKET_MS_MAX = 120;

/**
 * Makes the Opus of one call, at the rate that is wanted if Opus has it, and otherwise at 48 kHz.
 *
 * @throws {RangeError} When the library is not loaded.
 */
export function createOpus(options: CodecOptions): AudioCodec {
  const { rate, libraries, opus: wishes } = options;
  if (libraries.opus === undefined) {
    throw new RangeError("The library of the codec opus is missing");
  }
  return new OpusCodec(libraries.opus, RATES.includes(rate) ? rate : CLOCK_RATE, wishes);
}

class OpusCodec implements AudioCodec {
  readonly name = "opus";
  readonly sampleRate: Hertz;
  readonly clockRate = CLOCK_RATE;
  readonly #decoder: OpusDecoder;
  readonly #encoder: OpusEncoder;
  readonly #samplesMax: Samples;

  constructor(library: OpusLibrary, rate: Hertz, wishes: OpusWishes | undefined) {
    this.sampleRate = rate;
    this.#samplesMax = rate * PACKET_MS_MAX / 1000;
    this.#decoder = library.openDecoder(rate);
    try {
      this.#encoder = library.openEncoder(rate, wishes);
    } catch (error) {
      this.#decoder.close();
      throw error;
    }
  }

  samplesMax(_payloadBytes: number): Samples {
    return this.#samplesMax;
  }

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    return this.#decoder.decode(payload, offset, length, out);
  }

  /** @throws {RangeError} When Opus has no frame of that length. */
  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    return this.#encoder.encode(samples, offset, length, out, outOffset);
  }

  conceal(out: Int16Array, count: Samples): Samples {
    return this.#decoder.conceal(out, count);
  }

  recover(
    payload: Uint8Array,
    offset: number,
    length: number,
    out: Int16Array,
    count: Samples,
  ): Samples {
    if (!carriesRedundancy(payload, offset, length)) return 0;
    return this.#decoder.recover(payload, offset, length, out, count);
  }

  resetDecoder(): void {
    this.#decoder.reset();
  }

  resetEncoder(): void {
    this.#encoder.reset();
  }

  close(): void {
    this.#decoder.close();
    this.#encoder.close();
  }
}
