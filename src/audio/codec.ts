/**
 * The one shape of every audio codec: frames of payload bytes on one side, 16-bit linear samples on
 * the other.
 *
 * A codec of a call is one object, used for both directions. Which payload type carries it is the
 * SDP's business.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/** Encoding name as in SDP `a=rtpmap`. */
export type CodecName = "PCMU" | "PCMA";

/** Turns payload into samples and back, without allocating. */
export interface AudioCodec {
  readonly name: CodecName;
  /** Rate of the samples. */
  readonly sampleRate: Hertz;
  /** Rate of the RTP timestamp; for some codecs not that of the samples. RFC 3551 §4.5.2. */
  readonly clockRate: Hertz;
  /** How many samples a payload of so many bytes holds. */
  samplesIn(payloadBytes: number): Samples;
  /**
   * Decodes `payload[offset, offset + length)` to the start of `out`.
   *
   * @param out Must have room for {@linkcode samplesIn} samples.
   * @returns Count of samples written.
   */
  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples;
  /**
   * Encodes `samples[offset, offset + length)` into `out` from `outOffset` on.
   *
   * @returns Count of bytes written.
   */
  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number;
}
