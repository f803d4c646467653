/**
 * What of a packet stays in the clear under SRTP, and where its numbers stand. RFC 3711 §3.1, §3.4.
 *
 * @module
 */

import { RTP_HEADER_BYTES } from "./packet.ts";

/**
 * Bytes of an RTP header with its CSRCs and its extension: they are authenticated, not encrypted.
 *
 * @returns -1: this is no RTP packet of version 2, or its header does not end within it.
 */
export function clearBytesOf(packet: Uint8Array, length: number): number {
  if (length < RTP_HEADER_BYTES || packet.length < length) return -1;
  const first = packet[0] as number;
  if (first >>> 6 !== 2) return -1;
  let clear = RTP_HEADER_BYTES + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (clear + 4 > length) return -1;
    clear += 4 + readUint16(packet, clear + 2) * 4;
  }
  return clear > length ? -1 : clear;
}

/** Reads 16 bits, big-endian. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Reads 32 bits, big-endian and unsigned. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** Writes the low 32 bits of a whole number, big-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
