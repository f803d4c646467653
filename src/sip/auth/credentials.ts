/**
 * Who somebody claims to be, and proves by a digest. RFC 3261 §22.
 *
 * @module
 */

/** Who we are to somebody else's server. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}
