/**
 * The words that SIP's grammar is made of: character classes and scanners over text. RFC 3261
 * §25.1.
 *
 * Every scanner takes a text and an index, looks at each character once and returns the index
 * behind what it read. Text is unfolded already: linear white space is space and tab.
 *
 * @module
 */

import { quoteForError, SipParseError } from "./parse_error.ts";

/** Classes of ASCII characters, as bits for {@linkcode isInClass}. */
export const CLASS = {
  token: 1,
  /** Labels and dots of a host name. DEVIATION §25.1: `_` too, which names of containers carry. */
  host: 2,
  /** What we leave unescaped in a user part. */
  userStrict: 4,
  password: 8,
  uriParameter: 16,
  /**
   * An unquoted parameter value of a header: token and host, and, DEVIATION §25.1, every visible
   * character that delimits nothing, since tags in base64 and URIs as values are common.
   */
  parameterValue: 32,
  scheme: 64,
  /** Visible, and not one of `"<>`: what a URI of any scheme may hold. */
  uri: 128,
  /**
   * What we read unescaped in a user part. DEVIATION §25.1: `#` too, which phones forget to escape.
   */
  user: 256,
} as const;

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UNRESERVED = `${ALPHANUMERIC}-_.!~*'()`;

const TABLE = buildTable();

function buildTable(): Uint16Array {
  const table = new Uint16Array(128);
  const add = (bit: number, characters: string) => {
    for (let index = 0; index < characters.length; index++) {
      const code = characters.charCodeAt(index);
      table[code] = (table[code] as number) | bit;
    }
  };
  let visible = "";
  for (let code = 0x21; code < 0x7f; code++) visible += String.fromCharCode(code);
  const without = (characters: string) =>
    [...visible].filter((one) => !characters.includes(one)).join("");
  add(CLASS.token, `${ALPHANUMERIC}-.!%*_+\`'~`);
  add(CLASS.host, `${ALPHANUMERIC}-._`);
  add(CLASS.userStrict, `${UNRESERVED}&=+$,;?/`);
  add(CLASS.user, `${UNRESERVED}&=+$,;?/#`);
  add(CLASS.password, `${UNRESERVED}&=+$,`);
  add(CLASS.uriParameter, `${UNRESERVED}[]/:&+$`);
  add(CLASS.parameterValue, without(`"(),;<>\\`));
  add(CLASS.scheme, `${ALPHANUMERIC}+-.`);
  add(CLASS.uri, without(`"<>`));
  return table;
}

/** Tells whether a UTF-16 code unit is in a class; non-ASCII is in none. */
export function isInClass(code: number, characterClass: number): boolean {
  return code < 128 && ((TABLE[code] as number) & characterClass) !== 0;
}

/** Skips characters of a class. */
export function skipClass(text: string, start: number, characterClass: number): number {
  let at = start;
  while (at < text.length && isInClass(text.charCodeAt(at), characterClass)) at++;
  return at;
}

/** Skips spaces and tabs. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Tells whether a code unit is a space or a tab. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Cuts spaces and tabs off both ends, and nothing else: a value may begin with U+FEFF. */
export function trimSpace(text: string): string {
  return sliceTrimmed(text, 0, text.length);
}

/** Slices `start` to `end` without the spaces and tabs at its ends. */
export function sliceTrimmed(text: string, start: number, end: number): string {
  let from = start;
  while (from < end && isSpace(text.charCodeAt(from))) from++;
  return text.slice(from, trimmedEnd(text, from, end));
}

/** Where what stands from `start` to `end` ends without the spaces and tabs behind it. */
export function trimmedEnd(text: string, start: number, end: number): number {
  let to = end;
  while (to > start && isSpace(text.charCodeAt(to - 1))) to--;
  return to;
}

/** Slices `start` to `end` in lower case. */
export function sliceLowerCase(text: string, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (isUpperCase(text.charCodeAt(at))) return text.slice(start, end).toLowerCase();
  }
  return text.slice(start, end);
}

/** `A` to `Z`, and what lies beyond ASCII: it may be. */
function isUpperCase(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || code >= 0x80;
}

/** Tells whether a whole text is a token. */
export function isToken(text: string): boolean {
  return text !== "" && skipClass(text, 0, CLASS.token) === text.length;
}

/** Tells whether text can be written into a header: no CR or LF, and NUL only in a quoted-pair. */
export function isSafeText(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0d || code === 0x0a) return false;
    if (code === 0 && (at === 0 || text.charCodeAt(at - 1) !== 0x5c)) return false;
  }
  return true;
}

/**
 * Skips a quoted-string whose opening quote stands at `start`.
 *
 * @returns The index behind the closing quote, or -1 when there is none.
 */
export function skipQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at++;
  }
  return -1;
}

/** Reads a quoted-string, quotes included, as the text it stands for. */
export function unquote(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  let text = "";
  let from = 1;
  for (let at = quoted.indexOf("\\"); at >= 0; at = quoted.indexOf("\\", at + 2)) {
    text += quoted.slice(from, at);
    from = at + 1;
  }
  return text + quoted.slice(from, -1);
}

/** Writes text as a quoted-string. Backslash, quote and NUL become quoted-pairs. */
export function quote(text: string): string {
  let quoted = '"';
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x22 && code !== 0x5c && code !== 0) continue;
    quoted += `${text.slice(from, at)}\\`;
    from = at;
  }
  return `${quoted}${text.slice(from)}"`;
}

/**
 * Finds where the first of a list of values ends: at a comma outside quotes, angle brackets and
 * comments.
 *
 * @returns The comma's index, or the text's length; that too when a quote, bracket or comment stays
 * open.
 */
export function skipListValue(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x2c) return at;
    if (code === 0x22) at = skipQuoted(text, at);
    else if (code === 0x3c) at = text.indexOf(">", at) + 1 || -1;
    else if (code === 0x28) at = skipComment(text, at);
    else at++;
    if (at < 0) return text.length;
  }
  return text.length;
}

function skipComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x28) depth++;
    else if (code === 0x29 && --depth === 0) return at + 1;
  }
  return -1;
}

/** Splits a list at its commas. Values are trimmed; empty ones are kept. */
export function splitList(text: string): string[] {
  const values: string[] = [];
  for (let start = 0; start <= text.length;) {
    const end = skipListValue(text, start);
    values.push(sliceTrimmed(text, start, end));
    start = end + 1;
  }
  return values;
}

/**
 * Reads 1*DIGIT, leading zeros allowed.
 *
 * @throws SipParseError when it is anything else, or above `max`.
 */
export function parseScalar(text: string, { what, max }: ScalarOptions): number {
  return scanScalar(text, 0, text.length, { what, max });
}

/** What a number is to be. */
export interface ScalarOptions {
  /** Named in the error. */
  readonly what: string;
  readonly max: number;
}

/**
 * Reads 1*DIGIT where it stands, from `start` to `end`.
 *
 * @throws SipParseError as {@linkcode parseScalar}; offsets count from `start`.
 */
export function scanScalar(
  text: string,
  start: number,
  end: number,
  { what, max }: ScalarOptions,
): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) throw scalarError(text.slice(start, end), what, at - start);
    value = value * 10 + digit;
  }
  if (start >= end) throw scalarError("", what, 0);
  if (value > max) {
    const read = quoteForError(text.slice(start, end));
    throw new SipParseError(`${what} ${read} is above ${max}`);
  }
  return value;
}

function scalarError(text: string, what: string, offset: number): SipParseError {
  return new SipParseError(`${what} ${quoteForError(text)} is not a number`, { offset });
}
