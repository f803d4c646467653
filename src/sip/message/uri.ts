/**
 * SIP and SIPS URIs, and the little that is asked of others. RFC 3261 §19.1, RFC 3966.
 *
 * @module
 */

import { isSameBytes } from "../../base/same_bytes.ts";
import { formatHost, parseIpAddress } from "../../base/socket_address.ts";
import { escape, unescape } from "./escapes.ts";
import { CLASS, isInClass, scanScalar, skipClass } from "./grammar.ts";
import { scanHost } from "./host.ts";
import { NO_PARAMETERS, type Parameters } from "./parameters.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";

/** A SIP or SIPS URI, its escapes read. */
export interface SipUri {
  readonly scheme: "sip" | "sips";
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** As written; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Lower-case names; `undefined` for a name without value. */
  readonly parameters: Parameters;
  /** What follows the question mark, as written. */
  readonly headers: string | undefined;
}

/**
 * Reads a SIP or SIPS URI without brackets.
 *
 * @throws SipParseError also for another scheme.
 */
export function parseSipUri(text: string): SipUri {
  const scheme = uriScheme(text);
  if (scheme !== "sip" && scheme !== "sips") {
    throw new SipParseError(`URI ${quoteForError(text)} is neither "sip:" nor "sips:"`);
  }
  const start = scheme.length + 1;
  const at = text.indexOf("@", start);
  const userInfo = at < 0 ? NO_USER_INFO : scanUserInfo(text, start, at);
  const host = scanHost(text, at < 0 ? start : at + 1);
  const { port, end } = scanPort(text, host.end);
  const headersAt = text.indexOf("?", end);
  const parametersEnd = headersAt < 0 ? text.length : headersAt;
  const parameters = parseUriParameters(text, end, parametersEnd);
  const headers = headersAt < 0 ? undefined : text.slice(headersAt + 1);
  if (headers !== undefined) requireHeaders(headers, headersAt + 1);
  const { user, password } = userInfo;
  return { scheme, user, password, host: host.host, port, parameters, headers };
}

const NO_USER_INFO = { user: undefined, password: undefined };

function scanUserInfo(text: string, start: number, at: number): Pick<SipUri, "user" | "password"> {
  // No class has the colon
  const plainEnd = skipClass(text, start, CLASS.user);
  if (plainEnd === at && at > start) return { user: text.slice(start, at), password: undefined };
  const colon = text.indexOf(":", start);
  const userEnd = colon < 0 || colon > at ? at : colon;
  if (userEnd === start) throw new SipParseError('URI has no user before "@"', { offset: start });
  const user = unescape(text.slice(start, userEnd), CLASS.user, start);
  if (userEnd === at) return { user, password: undefined };
  const password = unescape(text.slice(colon + 1, at), CLASS.password, colon + 1);
  return { user, password };
}

function scanPort(text: string, start: number): { port: number | undefined; end: number } {
  if (text.charCodeAt(start) !== 0x3a) return { port: undefined, end: start };
  const end = skipClass(text, start + 1, CLASS.token);
  return { port: scanScalar(text, start + 1, end, { what: "Port", max: 65_535 }), end };
}

function parseUriParameters(text: string, start: number, end: number): Parameters {
  if (start === end) return NO_PARAMETERS;
  if (text.charCodeAt(start) !== 0x3b) {
    throw new SipParseError("URI does not end behind its host", { offset: start });
  }
  const parameters = new Map<string, string | undefined>();
  let at = start + 1;
  for (const parameter of text.slice(at, end).split(";")) {
    const equals = parameter.indexOf("=");
    const nameEnd = equals < 0 ? parameter.length : equals;
    const name = unescape(parameter.slice(0, nameEnd), CLASS.uriParameter, at).toLowerCase();
    const valueAt = at + equals + 1;
    const value = equals < 0
      ? undefined
      : unescape(parameter.slice(equals + 1), CLASS.uriParameter, valueAt);
    if (name === "" || value === "") {
      throw new SipParseError("URI has an empty parameter", { offset: at });
    }
    // §19.1.1: any given parameter-name MUST NOT appear more than once
    if (parameters.has(name)) {
      const message = `URI parameter ${quoteForError(name)} comes twice`;
      throw new SipParseError(message, { offset: at });
    }
    parameters.set(name, value);
    at += parameter.length + 1;
  }
  return parameters;
}

