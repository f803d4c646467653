/**
 * Parameters of header values: `;name`, `;name=token`, `;name="quoted string"`. RFC 3261 §7.3.1,
 * §25.1.
 *
 * Parameters of URIs have escapes instead of quotes and are left to `uri.ts`.
 *
 * @module
 */

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

/**
 * Lower-case names and unquoted values, `undefined` for a name without value, in the order
 * received.
 */
export type Parameters = ReadonlyMap<string, string | undefined>;

/** No parameters: one value that all share. */
export const NO_PARAMETERS: Parameters = new Map();

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
 * @throws SipParseError for an empty parameter, an empty or unterminated value, or a name that
 * comes twice.
 */
export function scanParameters(text: string, start: number): ScannedParameters {
  let at = skipSpace(text, start);
  if (text.charCodeAt(at) !== 0x3b) return { parameters: NO_PARAMETERS, end: at };
  const parameters = new Map<string, string | undefined>();
  while (text.charCodeAt(at) === 0x3b) {
    const nameStart = skipSpace(text, at + 1);
    const nameEnd = skipClass(text, nameStart, CLASS.token);
    if (nameEnd === nameStart) {
      throw new SipParseError("Parameter has no name", { offset: nameStart });
    }
    const name = sliceLowerCase(text, nameStart, nameEnd);
    // §7.3.1: any given parameter-name MUST NOT appear more than once
    if (parameters.has(name)) {
      throw new SipParseError(`Parameter "${name}" comes twice`, { offset: nameStart });
    }
    at = skipSpace(text, nameEnd);
    if (text.charCodeAt(at) !== 0x3d) {
      parameters.set(name, undefined);
      continue;
    }
    const valueStart = skipSpace(text, at + 1);
    const valueEnd = skipValue(text, valueStart);
    const value = text.slice(valueStart, valueEnd);
    parameters.set(name, text.charCodeAt(valueStart) === 0x22 ? unquote(value) : value);
    at = skipSpace(text, valueEnd);
  }
  return { parameters, end: at };
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
