/**
 * Session descriptions to bytes, in the order that RFC 8866 §9 demands.
 *
 * @module
 */

import { TextWriter } from "../base/text_writer.ts";
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
 * @returns UTF-8, in a buffer of its own.
 * @throws {RangeError} A value holds a line end or NUL: writing it would add lines of its own.
 */
export function serializeSessionDescription(
  description: SessionDescription,
  filledIn: FilledIn = {},
): Uint8Array {
  const { origin, otherLines } = description;
  writer.restart();
  writer.begin("v");
  writer.number(description.version);
  writer.end();
  writer.begin("o");
  writer.write(origin.username);
  writer.field(origin.sessionId);
  writer.field(filledIn.sessionVersion ?? origin.sessionVersion);
  writer.field(origin.netType);
  writer.field(origin.addressType);
  writer.field(origin.address);
  writer.end();
  writer.begin("s");
  // §5.3: "s=" is never empty.
  writer.write(description.sessionName || "-");
  writer.end();
  for (const type of BEFORE_CONNECTION) writeLines(otherLines, type);
  writeConnection(description.connection);
  writeLines(otherLines, "b");
  for (const line of description.timing) writer.line(line);
  writeLines(otherLines, "k");
  for (const line of otherLines) if (!KNOWN_OTHERS.includes(line.type)) writer.line(line);
  writeAttributes(description.attributes);
  for (const media of description.media) writeMedia(media, filledIn.port ?? media.port);
  return writer.written();
}

/** The lines of one media section. RFC 8866 §9, `media-descriptions`. */
function writeMedia(media: MediaDescription, port: number): void {
  const { portCount, otherLines } = media;
  writer.begin("m");
  writer.write(media.kind);
  writer.byte(SPACE);
  writer.number(media.port === 0 ? 0 : port);
  if (portCount !== 1) {
    writer.byte(SLASH);
    writer.number(portCount);
  }
  writer.field(media.protocol);
  for (const format of media.formats) writer.field(format);
  writer.end();
  writeLines(otherLines, "i");
  writeConnection(media.connection);
  writeLines(otherLines, "b");
  writeLines(otherLines, "k");
  for (const line of otherLines) if (!"ibk".includes(line.type)) writer.line(line);
  writeAttributes(media.attributes);
}

function writeConnection(connection: SdpConnection | undefined): void {
  if (connection === undefined) return;
  writer.begin("c");
  writer.write("IN");
  writer.field(connection.addressType);
  writer.field(connection.address);
  writer.end();
}

function writeAttributes(attributes: readonly SdpAttribute[]): void {
  for (const { name, value } of attributes) {
    writer.begin("a");
    writer.write(name);
    if (value !== undefined) {
      writer.byte(COLON);
      writer.write(value);
    }
    writer.end();
  }
}

/** Those of one type; ours have none. */
function writeLines(lines: readonly SdpLine[], type: string): void {
  for (const line of lines) if (line.type === type) writer.line(line);
}

const SPACE = 0x20;
const SLASH = 0x2f;
const COLON = 0x3a;
const EQUALS = 0x3d;

/** Writes line by line. */
class LineWriter {
  readonly #out = new TextWriter();
  /** Of the line that is being written. */
  #type = "";

  /** Forgets what was written. */
  restart(): void {
    this.#out.restart();
  }

  /** Begins a line. */
  begin(type: string): void {
    this.#type = type;
    this.write(type);
    this.byte(EQUALS);
  }

  /** Writes a whole line. */
  line({ type, value }: SdpLine): void {
    this.begin(type);
    this.write(value);
    this.end();
  }

  /** Ends the line. */
  end(): void {
    this.#out.lineEnd();
  }

  /** Goes on with a blank, and what follows it. */
  field(text: string): void {
    this.byte(SPACE);
    this.write(text);
  }

  /** Goes on with a whole number that is not negative. */
  number(value: number): void {
    this.#out.number(value);
  }

  /** Goes on with one character of ASCII. */
  byte(code: number): void {
    this.#out.byte(code);
  }

  /** The one place where text is written: nothing passes that would end its line early. */
  write(text: string): void {
    if (this.#out.text(text)) return;
    throw new RangeError(`Line "${this.#type}=" holds a line end or NUL`);
  }

  /** A copy of what was written. */
  written(): Uint8Array {
    return this.#out.written();
  }
}

const writer = new LineWriter();
