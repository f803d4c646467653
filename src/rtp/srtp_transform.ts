/**
 * How one packet is encrypted and authenticated, its index being known: by AES in counter mode and
 * HMAC-SHA1 (RFC 3711 §3.1, §3.4, §4.1.1, §4.2), or by AES-GCM (RFC 7714 §8, §9).
 *
 * Which index a packet has and whether it is a replay is for `srtp_sender.ts` and
 * `srtp_receiver.ts`, and so are all checks of lengths.
 *
 * @module
 */

import type { SrtpCrypto } from "./srtp_crypto.ts";
import { deriveSessionKeys, type SessionKeys } from "./srtp_key_derivation.ts";
import { readUint32, writeUint32 } from "./srtp_packet.ts";
import { SRTP_SUITES, type SrtpKey } from "./srtp_suite.ts";

/** RFC 3550 §6.4.1: of an RTCP packet the first header and the sender's SSRC stay in the clear. */
export const RTCP_CLEAR_BYTES = 8;

/** The word that says whether an RTCP packet is encrypted, and its index. RFC 3711 §3.4. */
export const SRTCP_WORD_BYTES = 4;

/** The E flag in this word. */
export const SRTCP_ENCRYPTED = 0x80000000;

/**
 * Protects packets in place. Hot path: buffers of vectors and words are reused, and the cryptography
 * alone allocates.
 */
export interface SrtpTransform {
  /**
   * @param clear Bytes of header, which stay in the clear.
   * @param index Roll-over counter and sequence number: 48 bits.
   * @returns The length with what was added.
   */
  protect(packet: Uint8Array, clear: number, length: number, index: number): number;
  /** @returns The length without what was added; -1: not authentic. */
  unprotect(packet: Uint8Array, clear: number, length: number, index: number): number;
  /** @param index 31 bits. */
  protectRtcp(packet: Uint8Array, length: number, index: number): number;
  /** @param word E flag and index, as they stand in the packet. */
  unprotectRtcp(packet: Uint8Array, length: number, word: number): number;
}

/**
 * Derives the session keys and makes the transform of their suite.
 *
 * @throws {RangeError} The master key or salt is not as long as the suite wants.
 */
export function createSrtpTransform(key: SrtpKey, crypto: SrtpCrypto): SrtpTransform {
  const rtp = deriveSessionKeys(key, "rtp", crypto);
  const rtcp = deriveSessionKeys(key, "rtcp", crypto);
  const { isAead, tagBytes } = SRTP_SUITES[key.suite];
  return isAead
    ? new GcmTransform({ rtp, rtcp, crypto })
    : new CounterModeTransform({ rtp, rtcp, crypto, tagBytes });
}

/** Session keys, and the cryptography that they are for. */
export interface TransformOptions {
  readonly rtp: SessionKeys;
  readonly rtcp: SessionKeys;
  readonly crypto: SrtpCrypto;
}

/** AES in counter mode, then HMAC-SHA1. RFC 3711 §4.1.1, §4.2.1. */
export class CounterModeTransform implements SrtpTransform {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #ciphers: SrtpCrypto;
  readonly #tagBytes: number;
  readonly #iv = new Uint8Array(16);
  readonly #rollOver = new Uint8Array(4);

  constructor(options: TransformOptions & { readonly tagBytes: number }) {
    this.#rtp = options.rtp;
    this.#rtcp = options.rtcp;
    this.#ciphers = options.crypto;
    this.#tagBytes = options.tagBytes;
  }

