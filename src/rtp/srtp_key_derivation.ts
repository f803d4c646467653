/**
 * Session keys from a master key, once for the whole session: the key derivation rate is zero. RFC
 * 3711 §4.3, RFC 7714 §11.
 *
 * @module
 */

import type { SrtpCrypto } from "./srtp_crypto.ts";
import { SRTP_SUITES, type SrtpKey } from "./srtp_suite.ts";

/** What protects the packets of one protocol. */
export interface SessionKeys {
  /** Of the cipher. */
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  /** Of the HMAC; empty where the cipher authenticates by itself. */
  readonly authKey: Uint8Array;
}

/** RFC 3711 §4.3.2 gives RTP the labels 0 to 2, RTCP the labels 3 to 5. */
const FIRST_LABEL = { rtp: 0, rtcp: 3 };

/** RFC 3711 §5.2: n_a of HMAC-SHA1. */
const AUTH_KEY_BYTES = 20;

/** The last two bytes of the first counter block count blocks; the label stands 7 before them. */
const BLOCK_BYTES = 16;
const LABEL_AT = 7;

/**
 * Derives the keys of RTP or RTCP.
 *
 * @throws {RangeError} The master key or salt is not as long as the suite wants.
 */
export function deriveSessionKeys(
  { suite, masterKey, masterSalt }: SrtpKey,
  protocol: "rtp" | "rtcp",
  ciphers: SrtpCrypto,
): SessionKeys {
  const { keyBytes, saltBytes, isAead } = SRTP_SUITES[suite];
  if (masterKey.length !== keyBytes || masterSalt.length !== saltBytes) {
    throw new RangeError(`"${suite}" takes a key of ${keyBytes} and a salt of ${saltBytes} bytes`);
  }
  const label = FIRST_LABEL[protocol];
  const derive = (labelOffset: number, length: number) => {
    // §4.3.1: x = key_id XOR master_salt, and §4.3.3: it is encrypted from x * 2^16 on. A salt of 12
    // bytes is followed by zeros.
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(masterSalt);
    block[LABEL_AT] = (block[LABEL_AT] as number) ^ (label + labelOffset);
    const derived = new Uint8Array(length);
    ciphers.applyCounterMode(masterKey, block, derived);
    return derived;
  };
  return {
    key: derive(0, keyBytes),
    authKey: isAead ? new Uint8Array(0) : derive(1, AUTH_KEY_BYTES),
    salt: derive(2, saltBytes),
  };
}
