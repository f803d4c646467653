/**
 * The crypto-suites of SRTP and the keys they take. RFC 4568 §6.2, RFC 7714 §12.
 *
 * @module
 */

import { isSameBytes } from "../base/same_bytes.ts";

/** A crypto-suite, by its registered name. */
export type SrtpSuite =
  | "AES_CM_128_HMAC_SHA1_80"
  | "AES_CM_128_HMAC_SHA1_32"
  | "AEAD_AES_128_GCM"
  | "AEAD_AES_256_GCM";

/** What a suite is made of, in bytes. */
export interface SrtpSuiteSizes {
  /** Of the master key, and of the session key too. */
  readonly keyBytes: number;
  /** Of the master salt, and of the session salt too. */
  readonly saltBytes: number;
  /** What authentication adds to an RTP packet. */
  readonly tagBytes: number;
  /** The same for RTCP, where it is never cut short; the index of SRTCP is not counted. */
  readonly rtcpTagBytes: number;
  /** The cipher authenticates by itself: there is no HMAC. RFC 7714 §5. */
  readonly isAead: boolean;
}

/** The suites that we speak. */
export const SRTP_SUITES: Readonly<Record<SrtpSuite, SrtpSuiteSizes>> = {
  AES_CM_128_HMAC_SHA1_80: {
    keyBytes: 16,
    saltBytes: 14,
    tagBytes: 10,
    rtcpTagBytes: 10,
    isAead: false,
  },
  // RFC 4568 §6.2.2: the short tag is for RTP alone.
  AES_CM_128_HMAC_SHA1_32: {
    keyBytes: 16,
    saltBytes: 14,
    tagBytes: 4,
    rtcpTagBytes: 10,
    isAead: false,
  },
  AEAD_AES_128_GCM: { keyBytes: 16, saltBytes: 12, tagBytes: 16, rtcpTagBytes: 16, isAead: true },
  AEAD_AES_256_GCM: { keyBytes: 32, saltBytes: 12, tagBytes: 16, rtcpTagBytes: 16, isAead: true },
};

/** What protects one direction of a stream. */
export interface SrtpKey {
  readonly suite: SrtpSuite;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
  /** What the owner of the key puts into each packet to name it; we send none. RFC 3711 §3.1. */
  readonly mki?: Uint8Array;
}

/** A key as SDP has it. */
export interface InlineKey {
  readonly suite: SrtpSuite;
  /** Master key, then master salt. */
  readonly key: Uint8Array;
  readonly mki?: Uint8Array;
}

/**
 * Parts master key and salt. RFC 4568 §6.1.
 *
 * @throws {RangeError} The key is not as long as the suite wants.
 */
export function srtpKey({ suite, key, mki }: InlineKey): SrtpKey {
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  if (key.length !== keyBytes + saltBytes) {
    throw new RangeError(`"${suite}" takes ${keyBytes + saltBytes} bytes of key and salt`);
  }
  const masterKey = key.slice(0, keyBytes);
  return { suite, masterKey, masterSalt: key.slice(keyBytes), ...(mki && { mki }) };
}

/**
 * Tells whether two keys are one. While a key is the same over a re-INVITE its sender and receiver
 * must go on: with a new sender the packet index would begin again, and so would the keystream.
 */
export function isSameSrtpKey(one: SrtpKey, other: SrtpKey): boolean {
  return one.suite === other.suite && isSameBytes(one.masterKey, other.masterKey) &&
    isSameBytes(one.masterSalt, other.masterSalt) &&
    isSameBytes(one.mki ?? NO_BYTES, other.mki ?? NO_BYTES);
}

const NO_BYTES = new Uint8Array(0);
