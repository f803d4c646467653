/**
 * The value of From, To, Contact, Refer-To and their like: `"Name" <uri>;parameters`. RFC 3261
 * §20.10, §25.1.
 *
 * The URI is left as text: its scheme may be any, and `uri.ts` reads the ones we know.
 *
 * @module
 */

import {
  CLASS,
  isInClass,
  isSpace,
  quote,
  skipClass,
  skipQuoted,
  skipSpace,
  sliceTrimmed,
  unquote,
} from "./grammar.ts";
import { type Parameters, scanParameters, serializeParameters } from "./parameters.ts";
import { SipParseError } from "./parse_error.ts";

/** A URI with a name for people and parameters of the header. */
export interface NameAddr {
  /** Unquoted; empty when there is none. */
  readonly displayName: string;
  /** As written, without brackets; begins with a scheme. */
  readonly uri: string;
  /** The header's, not the URI's. */
  readonly parameters: Parameters;
  readonly tag: string | undefined;
}

/**
 * Reads a name-addr or an addr-spec. In the second form parameters belong to the header.
 *
 * @throws SipParseError also for a `?` or `,` outside angle brackets, as §20 wants.
 */
export function parseNameAddr(text: string): NameAddr {
  const { nameAddr, end } = scanNameAddr(text);
  if (end < text.length) throw new SipParseError("Address does not end here", { offset: end });
  return nameAddr;
}

/**
 * Reads the first of a list of addresses on one line.
 *
 * @throws SipParseError
 */
export function parseFirstNameAddr(text: string): NameAddr {
  const { nameAddr, end } = scanNameAddr(text);
  if (end < text.length && text.charCodeAt(end) !== 0x2c) {
    throw new SipParseError("Address does not end here", { offset: end });
  }
  return nameAddr;
}

function scanNameAddr(text: string): { nameAddr: NameAddr; end: number } {
  const start = skipSpace(text, 0);
  const quoted = text.charCodeAt(start) === 0x22;
  const nameEnd = quoted ? skipQuoted(text, start) : skipDisplayTokens(text, start);
  if (nameEnd < 0) throw new SipParseError("Quoted string has no end", { offset: start });
  const open = skipSpace(text, nameEnd);
  if (text.charCodeAt(open) === 0x3c) {
    const name = sliceTrimmed(text, start, nameEnd);
    return scanBracketed(text, open, quoted ? unquote(name) : name);
  }
  if (quoted || text.charCodeAt(open) !== 0x3a) {
    throw new SipParseError("Address has no URI", { offset: open });
  }
  return scanAddrSpec(text, start);
}

/**
 * Skips `*( token LWS )`.
 * DEVIATION §25.1: characters beyond ASCII are taken without quotes, since phones send names so.
 */
function skipDisplayTokens(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 128 && !isInClass(code, CLASS.token) && !isSpace(code)) return at;
  }
  return text.length;
}

function scanBracketed(text: string, open: number, displayName: string) {
  const close = text.indexOf(">", open);
  if (close < 0) throw new SipParseError('Address has "<" and no ">"', { offset: open });
  requireUri(text, open + 1, close);
  const uri = text.slice(open + 1, close);
  const { parameters, end } = scanParameters(text, close + 1);
  return { nameAddr: { displayName, uri, parameters, tag: parameters.get("tag") }, end };
}

function scanAddrSpec(text: string, start: number) {
  let uriEnd = start;
  for (; uriEnd < text.length; uriEnd++) {
    const code = text.charCodeAt(uriEnd);
    if (code === 0x3b || code === 0x2c || isSpace(code)) break;
    // §20: a URI with a comma, question mark or semicolon MUST stand in angle brackets
    if (code === 0x3f) {
      throw new SipParseError('URI with "?" is not in angle brackets', { offset: uriEnd });
    }
  }
  requireUri(text, start, uriEnd);
  const uri = text.slice(start, uriEnd);
  const { parameters, end } = scanParameters(text, uriEnd);
  return { nameAddr: { displayName: "", uri, parameters, tag: parameters.get("tag") }, end };
}

/** Behind a URI stands what no URI has, or one may go on with: the class alone does not end it. */
function requireUri(text: string, start: number, end: number): void {
  const colon = skipClass(text, start, CLASS.scheme);
  const plainEnd = Math.min(end, skipClass(text, colon, CLASS.uri));
  const hasScheme = colon > start && colon < end && text.charCodeAt(colon) === 0x3a;
  if (hasScheme && plainEnd === end && end > colon + 1) return;
  throw new SipParseError("Address has no well-formed URI", { offset: plainEnd });
}

/** Writes `"Name" <uri>;parameters`, with angle brackets always; `tag` as the field says. */
export function serializeNameAddr(nameAddr: NameAddr): string {
  const name = nameAddr.displayName === "" ? "" : `${quote(nameAddr.displayName)} `;
  const parameters = new Map(nameAddr.parameters);
  if (nameAddr.tag === undefined) parameters.delete("tag");
  else parameters.set("tag", nameAddr.tag);
  return `${name}<${nameAddr.uri}>${serializeParameters(parameters)}`;
}

/**
 * Appends a tag to the text of a From or To header that has none, and leaves what is there as it
 * is.
 */
export function withTag(text: string, tag: string): string {
  return `${text};tag=${tag}`;
}
