/**
 * Makes the facts of a call from its INVITE, with the fallbacks of ids that callers leave out.
 *
 * Reading SIP is left to `sip/message`: what comes in here has been parsed already.
 *
 * @module
 */

import type { CallFacts, PartyFacts } from "./call_facts.ts";

/** A From or To header, parsed. */
export interface PartyInput {
  readonly uri: string;
  /** Unquoted; empty or absent when there is none. */
  readonly displayName?: string | undefined;
}

/** What the facts are made from. */
export interface FactsInput {
  /** UUIDv7, made by us. */
  readonly id: string;
  readonly method: string;
  readonly requestUri: string;
  readonly from: PartyInput;
  readonly to: PartyInput;
  readonly sipCallId: string;
  /** `address:port` that the INVITE came from. */
  readonly source: string;
  readonly transport: "udp" | "tcp";
  /** Every header field in the order of the message, names as sent. */
  readonly headers: Iterable<readonly [string, string]>;
  /** Takes a URI apart; a part that is missing is the empty text. Must not throw. */
  readonly uriParts: (uri: string) => { readonly user: string; readonly host: string };
}

/** Longest value of a fact, in UTF-16 units; what is beyond is cut off. */
export const FACT_LENGTH_MAX = 1024;

/** X-headers that are taken at most; what comes later in the message is left out. */
export const X_HEADERS_MAX = 64;

/**
 * Makes the facts of a call. An empty header counts as absent, the first value of a header wins.
 */
export function makeFacts(input: FactsInput): CallFacts {
  const x_headers = collectXHeaders(input.headers);
  const callId = limit(input.sipCallId);
  const from = partyFacts(input.from, input.uriParts);
  const sessionId = findByName(x_headers, "x-session-id");
  return {
    id: input.id,
    sip_call_id: callId,
    room_id: findByName(x_headers, "x-room-id") ?? callId,
    session_id: sessionId ?? callId,
    participant_id: sessionId ?? from.uri,
    from,
    to: partyFacts(input.to, input.uriParts),
    request_uri: limit(input.requestUri),
    user: limit(input.uriParts(input.requestUri).user),
    source: input.source,
    transport: input.transport,
    method: input.method,
    x_headers,
    route: "",
    match: {},
  };
}

/** The facts of a call whose route is chosen. */
export function withRoute(
  facts: CallFacts,
  chosen: { readonly route: { readonly name: string }; readonly match: CallFacts["match"] },
): CallFacts {
  return { ...facts, route: chosen.route.name, match: chosen.match };
}

/** Gives an X-header by its name, in any case. */
export function findXHeader(facts: CallFacts, name: string): string | undefined {
  return findByName(facts.x_headers, name.toLowerCase());
}

function findByName(
  headers: Readonly<Record<string, string>>,
  lowerName: string,
): string | undefined {
  for (const name in headers) {
    if (name.toLowerCase() === lowerName) return headers[name];
  }
  return undefined;
}

function collectXHeaders(headers: Iterable<readonly [string, string]>): Record<string, string> {
  const taken: Record<string, string> = {};
  const seen = new Set<string>();
  for (const [name, raw] of headers) {
    const lower = name.toLowerCase();
    if (!lower.startsWith("x-") || seen.has(lower)) continue;
    const value = raw.trim();
    if (value === "") continue;
    if (seen.size === X_HEADERS_MAX) break;
    seen.add(lower);
    taken[name] = limit(value);
  }
  return taken;
}

function partyFacts(party: PartyInput, uriParts: FactsInput["uriParts"]): PartyFacts {
  const { user, host } = uriParts(party.uri);
  return {
    uri: limit(party.uri),
    user: limit(user),
    host: limit(host),
    display_name: limit(party.displayName ?? ""),
  };
}

function limit(value: string): string {
  return value.length > FACT_LENGTH_MAX ? value.slice(0, FACT_LENGTH_MAX) : value;
}
