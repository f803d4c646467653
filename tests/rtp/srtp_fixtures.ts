/**
 * Packets, keys and vectors for the tests of SRTP.
 *
 * @module
 */

import { type SrtpKey, srtpKey, type SrtpSuite } from "../../src/rtp/srtp_suite.ts";

export const SUITES: readonly SrtpSuite[] = [
  "AES_CM_128_HMAC_SHA1_80",
  "AES_CM_128_HMAC_SHA1_32",
  "AEAD_AES_128_GCM",
  "AEAD_AES_256_GCM",
];

const KEY_BYTES: Readonly<Record<SrtpSuite, number>> = {
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
  AEAD_AES_128_GCM: 28,
  AEAD_AES_256_GCM: 44,
};

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Key and salt of rising bytes. */
export function keyOf(suite: SrtpSuite, firstByte = 0x11): SrtpKey {
  const key = new Uint8Array(KEY_BYTES[suite]).map((_, at) => firstByte + at);
  return srtpKey({ suite, key });
}

/** What an RTP packet of a test is made of. */
export interface TestPacket {
  readonly sequenceNumber: number;
  readonly ssrc?: number;
  readonly payload?: Uint8Array;
  /** Replaces the first byte and goes behind the fixed header: CSRCs, an extension. */
  readonly first?: number;
  readonly more?: Uint8Array;
}

/** Writes an RTP packet into a buffer with room behind it. */
export function rtpPacket(packet: TestPacket): { packet: Uint8Array; length: number } {
  const { sequenceNumber, ssrc = 0xcafebabe, payload = new Uint8Array(160).fill(0xab) } = packet;
  const more = packet.more ?? new Uint8Array(0);
  const header = [packet.first ?? 0x80, 0, sequenceNumber >>> 8, sequenceNumber & 0xff];
  const bytes = [...header, 0xde, 0xca, 0xfb, 0xad, ...uint32(ssrc), ...more, ...payload];
  return withRoom(Uint8Array.from(bytes));
}

/** A sender report without blocks. */
export function rtcpPacket(ssrc = 0xcafebabe): { packet: Uint8Array; length: number } {
  return withRoom(
    Uint8Array.from([0x80, 200, 0, 6, ...uint32(ssrc), ...new Array<number>(20).fill(7)]),
  );
}

/** The same bytes with 64 more behind them. */
export function withRoom(bytes: Uint8Array): { packet: Uint8Array; length: number } {
  const packet = new Uint8Array(bytes.length + 64);
  packet.set(bytes);
  return { packet, length: bytes.length };
}

function uint32(value: number): readonly number[] {
  return [value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 0xff);
}
