/**
 * What can be read of a request that is broken, so that it can be answered. RFC 3261 §8.2.6.2,
 * §16.3.
 *
 * Runs for refused messages alone, over the bytes once, and never throws.
 *
 * @module
 */

import { CLASS, isToken, skipClass, splitList } from "./grammar.ts";
import { readHeaderLinesLeniently } from "./header_lines.ts";
import { type HeaderLine, SipHeaders } from "./headers.ts";
import type { SipLimits } from "./limits.ts";
import { EMPTY_BODY, type SipRequest } from "./message.ts";
import { SipParseError } from "./parse_error.ts";
import { startsWithVersion } from "./start_line.ts";
import { parseFirstVia } from "./via.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a response copies from its request, each once, besides the Vias. */
const COPIED_ONCE = ["from", "to", "call-id", "cseq"];

/**
 * Reads method and headers of a request that `parseMessage` refuses: header lines that are none are
 * left out, and so is every From, To, Call-ID and CSeq but the first. A topmost Via that does not
 * parse is replaced by as much of it as does.
 *
 * @returns `undefined` when it is a response, or lacks what an answer must repeat.
 */
export function salvageRequest(bytes: Uint8Array, limits: SipLimits): SipRequest | undefined {
  const head = decodeHead(bytes, limits);
  const lineEnd = head.indexOf("\r\n");
  const startLine = head.slice(0, lineEnd);
  const [method, requestUri] = startLine.split(" ", 2) as [string, string | undefined];
  if (lineEnd < 0 || startsWithVersion(startLine) || !isToken(method)) return undefined;
  const lines = readLines(head, lineEnd + 2, limits);
  if (COPIED_ONCE.some((key) => lines.every((line) => line.key !== key))) return undefined;
  const headers = repairVia(lines);
  if (headers === undefined) return undefined;
  return { type: "request", method, requestUri: requestUri ?? "", headers, body: EMPTY_BODY };
}

/** Everything up to the empty line, or all there is; at most as much as a message may have. */
function decodeHead(bytes: Uint8Array, limits: SipLimits): string {
  const text = decoder.decode(bytes.subarray(0, limits.messageBytesMax));
  let start = 0;
  while (text.startsWith("\r\n", start)) start += 2;
  const end = text.indexOf("\r\n\r\n", start);
  return end < 0 ? `${text.slice(start)}\r\n` : text.slice(start, end + 2);
}

function readLines(head: string, start: number, limits: SipLimits): HeaderLine[] {
  const seen = new Set<string>();
  return readHeaderLinesLeniently(head, start, limits).filter(({ key }) => {
    if (!COPIED_ONCE.includes(key)) return true;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function repairVia(lines: HeaderLine[]): SipHeaders | undefined {
  const index = lines.findIndex((line) => line.key === "via");
  const line = lines[index];
  if (line === undefined) return undefined;
  const [top, ...others] = splitList(line.value) as [string, ...string[]];
  const repaired = repairTopVia(top);
  if (repaired === undefined) return undefined;
  if (repaired !== top) {
    const value = [repaired, ...others.filter((one) => one !== "" && isVia(one))].join(", ");
    lines[index] = { ...line, value };
  }
  return SipHeaders.ofLines(lines);
}

/**
 * The longest beginning of a Via that parses and ends before a semicolon; `undefined` when none
 * does.
 */
function repairTopVia(text: string): string | undefined {
  if (isVia(text)) return text;
  const semicolon = text.indexOf(";");
  if (semicolon < 0) return undefined;
  let repaired = text.slice(0, semicolon);
  if (!isVia(repaired)) return undefined;
  for (const parameter of text.slice(semicolon + 1).split(";", 16)) {
    if (isPlainParameter(parameter) && isVia(`${repaired};${parameter}`)) {
      repaired += `;${parameter}`;
    }
  }
  return repaired;
}

function isPlainParameter(text: string): boolean {
  const equals = skipClass(text, 0, CLASS.token);
  if (equals === text.length) return equals > 0;
  return text[equals] === "=" && skipClass(text, equals + 1, CLASS.parameterValue) === text.length;
}

function isVia(text: string): boolean {
  try {
    parseFirstVia(text);
    return true;
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}
