/**
 * Identifiers that sort by time. RFC 9562 §5.7.
 *
 * @module
 */

import { hexByte, type RandomSource } from "./random.ts";
import type { Millis } from "./units.ts";

/**
 * Makes a UUID of version 7.
 *
 * @param wallClock Milliseconds since 1970.
 */
export function uuidV7(random: RandomSource, wallClock: Millis): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  let time = Math.floor(wallClock);
  for (let index = 5; index >= 0; index--) {
    bytes[index] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  let text = "";
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += "-";
    text += hexByte(bytes[index] as number);
  }
  return text;
}
