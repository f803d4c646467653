/**
 * The cryptography of SRTP, by `node:crypto`, which both runtimes have. RFC 3711 §4, RFC 7714 §5.
 *
 * Contexts are made for each packet: that costs less than the library's own work, and leaves none
 * to be closed at the end of a call.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { SrtpCrypto } from "../rtp/srtp_crypto.ts";

const GCM_OPTIONS = { authTagLength: 16 };

/** AES and HMAC-SHA1 on ranges of packets. */
export const srtpCrypto: SrtpCrypto = {
  /** Encrypts or decrypts `bytes` in place with AES in counter mode. */
  applyCounterMode(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): void {
    const name = key.length === 32 ? "aes-256-ctr" : "aes-128-ctr";
    const cipher = createCipheriv(name, key, iv);
    bytes.set(cipher.update(bytes));
    // It adds nothing, but Deno keeps the context of a cipher until then.
    cipher.final();
  },

  /** The HMAC-SHA1 of `bytes` and `suffix`, one after the other: 20 bytes. */
  hmacSha1(key: Uint8Array, bytes: Uint8Array, suffix: Uint8Array): Uint8Array {
    return createHmac("sha1", key).update(bytes).update(suffix).digest();
  },

  /** Encrypts `bytes` in place with AES-GCM; returns the tag of 16 bytes. */
  sealGcm(
    key: Uint8Array,
    iv: Uint8Array,
    associated: Uint8Array,
    bytes: Uint8Array,
  ): Uint8Array {
    const cipher = createCipheriv(gcmName(key), key, iv, GCM_OPTIONS);
    cipher.setAAD(associated);
    bytes.set(cipher.update(bytes));
    cipher.final();
    return cipher.getAuthTag();
  },

  /** Decrypts `bytes` in place with AES-GCM; `false`, with nothing written: not authentic. */
  openGcm(
    key: Uint8Array,
    iv: Uint8Array,
    associated: Uint8Array,
    bytes: Uint8Array,
    tag: Uint8Array,
  ): boolean {
    const decipher = createDecipheriv(gcmName(key), key, iv, GCM_OPTIONS);
    decipher.setAAD(associated);
    decipher.setAuthTag(tag);
    const plain = decipher.update(bytes);
    try {
      decipher.final();
    } catch {
      // The tag is the only thing that can be wrong by now.
      return false;
    }
    bytes.set(plain);
    return true;
  },
};

function gcmName(key: Uint8Array): "aes-128-gcm" | "aes-256-gcm" {
  return key.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
}
