/**
 * A digest challenge as the challenged side sees it. RFC 7616 §3.3, RFC 8760 §2.4.
 *
 * @module
 */

import { SipParseError } from "../message/parse_error.ts";
import type { SipResponse } from "../message/message.ts";
import { type AuthParameters, parseAuthValues } from "./auth_value.ts";
import { type DigestAlgorithm, digestAlgorithm } from "./digest.ts";

/** Who challenges: the far end of the request, or a proxy on its way. RFC 3261 §22.2, §22.3 */
export type Challenger = "server" | "proxy";

/** What we were asked, in a way that we can answer. */
export interface DigestChallenge {
  readonly challenger: Challenger;
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: DigestAlgorithm;
  /** As the challenger spells it; `undefined` when it did not say. */
  readonly algorithmName: string | undefined;
  /** Whether the challenger takes qop=auth; otherwise it is one of RFC 2069. */
  readonly hasQuality: boolean;
  /** Only the nonce was wrong. */
  readonly isStale: boolean;
}

const HEADERS: readonly (readonly [string, Challenger])[] = [
  ["WWW-Authenticate", "server"],
  ["Proxy-Authenticate", "proxy"],
];

/** More lines than any honest server and its proxies write. */
const LINES_MAX = 16;

/**
 * Picks the challenges of a 401 or 407 that we answer: one for each challenger and realm, the first
 * in the order received whose algorithm we have. MD5 is taken only when there is no other.
 *
 * Both headers are read whatever the status code is: a forking proxy joins what it was asked. RFC
 * 3261 §16.7. Lines that cannot be read, schemes other than Digest and qualities other than `auth`
 * are passed over.
 */
export function selectChallenges(response: SipResponse): DigestChallenge[] {
  const selected = new Map<string, DigestChallenge>();
  for (const [name, challenger] of HEADERS) {
    for (const line of response.headers.getAll(name).slice(0, LINES_MAX)) {
      for (const challenge of readChallenges(line, challenger)) {
        const space = protectionSpace(challenge);
        const known = selected.get(space);
        // RFC 8760 §2.4: the topmost that is supported; ours to say is that MD5 comes last
        if (known === undefined || (isWeak(known) && !isWeak(challenge))) {
          selected.set(space, challenge);
        }
      }
    }
  }
  return [...selected.values()];
}

/** Names the space in which a challenge's credentials are good. RFC 3261 §22.1 */
export function protectionSpace(challenge: DigestChallenge): string {
  return `${challenge.challenger}:${challenge.realm}`;
}

function isWeak(challenge: DigestChallenge): boolean {
  return challenge.algorithm.hash === "md5";
}

function readChallenges(line: string, challenger: Challenger): DigestChallenge[] {
  try {
    return parseAuthValues(line).flatMap(({ scheme, parameters }) => {
      const challenge = scheme === "digest" ? readChallenge(parameters, challenger) : undefined;
      return challenge === undefined ? [] : [challenge];
    });
  } catch (error) {
    if (error instanceof SipParseError) return [];
    throw error;
  }
}

function readChallenge(
  parameters: AuthParameters,
  challenger: Challenger,
): DigestChallenge | undefined {
  const realm = parameters.get("realm");
  const nonce = parameters.get("nonce");
  const algorithmName = parameters.get("algorithm");
  const algorithm = digestAlgorithm(algorithmName);
  if (realm === undefined || nonce === undefined || algorithm === undefined) return undefined;
  const qop = parameters.get("qop");
  const qualities = qop?.toLowerCase().split(",").map((one) => one.trim());
  // An empty list is written by servers that mean none
  const hasQuality = qualities !== undefined && qualities.some((one) => one !== "");
  if (hasQuality && !qualities.includes("auth")) return undefined;
  return {
    challenger,
    realm,
    nonce,
    opaque: parameters.get("opaque"),
    algorithm,
    algorithmName,
    hasQuality,
    isStale: parameters.get("stale")?.toLowerCase() === "true",
  };
}
