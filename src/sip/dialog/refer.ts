/**
 * What a REFER asks for: whom to call, in whose place, on whose behalf. RFC 3515 §2, RFC 3891,
 * RFC 3892, RFC 4488.
 *
 * Whether it is done is the owner's decision; how it goes is told by `refer_subscription.ts`.
 *
 * @module
 */

import { headerKey } from "../message/header_names.ts";
import type { Headers, SipHeaders } from "../message/headers.ts";
import { SIP_LIMITS } from "../message/limits.ts";
import type { SipRequest } from "../message/message.ts";
import { parseNameAddr, serializeNameAddr } from "../message/name_addr.ts";
import { quoteForError, SipParseError } from "../message/parse_error.ts";
import { isUri, parseSipUri, serializeSipUri, type SipUri, uriScheme } from "../message/uri.ts";
import { formatReplaces, parseReplaces, type ReplacesValue, requirePrintable } from "./replaces.ts";

/** A REFER, read. */
export interface ReferRequest {
  /** The URI of Refer-To without its headers; its scheme may be any. */
  readonly uri: string;
  /**
   * The headers that the URI gives to the new request, unescaped and without control characters.
   * Replaces is not among them, nor is any that a URI must not set. RFC 3261 §19.1.5
   */
  readonly headers: Headers;
  /** The dialog that the new call is to take the place of, at the far end. RFC 3891 */
  readonly replaces: ReplacesValue | undefined;
  /** The value of Referred-By, to be copied into the new request. RFC 3892 §2.2 */
  readonly referredBy: string | undefined;
  /** `false`: the peer does not want to hear how it goes. RFC 4488 */
  readonly wantsNotify: boolean;
}

/** Most headers that a Refer-To may carry in its URI. */
export const REFER_TO_HEADERS_MAX = 32;

/**
 * Headers that a URI of the peer's must not set. RFC 3261 §19.1.5 names those of the message itself
 * and of our abilities. The rest are ours to say, too: what the body is, who we are, for whom we
 * call, how the extensions stand.
 */
const NOT_FROM_URI: ReadonlySet<string> = new Set(
  [
    "from to call-id cseq via record-route route contact max-forwards content-length body",
    "accept accept-encoding accept-language allow organization require supported",
    "content-type content-encoding content-disposition content-language mime-version",
    "authorization proxy-authorization proxy-authenticate www-authenticate",
    "proxy-require authentication-info path service-route",
    "remote-party-id identity identity-info diversion history-info",
    "session-expires min-se rseq rack event subscription-state allow-events expires",
    "refer-to refer-sub referred-by target-dialog date timestamp user-agent server",
  ].flatMap((row) => row.split(" ")),
);

/**
 * Reads what a REFER asks for.
 *
 * @throws SipParseError when there is not exactly one Refer-To, or it cannot be read; with 501 when
 * it asks for another method than INVITE.
 */
export function parseRefer({ headers }: SipRequest): ReferRequest {
  const [referTo, ...others] = headers.values("refer-to");
  // RFC 3515 §2.4.2: none or more than one is answered 400
  if (referTo === undefined || others.length > 0) {
    throw new SipParseError("REFER must have exactly one Refer-To");
  }
  const target = parseNameAddr(referTo).uri;
  if (target.length > SIP_LIMITS.requestUriBytesMax) {
    throw new SipParseError(`URI of Refer-To has ${target.length} characters, more than the limit`);
  }
  const scheme = uriScheme(target);
  const { uri, headerText } = scheme === "sip" || scheme === "sips"
    ? splitSipUri(target)
    : { uri: target, headerText: undefined };
  return {
    uri,
    ...parseUriHeaders(headerText),
    referredBy: parseReferredBy(headers),
    // RFC 4488 §4: only the word "false" suppresses the subscription
    wantsNotify: wordOf(headers.get("refer-sub")) !== "false",
  };
}

/**
 * Writes the value of a Refer-To header.
 *
 * @param options.uri Where the peer shall call; headers that it has already stay.
 * @param options.replaces Goes into the headers of the URI, escaped.
 * @throws RangeError when `uri` is none, SipParseError when it is a malformed SIP URI.
 */
