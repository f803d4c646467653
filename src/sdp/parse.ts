/**
 * Text to session descriptions. RFC 8866 §5, §9.
 *
 * Tolerant where peers in the field are sloppy and nothing hangs on it: line ends, a final newline,
 * trailing spaces, missing `s=` and `t=`, unknown lines, order. Strict where a guess would send
 * audio to the wrong place: `v=`, `o=`, `c=` and `m=`.
 *
 * @module
 */

import { isSameWord } from "../base/words.ts";
import { END, fail, LineReader, quote } from "./line_reader.ts";
import { SdpParseError } from "./parse_error.ts";
import { PROFILES } from "./profile.ts";
import {
  isBlank,
  numberIn,
  skipBlanks,
  skipDigits,
  skipField,
  trimmedEnd,
  wordIn,
} from "./scan.ts";
import {
  ATTRIBUTE_NAMES,
  type MediaDescription,
  NO_ATTRIBUTES,
  NO_LINES,
  type SdpAddressType,
  type SdpAttribute,
  type SdpConnection,
  type SdpLine,
  type SdpOrigin,
  type SessionDescription,
  UNBOUNDED_TIMING,
} from "./session_description.ts";

/** The longest description that is read, in bytes or characters. Browsers need about 8 KiB. */
export const SDP_LENGTH_MAX = 32_768;

/** The most `m=` lines that are read. */
export const SDP_MEDIA_MAX = 32;

/** The most formats on one `m=` line: as many as there are RTP payload types. */
export const SDP_FORMATS_MAX = 128;

/** More than any counter or NTP time stamp needs, and cheap to compare as a big integer. */
const ORIGIN_DIGITS_MAX = 32;
const PORT_MAX = 65_535;

/**
 * Reads a session description.
 *
 * @param body Bytes are taken as UTF-8; a byte that is not becomes U+FFFD.
 * @throws {SdpParseError} Only this, whatever the input.
 */
export function parseSessionDescription(body: Uint8Array | string): SessionDescription {
  if (body.length > SDP_LENGTH_MAX) {
    throw new SdpParseError(`Session description exceeds ${SDP_LENGTH_MAX} bytes`, NOWHERE);
  }
  const lines = new LineReader(typeof body === "string" ? body : decoder.decode(body));
  const first = lines.next();
  if (first === END) throw new SdpParseError("Session description is empty", NOWHERE);
  const version = lines.offset;
  if (first !== V) fail('Session description does not start with "v="', lines);
  if (lines.value !== "0") fail(`Version ${quote(lines.value)} is not "0"`, lines);

  let origin: SdpOrigin | undefined;
  let sessionName: string | undefined;
  let connection: SdpConnection | undefined;
  let isTimed = false;
  const timing: SdpLine[] = [];
  let attributes: SdpAttribute[] | undefined;
  let otherLines: SdpLine[] | undefined;
  // Of lines that may stand once, the first counts
  for (let type = lines.next(); type !== END && type !== M; type = lines.next()) {
    if (type === O) origin ??= readOrigin(lines);
    else if (type === S) sessionName ??= lines.value;
    else if (type === C) connection ??= readConnection(lines);
    else if (type === A) (attributes ??= []).push(readAttribute(lines));
    else if (type === T || type === R || type === Z) {
      timing.push(lines.line);
      isTimed ||= type === T;
    } else (otherLines ??= []).push(lines.line);
  }
  if (origin === undefined) fail('Session description has no "o=" line', lines, version);

  const media: MediaDescription[] = [];
  while (lines.type === M) {
    if (media.length === SDP_MEDIA_MAX) {
      fail(`More than ${SDP_MEDIA_MAX} media descriptions`, lines);
    }
    media.push(readMedia(lines, connection));
  }
  return {
    version: 0,
    origin,
    sessionName: sessionName || "-",
    connection,
    timing: isTimed ? timing : UNBOUNDED_TIMING,
    attributes: attributes ?? NO_ATTRIBUTES,
    media,
    otherLines: otherLines ?? NO_LINES,
  };
}

const decoder = new TextDecoder();

