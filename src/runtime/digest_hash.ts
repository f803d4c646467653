/**
 * The hash functions of SIP's digest, by `node:crypto`. RFC 8760 §2.1.
 *
 * @module
 */

import { createHash, createHmac } from "node:crypto";
import type { HashName } from "../base/hash.ts";

/** Their names in OpenSSL, which both runtimes know. */
const NAMES: Readonly<Record<HashName, string>> = {
  "md5": "md5",
  "sha-256": "sha256",
  "sha-512-256": "sha512-256",
};

/** Hashes the UTF-8 of a text; lower-case hexadecimal. */
export function hash(name: HashName, text: string): string {
  return createHash(NAMES[name]).update(text, "utf8").digest("hex");
}

/** Keyed hash. RFC 2104 */
export function hmac(name: "SHA-1" | "SHA-256", key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac(name.replace("-", "").toLowerCase(), key).update(data).digest();
}
