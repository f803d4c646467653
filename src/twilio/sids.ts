/**
 * Twilio's names of things: two letters and 32 hexadecimal digits.
 *
 * @module
 */

import { randomHex, type RandomSource } from "../base/random.ts";

const SID_BYTES = 16;

/** The name of a call, made of our own. @param id A UUID. */
export function callSid(id: string): string {
  return `CA${id.replaceAll("-", "").toLowerCase()}`;
}

/** Draws the name of a stream (`MZ`) or of a recording (`RE`). */
export function newSid(prefix: "MZ" | "RE", random: RandomSource): string {
  return prefix + randomHex(random, SID_BYTES);
}