export function formatReferTo({ uri, replaces }: {
  readonly uri: string;
  readonly replaces?: ReplacesValue | undefined;
}): string {
  if (!isUri(uri)) throw new RangeError(`Refer-To ${quoteForError(uri)} is not a URI`);
  if (replaces === undefined) return `<${uri}>`;
  // A Replaces header is of SIP alone
  const hasHeaders = parseSipUri(uri).headers !== undefined;
  const escaped = encodeURIComponent(formatReplaces(replaces));
  return `<${uri}${hasHeaders ? "&" : "?"}Replaces=${escaped}>`;
}

function splitSipUri(text: string): { uri: string; headerText: string | undefined } {
  const uri = parseSipUri(text);
  const method = uri.parameters.get("method");
  if (method !== undefined && method.toUpperCase() !== "INVITE") {
    const message = `Refer-To asks for ${quoteForError(method)} instead of INVITE`;
    throw new SipParseError(message, { statusCode: 501 });
  }
  return { uri: asRequestUri(text, uri), headerText: uri.headers };
}

/** RFC 3261 table 1: neither headers nor a method may stand in a Request-URI. */
function asRequestUri(text: string, uri: SipUri): string {
  if (uri.parameters.has("method")) {
    const parameters = new Map(uri.parameters);
    parameters.delete("method");
    return serializeSipUri({ ...uri, parameters, headers: undefined });
  }
  return uri.headers === undefined ? text : text.slice(0, -uri.headers.length - 1);
}

/**
 * DEVIATION §25.1: within a value `;` and `=` are taken unescaped, since telephones forget to
 * escape what stands in a Replaces.
 */
function parseUriHeaders(text: string | undefined): Pick<ReferRequest, "headers" | "replaces"> {
  const headers: (readonly [string, string])[] = [];
  let replaces: ReplacesValue | undefined;
  const parts = text?.split("&") ?? [];
  if (parts.length > REFER_TO_HEADERS_MAX) {
    throw new SipParseError(`URI of Refer-To has ${parts.length} headers, more than the limit`);
  }
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = unescapeHeader(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? "" : unescapeHeader(part.slice(equals + 1));
    const key = headerKey(name);
    if (key === undefined) {
      throw new SipParseError(`Header name ${quoteForError(name)} in a URI is not a token`);
    }
    if (key === "replaces") {
      // RFC 3891 §3: more than one is answered 400
      if (replaces !== undefined) throw new SipParseError("Refer-To has more than one Replaces");
      replaces = parseReplaces(value);
    } else if (isAllowed(key)) headers.push([name, value]);
  }
  return { headers, replaces };
}

/** A P-header is the word of a trusted network (RFC 3325 §3), which a URI of the peer's is not. */
function isAllowed(key: string): boolean {
  return !NOT_FROM_URI.has(key) && !key.startsWith("p-") && !key.startsWith("security-");
}

function unescapeHeader(text: string): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text);
  } catch {
    throw new SipParseError(`Header ${quoteForError(text)} of a URI has an escape that is none`);
  }
  requirePrintable(plain, "Header of a URI");
  return plain;
}

/**
 * RFC 3892 §2.1: a `cid` names a signed token in the REFER's body. The body is not passed on, and
 * so the name is not, either. A value that cannot be read is left out: the call needs none.
 */
function parseReferredBy(headers: SipHeaders): string | undefined {
  const text = headers.get("referred-by");
  if (text === undefined) return undefined;
  try {
    const referrer = parseNameAddr(text);
    if (!referrer.parameters.has("cid")) return text;
    const parameters = new Map(referrer.parameters);
    parameters.delete("cid");
    return serializeNameAddr({ ...referrer, parameters });
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return undefined;
  }
}

/** The first word of a value, in lower case. */
function wordOf(value: string | undefined): string | undefined {
  return value?.split(";", 1)[0]?.trim().toLowerCase();
}