  protect(packet: Uint8Array, clear: number, length: number, index: number): number {
    this.#apply(this.#rtp, packet.subarray(clear, length), readUint32(packet, 8), index);
    const tag = this.#tagOf(packet.subarray(0, length), index);
    for (let at = 0; at < this.#tagBytes; at++) packet[length + at] = tag[at] as number;
    return length + this.#tagBytes;
  }

  unprotect(packet: Uint8Array, clear: number, length: number, index: number): number {
    const end = length - this.#tagBytes;
    const tag = this.#tagOf(packet.subarray(0, end), index);
    if (!isTag(packet, end, tag, this.#tagBytes)) return -1;
    this.#apply(this.#rtp, packet.subarray(clear, end), readUint32(packet, 8), index);
    return end;
  }

  protectRtcp(packet: Uint8Array, length: number, index: number): number {
    const encrypted = packet.subarray(RTCP_CLEAR_BYTES, length);
    this.#apply(this.#rtcp, encrypted, readUint32(packet, 4), index);
    writeUint32(packet, length, SRTCP_ENCRYPTED + index);
    const end = length + SRTCP_WORD_BYTES;
    const { authKey } = this.#rtcp;
    const tag = this.#ciphers.hmacSha1(authKey, packet.subarray(0, end), NOTHING);
    for (let at = 0; at < RTCP_TAG_BYTES; at++) packet[end + at] = tag[at] as number;
    return end + RTCP_TAG_BYTES;
  }

  unprotectRtcp(packet: Uint8Array, length: number, word: number): number {
    const end = length - RTCP_TAG_BYTES;
    const { authKey } = this.#rtcp;
    const tag = this.#ciphers.hmacSha1(authKey, packet.subarray(0, end), NOTHING);
    if (!isTag(packet, end, tag, RTCP_TAG_BYTES)) return -1;
    const clearEnd = end - SRTCP_WORD_BYTES;
    if (word >= SRTCP_ENCRYPTED) {
      const encrypted = packet.subarray(RTCP_CLEAR_BYTES, clearEnd);
      this.#apply(this.#rtcp, encrypted, readUint32(packet, 4), word - SRTCP_ENCRYPTED);
    }
    return clearEnd;
  }

  /** §4.2: what is authenticated is the packet, and the roll-over counter behind it. */
  #tagOf(packet: Uint8Array, index: number): Uint8Array {
    writeUint32(this.#rollOver, 0, Math.floor(index / 0x10000));
    return this.#ciphers.hmacSha1(this.#rtp.authKey, packet, this.#rollOver);
  }

  /** §4.1.1: IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16). */
  #apply({ key, salt }: SessionKeys, bytes: Uint8Array, ssrc: number, index: number): void {
    const iv = this.#iv;
    iv.set(salt);
    xorSource(iv, 4, ssrc, index);
    this.#ciphers.applyCounterMode(key, iv, bytes);
  }
}

/** AES-GCM. RFC 7714 §8, §9. */
export class GcmTransform implements SrtpTransform {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #ciphers: SrtpCrypto;
  readonly #iv = new Uint8Array(12);

  constructor({ rtp, rtcp, crypto }: TransformOptions) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#ciphers = crypto;
  }

  protect(packet: Uint8Array, clear: number, length: number, index: number): number {
    const iv = this.#ivOf(this.#rtp, readUint32(packet, 8), index);
    const header = packet.subarray(0, clear);
    const tag = this.#ciphers.sealGcm(this.#rtp.key, iv, header, packet.subarray(clear, length));
    packet.set(tag, length);
    return length + GCM_TAG_BYTES;
  }

  unprotect(packet: Uint8Array, clear: number, length: number, index: number): number {
    const end = length - GCM_TAG_BYTES;
    const iv = this.#ivOf(this.#rtp, readUint32(packet, 8), index);
    const header = packet.subarray(0, clear);
    const encrypted = packet.subarray(clear, end);
    const tag = packet.subarray(end, length);
    return this.#ciphers.openGcm(this.#rtp.key, iv, header, encrypted, tag) ? end : -1;
  }

  protectRtcp(packet: Uint8Array, length: number, index: number): number {
    const iv = this.#ivOf(this.#rtcp, readUint32(packet, 4), index);
    const associated = withWord(packet.subarray(0, RTCP_CLEAR_BYTES), SRTCP_ENCRYPTED + index);
    const bytes = packet.subarray(RTCP_CLEAR_BYTES, length);
    packet.set(this.#ciphers.sealGcm(this.#rtcp.key, iv, associated, bytes), length);
    writeUint32(packet, length + GCM_TAG_BYTES, SRTCP_ENCRYPTED + index);
    return length + GCM_TAG_BYTES + SRTCP_WORD_BYTES;
  }

  unprotectRtcp(packet: Uint8Array, length: number, word: number): number {
    const isEncrypted = word >= SRTCP_ENCRYPTED;
    const index = isEncrypted ? word - SRTCP_ENCRYPTED : word;
    const iv = this.#ivOf(this.#rtcp, readUint32(packet, 4), index);
    const end = length - SRTCP_WORD_BYTES - GCM_TAG_BYTES;
    // §9.3: what is not encrypted is associated data as a whole.
    const clear = isEncrypted ? RTCP_CLEAR_BYTES : end;
    const associated = withWord(packet.subarray(0, clear), word);
    const tag = packet.subarray(end, end + GCM_TAG_BYTES);
    const bytes = packet.subarray(clear, end);
    return this.#ciphers.openGcm(this.#rtcp.key, iv, associated, bytes, tag) ? end : -1;
  }

  /** §8.1, §9.1: two zeros, the SSRC and an index of 48 bits, all XORed with the salt. */
  #ivOf({ salt }: SessionKeys, ssrc: number, index: number): Uint8Array {
    const iv = this.#iv;
    iv.set(salt);
    xorSource(iv, 2, ssrc, index);
    return iv;
  }
}

const NOTHING = new Uint8Array(0);

/** RFC 4568 §6.2.2: the tag of RTCP is never cut shorter. */
const RTCP_TAG_BYTES = SRTP_SUITES.AES_CM_128_HMAC_SHA1_80.rtcpTagBytes;

/** RFC 7714 §5.2: no suite has a shorter one. */
const GCM_TAG_BYTES = SRTP_SUITES.AEAD_AES_128_GCM.tagBytes;

/** §9.2: the word with E flag and index is associated data too. */
function withWord(bytes: Uint8Array, word: number): Uint8Array {
  const joined = new Uint8Array(bytes.length + SRTCP_WORD_BYTES);
  joined.set(bytes);
  writeUint32(joined, bytes.length, word);
  return joined;
}

/** XORs the SSRC and, behind it, the index in 48 bits onto a vector. */
function xorSource(iv: Uint8Array, at: number, ssrc: number, index: number): void {
  const high = Math.floor(index / 0x100000000);
  const low = index >>> 0;
  iv[at] = (iv[at] as number) ^ (ssrc >>> 24);
  iv[at + 1] = (iv[at + 1] as number) ^ (ssrc >>> 16);
  iv[at + 2] = (iv[at + 2] as number) ^ (ssrc >>> 8);
  iv[at + 3] = (iv[at + 3] as number) ^ ssrc;
  iv[at + 4] = (iv[at + 4] as number) ^ (high >>> 8);
  iv[at + 5] = (iv[at + 5] as number) ^ high;
  iv[at + 6] = (iv[at + 6] as number) ^ (low >>> 24);
  iv[at + 7] = (iv[at + 7] as number) ^ (low >>> 16);
  iv[at + 8] = (iv[at + 8] as number) ^ (low >>> 8);
  iv[at + 9] = (iv[at + 9] as number) ^ low;
}

/** Compares a tag in a time that does not depend on where it differs. */
function isTag(packet: Uint8Array, at: number, tag: Uint8Array, length: number): boolean {
  let difference = 0;
  for (let byte = 0; byte < length; byte++) {
    difference |= (packet[at + byte] as number) ^ (tag[byte] as number);
  }
  return difference === 0;
}
