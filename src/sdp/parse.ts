/**
 * Text to session descriptions. RFC 8866 §5, §9.
 *
 * Tolerant where peers in the field are sloppy and nothing hangs on it: line ends, a final newline,
 * trailing spaces, missing `s=` and `t=`, unknown lines, order. Strict where a guess would send
 * audio to the wrong place: `v=`, `o=`, `c=` and `m=`.
 *
 * @module
 */

import { isIpv6 } from "../base/socket_address.ts";
import {
  type MediaDescription,
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

/** The most lines that are read. */
export const SDP_LINES_MAX = 1_000;

/** The most `m=` lines that are read. */
export const SDP_MEDIA_MAX = 32;

/** The most formats on one `m=` line: as many as there are RTP payload types. */
export const SDP_FORMATS_MAX = 128;

/** More than any counter or NTP time stamp needs, and cheap to compare as a big integer. */
const ORIGIN_DIGITS_MAX = 32;
const PORT_MAX = 65_535;

/** The peer's text is not a session description that can be used. */
export class SdpParseError extends Error {
  override readonly name = "SdpParseError";
  /** Counted from 1; 0 when the fault is in no line. */
  readonly line: number;
  /** Where that line starts, in characters from the start of the text. */
  readonly offset: number;

  constructor(message: string, at: { readonly line: number; readonly offset: number }) {
    super(message);
    this.line = at.line;
    this.offset = at.offset;
  }
}

/**
 * Reads a session description.
 *
 * @param body Bytes are taken as UTF-8; a byte that is not becomes U+FFFD.
 * @throws {SdpParseError} Only this, whatever the input.
 */
export function parseSessionDescription(body: Uint8Array | string): SessionDescription {
  if (body.length > SDP_LENGTH_MAX) {
    fail(`Session description exceeds ${SDP_LENGTH_MAX} bytes`, NOWHERE);
  }
  const text = typeof body === "string" ? body : decoder.decode(body);
  const lines = splitLines(text);
  const [first] = lines;
  if (first === undefined) fail("Session description is empty", NOWHERE);
  if (first.type !== "v") fail('Session description does not start with "v="', first);
  if (first.value !== "0") fail(`Version ${quote(first.value)} is not "0"`, first);

  const session = readSession(lines, first);
  const media: MediaDescription[] = [];
  for (let start = mediaStart(lines, 1); start < lines.length;) {
    if (media.length === SDP_MEDIA_MAX) {
      fail(`More than ${SDP_MEDIA_MAX} media descriptions`, lines[start]!);
    }
    const end = mediaStart(lines, start + 1);
    media.push(readMedia(lines, { start, end }, session.connection));
    start = end;
  }
  return { ...session, media };
}

/** Where the next `m=` stands from `from` on. */
function mediaStart(lines: readonly PlacedLine[], from: number): number {
  let index = from;
  while (index < lines.length && lines[index]!.type !== "m") index++;
  return index;
}

/** A place in the text, for errors. */
interface Place {
  readonly line: number;
  readonly offset: number;
}

const decoder = new TextDecoder();
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const EQUALS = 0x3d;

const NOWHERE: Place = { line: 0, offset: 0 };

/** A line, and where it stands. */
interface PlacedLine extends Place, SdpLine {}

/** Cuts the text into lines, without blank ones. Spaces around values go. */
function splitLines(text: string): PlacedLine[] {
  const lines: PlacedLine[] = [];
  let line = 0;
  let next = 0;
  for (let offset = 0; offset < text.length; offset = next) {
    line++;
    const lineEnds = lineEnd(text, offset);
    next = lineEnds + (isLineBreak(text, lineEnds) ? 2 : 1);
    const end = trimmedEnd(text, offset, lineEnds);
    if (end === offset) continue;
    if (line > SDP_LINES_MAX) fail(`More than ${SDP_LINES_MAX} lines`, { line, offset });
    if (end < offset + 2 || text.charCodeAt(offset + 1) !== EQUALS) {
      const content = text.slice(offset, end);
      fail(`Line ${quote(content)} is not of the form "x=value"`, { line, offset });
    }
    const value = sliceTrimmed(text, offset + 2, end);
    lines.push({ line, offset, type: text.charAt(offset), value });
  }
  return lines;
}

function isLineBreak(text: string, at: number): boolean {
  return text.charCodeAt(at) === CARRIAGE_RETURN && text.charCodeAt(at + 1) === LINE_FEED;
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Where a piece of text ends without the blanks behind it. */
function trimmedEnd(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && isBlank(text.charCodeAt(last - 1))) last--;
  return last;
}

function sliceTrimmed(text: string, start: number, end: number): string {
  let first = start;
  while (first < end && isBlank(text.charCodeAt(first))) first++;
  return text.slice(first, trimmedEnd(text, first, end));
}

/** The fields of a line that blanks separate. */
function fieldsOf(value: string): string[] {
  const fields: string[] = [];
  for (let start = 0; start < value.length;) {
    let end = start;
    while (end < value.length && !isBlank(value.charCodeAt(end))) end++;
    fields.push(value.slice(start, end));
    start = end;
    while (start < value.length && isBlank(value.charCodeAt(start))) start++;
  }
  return fields;
}

/**
 * Where a line ends. §5 ends lines with CRLF and asks parsers to take LF. A lone CR ends one as well, so that no value
 * ever holds a character that would start a line when it is written again.
 */
function lineEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === CARRIAGE_RETURN || code === LINE_FEED) return index;
  }
  return text.length;
}

