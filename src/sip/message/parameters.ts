/**
 * Parameters of header values: `;name`, `;name=token`, `;name="quoted string"`. RFC 3261 §7.3.1,
 * §25.1.
 *
 * Parameters of URIs have escapes instead of quotes and are left to `uri.ts`.
 *
 * @module
 */

import { findWord } from "../../base/words.ts";
import {
  CLASS,
  quote,
  skipClass,
  skipQuoted,
  skipSpace,
  sliceLowerCase,
  unquote,
} from "./grammar.ts";
import { SipParseError } from "./parse_error.ts";

/** One name, with `undefined` where it has no value. */
export type Parameter = readonly [name: string, value: string | undefined];

/**
 * Lower-case names and unquoted values, `undefined` for a name without value, in the order
 * received. A `Map` is one as well.
 */
export interface Parameters extends Iterable<Parameter> {
  readonly size: number;
  get(name: string): string | undefined;
  has(name: string): boolean;
}

/** The most parameters of one value that are read. */
export const PARAMETERS_MAX = 64;

/** Parameters that were read. They are few as a rule: to look at each costs less than a table. */
class ParameterList implements Parameters {
  readonly #names: string[] = [];
  readonly #values: (string | undefined)[] = [];

  get size(): number {
    return this.#names.length;
  }

  get(name: string): string | undefined {
    const names = this.#names;
    for (let at = 0; at < names.length; at++) if (names[at] === name) return this.#values[at];
    return undefined;
  }

  has(name: string): boolean {
    for (const one of this.#names) if (one === name) return true;
    return false;
  }

  add(name: string, value: string | undefined): void {
    this.#names.push(name);
    this.#values.push(value);
  }

  *[Symbol.iterator](): Iterator<Parameter> {
    for (const [at, name] of this.#names.entries()) yield [name, this.#values[at]];
  }
}

/** No parameters: one value that all share. */
export const NO_PARAMETERS: Parameters = new ParameterList();

/** What {@linkcode scanParameters} read. */
export interface ScannedParameters {
  readonly parameters: Parameters;
  /**
   * The index of the first character that is neither parameter nor white space, or the text's
   * length.
   */
  readonly end: number;
}

/**
 * Reads `*( SEMI generic-param )` from `start` on.
 *
 * @throws SipParseError for an empty parameter, an empty or unterminated value, a name that comes
 * twice, or more than {@linkcode PARAMETERS_MAX} of them.
 */
export function scanParameters(text: string, start: number): ScannedParameters {
  let at = skipSpace(text, start);
  if (text.charCodeAt(at) !== 0x3b) return { parameters: NO_PARAMETERS, end: at };
  const parameters = new ParameterList();
  while (text.charCodeAt(at) === 0x3b) {
    const nameStart = skipSpace(text, at + 1);
    const nameEnd = skipClass(text, nameStart, CLASS.token);
    if (nameEnd === nameStart) {
      throw new SipParseError("Parameter has no name", { offset: nameStart });
    }
    const name = sliceName(text, nameStart, nameEnd);
    // §7.3.1: any given parameter-name MUST NOT appear more than once
    if (parameters.has(name)) {
      throw new SipParseError(`Parameter "${name}" comes twice`, { offset: nameStart });
    }
    if (parameters.size === PARAMETERS_MAX) {
      throw new SipParseError(`More than ${PARAMETERS_MAX} parameters`, { offset: nameStart });
    }
    at = skipSpace(text, nameEnd);
    if (text.charCodeAt(at) !== 0x3d) {
      parameters.add(name, undefined);
      continue;
    }
    const valueStart = skipSpace(text, at + 1);
    const valueEnd = skipValue(text, valueStart);
    const value = text.slice(valueStart, valueEnd);
    parameters.add(name, text.charCodeAt(valueStart) === 0x22 ? unquote(value) : value);
    at = skipSpace(text, valueEnd);
  }
  return { parameters, end: at };
}

/** Names that most messages use as they are spelled here: no text is made for them. */
const COMMON_NAMES = ["branch", "tag", "rport", "received", "lr", "expires", "refresher"];

function sliceName(text: string, start: number, end: number): string {
  return findWord(text, start, end, COMMON_NAMES) ?? sliceLowerCase(text, start, end);
}

function skipValue(text: string, start: number): number {
  if (text.charCodeAt(start) === 0x22) {
    const end = skipQuoted(text, start);
    if (end < 0) throw new SipParseError("Quoted string has no end", { offset: start });
    return end;
  }
  const end = skipClass(text, start, CLASS.parameterValue);
  if (end === start) throw new SipParseError("Parameter has no value", { offset: start });
  return end;
}

/** Writes `;name=value` for each parameter; a value that needs quotes gets them. */
export function serializeParameters(parameters: Parameters): string {
  let text = "";
  for (const [name, value] of parameters) text += serializeParameter(name, value);
  return text;
}

/** Writes one parameter with its semicolon. */
export function serializeParameter(name: string, value: string | undefined): string {
  if (value === undefined) return `;${name}`;
  const plain = value !== "" && skipClass(value, 0, CLASS.parameterValue) === value.length;
  return `;${name}=${plain ? value : quote(value)}`;
}
