/**
 * Session descriptions to text, in the order that RFC 8866 §9 demands.
 *
 * @module
 */

import type {
  MediaDescription,
  SdpAttribute,
  SdpConnection,
  SdpLine,
  SessionDescription,
} from "./session_description.ts";

/** The order of session lines before timing; unknown types follow them. RFC 8866 §5. */
const BEFORE_CONNECTION = ["i", "u", "e", "p"];

/** Those, and the others that have their place. */
const KNOWN_OTHERS = [...BEFORE_CONNECTION, "b", "k"];

/** What a description is to say in place of what stands in it. */
export interface FilledIn {
  readonly sessionVersion?: string;
  /** Of the streams that are not refused. */
  readonly port?: number;
}

/**
 * Writes a session description, every line ended by CRLF.
 *
 * @throws {RangeError} A value holds a line end or NUL: writing it would add lines of its own.
 */
export function serializeSessionDescription(
  description: SessionDescription,
  filledIn: FilledIn = {},
): string {
  const { origin, otherLines } = description;
  const { username, sessionId, netType, addressType, address } = origin;
  const sessionVersion = filledIn.sessionVersion ?? origin.sessionVersion;
  let text = writeLine("v", `${description.version}`) +
    writeLine(
      "o",
      `${username} ${sessionId} ${sessionVersion} ${netType} ${addressType} ${address}`,
    ) +
    // §5.3: "s=" is never empty.
    writeLine("s", description.sessionName || "-");
  for (const type of BEFORE_CONNECTION) text += writeLines(otherLines, type);
  text += writeConnection(description.connection) + writeLines(otherLines, "b");
  for (const { type, value } of description.timing) text += writeLine(type, value);
  text += writeLines(otherLines, "k");
  for (const { type, value } of otherLines) {
    if (!KNOWN_OTHERS.includes(type)) text += writeLine(type, value);
  }
  text += writeAttributes(description.attributes);
  for (const media of description.media) text += writeMedia(media, filledIn.port ?? media.port);
  return text;
}

/** The lines of one media section. RFC 8866 §9, `media-descriptions`. */
function writeMedia(media: MediaDescription, port: number): string {
  const { kind, protocol, otherLines } = media;
  let line = `${kind} ${media.port === 0 ? 0 : port}`;
  if (media.portCount !== 1) line += `/${media.portCount}`;
  line += ` ${protocol}`;
  for (const format of media.formats) line += ` ${format}`;
  let text = writeLine("m", line) + writeLines(otherLines, "i") +
    writeConnection(media.connection) + writeLines(otherLines, "b") +
    writeLines(otherLines, "k");
  for (const { type, value } of otherLines) {
    if (!"ibk".includes(type)) text += writeLine(type, value);
  }
  return text + writeAttributes(media.attributes);
}

function writeConnection(connection: SdpConnection | undefined): string {
  if (connection === undefined) return "";
  return writeLine("c", `IN ${connection.addressType} ${connection.address}`);
}

function writeAttributes(attributes: readonly SdpAttribute[]): string {
  let text = "";
  for (const { name, value } of attributes) {
    text += writeLine("a", value === undefined ? name : `${name}:${value}`);
  }
  return text;
}

/** Those of one type; ours have none. */
function writeLines(lines: readonly SdpLine[], type: string): string {
  let text = "";
  for (const line of lines) if (line.type === type) text += writeLine(type, line.value);
  return text;
}

/** The one place where text is written: nothing passes that would end its line early. */
function writeLine(type: string, value: string): string {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x0d || code === 0x0a || code === 0) {
      throw new RangeError(`Line "${type}=" holds a line end or NUL`);
    }
  }
  return `${type}=${value}\r\n`;
}