/**
 * Reads the lines before the first `m=`. Of lines that may stand once, the first counts.
 *
 * @param version Where `v=` stands, to blame it for what is missing.
 */
function readSession(
  lines: readonly PlacedLine[],
  version: Place,
): Omit<SessionDescription, "media"> {
  let origin: SdpOrigin | undefined;
  let sessionName: string | undefined;
  let connection: SdpConnection | undefined;
  const timing: SdpLine[] = [];
  const attributes: SdpAttribute[] = [];
  const otherLines: SdpLine[] = [];
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!;
    if (line.type === "m") break;
    if (line.type === "o") origin ??= readOrigin(line);
    else if (line.type === "s") sessionName ??= line.value;
    else if (line.type === "c") connection ??= readConnection(line);
    else if (line.type === "a") attributes.push(readAttribute(line));
    else if ("trz".includes(line.type)) timing.push(bare(line));
    else otherLines.push(bare(line));
  }
  if (origin === undefined) fail('Session description has no "o=" line', version);
  return {
    version: 0,
    origin,
    sessionName: sessionName || "-",
    ...(connection === undefined ? {} : { connection }),
    timing: timing.some((line) => line.type === "t") ? timing : UNBOUNDED_TIMING,
    attributes,
    otherLines,
  };
}

/**
 * Reads one media section: an `m=` line, and those up to the next.
 *
 * @param sessionConnection Holds where the section has no `c=` of its own.
 */
function readMedia(
  lines: readonly PlacedLine[],
  section: { readonly start: number; readonly end: number },
  sessionConnection: SdpConnection | undefined,
): MediaDescription {
  const start = lines[section.start]!;
  let connection: SdpConnection | undefined;
  const attributes: SdpAttribute[] = [];
  const otherLines: SdpLine[] = [];
  for (let index = section.start + 1; index < section.end; index++) {
    const line = lines[index]!;
    // §5.7 allows several, for layers of multicast streams; the first is the one that counts.
    if (line.type === "c") connection ??= readConnection(line);
    else if (line.type === "a") attributes.push(readAttribute(line));
    else otherLines.push(bare(line));
  }
  const stream = readMediaLine(start);
  // §5.7: a "c=" line in each media description, or one at session level.
  if (stream.port !== 0 && connection === undefined && sessionConnection === undefined) {
    fail('Media description has no "c=" line, and the session has none either', start);
  }
  return {
    ...stream,
    ...(connection === undefined ? {} : { connection }),
    attributes,
    otherLines,
  };
}

