/**
 * Escapes in URIs: `%` and two hexadecimal digits stand for a byte of UTF-8. RFC 3261 §19.1.2.
 *
 * @module
 */

import { isInClass } from "./grammar.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";

/**
 * Reads text in which only characters of a class and escapes may stand.
 *
 * Bytes that are not UTF-8 become lone surrogates, U+DC80 to U+DCFF, so that {@linkcode escape}
 * gives them back.
 *
 * @param offset Where `text` stands in what is being read, for errors.
 * @throws SipParseError for another character or a `%` that begins no escape.
 */
export function unescape(text: string, characterClass: number, offset: number): string {
  let escaped = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInClass(code, characterClass)) continue;
    if (code !== 0x25 || !isHexPair(text, at + 1)) {
      const message = `Character ${quoteForError(text.charAt(at))} must be escaped here`;
      throw new SipParseError(message, { offset: offset + at });
    }
    escaped = true;
    at += 2;
  }
  return escaped ? text.replace(ESCAPED_RUN, decodeRun) : text;
}

/** Writes text with escapes for everything that is not in the class. */
export function escape(text: string, characterClass: number): string {
  let plain = 0;
  while (plain < text.length && isInClass(text.charCodeAt(plain), characterClass)) plain++;
  if (plain === text.length) return text;
  let escaped = text.slice(0, plain);
  for (const character of text.slice(plain)) {
    const code = character.charCodeAt(0);
    if (isInClass(code, characterClass)) escaped += character;
    else escaped += escapeCharacter(character, code);
  }
  return escaped;
}

const ESCAPED_RUN = /(?:%[0-9A-Fa-f]{2})+/g;
const encoder = new TextEncoder();

function isHexPair(text: string, at: number): boolean {
  return isHexDigit(text.charCodeAt(at)) && isHexDigit(text.charCodeAt(at + 1));
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66);
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run);
  } catch {
    // Not UTF-8 as a whole: byte by byte
  }
  let text = "";
  for (let at = 1; at < run.length; at += 3) {
    const byte = Number.parseInt(run.slice(at, at + 2), 16);
    text += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  }
  return text;
}

function escapeCharacter(character: string, code: number): string {
  if (character.length === 1 && code >= 0xdc80 && code <= 0xdcff) return hex(code - 0xdc00);
  let text = "";
  for (const byte of encoder.encode(character)) text += hex(byte);
  return text;
}

function hex(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
