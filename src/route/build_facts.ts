/**
 * Makes the facts of a call from its INVITE, with the fallbacks of ids that callers leave out.
 *
 * Reading SIP is left to `sip/message`: what comes in here has been parsed already.
 *
 * @module
 */

import type { CallFacts, DiversionFacts, PartyFacts, TransportWord } from "./call_facts.ts";
import { diversionsOf } from "./diversion.ts";
import { HEADER_VALUES_MAX, splitValues } from "./header_values.ts";
import type { NameAddrInput, ReadNameAddr } from "./name_addr_input.ts";

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
  readonly transport: TransportWord;
  /** The user that digest authentication proved; absent when it was not asked for. */
  readonly authUser?: string | undefined;
  /** Name of the registration that the INVITE came through; absent when through none. */
  readonly registration?: string | undefined;
  /** Every header field in the order of the message, names as sent. */
  readonly headers: Iterable<readonly [string, string]>;
  /** Takes a URI apart; a part that is missing is the empty text. Must not throw. */
  readonly uriParts: (uri: string) => { readonly user: string; readonly host: string };
  /** Reads an address of a header that nobody has checked; may throw. */
  readonly nameAddr: ReadNameAddr;
}

/** Longest value of a fact, in UTF-16 units; what is beyond is cut off. */
export const FACT_LENGTH_MAX = 1024;

/** X-headers that are taken at most; what comes later in the message is left out. */
export const X_HEADERS_MAX = 64;

/**
 * Makes the facts of a call. An empty header counts as absent, the first value of a header wins,
 * and a header that cannot be read counts as absent too: no call is refused for one.
 */
export function makeFacts(input: FactsInput): CallFacts {
  const { x_headers, told } = collectHeaders(input.headers);
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
    asserted_identity: assertedIdentity(told["p-asserted-identity"], input),
    diversion: diversionFacts(told, input),
    request_uri: limit(input.requestUri),
    user: limit(input.uriParts(input.requestUri).user),
    source: input.source,
    transport: input.transport,
    auth_user: limit(input.authUser ?? ""),
    registration: input.registration ?? "",
    reason: limit(told.reason[0]?.trim() ?? ""),
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

/** Headers that have facts of their own, by their names in lower case. */
type ToldHeaders = Readonly<
  Record<"p-asserted-identity" | "diversion" | "history-info" | "reason", readonly string[]>
>;

const NOTHING_TOLD: ToldHeaders = {
  "p-asserted-identity": [],
  "diversion": [],
  "history-info": [],
  "reason": [],
};

/** Those of the headers that are looked for. */
const FIRST_LETTERS = ["x-", ...Object.keys(NOTHING_TOLD)]
  .map((name) => name.charAt(0) + name.charAt(0).toUpperCase()).join("");

interface CollectedHeaders {
  readonly x_headers: Record<string, string>;
  readonly told: ToldHeaders;
}

/** One walk, since the headers may be readable only once. */
function collectHeaders(headers: Iterable<readonly [string, string]>): CollectedHeaders {
  const x_headers: Record<string, string> = {};
  const seen = new Set<string>();
  let told = NOTHING_TOLD;
  for (const [name, raw] of headers) {
    // Most headers are none of these, and are passed by without a lower-case name
    if (!FIRST_LETTERS.includes(name.charAt(0))) continue;
    const lower = name.toLowerCase();
    if (!lower.startsWith("x-")) {
      if (!Object.hasOwn(told, lower)) continue;
      const key = lower as keyof ToldHeaders;
      if (told[key].length < HEADER_VALUES_MAX) told = { ...told, [key]: [...told[key], raw] };
      continue;
    }
    if (seen.size === X_HEADERS_MAX || seen.has(lower)) continue;
    const value = raw.trim();
    if (value === "") continue;
    seen.add(lower);
    x_headers[name] = limit(value);
  }
  return { x_headers, told };
}

/** RFC 3325 §9.1: one value or two, of which one is a SIP URI and the other a `tel:` one. */
function assertedIdentity(lines: readonly string[], input: FactsInput): PartyFacts | null {
  if (lines.length === 0) return null;
  for (const value of splitValues(lines)) {
    const party = readNameAddr(value, input.nameAddr);
    if (party !== undefined && /^(?:sips?|tel):/i.test(party.uri)) {
      return partyFacts(party, input.uriParts);
    }
  }
  return null;
}

const NO_DIVERSIONS: readonly DiversionFacts[] = [];

function diversionFacts(told: ToldHeaders, input: FactsInput): readonly DiversionFacts[] {
  const { diversion, "history-info": historyInfo } = told;
  if (diversion.length === 0 && historyInfo.length === 0) return NO_DIVERSIONS;
  const diversions = diversionsOf({
    diversion,
    historyInfo,
    nameAddr: (text) => readNameAddr(text, input.nameAddr),
    userOf: (uri) => input.uriParts(uri).user,
  });
  return diversions.map(({ uri, user, reason }) => ({
    uri: limit(uri),
    user: limit(user),
    reason: limit(reason),
  }));
}

function readNameAddr(text: string, nameAddr: ReadNameAddr): NameAddrInput | undefined {
  try {
    return nameAddr(text);
  } catch {
    // The peer's fault: what cannot be read is not there.
    return undefined;
  }
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