const SLASH = 0x2f;
const COLON = 0x3a;

/** The letters of lines, as codes. */
const A = 0x61;
const C = 0x63;
const M = 0x6d;
const O = 0x6f;
const R = 0x72;
const S = 0x73;
const T = 0x74;
const V = 0x76;
const Z = 0x7a;

const NOWHERE = { line: 0, offset: 0 };

/**
 * Reads one media section: an `m=` line, and those up to the next.
 *
 * @param sessionConnection Holds where the section has no `c=` of its own.
 */
function readMedia(
  lines: LineReader,
  sessionConnection: SdpConnection | undefined,
): MediaDescription {
  const start = lines.offset;
  const { kind, port, portCount, protocol, formats } = readMediaLine(lines);
  let connection: SdpConnection | undefined;
  const attributes: SdpAttribute[] = [];
  let otherLines: SdpLine[] | undefined;
  for (let type = lines.next(); type !== END && type !== M; type = lines.next()) {
    // §5.7 allows several, for layers of multicast streams; the first is the one that counts.
    if (type === C) connection ??= readConnection(lines);
    else if (type === A) attributes.push(readAttribute(lines));
    else (otherLines ??= []).push(lines.line);
  }
  // §5.7: a "c=" line in each media description, or one at session level.
  if (port !== 0 && connection === undefined && sessionConnection === undefined) {
    fail('Media description has no "c=" line, and the session has none either', lines, start);
  }
  return {
    kind,
    port,
    portCount,
    protocol,
    formats,
    connection,
    attributes,
    otherLines: otherLines ?? NO_LINES,
  };
}

/** Reads `m=audio 49170/2 RTP/AVP 0 8`. §5.14. */
function readMediaLine(
  lines: LineReader,
): Pick<MediaDescription, "kind" | "port" | "portCount" | "protocol" | "formats"> {
  const { text, start, end } = lines;
  const kindEnd = skipField(text, start, end);
  const portStart = skipBlanks(text, kindEnd, end);
  const portEnd = skipField(text, portStart, end);
  const protocolStart = skipBlanks(text, portEnd, end);
  const protocolEnd = skipField(text, protocolStart, end);
  if (protocolStart === end) {
    fail(`Media line ${quote(lines.value)} needs a kind, a port and a protocol`, lines);
  }
  let slash = portStart;
  while (slash < portEnd && text.charCodeAt(slash) !== SLASH) slash++;
  const port = portIn(text, portStart, slash);
  const portCount = slash === portEnd ? 1 : portIn(text, slash + 1, portEnd);
  if (Number.isNaN(port) || !(portCount >= 1)) {
    const ports = text.slice(portStart, portEnd);
    fail(`Port ${quote(ports)} is not a number up to ${PORT_MAX}`, lines);
  }
  const formats: string[] = [];
  for (let at = skipBlanks(text, protocolEnd, end); at < end;) {
    const formatEnd = skipField(text, at, end);
    formats.push(text.slice(at, formatEnd));
    at = skipBlanks(text, formatEnd, end);
  }
  // A refused stream without formats is against the grammar, and in use.
  if (formats.length === 0 && port !== 0) fail("Media line has no formats", lines);
  if (formats.length > SDP_FORMATS_MAX) fail(`More than ${SDP_FORMATS_MAX} formats`, lines);
  const kind = isSameWord(text, start, kindEnd, "AUDIO")
    ? "audio"
    : text.slice(start, kindEnd).toLowerCase();
  const protocol = wordIn(text, protocolStart, protocolEnd, PROFILES);
  return { kind, port, portCount, protocol, formats };
}

/** Reads up to five digits; `NaN` for anything else, and for what is no port. */
function portIn(text: string, start: number, end: number): number {
  const port = numberIn(text, start, end, 5);
  return port > PORT_MAX ? NaN : port;
}

