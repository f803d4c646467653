/**
 * Whom our calls go to: URIs that a person wrote, those of a trunk, and those that a redirection names. RFC 3261 §8.1.3.4,
 * §19.1.5.
 *
 * Where a URI leads on the network is left to `Signalling.locate`.
 *
 * @module
 */

import { isIpAddress } from "../base/socket_address.ts";
import type { Trunk } from "../config/schema_peers.ts";
import type { Credentials } from "../sip/auth/credentials.ts";
import type { Headers } from "../sip/message/headers.ts";
import type { SipResponse } from "../sip/message/message.ts";
import { type NameAddr, parseNameAddr } from "../sip/message/name_addr.ts";
import { nextHopOf } from "../sip/message/next_hop.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { parseSipUri, serializeSipUri, type SipUri } from "../sip/message/uri.ts";
import { OutboundCallError, OutboundTargetError } from "./outbound_options.ts";

/** What a trunk brings to a call. */
export interface TrunkTarget {
  readonly uris: readonly string[];
  /** Value of From; `undefined` where the trunk does not care. */
  readonly from: string | undefined;
  readonly headers: Headers;
  readonly credentials: Credentials | undefined;
}

/** Contacts of one redirection that are looked at. */
const CONTACTS_MAX = 32;

/**
 * Reads the URI of a call.
 *
 * @throws {OutboundTargetError} It is no SIP URI, has headers (§19.1.5), or asks for a transport that we do not have.
 */
export function parseTarget(text: string): SipUri {
  const uri = parseUri(text);
  if (uri.headers !== undefined) {
    throw new OutboundTargetError(
      `Cannot call "${text}": a Request-URI has no headers, leave out what is behind "?"`,
    );
  }
  if (nextHopOf(text) !== undefined) return uri;
  const transport = uri.parameters.get("transport") ?? "";
  throw new OutboundTargetError(
    uri.scheme === "sips" && transport.toLowerCase() === "udp"
      ? `Cannot call "${text}": there is no way to keep UDP secret, write transport=tls`
      : `Cannot call "${text}": there is no transport "${transport}", write udp, tcp, tls, ws or wss`,
  );
}

/** Why a URI leads nowhere. */
export function unreachable(text: string, localAddress: string | undefined): OutboundCallError {
  const { host } = parseTarget(text.replace(/[<>]/g, ""));
  return new OutboundCallError(
    isIpAddress(host)
      ? `Cannot reach "${host}" from ${localAddress ?? "here"}`
      : `Cannot look up "${host}": no such host`,
  );
}

/** The URI as the value of a header such as From, unless it is one already. */
export function asNameAddr(text: string): string {
  return text.includes("<") ? text : `<${text}>`;
}

/**
 * The value of a Route header that leads through a proxy. It is a loose router (§16.12) unless it is written in angle
 * brackets without `lr`.
 *
 * @param proxy A URI, or the value itself.
 * @throws {OutboundTargetError} It is no SIP URI, or asks for a transport that we do not have.
 */
export function asRoute(proxy: string): string {
  if (proxy.includes("<")) return proxy;
  const uri = parseTarget(proxy);
  const parameters = new Map(uri.parameters);
  if (!parameters.has("lr")) parameters.set("lr", undefined);
  return `<${serializeSipUri({ ...uri, parameters })}>`;
}

/**
 * Who is called through a trunk, at each of its URIs.
 *
 * @param user The number or name that is called.
 */
export function trunkTarget(trunk: Trunk, user: string): TrunkTarget {
  const uris = trunk.uri.map((text) => serializeSipUri({ ...parseTarget(text), user }));
  const first = trunk.uri[0];
  const { username } = trunk;
  const own = username === undefined || first === undefined
    ? undefined
    : serializeSipUri({ ...parseTarget(first), user: username, parameters: new Map() });
  const from = trunk.from ?? own;
  return {
    uris,
    from: from === undefined ? undefined : asNameAddr(from),
    headers: Object.entries(trunk.headers),
    credentials: credentialsOf(trunk),
  };
}

/** What the configuration says for whoever challenges us. */
export function credentialsOf(
  { username, password }: { readonly username?: string; readonly password?: string },
): Credentials | undefined {
  return username === undefined || password === undefined ? undefined : { username, password };
}

/**
 * Where a 3xx sends us, the best first. What cannot be called, or is less secret than what was asked for, is left out,
 * and so is what a URI would add to the request (§19.1.5): a redirection chooses whom we call and nothing else.
 *
 * @param from The URI that was redirected.
 */
export function redirectTargets(response: SipResponse, from: string): readonly string[] {
  const isSecure = from.toLowerCase().startsWith("sips:");
  return response.headers.values("Contact").slice(0, CONTACTS_MAX)
    .flatMap(readContact)
    .filter(({ uri }) => !isSecure || uri.scheme === "sips")
    // The sort is stable: what is alike stays in its order
    .sort((a, b) => b.q - a.q)
    .map(({ uri }) => serializeSipUri(uri));
}

function readContact(text: string): { readonly uri: SipUri; readonly q: number }[] {
  try {
    const contact = parseNameAddr(text);
    if (nextHopOf(contact.uri) === undefined) return [];
    const { parameters, ...rest } = parseSipUri(contact.uri);
    const kept = new Map(parameters);
    kept.delete("method");
    return [{ uri: { ...rest, parameters: kept, headers: undefined }, q: qOf(contact) }];
  } catch (error) {
    // Another Contact may be of use
    if (error instanceof SipParseError) return [];
    throw error;
  }
}

/** §20.10: from 0 to 1; nothing said is as good as the best. */
function qOf({ parameters }: NameAddr): number {
  const text = parameters.get("q");
  if (text === undefined) return 1;
  const q = Number(text);
  return q >= 0 && q <= 1 ? q : 0;
}

function parseUri(text: string): SipUri {
  try {
    return parseSipUri(text);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new OutboundTargetError(
      `Cannot call "${text}": this is no SIP URI, write such as sip:100@127.0.0.1:5060`,
    );
  }
}
