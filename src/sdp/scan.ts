/**
 * Reads pieces of text where they stand. RFC 8866 §9.
 *
 * A call's set-up meets all of this cold: a piece that is only looked at becomes no string, and a
 * word that is known becomes no new one.
 *
 * @module
 */

import { findWord } from "../base/words.ts";

const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const ZERO = 0x30;
const NINE = 0x39;

/** Tells whether a character separates fields. */
export function isBlank(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN);
}

/** Where the blanks from `at` on end. */
export function skipBlanks(text: string, at: number, end: number): number {
  let next = at;
  while (next < end && isBlank(text.charCodeAt(next))) next++;
  return next;
}

/** Where the field from `at` on ends. */
export function skipField(text: string, at: number, end: number): number {
  let next = at;
  while (next < end && !isBlank(text.charCodeAt(next))) next++;
  return next;
}

/** Where the digits from `at` on end. */
export function skipDigits(text: string, at: number, end: number): number {
  let next = at;
  for (; next < end; next++) {
    const code = text.charCodeAt(next);
    if (code < ZERO || code > NINE) break;
  }
  return next;
}

/** Where a piece ends without the blanks behind it. */
export function trimmedEnd(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && isBlank(text.charCodeAt(last - 1))) last--;
  return last;
}

/** Reads 1 to `digitsMax` digits; `NaN` for anything else. */
export function numberIn(text: string, start: number, end: number, digitsMax: number): number {
  if (start >= end || end - start > digitsMax) return NaN;
  let number = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return NaN;
    number = number * 10 + (code - ZERO);
  }
  return number;
}

/** A piece as a string: that of `known` where it is the same, letter by letter. */
export function wordIn(
  text: string,
  start: number,
  end: number,
  known: readonly string[],
): string {
  return findWord(text, start, end, known) ?? text.slice(start, end);
}
