/**
 * Session descriptions to bytes, in the order that RFC 8866 §9 demands.
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
 * @returns UTF-8, in a buffer of its own.
 * @throws {RangeError} A value holds a line end or NUL: writing it would add lines of its own.
 */
export function serializeSessionDescription(
  description: SessionDescription,
  filledIn: FilledIn = {},
): Uint8Array {
  const { origin, otherLines } = description;
  writer.restart();
  writer.begin(V);
  writer.number(description.version);
  writer.end();
  writer.begin(O);
  writer.write(origin.username);
  writer.field(origin.sessionId);
  writer.field(filledIn.sessionVersion ?? origin.sessionVersion);
  writer.field(origin.netType);
  writer.field(origin.addressType);
  writer.field(origin.address);
  writer.end();
  writer.begin(S);
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
  writer.begin(M);
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
  writer.begin(C);
  writer.write("IN");
  writer.field(connection.addressType);
  writer.field(connection.address);
  writer.end();
}

function writeAttributes(attributes: readonly SdpAttribute[]): void {
  for (const { name, value } of attributes) {
    writer.begin(A);
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

/** The letters of lines, as codes. */
const A = 0x61;
const C = 0x63;
const M = 0x6d;
const O = 0x6f;
const S = 0x73;
const V = 0x76;

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const SLASH = 0x2f;
const ZERO = 0x30;
const COLON = 0x3a;
const EQUALS = 0x3d;
const ASCII_MAX = 0x7f;

/** Descriptions of ours are shorter. */
const BYTES_AT_FIRST = 2048;

/** In UTF-8, of a unit of UTF-16. */
const BYTES_PER_UNIT_MAX = 3;

/** What may follow a piece of text before the next one: line ends, blanks and numbers. */
const BYTES_BESIDE_TEXT = 64;

const encoder = new TextEncoder();

/**
 * Writes line by line into a buffer that it keeps from one description to the next.
 *
 * Its code and its buffer are all that is touched: strings that were put together first, and the
 * runtime's own encoder, cost more where a call meets them cold.
 */
class LineWriter {
  #bytes = new Uint8Array(BYTES_AT_FIRST);
  #length = 0;
  /** Where the line starts. */
  #start = 0;

  /** Forgets what was written. */
  restart(): void {
    this.#length = 0;
  }

  /** Begins a line. */
  begin(type: number): void {
    this.#start = this.#length;
    this.byte(type);
    this.byte(EQUALS);
  }

  /** Writes a whole line. */
  line({ type, value }: SdpLine): void {
    this.#start = this.#length;
    this.write(type);
    this.byte(EQUALS);
    this.write(value);
    this.end();
  }

  /** Ends the line. */
  end(): void {
    this.byte(CARRIAGE_RETURN);
    this.byte(LINE_FEED);
  }

  /** Goes on with a blank, and what follows it. */
  field(text: string): void {
    this.byte(SPACE);
    this.write(text);
  }

  /** Goes on with a whole number that is not negative. */
  number(value: number): void {
    let power = 1;
    while (power * 10 <= value) power *= 10;
    for (; power >= 1; power /= 10) this.byte(ZERO + Math.floor(value / power) % 10);
  }

  /** Goes on with one character of ASCII. */
  byte(code: number): void {
    this.#bytes[this.#length++] = code;
  }

  /** The one place where text is written: nothing passes that would end its line early. */
  write(text: string): void {
    const start = this.#length;
    this.#reserve(start + text.length * BYTES_PER_UNIT_MAX + BYTES_BESIDE_TEXT);
    const bytes = this.#bytes;
    let seen = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === CARRIAGE_RETURN || code === LINE_FEED || code === 0) {
        const type = String.fromCharCode(bytes[this.#start] as number);
        throw new RangeError(`Line "${type}=" holds a line end or NUL`);
      }
      seen |= code;
      bytes[start + at] = code;
    }
    this.#length = seen <= ASCII_MAX
      ? start + text.length
      : start + encoder.encodeInto(text, bytes.subarray(start)).written;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const longer = new Uint8Array(length * 2);
    longer.set(this.#bytes);
    this.#bytes = longer;
  }

  /** A copy of what was written. */
  written(): Uint8Array {
    const written = new Uint8Array(this.#length);
    for (let at = 0; at < written.length; at++) written[at] = this.#bytes[at] as number;
    return written;
  }
}

const writer = new LineWriter();
