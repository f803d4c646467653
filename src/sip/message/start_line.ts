/**
 * Request-Line and Status-Line. RFC 3261 §7.1, §7.2.
 *
 * @module
 */

import { CLASS, skipClass } from "./grammar.ts";
import type { SipLimits } from "./limits.ts";
import { sliceMethod } from "./method.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";
import { isUri, parseSipUri, uriScheme } from "./uri.ts";

/** What the first line of a message says. */
export type StartLine =
  | { readonly type: "request"; readonly method: string; readonly requestUri: string }
  | { readonly type: "response"; readonly statusCode: number; readonly reasonPhrase: string };

/**
 * Reads a start line.
 *
 * @param line Without its CRLF.
 * @throws SipParseError with 505 for another version, 414 for a long Request-URI. An unknown scheme
 * is no error.
 */
export function parseStartLine(line: string, limits: SipLimits): StartLine {
  return startsWithVersion(line) ? parseStatusLine(line) : parseRequestLine(line, limits);
}

/** Tells whether a start line is a Status-Line of some version. */
export function startsWithVersion(line: string): boolean {
  return (line.charCodeAt(0) | 0x20) === 0x73 && (line.charCodeAt(1) | 0x20) === 0x69 &&
    (line.charCodeAt(2) | 0x20) === 0x70 && line.charCodeAt(3) === 0x2f;
}

function parseStatusLine(line: string): StartLine {
  const versionEnd = indexOrEnd(line, " ", 0);
  requireVersion(line.slice(0, versionEnd), 0);
  const codeStart = versionEnd + 1;
  const codeEnd = skipClass(line, codeStart, CLASS.token);
  const code = line.slice(codeStart, codeEnd);
  // DEVIATION §7.2: the space behind the code may be missing together with the phrase
  if (!/^[1-6]\d\d$/.test(code) || (codeEnd < line.length && line.charAt(codeEnd) !== " ")) {
    const message = `Status code ${quoteForError(code)} is not 100 to 699`;
    throw new SipParseError(message, { offset: codeStart });
  }
  return { type: "response", statusCode: Number(code), reasonPhrase: line.slice(codeEnd + 1) };
}

function parseRequestLine(line: string, limits: SipLimits): StartLine {
  const methodEnd = indexOrEnd(line, " ", 0);
  const method = sliceMethod(line, 0, methodEnd);
  if (methodEnd === 0 || skipClass(line, 0, CLASS.token) !== methodEnd) {
    throw new SipParseError(`Method ${quoteForError(method)} is not a token`);
  }
  const uriEnd = line.lastIndexOf(" ");
  if (uriEnd <= methodEnd) {
    throw new SipParseError("Request-Line is not a method, a URI and a version", {
      offset: methodEnd,
    });
  }
  requireVersion(line.slice(uriEnd + 1), uriEnd + 1);
  const requestUri = line.slice(methodEnd + 1, uriEnd);
  requireRequestUri(requestUri, methodEnd + 1, limits);
  return { type: "request", method, requestUri };
}

function indexOrEnd(text: string, search: string, start: number): number {
  const index = text.indexOf(search, start);
  return index < 0 ? text.length : index;
}

function requireVersion(version: string, offset: number): void {
  if (version === "SIP/2.0") return;
  // §7.1: the version is case-insensitive
  if (version.toUpperCase() === "SIP/2.0") return;
  const isVersion = /^SIP\/\d{1,9}\.\d{1,9}$/i.test(version);
  throw new SipParseError(`Version ${quoteForError(version)} is not "SIP/2.0"`, {
    offset,
    statusCode: isVersion ? 505 : 400,
  });
}

function requireRequestUri(uri: string, offset: number, limits: SipLimits): void {
  if (uri.length > limits.requestUriBytesMax) {
    const message = `Request-URI has ${uri.length} characters, more than the limit`;
    throw new SipParseError(message, { offset, statusCode: 414 });
  }
  if (!isUri(uri)) {
    throw new SipParseError(`Request-URI ${quoteForError(uri)} is not a URI`, { offset });
  }
  const scheme = uriScheme(uri);
  if (scheme !== "sip" && scheme !== "sips") return;
  // §19.1.1: headers are not allowed in a Request-URI
  if (parseRequestUri(uri, offset).headers !== undefined) {
    throw new SipParseError(`Request-URI ${quoteForError(uri)} has headers`, { offset });
  }
}

function parseRequestUri(uri: string, offset: number) {
  try {
    return parseSipUri(uri);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new SipParseError(error.message, { offset: offset + error.offset });
  }
}
