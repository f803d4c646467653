/**
 * One line about a SIP message, for ladders: what it is, and what of it matters when a call does not work.
 *
 * Of credentials only their presence is told, and of a session description only where audio goes: no line holds a
 * secret.
 *
 * @module
 */

import { formatHost } from "../base/socket_address.ts";
import { parseSipfrag } from "../sip/dialog/refer_subscription.ts";
import type { SipHeaders } from "../sip/message/headers.ts";
import type { SipMessage } from "../sip/message/message.ts";
import { parseNameAddr } from "../sip/message/name_addr.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { describeMessage } from "../sip/message/serialize.ts";
import { uriParts } from "../sip/message/uri.ts";

/** Headers that are told as they are. */
const TOLD: readonly string[] = [
  "Require",
  "Proxy-Require",
  "Unsupported",
  "RSeq",
  "RAck",
  "Session-Expires",
  "Min-SE",
  "Event",
  "Subscription-State",
  "Retry-After",
  "Warning",
  "Reason",
];

const VALUE_MAX = 80;
const LINE_MAX = 400;

/** More of a session description is not looked at. */
const SDP_BYTES_MAX = 8192;

/**
 * Describes a message: `INVITE sip:100@10.0.0.5 · SDP 10.0.0.9:4000`, `503 Service Unavailable (INVITE) · Retry-After:
 * 5`.
 *
 * @returns Printable text of limited length. Never throws.
 */
export function traceLine(message: SipMessage): string {
  const described = message.type === "request"
    ? { ...message, requestUri: withoutPassword(message.requestUri) }
    : message;
  const line = [describeMessage(described), ...notesOf(message)].join(" · ").replace(
    /\p{Cc}/gu,
    "�",
  );
  return line.length > LINE_MAX ? `${line.slice(0, LINE_MAX - 1)}…` : line;
}

function notesOf(message: SipMessage): string[] {
  const { headers } = message;
  const notes: string[] = [];
  for (const name of TOLD) {
    const value = headers.get(name);
    if (value !== undefined && value !== "" && !isSaid(name, value)) {
      notes.push(`${name}: ${cut(value)}`);
    }
  }
  if (message.type === "request") {
    // The rest of the URI may hold what joins a call
    const target = headers.get("Refer-To");
    if (target !== undefined) notes.push(`to ${hostOf(target)}`);
    if (headers.has("Replaces")) notes.push("Replaces");
    if (headers.has("Authorization") || headers.has("Proxy-Authorization")) {
      notes.push("with credentials");
    }
  } else if (message.statusCode >= 300 && message.statusCode < 400) {
    notes.push(`to ${hostOf(headers.get("Contact") ?? "")}`);
  }
  const body = bodyNote(headers, message.body);
  return body === undefined ? notes : [body, ...notes];
}

/** What Session-Expires or the method says already. RFC 4028 §9, RFC 3515 §2.4.4 */
function isSaid(name: string, value: string): boolean {
  return name === "Require" ? /^timer$/i.test(value) : name === "Event" && /^refer\b/i.test(value);
}

/** What the body is; digits of INFO are not told, which may be a PIN. */
function bodyNote(headers: SipHeaders, body: Uint8Array): string | undefined {
  if (body.length === 0) return undefined;
  const type = (headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/sdp") return sdpNote(body);
  if (type === "message/sipfrag") {
    const status = parseSipfrag(body);
    if (status !== undefined) return `says ${status.statusCode} ${cut(status.reasonPhrase)}`;
  }
  return type === "" ? "a body without type" : cut(type);
}

/** Where an audio stream wants its packets: what one-way audio is about. RFC 8866 §5.7, §5.14 */
function sdpNote(body: Uint8Array): string {
  const text = new TextDecoder().decode(body.subarray(0, SDP_BYTES_MAX));
  const [session = "", ...streams] = text.split(/^(?=m=)/m);
  const stream = streams.find((one) => one.startsWith("m=audio ") && !one.startsWith("m=audio 0 "));
  if (stream === undefined) return "SDP without audio";
  const [, port = "?", protocol = "?"] = /^m=audio (\d+)\S* (\S+)/.exec(stream) ?? [];
  const address = lineOf(/^c=IN IP[46] ([^\s/]+)/m, stream, session) ?? "?";
  const direction = lineOf(/^a=(sendonly|recvonly|inactive)\s*$/m, stream, session);
  const parts = ["SDP", cut(`${formatHost(address)}:${port}`)];
  if (protocol !== "RTP/AVP") parts.push(cut(protocol));
  if (direction !== undefined) parts.push(direction);
  return parts.join(" ");
}

function lineOf(pattern: RegExp, ...sections: readonly string[]): string | undefined {
  for (const section of sections) {
    const found = pattern.exec(section)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function hostOf(value: string): string {
  try {
    const { uri } = parseNameAddr(value);
    const { host } = uriParts(uri);
    return host === "" ? cut(withoutPassword(uri)) : cut(host);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return "?";
  }
}

/** The URI of a request may hold a password. RFC 3261 §19.1.1 */
function withoutPassword(text: string): string {
  return text.replace(/(\bsips?:[^:@\s]*):[^@\s]*@/i, "$1:…@");
}

function cut(text: string): string {
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX - 1)}…` : text;
}
