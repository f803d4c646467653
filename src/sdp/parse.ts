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

  const mediaStarts = lines.flatMap((line, index) => line.type === "m" ? [index] : []);
  if (mediaStarts.length > SDP_MEDIA_MAX) {
    fail(`More than ${SDP_MEDIA_MAX} media descriptions`, lines[mediaStarts[SDP_MEDIA_MAX]!]!);
  }
  const session = readSession(lines.slice(1, mediaStarts[0] ?? lines.length), first);
  const media = mediaStarts.map((start, index) =>
    readMedia(lines.slice(start, mediaStarts[index + 1] ?? lines.length), session.connection)
  );
  return { ...session, media };
}

/** A place in the text, for errors. */
interface Place {
  readonly line: number;
  readonly offset: number;
}

const decoder = new TextDecoder();
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

const NOWHERE: Place = { line: 0, offset: 0 };

/** A line, and where it stands. */
interface PlacedLine extends Place, SdpLine {}

/** Cuts the text into lines, without blank ones. Spaces around values go. */
function splitLines(text: string): PlacedLine[] {
  const lines: PlacedLine[] = [];
  let line = 0;
  let end = 0;
  for (let offset = 0; offset < text.length; offset = end) {
    line++;
    end = lineEnd(text, offset);
    const content = text.slice(offset, end).trimEnd();
    end += text.startsWith("\r\n", end) ? 2 : 1;
    if (content === "") continue;
    if (line > SDP_LINES_MAX) fail(`More than ${SDP_LINES_MAX} lines`, { line, offset });
    if (content[1] !== "=") {
      fail(`Line ${quote(content)} is not of the form "x=value"`, { line, offset });
    }
    lines.push({ line, offset, type: content[0]!, value: content.slice(2).trim() });
  }
  return lines;
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
  for (const line of lines) {
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
 * Reads one media section.
 *
 * @param lines The `m=` line, and those up to the next.
 * @param sessionConnection Holds where the section has no `c=` of its own.
 */
function readMedia(
  lines: readonly PlacedLine[],
  sessionConnection: SdpConnection | undefined,
): MediaDescription {
  const start = lines[0]!;
  let connection: SdpConnection | undefined;
  const attributes: SdpAttribute[] = [];
  const otherLines: SdpLine[] = [];
  for (const line of lines.slice(1)) {
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
  const [kind, ports, protocol, ...formats] = line.value.split(/[ \t]+/);
  if (kind === undefined || kind === "" || ports === undefined || protocol === undefined) {
    fail(`Media line ${quote(line.value)} needs a kind, a port and a protocol`, line);
  }
  const match = /^(\d{1,5})(?:\/(\d{1,5}))?$/.exec(ports);
  const port = Number(match?.[1]);
  const portCount = Number(match?.[2] ?? 1);
  if (match === null || port > PORT_MAX || portCount < 1 || portCount > PORT_MAX) {
    fail(`Port ${quote(ports)} is not a number up to ${PORT_MAX}`, line);
  }
  // A refused stream without formats is against the grammar, and in use.
  if (formats.length === 0 && port !== 0) fail("Media line has no formats", line);
  if (formats.length > SDP_FORMATS_MAX) fail(`More than ${SDP_FORMATS_MAX} formats`, line);
  return { kind: kind.toLowerCase(), port, portCount, protocol, formats };
}

/** Reads `o=alice 2890844526 2890844526 IN IP4 192.0.2.1`. §5.2. */
function readOrigin(line: PlacedLine): SdpOrigin {
  // User names with spaces are against §5.2, and in use: the last five fields are sure.
  const fields = line.value.split(/[ \t]+/);
  const [sessionId, sessionVersion, netType, addressType, address] = fields.slice(-5);
  if (fields.length < 6 || sessionId === undefined || sessionVersion === undefined) {
    fail(`Origin ${quote(line.value)} does not have six fields`, line);
  }
  if (!/^\d+$/.test(sessionVersion) || sessionVersion.length > ORIGIN_DIGITS_MAX) {
    fail(`Session version ${quote(sessionVersion)} is not a number`, line);
  }
  return {
    username: fields.slice(0, -5).join(" "),
    sessionId,
    sessionVersion,
    netType: netType!,
    addressType: addressTypeOf(addressType!, address!),
    address: address!,
  };
}

/** Reads `c=IN IP4 192.0.2.1`. §5.7. */
function readConnection(line: PlacedLine): SdpConnection {
  const [netType, addressType, address] = line.value.split(/[ \t]+/);
  if (netType?.toUpperCase() !== "IN" || !/^IP[46]$/i.test(addressType ?? "")) {
    fail(`Connection ${quote(line.value)} is neither "IN IP4" nor "IN IP6"`, line);
  }
  if (address === undefined || address === "") {
    fail(`Connection ${quote(line.value)} has no address`, line);
  }
  return { addressType: addressTypeOf(addressType!, address), address };
}

/** The family that is meant: what the address itself shows wins over the label before it. */
function addressTypeOf(label: string, address: string): SdpAddressType {
  if (isIpv6(address)) return "IP6";
  return /^[\d./]+$/.test(address) || label.toUpperCase() !== "IP6" ? "IP4" : "IP6";
}

/** Reads `a=sendrecv` or `a=ptime:20`. §5.13. */
function readAttribute(line: PlacedLine): SdpAttribute {
  const colon = line.value.indexOf(":");
  if (colon < 0) return { name: line.value, value: undefined };
  return { name: line.value.slice(0, colon).trim(), value: line.value.slice(colon + 1).trim() };
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
