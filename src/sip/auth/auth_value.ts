/**
 * The grammar of WWW-Authenticate, Authorization and their like: a scheme, and parameters between
 * commas. RFC 3261 §20.7, §20.44, §25.1.
 *
 * What the parameters of a digest mean is left to `digest.ts`.
 *
 * @module
 */

import { CLASS, quote, skipClass, skipQuoted, skipSpace, unquote } from "../message/grammar.ts";
import { SipParseError } from "../message/parse_error.ts";

/** A challenge or its answer: one scheme with its parameters. */
export interface AuthValue {
  /** In lower case. */
  readonly scheme: string;
  /** Lower-case names and unquoted values, in the order received. */
  readonly parameters: AuthParameters;
}

/** Lower-case names and unquoted values. */
export type AuthParameters = ReadonlyMap<string, string>;

/** More parameters than any scheme has. */
const PARAMETERS_MAX = 32;

/** More challenges than any server writes into one line. */
const VALUES_MAX = 16;

/**
 * Reads the value of one header line.
 *
 * DEVIATION §20.44: several challenges on one line are taken, as HTTP allows them, and so are
 * values without the quotes that they should have, and empty places between commas.
 *
 * @returns At least one value, in the order received.
 * @throws SipParseError for a missing scheme, a parameter without name or value, one that comes
 * twice in a challenge, and for more of anything than the limits allow.
 */
export function parseAuthValues(text: string): AuthValue[] {
  const values: AuthValue[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const schemeEnd = skipToken(text, at, "Scheme");
    if (values.length === VALUES_MAX) {
      throw new SipParseError("Too many challenges on one line", { offset: at });
    }
    const parameters = new Map<string, string>();
    values.push({ scheme: text.slice(at, schemeEnd).toLowerCase(), parameters });
    at = scanParameters(text, schemeEnd, parameters);
  }
  if (values.length === 0) throw new SipParseError("Authentication scheme is missing");
  return values;
}

/**
 * Reads `name = value` between commas.
 *
 * @param into Gets what was read.
 * @returns The index of the next scheme, or the text's length.
 */
function scanParameters(text: string, start: number, into: Map<string, string>): number {
  let at = skipSeparators(text, start, into.size === 0);
  while (at < text.length) {
    const nameEnd = skipToken(text, at, "Parameter");
    const equals = skipSpace(text, nameEnd);
    // A word that no "=" follows is the scheme of the next challenge
    if (text.charCodeAt(equals) !== 0x3d) return at;
    const name = text.slice(at, nameEnd).toLowerCase();
    if (into.has(name)) {
      throw new SipParseError(`Parameter "${name}" comes twice`, { offset: at });
    }
    if (into.size === PARAMETERS_MAX) {
      throw new SipParseError("Challenge has too many parameters", { offset: at });
    }
    const valueStart = skipSpace(text, equals + 1);
    const valueEnd = skipValue(text, valueStart);
    const value = text.slice(valueStart, valueEnd);
    into.set(name, text.charCodeAt(valueStart) === 0x22 ? unquote(value) : value);
    at = skipSeparators(text, valueEnd, false);
  }
  return at;
}

function skipToken(text: string, start: number, what: string): number {
  const end = skipClass(text, start, CLASS.token);
  if (end === start) throw new SipParseError(`${what} has no name`, { offset: start });
  return end;
}

/** Skips white space and commas; at least one comma, unless it is optional or the text ends. */
function skipSeparators(text: string, start: number, commaOptional: boolean): number {
  let at = skipSpace(text, start);
  if (at < text.length && !commaOptional && text.charCodeAt(at) !== 0x2c) {
    throw new SipParseError("Parameters are not separated by a comma", { offset: at });
  }
  while (text.charCodeAt(at) === 0x2c) at = skipSpace(text, at + 1);
  return at;
}

function skipValue(text: string, start: number): number {
  if (text.charCodeAt(start) === 0x22) {
    const end = skipQuoted(text, start);
    if (end < 0) throw new SipParseError("Quoted string has no end", { offset: start });
    return end;
  }
  let end = start;
  while (end < text.length && isPlain(text.charCodeAt(end))) end++;
  if (end === start) throw new SipParseError("Parameter has no value", { offset: start });
  return end;
}

/** Visible ASCII but comma and quote: base64 and URIs come without quotes too. */
function isPlain(code: number): boolean {
  return code > 0x20 && code < 0x7f && code !== 0x2c && code !== 0x22;
}

/** Name, value, and whether the grammar wants the value in quotes. */
export type AuthParameter = readonly [name: string, value: string, form: "quoted" | "token"];

/** Writes a value for a header line. */
export function serializeAuthValue(scheme: string, parameters: readonly AuthParameter[]): string {
  const texts = parameters.map(([name, value, form]) =>
    `${name}=${form === "quoted" ? quote(value) : value}`
  );
  return `${scheme} ${texts.join(", ")}`;
}