function requireHeaders(text: string, offset: number): void {
  if (text === "") throw new SipParseError('URI has no headers behind "?"', { offset });
  const end = skipClass(text, 0, CLASS.uri);
  if (end < text.length) {
    throw new SipParseError("URI has a character that it may not", { offset: offset + end });
  }
}

/** Writes a SIP or SIPS URI without brackets; what needs escapes gets them. */
export function serializeSipUri(uri: SipUri): string {
  let text = `${uri.scheme}:`;
  if (uri.user !== undefined) {
    text += escape(uri.user, CLASS.userStrict);
    if (uri.password !== undefined) text += `:${escape(uri.password, CLASS.password)}`;
    text += "@";
  }
  text += formatHost(uri.host);
  if (uri.port !== undefined) text += `:${uri.port}`;
  for (const [name, value] of uri.parameters) {
    text += `;${escape(name, CLASS.uriParameter)}`;
    if (value !== undefined) text += `=${escape(value, CLASS.uriParameter)}`;
  }
  return uri.headers === undefined ? text : `${text}?${uri.headers}`;
}

/** The scheme of any URI in lower case; empty when `text` does not begin with one. */
export function uriScheme(text: string): string {
  if (text.startsWith("sip:")) return "sip";
  const colon = skipClass(text, 0, CLASS.scheme);
  if (colon === 0 || text.charCodeAt(colon) !== 0x3a) return "";
  const first = text.charCodeAt(0) | 0x20;
  return first >= 0x61 && first <= 0x7a ? text.slice(0, colon).toLowerCase() : "";
}

/** Tells whether text has a scheme and only characters that URIs have. */
export function isUri(text: string): boolean {
  const scheme = uriScheme(text);
  return scheme !== "" && text.length > scheme.length + 1 &&
    skipClass(text, 0, CLASS.uri) === text.length;
}

/**
 * The user and host of a SIP URI, or the number of a tel URI as its user, as far as they can be
 * made out.
 *
 * @returns Empty texts for what is not there. Never throws.
 */
export function uriParts(text: string): { readonly user: string; readonly host: string } {
  const scheme = uriScheme(text);
  if (scheme === "tel") return { user: text.slice(4).split(";", 1)[0] as string, host: "" };
  if (scheme !== "sip" && scheme !== "sips") return { user: "", host: "" };
  try {
    const uri = parseSipUri(text);
    return { user: uri.user ?? "", host: uri.host };
  } catch {
    return guessParts(text.slice(scheme.length + 1));
  }
}

function guessParts(rest: string): { user: string; host: string } {
  const at = rest.indexOf("@");
  const behind = rest.slice(at + 1);
  let end = 0;
  while (end < behind.length && isInClass(behind.charCodeAt(end), CLASS.host)) end++;
  const user = at < 0 ? "" : rest.slice(0, at).split(":", 1)[0] as string;
  return { user, host: behind.slice(0, end) };
}

/** Tells whether two URIs are equivalent. §19.1.4. */
export function sameSipUri(a: SipUri, b: SipUri): boolean {
  return a.scheme === b.scheme && a.user === b.user && a.password === b.password &&
    a.port === b.port && sameHost(a.host, b.host) &&
    sameParameters(a.parameters, b.parameters) && sameHeaders(a.headers, b.headers);
}

/** §19.1.4: one URI alone having any of these makes the two differ. */
const NEVER_IGNORED = ["user", "ttl", "method", "maddr", "transport"];

function sameParameters(a: Parameters, b: Parameters): boolean {
  if (NEVER_IGNORED.some((name) => a.has(name) !== b.has(name))) return false;
  for (const [name, value] of a) {
    if (b.has(name) && value?.toLowerCase() !== b.get(name)?.toLowerCase()) return false;
  }
  return true;
}

function sameHost(a: string, b: string): boolean {
  if (a.toLowerCase() === b.toLowerCase()) return true;
  if (!a.includes(":") || !b.includes(":")) return false;
  const left = parseIpAddress(a);
  const right = parseIpAddress(b);
  return left !== undefined && right !== undefined && isSameBytes(left, right);
}

function sameHeaders(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && canonicalHeaders(a) === canonicalHeaders(b);
}

/** Sorted, names in lower case, escapes of one spelling. */
function canonicalHeaders(text: string): string {
  return text.split("&").map((header) => {
    const equals = header.indexOf("=");
    const name = equals < 0 ? header : header.slice(0, equals);
    return `${canonicalText(name).toLowerCase()}=${canonicalText(header.slice(name.length + 1))}`;
  }).sort().join("&");
}

function canonicalText(text: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(text));
  } catch {
    return text;
  }
}
