/**
 * The headers of a message: an ordered list of lines, with typed views of what every layer asks
 * for. RFC 3261 §7.3, §20.
 *
 * @module
 */

import { type CSeq, parseCSeq } from "./cseq.ts";
import { isSafeText, parseScalar, splitList, trimSpace } from "./grammar.ts";
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
  #views: Map<string, unknown> | undefined;

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

  has(name: string): boolean {
    return this.#first(keyOf(name)) !== undefined;
  }

  /** Adds a line at the end. */
  append(name: string, value: string): this {
    const line = makeLine(name, value);
    this.#lines.push(line);
    this.#views?.delete(line.key);
    return this;
  }

  /** Adds a line of another message at the end, as it is there. */
  appendLine(line: HeaderLine): this {
    this.#lines.push(line);
    this.#views?.delete(line.key);
    return this;
  }

  /** Adds a line at the top. */
  prepend(name: string, value: string): this {
    const line = makeLine(name, value);
    this.#lines.unshift(line);
    this.#views?.delete(line.key);
    return this;
  }

  /** Makes this the only line of its name, at the place of the first, else at the end. */
  set(name: string, value: string): this {
    const line = makeLine(name, value);
    const index = this.#lines.findIndex((one) => one.key === line.key);
    if (index < 0) return this.append(name, value);
    this.#lines = this.#lines.filter((one, at) => at <= index || one.key !== line.key);
    this.#lines[index] = line;
    this.#views?.delete(line.key);
    return this;
  }

  /**
   * Replaces the first line of this name alone; without any, adds one at the end.
   *
   * @param view What the typed view of the new value is, where that is known.
   */
  replaceFirst(name: string, value: string, view?: unknown): this {
    const line = makeLine(name, value);
    const index = this.#lines.findIndex((one) => one.key === line.key);
    if (index < 0) return this.append(name, value);
    this.#lines[index] = line;
    if (view === undefined) this.#views?.delete(line.key);
    else (this.#views ??= new Map()).set(line.key, view);
    return this;
  }

  /** Removes all lines of this name. */
  delete(name: string): this {
    const key = keyOf(name);
    this.#lines = this.#lines.filter((line) => line.key !== key);
    this.#views?.delete(key);
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
    if (this.#views !== undefined) copy.#views = new Map(this.#views);
    return copy;
  }

  /** The topmost Via. §20.42. */
  get via(): Via {
    return this.#required("via", "Via", parseFirstVia);
  }

  /** All Vias, topmost first. */
  vias(): Via[] {
    return this.getAll("via").flatMap(splitList).map(parseVia);
  }

  /** §20.20. */
  get from(): NameAddr {
    return this.#required("from", "From", parseNameAddr);
  }

  /** §20.39. */
  get to(): NameAddr {
    return this.#required("to", "To", parseNameAddr);
  }

  /** §20.16. */
  get cseq(): CSeq {
    return this.#required("cseq", "CSeq", parseCSeq);
  }

  /** §20.8. */
  get callId(): string {
    return this.#required("call-id", "Call-ID", parseCallId);
  }

  /** The first Contact. `*` is none. §20.10. */
  get contact(): NameAddr | undefined {
    if (this.#first("contact") === "*") return undefined;
    return this.#optional("contact", parseFirstNameAddr);
  }

  /** 0 to 255. §20.22. */
  get maxForwards(): number | undefined {
    return this.#optional("max-forwards", parseMaxForwards);
  }

  /** Bytes. §20.14. */
  get contentLength(): number | undefined {
    return this.#optional("content-length", parseContentLength);
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

  #optional<T>(key: string, parse: (text: string) => T): T | undefined {
    const known = this.#views?.get(key);
    if (known !== undefined) return known as T;
    const text = this.#first(key);
    if (text === undefined) return undefined;
    const view = parse(text);
    this.#views ??= new Map();
    this.#views.set(key, view);
    return view;
  }

  #required<T>(key: string, name: string, parse: (text: string) => T): T {
    const view = this.#optional(key, parse);
    if (view === undefined) throw new SipParseError(`Header "${name}" is missing`);
    return view;
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

function parseMaxForwards(text: string): number {
  return parseScalar(text, { what: "Max-Forwards", max: 255 });
}

function parseContentLength(text: string): number {
  return parseScalar(text, { what: "Content-Length", max: 0xffff_ffff });
}
