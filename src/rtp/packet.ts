/**
 * The RTP packet of RFC 3550 §5.1, read into and written from one reusable header object.
 *
 * The payload stays where it is: the header holds its offset and length. Whether a payload type or
 * a source is welcome is for the layers above.
 *
 * @module
 */

import type { RtpTimestamp } from "../base/units.ts";

/** Bytes of a header without CSRCs and extension: all that we ever send. */
export const RTP_HEADER_BYTES = 12;

/** An RTP header, mutable so that one object serves every packet of a call. */
export interface RtpHeader {
  marker: boolean;
  /** 0 to 127. */
  payloadType: number;
  /** Unsigned 16 bits, wrapping. */
  sequenceNumber: number;
  timestamp: RtpTimestamp;
  /** Unsigned 32 bits. */
  ssrc: number;
  /** Where the payload begins in the packet it was parsed from; not used in serializing. */
  payloadOffset: number;
  /** Bytes of payload without padding. */
  payloadLength: number;
}

/** Makes a header of zeros. */
export function emptyRtpHeader(): RtpHeader {
  return {
    marker: false,
    payloadType: 0,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 0,
    payloadOffset: 0,
    payloadLength: 0,
  };
}

/**
 * Reads a packet's header. CSRCs and a header extension are skipped, padding is cut off. Hot path:
 * does not allocate.
 *
 * @param into Overwritten; after a `false` its content means nothing.
 * @returns `false` when the bytes are no RTP packet of version 2 (RFC 3550 §A.1).
 */
export function parseRtp(bytes: Uint8Array, into: RtpHeader): boolean {
  const total = bytes.length;
  if (total < RTP_HEADER_BYTES) return false;
  const first = bytes[0] as number;
  if (first >>> 6 !== 2) return false;
  let offset = RTP_HEADER_BYTES + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    // §5.3.1: 16 bits of profile, then the count of 32-bit words that follow.
    if (offset + 4 > total) return false;
    offset += 4 + readUint16(bytes, offset + 2) * 4;
  }
  let length = total - offset;
  if ((first & 0x20) !== 0) {
    // §5.1: the last byte of the padding counts the padding, itself included.
    const padding = bytes[total - 1] as number;
    if (padding === 0) return false;
    length -= padding;
  }
  if (length < 0) return false;
  const second = bytes[1] as number;
  into.marker = second >= 0x80;
  into.payloadType = second & 0x7f;
  into.sequenceNumber = readUint16(bytes, 2);
  into.timestamp = readUint32(bytes, 4);
  into.ssrc = readUint32(bytes, 8);
  into.payloadOffset = offset;
  into.payloadLength = length;
  return true;
}

/**
 * Writes the fixed header to the first {@linkcode RTP_HEADER_BYTES} bytes of `out`. Hot path: does
 * not allocate.
 */
export function writeRtpHeader(out: Uint8Array, header: RtpHeader): void {
  const { sequenceNumber, timestamp, ssrc } = header;
  out[0] = 0x80;
  out[1] = header.marker ? header.payloadType | 0x80 : header.payloadType;
  out[2] = sequenceNumber >>> 8;
  out[3] = sequenceNumber;
  out[4] = timestamp >>> 24;
  out[5] = timestamp >>> 16;
  out[6] = timestamp >>> 8;
  out[7] = timestamp;
  out[8] = ssrc >>> 24;
  out[9] = ssrc >>> 16;
  out[10] = ssrc >>> 8;
  out[11] = ssrc;
}

/**
 * Tells whether a datagram on an RTP port is RTCP, which a muxing or confused peer sends there. RFC
 * 5761 §4: RTCP's packet types lie from 192 to 223, where RTP would have a marker and the payload
 * types 64 to 95.
 */
export function isRtcp(bytes: Uint8Array): boolean {
  const type = bytes[1];
  return bytes.length >= 4 && (bytes[0] as number) >>> 6 === 2 && type !== undefined &&
    type >= 192 && type <= 223;
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset] as number) << 24) | ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number)) >>> 0;
}
