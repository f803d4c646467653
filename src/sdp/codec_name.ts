/**
 * The codecs that can be negotiated, and how RTP names them. RFC 3551 §6, RFC 8866 §6.6.
 *
 * Codecs are found by encoding name and clock rate, never by number alone: the number is a label
 * that each description chooses. Only the static numbers have a meaning without `a=rtpmap`.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";

/** A codec by its encoding name in the registry of RTP payload formats. */
export type CodecName = "PCMU" | "PCMA";

/** What `a=rtpmap` says of a codec. */
export interface CodecDescription {
  /** The payload type that needs no `a=rtpmap`. RFC 3551 §6 table 4. */
  readonly staticPayloadType: number;
  /** The clock of the RTP timestamps, which need not be the sampling rate. */
  readonly clockRate: Hertz;
}

/** Every codec that can be negotiated. */
export const CODECS: Readonly<Record<CodecName, CodecDescription>> = {
  PCMU: { staticPayloadType: 0, clockRate: 8000 },
  PCMA: { staticPayloadType: 8, clockRate: 8000 },
};

/** The payload types that a description may give meaning to by `a=rtpmap`. RFC 3551 §3. */
export const DYNAMIC_PAYLOAD_TYPE_MIN = 96;

/** RTP has seven bits for the payload type. RFC 3550 §5.1. */
export const PAYLOAD_TYPE_MAX = 127;

/** One payload type with its meaning. */
export interface RtpMap {
  readonly payloadType: number;
  /** As written; names are compared without regard to case. RFC 4855 §3. */
  readonly encodingName: string;
  readonly clockRate: Hertz;
  readonly channels: number;
}

/**
 * Reads the value of `a=rtpmap`: `97 PCMU/8000` or `98 L16/16000/2`. RFC 8866 §6.6.
 *
 * @returns `undefined` when it is not one: the payload type then has no meaning.
 */
export function parseRtpMap(value: string): RtpMap | undefined {
  const match = /^(\d{1,3})[ \t]+([^/ \t]+)\/(\d{1,7})(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null || Number(match[1]) > PAYLOAD_TYPE_MAX) return undefined;
  return {
    payloadType: Number(match[1]),
    encodingName: match[2]!,
    clockRate: Number(match[3]),
    channels: Number(match[4] ?? 1),
  };
}

/** The meaning of a payload type that has no `a=rtpmap`, if it is one of ours. */
export function staticRtpMap(payloadType: number): RtpMap | undefined {
  for (const [encodingName, codec] of Object.entries(CODECS)) {
    if (codec.staticPayloadType === payloadType) {
      return { payloadType, encodingName, clockRate: codec.clockRate, channels: 1 };
    }
  }
  return undefined;
}

/** Tells whether a payload type carries that codec: same name, clock rate, one channel. */
export function isCodec(map: RtpMap, codec: CodecName): boolean {
  return map.encodingName.toUpperCase() === codec &&
    map.clockRate === CODECS[codec].clockRate && map.channels === 1;
}
