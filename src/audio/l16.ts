/**
 * L16, RFC 3551 §4.5.11: 16-bit linear samples as they are, the most significant byte first.
 *
 * One channel. The RTP clock is the sampling rate, which SDP names.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";
import type { AudioCodec, CodecName } from "./codec.ts";

/** L16 at one rate: two bytes are one sample. */
class L16Codec implements AudioCodec {
  readonly name: CodecName;
  readonly sampleRate: Hertz;
  readonly clockRate: Hertz;

  constructor(name: CodecName, rate: Hertz) {
    this.name = name;
    this.sampleRate = rate;
    this.clockRate = rate;
  }

  samplesMax(payloadBytes: number): Samples {
    return payloadBytes >> 1;
  }

  /** An odd last byte is half a sample, and ignored. */
  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    const count = length >> 1;
    for (let index = 0, at = offset; index < count; index++, at += 2) {
      out[index] = (payload[at] as number) << 8 | (payload[at + 1] as number);
    }
    return count;
  }

  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    for (let index = 0, at = outOffset; index < length; index++, at += 2) {
      const sample = samples[offset + index] as number;
      out[at] = sample >> 8;
      out[at + 1] = sample;
    }
    return length * 2;
  }

  // Every sample stands for itself: there is nothing to forget.
  resetDecoder(): void {}

  resetEncoder(): void {}

  close(): void {}
}

/** L16 at the telephone's rate. */
export const L16_8000: AudioCodec = new L16Codec("L16/8000", 8000);

/** L16 at the rate that speech recognition likes. */
export const L16_16000: AudioCodec = new L16Codec("L16/16000", 16_000);

/** L16 at the rate of the compact disc, static payload type 11. */
export const L16_44100: AudioCodec = new L16Codec("L16/44100", 44_100);