/** Reads `m=audio 49170/2 RTP/AVP 0 8`. §5.14. */
function readMediaLine(
  line: PlacedLine,
): Pick<MediaDescription, "kind" | "port" | "portCount" | "protocol" | "formats"> {
  const formats = fieldsOf(line.value);
  const [kind, ports, protocol] = formats.splice(0, 3);
  if (kind === undefined || ports === undefined || protocol === undefined) {
    fail(`Media line ${quote(line.value)} needs a kind, a port and a protocol`, line);
  }
  const slash = ports.indexOf("/");
  const port = portNumber(slash < 0 ? ports : ports.slice(0, slash));
  const portCount = slash < 0 ? 1 : portNumber(ports.slice(slash + 1));
  if (Number.isNaN(port) || !(portCount >= 1)) {
    fail(`Port ${quote(ports)} is not a number up to ${PORT_MAX}`, line);
  }
  // A refused stream without formats is against the grammar, and in use.
  if (formats.length === 0 && port !== 0) fail("Media line has no formats", line);
  if (formats.length > SDP_FORMATS_MAX) fail(`More than ${SDP_FORMATS_MAX} formats`, line);
  return { kind: kind.toLowerCase(), port, portCount, protocol, formats };
}

/** Reads up to five digits; `NaN` for anything else, and for what is no port. */
function portNumber(text: string): number {
  if (text === "" || text.length > 5 || !isDigits(text)) return NaN;
  const port = Number(text);
  return port > PORT_MAX ? NaN : port;
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text !== "";
}

/** Reads `o=alice 2890844526 2890844526 IN IP4 192.0.2.1`. §5.2. */
function readOrigin(line: PlacedLine): SdpOrigin {
  // User names with spaces are against §5.2, and in use: the last five fields are sure.
  const fields = fieldsOf(line.value);
  const [sessionId, sessionVersion, netType, addressType, address] = fields.splice(-5);
  if (fields.length === 0 || sessionId === undefined || sessionVersion === undefined) {
    fail(`Origin ${quote(line.value)} does not have six fields`, line);
  }
  if (!isDigits(sessionVersion) || sessionVersion.length > ORIGIN_DIGITS_MAX) {
    fail(`Session version ${quote(sessionVersion)} is not a number`, line);
  }
  return {
    username: fields.length === 1 ? fields[0]! : fields.join(" "),
    sessionId,
    sessionVersion,
    netType: netType!,
    addressType: addressTypeOf(addressType!, address!),
    address: address!,
  };
}

/** Reads `c=IN IP4 192.0.2.1`. §5.7. */
function readConnection(line: PlacedLine): SdpConnection {
  const [netType, addressType, address] = fieldsOf(line.value);
  const isKnown = addressType === "IP4" || addressType === "IP6" ||
    /^IP[46]$/i.test(addressType ?? "");
  if ((netType !== "IN" && netType?.toUpperCase() !== "IN") || !isKnown) {
    fail(`Connection ${quote(line.value)} is neither "IN IP4" nor "IN IP6"`, line);
  }
  if (address === undefined) {
    fail(`Connection ${quote(line.value)} has no address`, line);
  }
  return { addressType: addressTypeOf(addressType!, address), address };
}

/** The family that is meant: what the address itself shows wins over the label before it. */
function addressTypeOf(label: string, address: string): SdpAddressType {
  if (isIpv6(address)) return "IP6";
  if (label === "IP4" || /^[\d./]+$/.test(address)) return "IP4";
  return label.toUpperCase() === "IP6" ? "IP6" : "IP4";
}

/** Reads `a=sendrecv` or `a=ptime:20`. §5.13. */
function readAttribute(line: PlacedLine): SdpAttribute {
  const { value } = line;
  const colon = value.indexOf(":");
  if (colon < 0) return { name: value, value: undefined };
  return {
    name: sliceTrimmed(value, 0, colon),
    value: sliceTrimmed(value, colon + 1, value.length),
  };
}

/** A line without its place, as descriptions keep it. */
function bare(line: PlacedLine): SdpLine {
  return { type: line.type, value: line.value };
}

/** Quotes the peer's text for a message, cut short and without keys and control characters. */
function quote(text: string): string {
  const told = text.replace(/inline:.*/i, "inline:…");
  // deno-lint-ignore no-control-regex
  return `"${told.slice(0, 60).replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?")}"`;
}

function fail(message: string, at: Place): never {
  throw new SdpParseError(message, at);
}
