/**
 * Nonces that nobody has to remember: the time at which they were made, and a proof that we made
 * them. RFC 7616 §5.4.
 *
 * How often a nonce was used is left to `nonce_counts.ts`.
 *
 * @module
 */

import { isSameText } from "../../base/same_text.ts";
import type { Hash } from "../../base/hash.ts";
import { randomHex, type RandomSource } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";

/** What is to be known of a nonce that a request came with. */
export interface NonceFacts {
  /** Made by another process, or by nobody; expired; or good. */
  readonly state: "foreign" | "expired" | "valid";
  /** When it was made, in whole milliseconds; -Infinity for a foreign one. */
  readonly madeAt: Millis;
  /** The challenge with this nonce was sent to the source that it now comes from. */
  readonly isFromSource: boolean;
}

/** Digits of the time: 48 bits of milliseconds. */
const TIME_DIGITS = 12;
const TIME_RANGE = 2 ** 48;
/** Digits that make two nonces of one millisecond differ: 64 bits. */
const SALT_DIGITS = 16;
/** Digits that say to whom the nonce was given: 32 bits. */
const SOURCE_DIGITS = 8;
/** Digits of the proof: 128 bits. */
const PROOF_DIGITS = 32;
const STAMP_DIGITS = TIME_DIGITS + SALT_DIGITS;
const SIGNED_DIGITS = STAMP_DIGITS + SOURCE_DIGITS;
const NONCE = new RegExp(`^[0-9a-f]{${SIGNED_DIGITS + PROOF_DIGITS}}$`);
const SECRET_BYTES = 32;

/**
 * Makes nonces and knows them again. A challenge takes no memory, however many are asked for, and a
 * secret that is drawn once stands for all of them: nonces end with the mint.
 */
export class NonceMint {
  readonly #hash: Hash;
  readonly #random: RandomSource;
  readonly #secret: string;
  readonly #lifetime: Millis;

  constructor(options: { hash: Hash; random: RandomSource; lifetime: Millis }) {
    this.#hash = options.hash;
    this.#random = options.random;
    this.#lifetime = options.lifetime;
    this.#secret = randomHex(options.random, SECRET_BYTES);
  }

  /** Makes a nonce that nobody had before, for whoever is at `source`. */
  make(source: string, now: Millis): string {
    const time = timeOf(now).toString(16).padStart(TIME_DIGITS, "0");
    const stamp = `${time}${randomHex(this.#random, SALT_DIGITS / 2)}`;
    const signed = `${stamp}${this.#sourceMark(stamp, source)}`;
    return `${signed}${this.#proof(signed)}`;
  }

  /** Examines a nonce from the wire. */
  examine(nonce: string, source: string, now: Millis): NonceFacts {
    const signed = nonce.slice(0, SIGNED_DIGITS);
    if (!NONCE.test(nonce) || !isSameText(nonce.slice(SIGNED_DIGITS), this.#proof(signed))) {
      return { state: "foreign", madeAt: -Infinity, isFromSource: false };
    }
    const stamp = nonce.slice(0, STAMP_DIGITS);
    const made = Number.parseInt(nonce.slice(0, TIME_DIGITS), 16);
    const age = (timeOf(now) - made + TIME_RANGE) % TIME_RANGE;
    const madeAt = Math.floor(now) - age;
    const isFromSource = this.#sourceMark(stamp, source) === signed.slice(STAMP_DIGITS);
    return { state: age < this.#lifetime ? "valid" : "expired", madeAt, isFromSource };
  }

  /** Texts of fixed length between the secret, twice: no longer text has a proof that is known. */
  #proof(signed: string): string {
    const text = `${this.#secret}:${signed}:${this.#secret}`;
    return this.#hash("sha-256", text).slice(0, PROOF_DIGITS);
  }

  #sourceMark(stamp: string, source: string): string {
    return this.#hash("sha-256", `${this.#secret}:${stamp}:${source}`).slice(0, SOURCE_DIGITS);
  }
}

/** Whole milliseconds of a clock with any origin, in 48 bits. */
function timeOf(now: Millis): number {
  const time = Math.floor(now) % TIME_RANGE;
  return time < 0 ? time + TIME_RANGE : time;
}
