/**
 * The headers of a message: an ordered list of lines, with typed views of what every layer asks
 * for. RFC 3261 §7.3, §20.
 *
 * @module
 */

import { isSameWord } from "../../base/words.ts";
import { type CSeq, parseCSeq } from "./cseq.ts";
import {
  isSafeText,
  parseScalar,
  skipListValue,
  skipSpace,
  splitList,
  trimmedEnd,
  trimSpace,
} from "./grammar.ts";
import { headerKey } from "./header_names.ts";
import { type NameAddr, parseFirstNameAddr, parseNameAddr } from "./name_addr.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";
import { parseFirstVia, parseVia, type Via } from "./via.ts";

/** One header line. */
export interface HeaderLine {
  /** As written. */
  readonly name: string;
  /** The name to compare by, as `headerKey` gives it. */
  readonly key: string;
  /** Trimmed and unfolded; commas are not split. */
  readonly value: string;
  /** Where the value began in the text it was read from; 0 for a line that was built. */
  readonly offset: number;
}

/** Headers that are added to a message: name and value, in their order. */
export type Headers = readonly (readonly [string, string])[];

/**
 * Header lines in order. Names compare without case, and compact forms equal the long ones; both
 * stay as written.
 *
 * Methods that take a name or value throw `TypeError` for a name that is no token, and for a value
 * with CR, LF, or NUL outside a quoted-pair, and then leave the headers as they were. Typed views
 * are parsed on first use and kept until the header changes; they throw {@linkcode SipParseError}.
 * What a view returns is shared: do not change it.
 */
export class SipHeaders {
  #lines: HeaderLine[] = [];
  #via: Via | undefined;
  #from: NameAddr | undefined;
  #to: NameAddr | undefined;
  #cseq: CSeq | undefined;
  #callId: string | undefined;
  #contact: NameAddr | undefined;
  #maxForwards: number | undefined;
  #contentLength: number | undefined;

