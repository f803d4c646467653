/**
 * From the text of a message's head to header lines: names, values, folds. RFC 3261 §7.3.1.
 *
 * @module
 */

import { isSafeText, isSpace, skipSpace, sliceTrimmed, trimSpace } from "./grammar.ts";
import { findCommonName, headerKey, type HeaderName, singleBitOf } from "./header_names.ts";
import type { HeaderLine } from "./headers.ts";
import type { SipLimits } from "./limits.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";

/**
 * Reads header lines. Of some headers there may be one alone.
 *
 * @param head Text in which every line ends with CRLF.
 * @param start The index of the first header line.
 * @throws SipParseError with an offset into `head`.
 */
export function readHeaderLines(head: string, start: number, limits: SipLimits): HeaderLine[] {
  const lines: HeaderLine[] = [];
  /** The bits of those that may stand once. */
  let seen = 0;
  for (let at = start; at < head.length;) {
    if (lines.length === limits.headersMax) {
      const message = `Message has more than ${limits.headersMax} header lines`;
      throw new SipParseError(message, { offset: at, statusCode: 513 });
    }
    const lineEnd = skipLine(head, at);
    const end = skipFolds(head, lineEnd);
    if (end - at > limits.headerBytesMax) {
      const message = `Header line has ${end - at} characters, more than the limit`;
      throw new SipParseError(message, { offset: at, statusCode: 513 });
    }
    const colon = findColon(head, at, end);
    const named = findCommonName(head, at, colon) ?? readName(head, at, colon);
    const line = readLine(named, head, colon + 1, end, end > lineEnd);
    if ((seen & named.singleBit) !== 0) {
      const message = `Header "${named.name}" comes twice`;
      throw new SipParseError(message, { offset: line.offset });
    }
    seen |= named.singleBit;
    lines.push(line);
    at = end;
  }
  return lines;
}

/**
 * Finds the end of the line at `start`.
 *
 * @returns The index behind its CRLF.
 * @throws SipParseError for CR or LF alone.
 */
export function skipLine(head: string, start: number): number {
  for (let at = start; at < head.length; at++) {
    const code = head.charCodeAt(at);
    if (code === 0x0d && head.charCodeAt(at + 1) === 0x0a) return at + 2;
    if (code === 0x0d || code === 0x0a) break;
  }
  throw new SipParseError("Line does not end with CRLF", { offset: start });
}

/** Finds the end of the continuation lines of a header. */
function skipFolds(head: string, start: number): number {
  let end = start;
  while (end < head.length && isSpace(head.charCodeAt(end))) end = skipLine(head, end);
  return end;
}

function findColon(head: string, start: number, end: number): number {
  let colon = start;
  while (colon < end && head.charCodeAt(colon) !== 0x3a) colon++;
  if (colon === end) throw new SipParseError("Header line has no colon", { offset: start });
  return colon;
}

/** @param start Behind the colon. */
function readLine(
  { name, key }: HeaderName,
  head: string,
  start: number,
  end: number,
  isFolded: boolean,
): HeaderLine {
  const offset = skipSpace(head, start);
  const value = sliceTrimmed(head, offset, end - 2);
  return { name, key, value: isFolded ? unfold(value) : value, offset };
}

function readName(head: string, start: number, colon: number): HeaderName {
  const name = isSpace(head.charCodeAt(start)) ? "" : sliceTrimmed(head, start, colon);
  const key = headerKey(name);
  if (key === undefined) {
    throw new SipParseError(`Header name ${quoteForError(name)} is not a token`, { offset: start });
  }
  return { name, key, singleBit: singleBitOf(key) };
}

/** §7.3.1: a line break with the white space around it is one space. */
function unfold(value: string): string {
  return trimSpace(value.split("\r\n").map(trimSpace).join(" "));
}

/**
 * Reads the header lines of a head that may be broken: lines that are none are left out, as is what
 * is above the limits. Never throws.
 */
export function readHeaderLinesLeniently(
  head: string,
  start: number,
  limits: SipLimits,
): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let at = start; at < head.length && lines.length < limits.headersMax;) {
    let end = at;
    do {
      const lf = head.indexOf("\r\n", end);
      end = lf < 0 ? head.length : lf + 2;
    } while (isSpace(head.charCodeAt(end)));
    const line = readLineLeniently(head.slice(at, end), limits);
    if (line !== undefined) lines.push(line);
    at = end;
  }
  return lines;
}

function readLineLeniently(text: string, limits: SipLimits): HeaderLine | undefined {
  try {
    const line = readHeaderLines(text, 0, limits)[0];
    return line !== undefined && isSafeText(line.value) ? line : undefined;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/**
 * Refuses NUL outside quoted-pairs in a head. §25.1.
 *
 * @throws SipParseError
 */
export function requireNoBareNul(head: string): void {
  for (let at = head.indexOf("\0"); at >= 0; at = head.indexOf("\0", at + 1)) {
    if (isSafeText(head.slice(Math.max(0, at - 1), at + 1))) continue;
    throw new SipParseError("Message has NUL among its headers", { offset: at });
  }
}
