/**
 * The words that both sides of digest authentication share: who somebody claims to be, and the
 * hash functions by which that is shown. RFC 3261 §22, RFC 8760.
 *
 * @module
 */

/** Who we are to somebody else's server. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The hash functions that digests are made with. */
export type HashName = "md5" | "sha-256" | "sha-512-256";

/** Hashes the UTF-8 of a text. Gives lower-case hexadecimal. */
export type Hash = (name: HashName, text: string) => string;

/** Headers that are added to a message. */
export type Headers = readonly (readonly [string, string])[];
