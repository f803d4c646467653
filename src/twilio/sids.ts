/**
 * Twilio's names of things: two letters and 32 hexadecimal digits.
 *
 * @module
 */

/** The account of routes that name none; some bots take an empty one for a fault. */
export const ACCOUNT_SID_DEFAULT = `AC${"0".repeat(32)}`;

/** The name of a call, made of our own. @param id A UUID. */
export function callSid(id: string): string {
  return `CA${id.replaceAll("-", "").toLowerCase()}`;
}

/** A name of random bytes. @param bytes 16 of them. */
export function sidOf(prefix: "MZ" | "RE", bytes: Uint8Array): string {
  let digits = "";
  for (const byte of bytes) digits += byte.toString(16).padStart(2, "0");
  return prefix + digits;
}