/** Reads `o=alice 2890844526 2890844526 IN IP4 192.0.2.1`. §5.2. */
function readOrigin(lines: LineReader): SdpOrigin {
  const { text, start, end } = lines;
  // User names with spaces are against §5.2, and in use: the last five fields are sure.
  const addressStart = fieldBefore(text, start, end);
  const addressTypeEnd = trimmedEnd(text, start, addressStart);
  const addressTypeStart = fieldBefore(text, start, addressTypeEnd);
  const netTypeEnd = trimmedEnd(text, start, addressTypeStart);
  const netTypeStart = fieldBefore(text, start, netTypeEnd);
  const versionEnd = trimmedEnd(text, start, netTypeStart);
  const versionStart = fieldBefore(text, start, versionEnd);
  const idEnd = trimmedEnd(text, start, versionStart);
  const idStart = fieldBefore(text, start, idEnd);
  if (idStart === start) fail(`Origin ${quote(lines.value)} does not have six fields`, lines);
  const isNumber = skipDigits(text, versionStart, versionEnd) === versionEnd;
  if (!isNumber || versionEnd - versionStart > ORIGIN_DIGITS_MAX) {
    const version = text.slice(versionStart, versionEnd);
    fail(`Session version ${quote(version)} is not a number`, lines);
  }
  const isIp6 = isSameWord(text, addressTypeStart, addressTypeEnd, "IP6");
  return {
    username: readUsername(text.slice(start, trimmedEnd(text, start, idStart))),
    sessionId: text.slice(idStart, idEnd),
    sessionVersion: text.slice(versionStart, versionEnd),
    netType: wordIn(text, netTypeStart, netTypeEnd, NET_TYPES),
    addressType: meantAddressType(text, addressStart, end, isIp6),
    address: text.slice(addressStart, end),
  };
}

const NET_TYPES = ["IN"];

/** Where the field that ends at `end` starts. */
function fieldBefore(text: string, start: number, end: number): number {
  let first = end;
  while (first > start && !isBlank(text.charCodeAt(first - 1))) first--;
  return first;
}

/** One blank is left of several. */
function readUsername(text: string): string {
  return skipField(text, 0, text.length) === text.length ? text : text.split(/[\t-\r ]+/).join(" ");
}

/** Reads `c=IN IP4 192.0.2.1`. §5.7. */
function readConnection(lines: LineReader): SdpConnection {
  const { text, start, end } = lines;
  const netTypeEnd = skipField(text, start, end);
  const typeStart = skipBlanks(text, netTypeEnd, end);
  const typeEnd = skipField(text, typeStart, end);
  const isIp6 = isSameWord(text, typeStart, typeEnd, "IP6");
  const isKnown = isIp6 || isSameWord(text, typeStart, typeEnd, "IP4");
  if (!isSameWord(text, start, netTypeEnd, "IN") || !isKnown) {
    fail(`Connection ${quote(lines.value)} is neither "IN IP4" nor "IN IP6"`, lines);
  }
  const addressStart = skipBlanks(text, typeEnd, end);
  const addressEnd = skipField(text, addressStart, end);
  if (addressStart === end) fail(`Connection ${quote(lines.value)} has no address`, lines);
  return {
    addressType: meantAddressType(text, addressStart, addressEnd, isIp6),
    address: text.slice(addressStart, addressEnd),
  };
}

/** The family that is meant: what the address itself shows wins over the label before it. */
function meantAddressType(
  text: string,
  start: number,
  end: number,
  isLabelledIp6: boolean,
): SdpAddressType {
  let isDotted = true;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) return "IP6";
    // Digits, the dot and the slash stand in one row
    if (code < 0x2e || code > 0x39) isDotted = false;
  }
  return isLabelledIp6 && !isDotted ? "IP6" : "IP4";
}

/** Reads `a=sendrecv` or `a=ptime:20`. §5.13. */
function readAttribute({ text, start, end }: LineReader): SdpAttribute {
  let colon = start;
  while (colon < end && text.charCodeAt(colon) !== COLON) colon++;
  const name = wordIn(text, start, trimmedEnd(text, start, colon), ATTRIBUTE_NAMES);
  if (colon === end) return { name, value: undefined };
  return { name, value: text.slice(skipBlanks(text, colon + 1, end), end) };
}
