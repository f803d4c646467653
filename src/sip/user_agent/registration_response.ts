/**
 * What a response to REGISTER says: how long our binding holds, and how long to leave the registrar alone.
 * RFC 3261 §10.2.4, §10.3, §20.33.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { SipResponse } from "../message/message.ts";
import { type NameAddr, parseNameAddr } from "../message/name_addr.ts";
import { parseSipUri, sameSipUri, type SipUri } from "../message/uri.ts";

/** Bindings that are looked at; a registrar may list those of every other device. */
const BINDINGS_MAX = 256;

/**
 * Seconds that a 200 grants to our Contact: as its own parameter says, else the Expires header.
 *
 * @param ownContact Our Contact's URI.
 * @returns `undefined` when the response says nothing.
 */
export function grantedExpiry(response: SipResponse, ownContact: string): number | undefined {
  const own = ownBinding(response, ownContact);
  return seconds(own?.parameters.get("expires")) ?? seconds(response.headers.get("Expires"));
}

/** How long the registrar wants to be left alone. §20.33 */
export function retryAfter(response: SipResponse): Millis | undefined {
  // A comment and parameters may follow
  const value = /^\d+/.exec(response.headers.get("Retry-After") ?? "")?.[0];
  const wait = seconds(value);
  return wait === undefined ? undefined : 1000 * wait;
}

/** Reads delta-seconds. §20.19 */
export function seconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  return Math.min(Number(text), 0xffff_ffff);
}

/** Our binding among all: the same URI, or the only one of our user where the registrar rewrites addresses. */
function ownBinding(response: SipResponse, ownContact: string): NameAddr | undefined {
  const own = uriOf(ownContact);
  if (own === undefined) return undefined;
  const ofUser: NameAddr[] = [];
  for (const text of response.headers.values("Contact").slice(0, BINDINGS_MAX)) {
    const binding = bindingOf(text);
    const uri = binding === undefined ? undefined : uriOf(binding.uri);
    if (binding === undefined || uri === undefined) continue;
    if (sameSipUri(uri, own)) return binding;
    if (own.user !== undefined && uri.user === own.user) ofUser.push(binding);
  }
  return ofUser.length === 1 ? ofUser[0] : undefined;
}

function bindingOf(text: string): NameAddr | undefined {
  try {
    return parseNameAddr(text);
  } catch {
    // Somebody else's binding, as somebody else wrote it
    return undefined;
  }
}

function uriOf(text: string): SipUri | undefined {
  try {
    return parseSipUri(text);
  } catch {
    return undefined;
  }
}
