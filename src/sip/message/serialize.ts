/**
 * Messages to bytes. RFC 3261 §7, §18.3.
 *
 * @module
 */

import { isSafeText } from "./grammar.ts";
import type { SipMessage, SipRequest } from "./message.ts";
import { reasonPhrase } from "./reason_phrases.ts";

const encoder = new TextEncoder();

/**
 * Writes a message. Content-Length is always there and right, whatever the headers say, at the
 * place of the first one that is there, else last.
 *
 * @returns A buffer of its own.
 * @throws TypeError when the start line would hold CR, LF or NUL.
 */
export function serializeMessage(message: SipMessage): Uint8Array {
  const startLine = message.type === "request"
    ? `${message.method} ${message.requestUri} SIP/2.0`
    : `SIP/2.0 ${message.statusCode} ${message.reasonPhrase}`;
  if (!isSafeText(startLine) || startLine.includes("\0")) {
    throw new TypeError("Start line holds CR, LF or NUL");
  }
  let text = `${startLine}\r\n`;
  let hasLength = false;
  for (const { name, key, value } of message.headers.lines()) {
    if (key !== "content-length") {
      text += `${name}: ${value}\r\n`;
    } else if (!hasLength) {
      hasLength = true;
      text += `${name}: ${message.body.length}\r\n`;
    }
  }
  text += hasLength ? "\r\n" : `Content-Length: ${message.body.length}\r\n\r\n`;
  const head = encoder.encode(text);
  if (message.body.length === 0) return head;
  const bytes = new Uint8Array(head.length + message.body.length);
  bytes.set(head);
  bytes.set(message.body, head.length);
  return bytes;
}

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