  constructor(entries: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of entries) this.#lines.push(makeLine(name, value));
  }

  /** Takes over lines that a parser has read, unchecked. */
  static ofLines(lines: HeaderLine[]): SipHeaders {
    const headers = new SipHeaders();
    headers.#lines = lines;
    return headers;
  }

  /** The value of the first line of this name. */
  get(name: string): string | undefined {
    return this.#first(keyOf(name));
  }

  /** The value of each line of this name, unsplit. */
  getAll(name: string): string[] {
    const key = keyOf(name);
    const values: string[] = [];
    for (const line of this.#lines) if (line.key === key) values.push(line.value);
    return values;
  }

  /**
   * The values of all lines of this name, split at commas outside quotes, angle brackets and
   * comments. Empty ones are left out. Meant for headers that are lists: a Date or Authorization
   * has commas of its own.
   */
  values(name: string): string[] {
    const key = keyOf(name);
    const values: string[] = [];
    for (const line of this.#lines) {
      if (line.key !== key) continue;
      for (const value of splitList(line.value)) if (value !== "") values.push(value);
    }
    return values;
  }

  /** Tells whether a header that is a list has that value, without regard to case. */
  lists(name: string, value: string): boolean {
    const key = keyOf(name);
    for (const line of this.#lines) {
      if (line.key !== key) continue;
      const list = line.value;
      for (let start = 0; start < list.length;) {
        const end = skipListValue(list, start);
        const from = skipSpace(list, start);
        if (isSameWord(list, from, trimmedEnd(list, from, end), value)) return true;
        start = end + 1;
      }
    }
    return false;
  }

  has(name: string): boolean {
    return this.#first(keyOf(name)) !== undefined;
  }

  /** Adds a line at the end. */
  append(name: string, value: string): this {
    const line = makeLine(name, value);
    this.#lines.push(line);
    this.#forget(line.key);
    return this;
  }

  /** Adds a line of another message at the end, as it is there. */
  appendLine(line: HeaderLine): this {
    this.#lines.push(line);
    this.#forget(line.key);
    return this;
  }

  /** Adds a line at the top. */
  prepend(name: string, value: string): this {
    const line = makeLine(name, value);
    this.#lines.unshift(line);
    this.#forget(line.key);
    return this;
  }

  /** Makes this the only line of its name, at the place of the first, else at the end. */
  set(name: string, value: string): this {
    const line = makeLine(name, value);
    const index = this.#lines.findIndex((one) => one.key === line.key);
    if (index < 0) return this.append(name, value);
    this.#lines = this.#lines.filter((one, at) => at <= index || one.key !== line.key);
    this.#lines[index] = line;
    this.#forget(line.key);
    return this;
  }

  /**
   * Replaces the first line of this name alone; without any, adds one at the end.
   *
   * @param via The new value, read, where it is known to be that of a Via.
   */
  replaceFirst(name: string, value: string, via?: Via): this {
    const line = makeLine(name, value);
    const index = this.#lines.findIndex((one) => one.key === line.key);
    if (index < 0) return this.append(name, value);
    this.#lines[index] = line;
    this.#forget(line.key);
    if (via !== undefined) this.#via = via;
    return this;
  }

  /** Removes all lines of this name. */
  delete(name: string): this {
    const key = keyOf(name);
    this.#lines = this.#lines.filter((line) => line.key !== key);
    this.#forget(key);
    return this;
  }

  /** Name and value of each line, in order. */
  entries(): Iterable<readonly [string, string]> {
    return this.#lines.map((line) => [line.name, line.value] as const);
  }

  /** The lines themselves, in order. Not a copy: read it before the next change. */
  lines(): readonly HeaderLine[] {
    return this.#lines;
  }

  clone(): SipHeaders {
    const copy = new SipHeaders();
    copy.#lines = this.#lines.slice();
    copy.#via = this.#via;
    copy.#from = this.#from;
    copy.#to = this.#to;
    copy.#cseq = this.#cseq;
    copy.#callId = this.#callId;
    copy.#contact = this.#contact;
    copy.#maxForwards = this.#maxForwards;
    copy.#contentLength = this.#contentLength;
    return copy;
  }

  /** The topmost Via. §20.42. */
  get via(): Via {
    return this.#via ??= parseFirstVia(this.#required("via", "Via"));
  }

  /** All Vias, topmost first. */
  vias(): Via[] {
    return this.getAll("via").flatMap(splitList).map(parseVia);
  }

  /** §20.20. */
  get from(): NameAddr {
    return this.#from ??= parseNameAddr(this.#required("from", "From"));
  }

  /** §20.39. */
  get to(): NameAddr {
    return this.#to ??= parseNameAddr(this.#required("to", "To"));
  }

  /** §20.16. */
  get cseq(): CSeq {
    return this.#cseq ??= parseCSeq(this.#required("cseq", "CSeq"));
  }

  /** §20.8. */
  get callId(): string {
    return this.#callId ??= parseCallId(this.#required("call-id", "Call-ID"));
  }

  /** The first Contact. `*` is none. §20.10. */
  get contact(): NameAddr | undefined {
    if (this.#contact !== undefined) return this.#contact;
    const text = this.#first("contact");
    if (text === undefined || text === "*") return undefined;
    return this.#contact = parseFirstNameAddr(text);
  }

  /** 0 to 255. §20.22. */
  get maxForwards(): number | undefined {
    return this.#maxForwards ??= this.#number("max-forwards", "Max-Forwards", 255);
  }

  /** Bytes. §20.14. */
  get contentLength(): number | undefined {
    return this.#contentLength ??= this.#number("content-length", "Content-Length", 0xffff_ffff);
  }

  /** The text of each Record-Route value, topmost first. §20.30. */
  get recordRoutes(): string[] {
    return this.values("record-route");
  }

  /** The text of each Route value, topmost first. §20.34. */
  get routes(): string[] {
    return this.values("route");
  }

  #first(key: string): string | undefined {
    for (const line of this.#lines) if (line.key === key) return line.value;
    return undefined;
  }

  #required(key: string, name: string): string {
    const text = this.#first(key);
    if (text === undefined) throw new SipParseError(`Header "${name}" is missing`);
    return text;
  }

  #number(key: string, what: string, max: number): number | undefined {
    const text = this.#first(key);
    return text === undefined ? undefined : parseScalar(text, { what, max });
  }

  /** The header has changed: what was read from it holds no more. */
  #forget(key: string): void {
    switch (key) {
      case "via":
        this.#via = undefined;
        break;
      case "from":
        this.#from = undefined;
        break;
      case "to":
        this.#to = undefined;
        break;
      case "cseq":
        this.#cseq = undefined;
        break;
      case "call-id":
        this.#callId = undefined;
        break;
      case "contact":
        this.#contact = undefined;
        break;
      case "max-forwards":
        this.#maxForwards = undefined;
        break;
      case "content-length":
        this.#contentLength = undefined;
    }
  }
}

function keyOf(name: string): string {
  const key = headerKey(name);
  if (key === undefined) throw new TypeError(`Header name ${quoteForError(name)} is not a token`);
  return key;
}

function makeLine(name: string, value: string): HeaderLine {
  const key = keyOf(name);
  if (!isSafeText(value)) {
    throw new TypeError(`Value of header "${name}" holds CR, LF or NUL: ${quoteForError(value)}`);
  }
  return { name, key, value: trimSpace(value), offset: 0 };
}

/** §25.1 `callid`, without looking closer than that nothing delimits inside it. */
function parseCallId(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f) {
      throw new SipParseError("Call-ID holds a character that it may not", { offset: at });
    }
  }
  if (text === "") throw new SipParseError("Call-ID is empty");
  return text;
}
