/**
 * The lines of a session description, one after the other. RFC 8866 §5, §9.
 *
 * What they say is read by `parse.ts`.
 *
 * @module
 */

import { SdpParseError } from "./parse_error.ts";
import { skipBlanks, trimmedEnd } from "./scan.ts";
import type { SdpLine } from "./session_description.ts";

/** The most lines that are read. */
export const SDP_LINES_MAX = 1_000;

/** The type of what is behind the last line. */
export const END = -1;

/** Goes through a text line by line, without blank ones. Spaces around values do not count. */
export class LineReader {
  readonly text: string;
  /** The code of the letter before the equals sign, or `END`. */
  type = END;
  /** Where the line starts. */
  offset = 0;
  /** Where its value starts. */
  start = 0;
  /** Where its value ends. */
  end = 0;
  #count = 0;
  #next = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The value of the line. */
  get value(): string {
    return this.text.slice(this.start, this.end);
  }

  /** The line as descriptions keep it. */
  get line(): SdpLine {
    return { type: this.text.charAt(this.offset), value: this.value };
  }

  /** Goes to the next line, and says of which type it is. */
  next(): number {
    const { text } = this;
    while (this.#next < text.length) {
      const offset = this.#next;
      const lineEnds = lineEnd(text, offset);
      // §9: no value holds NUL, and an answer that repeated it could not be written
      if (text.charCodeAt(lineEnds) === NUL) fail("Line holds NUL", this, offset);
      this.#next = lineEnds + (isLineBreak(text, lineEnds) ? 2 : 1);
      this.#count++;
      const end = trimmedEnd(text, offset, lineEnds);
      if (end === offset) continue;
      this.offset = offset;
      if (this.#count > SDP_LINES_MAX) fail(`More than ${SDP_LINES_MAX} lines`, this);
      if (end < offset + 2 || text.charCodeAt(offset + 1) !== EQUALS) {
        fail(`Line ${quote(text.slice(offset, end))} is not of the form "x=value"`, this);
      }
      this.type = text.charCodeAt(offset);
      this.start = skipBlanks(text, offset + 2, end);
      this.end = end;
      return this.type;
    }
    this.type = END;
    return END;
  }
}

function isLineBreak(text: string, at: number): boolean {
  return text.charCodeAt(at) === CARRIAGE_RETURN && text.charCodeAt(at + 1) === LINE_FEED;
}

/**
 * Where a line ends. §5 ends lines with CRLF and asks parsers to take LF. A lone CR ends one as
 * well, so that no value ever holds a character that would start a line when it is written again;
 * so does NUL, for the reader to refuse.
 */
function lineEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > CARRIAGE_RETURN) continue;
    if (code === CARRIAGE_RETURN || code === LINE_FEED || code === NUL) return index;
  }
  return text.length;
}

/**
 * Tells of a fault.
 *
 * @param blamed Where the line starts that is to blame, if it is not the one that is being read.
 */
export function fail(message: string, { text, offset }: LineReader, blamed = offset): never {
  let line = 1;
  for (let at = lineEnd(text, 0); at < blamed; at = lineEnd(text, at)) {
    at += isLineBreak(text, at) ? 2 : 1;
    line++;
  }
  throw new SdpParseError(message, { line, offset: blamed });
}

/** Quotes the peer's text for a message, cut short and without keys and control characters. */
export function quote(text: string): string {
  const told = text.replace(/inline:.*/i, "inline:…");
  // deno-lint-ignore no-control-regex
  return `"${told.slice(0, 60).replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?")}"`;
}

const NUL = 0;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const EQUALS = 0x3d;
