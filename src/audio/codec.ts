/**
 * The one shape of every audio codec: frames of payload bytes on one side, 16-bit linear samples on
 * the other.
 *
 * A codec of a call is one object, used for both directions; it has an encoder and a decoder that
 * know nothing of each other. Which payload type carries it is the SDP's business.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/**
 * Encoding name as in SDP `a=rtpmap`; of L16, whose rate is the sender's choice, with the rate.
 */
export type CodecName =
  | "PCMU"
  | "PCMA"
  | "G722"
  | "opus"
  | "L16/8000"
  | "L16/16000"
  | "L16/44100";

/** Turns payload into samples and back, without allocating. */
export interface AudioCodec {
  readonly name: CodecName;
  /** Rate of the samples. */
  readonly sampleRate: Hertz;
  /** Rate of the RTP timestamp; for some codecs not that of the samples. RFC 3551 §4.5.2. */
  readonly clockRate: Hertz;
  /** The most samples that a payload of so many bytes can hold. */
  samplesMax(payloadBytes: number): Samples;
  /**
   * Decodes `payload[offset, offset + length)` to the start of `out`.
   *
   * @param out Must have room for {@linkcode samplesMax} samples.
   * @returns Count of samples written; 0 when the payload is none of this codec.
   */
  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples;
  /**
   * Encodes `samples[offset, offset + length)` into `out` from `outOffset` on.
   *
   * @returns Count of bytes written; 0 when nothing need be sent for this frame (DTX).
   */
  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number;
  /**
   * Makes up for `count` lost samples by the decoder's own means; fades by itself. Absent: the
   * codec has none.
   *
   * @returns Count of samples written; less than asked for when it can make no more.
   */
  conceal?(out: Int16Array, count: Samples): Samples;
  /**
   * Decodes what a payload carries of the `count` samples before it, which were lost (in-band FEC).
   * To be called before the payload itself is decoded. Absent: the codec has none.
   *
   * @returns Count of samples written; 0 when the payload carries nothing of them.
   */
  recover?(
    payload: Uint8Array,
    offset: number,
    length: number,
    out: Int16Array,
    count: Samples,
  ): Samples;
  /** The peer's stream begins anew: what was decoded before says nothing about what comes. */
  resetDecoder(): void;
  /**
   * What was encoded before says nothing about what comes. Not for a pause: the peer's decoder
   * remembers what it heard before it.
   */
  resetEncoder(): void;
  /** Gives back what the codec holds outside of the engine's memory. Safe to call twice. */
  close(): void;
}
