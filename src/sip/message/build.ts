/**
 * New messages: requests as told, and responses that repeat what they must. RFC 3261 §8.1.1,
 * §8.2.6.
 *
 * What goes into the headers of a request is left to the user agent and the dialog.
 *
 * @module
 */

import { isSafeText, isSpace, isToken } from "./grammar.ts";
import { SipHeaders } from "./headers.ts";
import { EMPTY_BODY, type SipRequest, type SipResponse } from "./message.ts";
import { withTag } from "./name_addr.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";
import { reasonPhrase } from "./reason_phrases.ts";

/** What a response has besides what it repeats. */
export interface ResponseOptions {
  /** Default: the one registered for the status code. */
  readonly reasonPhrase?: string | undefined;
  /** Put into To, unless the request has one there. */
  readonly toTag?: string | undefined;
  /** Appended in order. */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
  readonly body?: Uint8Array | undefined;
  /** The body's Content-Type, unless `headers` has it. */
  readonly contentType?: string | undefined;
}

/**
 * Answers a request: all Vias in order, From, To, Call-ID and CSeq as received, Timestamp for 100.
 * §8.2.6.
 *
 * @param request May come from a {@linkcode SipParseError}.
 * @throws RangeError for a status code outside 100 to 699, TypeError for texts with CR, LF or NUL
 * and for a body without a type.
 */
export function createResponse(
  request: SipRequest,
  statusCode: number,
  options: ResponseOptions = {},
): SipResponse {
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 699) {
    throw new RangeError(`Status code ${statusCode} is not 100 to 699`);
  }
  const phrase = options.reasonPhrase ?? reasonPhrase(statusCode);
  if (!isSafeText(phrase) || phrase.includes("\0")) {
    throw new TypeError(`Reason phrase ${quoteForError(phrase)} holds CR, LF or NUL`);
  }
  const headers = new SipHeaders();
  for (const line of request.headers.lines()) {
    if (!isRepeated(line.key, statusCode)) continue;
    const value = line.key === "to" ? taggedTo(request.headers, line.value, options) : line.value;
    if (value === line.value) headers.appendLine(line);
    else headers.append(line.name, value);
  }
  const body = finish(headers, options);
  return { type: "response", statusCode, reasonPhrase: phrase, headers, body };
}

function isRepeated(key: string, statusCode: number): boolean {
  switch (key) {
    case "via":
    case "from":
    case "to":
    case "call-id":
    case "cseq":
      return true;
    default:
      // §8.2.6.1: a 100 MUST repeat the Timestamp
      return key === "timestamp" && statusCode === 100;
  }
}

function taggedTo(headers: SipHeaders, value: string, { toTag }: ResponseOptions): string {
  return toTag === undefined || hasTag(headers) ? value : withTag(value, toTag);
}

function hasTag(headers: SipHeaders): boolean {
  try {
    return headers.to.tag !== undefined;
  } catch (error) {
    // A To that does not parse belongs to a request that is being refused
    if (error instanceof SipParseError) return /;\s*tag\s*=/i.test(headers.get("To") ?? "");
    throw error;
  }
}

/** Appends headers and Content-Type. */
function finish(headers: SipHeaders, options: Omit<ResponseOptions, "toTag">): Uint8Array {
  for (const [name, value] of options.headers ?? []) headers.append(name, value);
  const body = options.body ?? EMPTY_BODY;
  if (body.length === 0 || headers.has("Content-Type")) return body;
  // §20.15: a body MUST have its type
  if (options.contentType === undefined) throw new TypeError("Body has no content type");
  headers.append("Content-Type", options.contentType);
  return body;
}

/** What a request is made of. */
export interface RequestOptions {
  readonly method: string;
  /** Without brackets. */
  readonly requestUri: string;
  /** In order. */
  readonly headers: Iterable<readonly [string, string]>;
  readonly body?: Uint8Array | undefined;
  /** The body's Content-Type, unless `headers` has it. */
  readonly contentType?: string | undefined;
}

/**
 * Makes a request of exactly what is handed in.
 *
 * @throws TypeError for a method that is no token, a Request-URI with white space or control
 * characters, headers with CR, LF or NUL, and a body without a type.
 */
export function createRequest(options: RequestOptions): SipRequest {
  const { method, requestUri } = options;
  if (!isToken(method)) throw new TypeError(`Method ${quoteForError(method)} is not a token`);
  if (!isOneWord(requestUri)) {
    throw new TypeError(`Request-URI ${quoteForError(requestUri)} is not a URI`);
  }
  const headers = new SipHeaders();
  const body = finish(headers, options);
  return { type: "request", method, requestUri, headers, body };
}

function isOneWord(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || isSpace(code) || code === 0x7f) return false;
  }
  return text !== "";
}
