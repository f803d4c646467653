/**
 * Who sent a call on before it came here: the Diversion header of RFC 5806, or what the History-Info
 * header of RFC 7044 tells of it.
 *
 * Both are written by strangers: a value that cannot be read counts as absent.
 *
 * @module
 */

import type { DiversionFacts } from "./call_facts.ts";
import { splitValues } from "./header_values.ts";
import type { NameAddrInput } from "./name_addr_input.ts";

/** Diversions that a call can have; the oldest ones beyond are left out. */
export const DIVERSIONS_MAX = 16;

/** What is given when nobody says why: a value of RFC 5806 itself. */
const UNKNOWN = "unknown";

/** Causes of redirection and the reasons that Diversion has for them. RFC 4458, RFC 7544. */
const REASONS: Readonly<Record<string, string>> = {
  "302": "unconditional",
  "408": "no-answer",
  "480": "deflection",
  "486": "user-busy",
  "487": "deflection",
  "503": "unavailable",
};

/** The header lines that tell of diversions, and who reads their addresses. */
export interface DiversionInput {
  /** Values of Diversion headers, in the order of the message. */
  readonly diversion: readonly string[];
  /** Values of History-Info headers, in the order of the message. */
  readonly historyInfo: readonly string[];
  /** Reads an address; `undefined` when it is none. */
  readonly nameAddr: (text: string) => NameAddrInput | undefined;
  readonly userOf: (uri: string) => string;
}

/** Lists the diversions of a call, the last one first. */
export function diversionsOf(input: DiversionInput): readonly DiversionFacts[] {
  const told = fromDiversion(input);
  return (told.length > 0 ? told : fromHistoryInfo(input)).slice(0, DIVERSIONS_MAX);
}

/** RFC 5806: every diverting entity adds its header above those that are there. */
function fromDiversion({ diversion, nameAddr, userOf }: DiversionInput): DiversionFacts[] {
  return splitValues(diversion).flatMap((value): DiversionFacts[] => {
    const address = nameAddr(value);
    if (address === undefined) return [];
    const { uri, parameters } = address;
    const reason = parameters.get("reason")?.trim().toLowerCase() || UNKNOWN;
    return [{ uri, user: userOf(uri), reason }];
  });
}

/** One entry of History-Info: a target that the request had on its way. */
interface HistoryEntry {
  /** Without headers. */
  readonly uri: string;
  /** Its place in the tree of targets, such as `1.1`. */
  readonly index: string | undefined;
  /** The index of the target that this one took the place of. RFC 7044 */
  readonly instead: string | undefined;
  /** Why the request went on from here: the Reason header in the URI. RFC 7044 */
  readonly leftFor: string | undefined;
  /** Why the request came here: the URI's cause parameter. RFC 4458 */
  readonly cameFor: string | undefined;
}

/** Entries are in the order of the way, RFC 7044: the last one is the target that we are. */
function fromHistoryInfo({ historyInfo, nameAddr, userOf }: DiversionInput): DiversionFacts[] {
  const entries = splitValues(historyInfo).flatMap((value) => {
    const address = nameAddr(value);
    return address === undefined ? [] : [historyEntry(address)];
  });
  const reasons = new Map<HistoryEntry, string>();
  for (const [position, entry] of entries.entries()) {
    if (entry.leftFor !== undefined) reasons.set(entry, entry.leftFor);
    if (entry.cameFor === undefined) continue;
    const from = entry.instead === undefined
      ? entries[position - 1]
      : entries.find((other) => other.index === entry.instead);
    if (from !== undefined && from !== entry) reasons.set(from, entry.cameFor);
  }
  return entries.toReversed().flatMap((entry) => {
    const reason = reasons.get(entry);
    return reason === undefined ? [] : [{ uri: entry.uri, user: userOf(entry.uri), reason }];
  });
}

function historyEntry({ uri: whole, parameters }: NameAddrInput): HistoryEntry {
  const question = whole.indexOf("?");
  const uri = question < 0 ? whole : whole.slice(0, question);
  const behindUser = uri.slice(uri.lastIndexOf("@") + 1);
  const cause = /;cause=(\d{3})(?:;|$)/i.exec(behindUser)?.[1];
  return {
    uri,
    index: parameters.get("index"),
    instead: parameters.get("mp") ?? parameters.get("rc"),
    leftFor: question < 0 ? undefined : reasonIn(whole.slice(question + 1)),
    cameFor: cause === undefined ? undefined : REASONS[cause] ?? UNKNOWN,
  };
}

/** Headers of a URI are escaped: `Reason=SIP%3Bcause%3D302`. RFC 3261 §19.1.1 */
function reasonIn(uriHeaders: string): string | undefined {
  const header = uriHeaders.split("&").find((text) => /^reason=/i.test(text));
  if (header === undefined) return undefined;
  const value = decoded(header.slice("reason=".length));
  const cause = /(?:^|,)\s*SIP\s*;[^,]*?\bcause\s*=\s*(\d{3})\b/i.exec(value)?.[1];
  return cause === undefined ? UNKNOWN : REASONS[cause] ?? UNKNOWN;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // An escape that is none: the text as it stands will hardly name a cause.
    return text;
  }
}
