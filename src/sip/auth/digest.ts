/**
 * The arithmetic of digest authentication, which both sides do alike: algorithms, session keys and
 * responses. RFC 7616 §3.4, RFC 2617 §3.2.2, RFC 8760.
 *
 * @module
 */

import type { Hash, HashName } from "../../base/hash.ts";

/** How responses are computed. */
export interface DigestAlgorithm {
  readonly hash: HashName;
  /** The session key takes in the first nonce. §3.4.2 */
  readonly isSession: boolean;
}

const ALGORITHMS: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ["md5", { hash: "md5", isSession: false }],
  ["md5-sess", { hash: "md5", isSession: true }],
  ["sha-256", { hash: "sha-256", isSession: false }],
  ["sha-256-sess", { hash: "sha-256", isSession: true }],
  ["sha-512-256", { hash: "sha-512-256", isSession: false }],
  ["sha-512-256-sess", { hash: "sha-512-256", isSession: true }],
]);

/**
 * Reads the value of an `algorithm` parameter; without one it is MD5. RFC 3261 §25.1: names compare
 * without case.
 *
 * @returns `undefined` for an algorithm that we do not have.
 */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | undefined {
  return ALGORITHMS.get(name?.toLowerCase() ?? "md5");
}

/** Whose key it is, and where. */
export interface SecretKeyParts {
  readonly username: string;
  readonly realm: string;
  readonly password: string;
}

/** The key that a user has in a realm: the H(A1) of algorithms without session. §3.4.2 */
export function secretKey(hash: Hash, name: HashName, parts: SecretKeyParts): string {
  return hash(name, `${parts.username}:${parts.realm}:${parts.password}`);
}

/** The H(A1) of algorithms with a session. §3.4.2 */
export function sessionKey(
  hash: Hash,
  name: HashName,
  parts: { readonly secretKey: string; readonly nonce: string; readonly cnonce: string },
): string {
  return hash(name, `${parts.secretKey}:${parts.nonce}:${parts.cnonce}`);
}

/** What a response is computed from, besides the hash function. */
export interface ResponseParts {
  /** H(A1). */
  readonly key: string;
  readonly nonce: string;
  readonly method: string;
  /** The `uri` parameter, unquoted. */
  readonly uri: string;
  /** `undefined` when the challenge had no `qop`: the response of RFC 2069. */
  readonly quality: ResponseQuality | undefined;
}

/** What qop=auth adds. */
export interface ResponseQuality {
  /** The nonce count as written: 8 hexadecimal digits. */
  readonly nc: string;
  readonly cnonce: string;
}

/** The value of the `response` parameter. §3.4.1 */
export function digestResponse(hash: Hash, name: HashName, parts: ResponseParts): string {
  const { key, nonce, method, uri, quality } = parts;
  const middle = quality === undefined ? nonce : `${nonce}:${quality.nc}:${quality.cnonce}:auth`;
  return hash(name, `${key}:${middle}:${hash(name, `${method}:${uri}`)}`);
}
