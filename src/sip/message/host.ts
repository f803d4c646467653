/**
 * `host`: a name, an IPv4 address, or an IPv6 address in brackets. RFC 3261 §25.1, RFC 5954.
 *
 * @module
 */

import { isIpAddress } from "../../base/socket_address.ts";
import { CLASS, skipClass } from "./grammar.ts";
import { SipParseError } from "./parse_error.ts";

/** What {@linkcode scanHost} read. */
export interface ScannedHost {
  /** As written, without brackets. */
  readonly host: string;
  /** The index behind it. */
  readonly end: number;
}

/**
 * Reads a host at `start`.
 *
 * @throws SipParseError
 */
export function scanHost(text: string, start: number): ScannedHost {
  if (text.charCodeAt(start) !== 0x5b) {
    const end = skipClass(text, start, CLASS.host);
    if (end === start) throw new SipParseError("Host is missing", { offset: start });
    return { host: text.slice(start, end), end };
  }
  const close = text.indexOf("]", start);
  const host = close < 0 ? "" : text.slice(start + 1, close);
  if (!host.includes(":") || host.includes("%") || !isIpAddress(host)) {
    throw new SipParseError("Host in brackets is not an IPv6 address", { offset: start });
  }
  return { host, end: close + 1 };
}
