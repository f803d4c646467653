/**
 * The hash functions that digest authentication is made with. RFC 8760 §2.1.
 *
 * @module
 */

/** Their names. */
export type HashName = "md5" | "sha-256" | "sha-512-256";

/** Hashes the UTF-8 of a text. Gives lower-case hexadecimal. */
export type Hash = (name: HashName, text: string) => string;
