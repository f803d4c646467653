/**
 * Bytes to messages. RFC 3261 §7, §8.2.2, §18.3, §20.
 *
 * What every layer relies on is checked here: start line, header syntax, the five headers that each
 * message has, numbers, lengths. Contact, routes and others are left to the layer that needs them;
 * unknown methods and URI schemes to the user agent.
 *
 * @module
 */

import { parseScalar } from "./grammar.ts";
import { readHeaderLines, requireNoBareNul, skipLine } from "./header_lines.ts";
import { SipHeaders } from "./headers.ts";
import { SIP_LIMITS, type SipLimits } from "./limits.ts";
import { EMPTY_BODY, type SipMessage } from "./message.ts";
import { isKnownMethod } from "./method.ts";
import { SipParseError } from "./parse_error.ts";
import { salvageRequest } from "./salvage.ts";
import { parseStartLine, type StartLine } from "./start_line.ts";

/** How to read a message. */
export interface ParseOptions {
  readonly limits?: SipLimits;
  /** A message of a stream must have a Content-Length. Default `datagram`. */
  readonly transport?: "datagram" | "stream";
}

/**
 * Reads one message: a whole datagram, or what `StreamFramer` cut out of a stream.
 *
 * @param bytes Nothing of the message is a view of it.
 * @throws SipParseError and nothing else, with what is needed to answer a broken request.
 */
export function parseMessage(bytes: Uint8Array, options: ParseOptions = {}): SipMessage {
  const limits = options.limits ?? SIP_LIMITS;
  const start = skipLineBreaks(bytes);
  let text = "";
  try {
    requireSize(bytes, limits);
    const bodyStart = skipHead(bytes, start);
    text = decodeHead(bytes, start, bodyStart);
    return readMessage({ bytes, bodyStart, text }, limits, options.transport ?? "datagram");
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new SipParseError(error.message, {
      offset: start + encoder.encode(text.slice(0, error.offset)).length,
      statusCode: error.statusCode,
      request: salvageRequest(bytes, limits),
    });
  }
}

/**
 * Tells whether a datagram only keeps a way open: line breaks or zeros, or nothing. RFC 5626
 * §3.5.1.
 */
export function isKeepAlive(bytes: Uint8Array): boolean {
  return bytes.length <= 16 && bytes.every((byte) => byte === 13 || byte === 10 || byte === 0);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** One character for each byte, the right one for those of ASCII. */
const asciiDecoder = new TextDecoder("latin1");
const encoder = new TextEncoder();

/** A message whose head has been decoded. */
interface RawMessage {
  readonly bytes: Uint8Array;
  readonly bodyStart: number;
  /** Start line and headers with their CRLFs, without the empty line. */
  readonly text: string;
}

function requireSize(bytes: Uint8Array, limits: SipLimits): void {
  if (bytes.length <= limits.messageBytesMax) return;
  const message = `Message has ${bytes.length} bytes, more than the limit`;
  throw new SipParseError(message, { statusCode: 513 });
}

/** §7.5: any CRLF before the start line is ignored. */
function skipLineBreaks(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === 13 && bytes[at + 1] === 10) at += 2;
  return at;
}

/**
 * Finds the first CRLF CRLF.
 *
 * @returns Its index, or -1.
 */
export function findHeadEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 3; at < bytes.length; at++) {
    const isEnd = bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 &&
      bytes[at - 3] === 13;
    if (isEnd) return at - 3;
  }
  return -1;
}

/** Finds where the body begins. */
function skipHead(bytes: Uint8Array, start: number): number {
  const end = findHeadEnd(bytes, start);
  if (end < 0) throw new SipParseError("Message has no empty line behind its headers");
  return end + 4;
}

function decodeHead(bytes: Uint8Array, start: number, bodyStart: number): string {
  const end = bodyStart - 2;
  const text = isAscii(bytes, start, end)
    // To decode all of it costs less than a view of a part
    ? asciiDecoder.decode(bytes).slice(start, end)
    : decodeUtf8(bytes.subarray(start, end));
  requireNoBareNul(text);
  return text;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let seen = 0;
  for (let at = start; at < end; at++) seen |= bytes[at] as number;
  return seen < 0x80;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new SipParseError("Message has headers that are not UTF-8");
  }
}

function readMessage(
  raw: RawMessage,
  limits: SipLimits,
  transport: "datagram" | "stream",
): SipMessage {
  const { text } = raw;
  const headersStart = skipLine(text, 0);
  const startLine = parseStartLine(text.slice(0, headersStart - 2), limits);
  const lines = readHeaderLines(text, headersStart, limits);
  const headers = SipHeaders.ofLines(lines);
  const contentLength = requireHeaders(headers, startLine, text.length);
  const body = readBody(raw, contentLength, { limits, transport });
  return startLine.type === "request"
    ? {
      type: "request",
      method: startLine.method,
      requestUri: startLine.requestUri,
      headers,
      body,
    }
    : {
      type: "response",
      statusCode: startLine.statusCode,
      reasonPhrase: startLine.reasonPhrase,
      headers,
      body,
    };
}

/** Checks what every message has, and returns its Content-Length. §8.1.1, §20. */
function requireHeaders(
  headers: SipHeaders,
  startLine: StartLine,
  end: number,
): number | undefined {
  let key = "via";
  try {
    headers.via;
    key = "from";
    headers.from;
    key = "to";
    headers.to;
    key = "call-id";
    headers.callId;
    key = "cseq";
    requireMethod(headers.cseq.method, startLine);
    key = "max-forwards";
    headers.maxForwards;
    key = "expires";
    const expires = headers.get(key);
    if (expires !== undefined) parseScalar(expires, { what: "Expires", max: 0xffff_ffff });
    key = "content-length";
    return headers.contentLength;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    const line = headers.lines().find((one) => one.key === key);
    const offset = line === undefined ? end : line.offset + error.offset;
    throw new SipParseError(error.message, { offset, statusCode: error.statusCode });
  }
}

/** §8.1.1.5: the method MUST match that of the request. */
function requireMethod(method: string, startLine: StartLine): void {
  if (startLine.type === "response" || startLine.method === method) return;
  throw new SipParseError("CSeq has another method than the Request-Line", {
    // RFC 4475 §3.1.2.18: 501 serves the sender of an unknown method better
    statusCode: isKnownMethod(startLine.method) ? 400 : 501,
  });
}

/**
 * §18.3: what is beyond Content-Length is dropped, and what is missing makes the message an error.
 */
function readBody(
  { bytes, bodyStart, text }: RawMessage,
  contentLength: number | undefined,
  { limits, transport }: { limits: SipLimits; transport: "datagram" | "stream" },
): Uint8Array {
  const available = bytes.length - bodyStart;
  // §20.14: over a stream the header MUST be there
  if (contentLength === undefined && transport === "stream") {
    throw new SipParseError('Header "Content-Length" is missing', { offset: text.length });
  }
  const length = contentLength ?? available;
  if (length > limits.bodyBytesMax) {
    const message = `Body has ${length} bytes, more than the limit`;
    throw new SipParseError(message, { offset: text.length, statusCode: 413 });
  }
  if (length > available) {
    const message = `Content-Length is ${length}, and ${available} bytes came`;
    throw new SipParseError(message, { offset: text.length });
  }
  return length === 0 ? EMPTY_BODY : bytes.slice(bodyStart, bodyStart + length);
}
