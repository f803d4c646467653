/**
 * Messages that the tests of this folder share, and ways to hand them over.
 *
 * @module
 */

import type { SipMessage, SipRequest, SipResponse } from "../../../src/sip/message/message.ts";
import { parseMessage, type ParseOptions } from "../../../src/sip/message/parse.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";

const encoder = new TextEncoder();

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of some bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Joins a start line, header lines and a body as they stand on the wire. */
export function wire(lines: readonly string[], body = ""): string {
  return `${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
}

export const SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n";

export const INVITE_LINES: readonly string[] = [
  "INVITE sip:100@gw.example.com SIP/2.0",
  "Via: SIP/2.0/UDP 192.0.2.5:5060;rport;branch=z9hG4bK776asdhds",
  "Max-Forwards: 70",
  'From: "Alice" <sip:alice@example.com>;tag=1928301774',
  "To: <sip:100@gw.example.com>",
  "Call-ID: a84b4c76e66710@192.0.2.5",
  "CSeq: 314159 INVITE",
  "Contact: <sip:alice@192.0.2.5>",
  "X-Room-ID: blue",
  "Content-Type: application/sdp",
  `Content-Length: ${SDP.length}`,
];

/** An INVITE with a body. */
export const INVITE: string = wire(INVITE_LINES, SDP);

export const OK_LINES: readonly string[] = [
  "SIP/2.0 200 OK",
  "Via: SIP/2.0/UDP 192.0.2.5:5060;rport=5060;branch=z9hG4bK776asdhds;received=192.0.2.5",
  'From: "Alice" <sip:alice@example.com>;tag=1928301774',
  "To: <sip:100@gw.example.com>;tag=a6c85cf",
  "Call-ID: a84b4c76e66710@192.0.2.5",
  "CSeq: 314159 INVITE",
  "Contact: <sip:100@192.0.2.10>",
  "Content-Length: 0",
];

/** A response without a body. */
export const OK: string = wire(OK_LINES);

/** The INVITE's lines with one header's line replaced, or left out. */
export function inviteWith(name: string, line: string | undefined): string {
  const lines = INVITE_LINES.flatMap((one) => {
    if (!one.startsWith(`${name}:`)) return [one];
    return line === undefined ? [] : [line];
  });
  return wire(lines, SDP);
}

/** The INVITE with one more header line at the end. */
export function inviteAnd(line: string): string {
  return wire([...INVITE_LINES, line], SDP);
}

export function parse(text: string, options?: ParseOptions): SipMessage {
  return parseMessage(bytesOf(text), options);
}

export function parseRequest(text: string): SipRequest {
  const message = parse(text);
  if (message.type !== "request") throw new Error("It is a response");
  return message;
}

export function parseResponse(text: string): SipResponse {
  const message = parse(text);
  if (message.type !== "response") throw new Error("It is a request");
  return message;
}

/** Runs what must throw a `SipParseError`, and returns it. */
export function refusalOf(run: () => unknown): SipParseError {
  try {
    run();
  } catch (error) {
    if (error instanceof SipParseError) return error;
    throw error;
  }
  throw new Error("Nothing was refused");
}
