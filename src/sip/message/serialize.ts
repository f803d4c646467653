/**
 * Messages to bytes. RFC 3261 §7, §18.3.
 *
 * @module
 */

import { TextWriter } from "../../base/text_writer.ts";
import type { SipMessage, SipRequest } from "./message.ts";
import { reasonPhrase } from "./reason_phrases.ts";

/** All messages are written here, one after the other. */
const out = new TextWriter();

/**
 * Writes a message. Content-Length is always there and right, whatever the headers say, at the
 * place of the first one that is there, else last.
 *
 * @returns A buffer of its own.
 * @throws TypeError when the start line would hold CR, LF or NUL.
 */
export function serializeMessage(message: SipMessage): Uint8Array {
  const { headers, body } = message;
  out.restart();
  if (!writeStartLine(message)) throw new TypeError("Start line holds CR, LF or NUL");
  out.lineEnd();
  let hasLength = false;
  for (const { name, key, value } of headers.lines()) {
    if (key !== "content-length") {
      beginLine(name);
      out.text(value);
      out.lineEnd();
    } else if (!hasLength) {
      hasLength = true;
      writeLength(name, body.length);
    }
  }
  if (!hasLength) writeLength("Content-Length", body.length);
  out.lineEnd();
  out.bytes(body);
  return out.written();
}

/** @returns Whether it is one line. */
function writeStartLine(message: SipMessage): boolean {
  if (message.type === "response") {
    out.text("SIP/2.0 ");
    out.number(message.statusCode);
    out.byte(SPACE);
    return out.text(message.reasonPhrase);
  }
  const isMethodPlain = out.text(message.method);
  out.byte(SPACE);
  const isUriPlain = out.text(message.requestUri);
  out.text(" SIP/2.0");
  return isMethodPlain && isUriPlain;
}

function writeLength(name: string, length: number): void {
  beginLine(name);
  out.number(length);
  out.lineEnd();
}

function beginLine(name: string): void {
  out.text(name);
  out.byte(COLON);
  out.byte(SPACE);
}

const SPACE = 0x20;
const COLON = 0x3a;

/** How many bytes a request takes on the wire, its Content-Length included; characters beyond ASCII count once. */
export function serializedSize({ method, requestUri, headers, body }: SipRequest): number {
  let size = method.length + requestUri.length + START_LINE_BYTES + body.length;
  for (const { name, value } of headers.lines()) size += name.length + value.length + 4;
  return size;
}

/** Version, spaces, CRLFs and a Content-Length. */
const START_LINE_BYTES = 34;

/**
 * One line about a message for ladders and traces: `INVITE sip:100@192.0.2.1`, `200 OK (INVITE)`.
 *
 * @returns Printable text, cut when long. Never throws.
 */
export function describeMessage(message: SipMessage): string {
  if (message.type === "request") return printable(`${message.method} ${message.requestUri}`);
  const phrase = message.reasonPhrase === ""
    ? reasonPhrase(message.statusCode)
    : message.reasonPhrase;
  const method = message.headers.get("CSeq")?.split(/[ \t]/).at(-1) ?? "?";
  return printable(`${message.statusCode} ${phrase} (${method})`);
}

const DESCRIPTION_MAX = 100;

function printable(text: string): string {
  const cut = text.length > DESCRIPTION_MAX ? `${text.slice(0, DESCRIPTION_MAX - 1)}…` : text;
  return cut.replace(/\p{Cc}/gu, "�");
}
