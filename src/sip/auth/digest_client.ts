/**
 * Digest authentication as the one who is challenged: answers 401 and 407 with credentials. RFC
 * 3261 §22, RFC 7616, RFC 8760; challenges of RFC 2617 and 2069 too.
 *
 * Sending the request again, with a new branch and a higher CSeq, is left to the user agent.
 *
 * @module
 */

import type { Hash } from "../../base/hash.ts";
import { randomHex, type RandomSource } from "../../base/random.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import { type AuthParameter, parseAuthValues, serializeAuthValue } from "./auth_value.ts";
import type { Credentials } from "./credentials.ts";
import { digestResponse, secretKey, sessionKey } from "./digest.ts";
import {
  type Challenger,
  type DigestChallenge,
  protectionSpace,
  selectChallenges,
} from "./digest_challenge.ts";

/** What a client is made of. */
export interface DigestClientOptions {
  readonly credentials: Credentials;
  readonly hash: Hash;
  /** Client nonces are drawn from it. */
  readonly random: RandomSource;
}

/** What is known of one challenger and realm. */
interface Space {
  readonly challenge: DigestChallenge;
  /** H(A1), with the session in it where the algorithm has one. */
  readonly key: string;
  readonly cnonce: string;
  /** The challenge's, or the one that an answer named as the next. */
  nonce: string;
  /** How often the nonce was used. */
  count: number;
  /** Nothing was sent since the challenge came: what is sent next puts the credentials to test. */
  isUntested: boolean;
}

/** A request that was the first to answer a challenge. */
interface Trial {
  readonly request: string;
  readonly space: string;
  /** The challenge said that only the nonce had been wrong. */
  readonly wasStale: boolean;
}

/** Challengers and realms that one client answers: a server, and the proxies before it. */
const SPACES_MAX = 8;

/** First answers that are remembered, the newest: as many requests may be under way at once. */
const TRIALS_MAX = 32;

/**
 * The credentials of one dialog, registration or request, and what was asked for them. Several
 * requests may be under way at once. Every request carries answers to all that have asked, so that
 * one client is meant for what goes one way.
 */
export class DigestClient {
  readonly #credentials: Credentials;
  readonly #hash: Hash;
  readonly #random: RandomSource;
  readonly #spaces = new Map<string, Space>();
  #trials: Trial[] = [];
  /** What the last INVITE carried, for its ACK. */
  #invite: { readonly request: string; readonly headers: Headers } | undefined;

  constructor(options: DigestClientOptions) {
    this.#credentials = options.credentials;
    this.#hash = options.hash;
    this.#random = options.random;
  }

  /**
   * Takes the challenges of a 401 or 407.
   *
   * @returns Whether it makes sense to send the request again. `false` when nothing in the response
   * can be answered, and when what it refuses was our answer to a challenge already: the user or
   * password is wrong. An answer of which only the nonce was wrong is given once more.
   */
  challenged(response: SipResponse): boolean {
    if (response.statusCode !== 401 && response.statusCode !== 407) return false;
    const request = requestKey(response);
    let isNew = false;
    for (const challenge of selectChallenges(response)) {
      if (this.#take(challenge, request)) isNew = true;
    }
    return isNew;
  }

  /**
   * Tells which headers a request carries, made for its method and Request-URI.
   *
   * The ACK of an INVITE repeats what the INVITE had, and a CANCEL has none. RFC 3261 §22.1
   *
   * @returns Empty before any challenge.
   */
  authorize(request: SipRequest): Headers {
    if (request.method === "CANCEL") return [];
    const key = requestKey(request);
    if (request.method === "ACK") {
      return this.#invite?.request === key ? this.#invite.headers : [];
    }
    // The same request once more, such as to the next destination, is nobody's first answer
    this.#trials = this.#trials.filter((trial) => trial.request !== key);
    const headers = [...this.#spaces].map(([name, space]) => {
      if (space.isUntested) this.#try(name, space, key);
      return this.#answer(space, request);
    });
    if (request.method === "INVITE") this.#invite = { request: key, headers };
    return headers;
  }

  /**
   * Takes the next nonce out of the answer to a request that had credentials, where the server
   * names one. RFC 7616 §3.5. A server works without being asked for this; it saves a challenge.
   */
  accepted(response: SipResponse): void {
    const { headers } = response;
    this.#takeNextNonce("server", headers.get("Authentication-Info"));
    this.#takeNextNonce("proxy", headers.get("Proxy-Authentication-Info"));
  }

  #take(challenge: DigestChallenge, request: string): boolean {
    const name = protectionSpace(challenge);
    const known = this.#spaces.get(name);
    if (known === undefined && this.#spaces.size >= SPACES_MAX) return false;
    const trial = this.#trials.find((one) => one.space === name && one.request === request);
    // RFC 3261 §22.2: credentials that were just rejected are not tried again
    if (trial !== undefined && (trial.wasStale || !challenge.isStale)) return false;
    this.#spaces.set(name, this.#open(challenge, known));
    return true;
  }

  #open(challenge: DigestChallenge, known: Space | undefined): Space {
    const { hash, isSession } = challenge.algorithm;
    const { realm, nonce } = challenge;
    // RFC 7616 §3.4: a nonce that comes again is counted on
    if (known?.nonce === nonce && sameAlgorithm(known.challenge, challenge)) {
      return { ...known, challenge, isUntested: true };
    }
    const cnonce = randomHex(this.#random, 16);
    const secret = secretKey(this.#hash, hash, { ...this.#credentials, realm });
    const key = isSession
      ? sessionKey(this.#hash, hash, { secretKey: secret, nonce, cnonce })
      : secret;
    return { challenge, key, cnonce, nonce, count: 0, isUntested: true };
  }

  #try(name: string, space: Space, request: string): void {
    space.isUntested = false;
    if (this.#trials.length >= TRIALS_MAX) this.#trials = this.#trials.slice(1);
    this.#trials.push({ request, space: name, wasStale: space.challenge.isStale });
  }

  #answer(space: Space, { method, requestUri }: SipRequest): readonly [string, string] {
    const { challenge, key, nonce, cnonce } = space;
    const { realm, algorithm, algorithmName, opaque, hasQuality } = challenge;
    space.count++;
    const nc = space.count.toString(16).padStart(8, "0");
    const quality = hasQuality ? { nc, cnonce } : undefined;
    const parts = { key, nonce, method, uri: requestUri, quality };
    const parameters: AuthParameter[] = [
      ["username", this.#credentials.username, "quoted"],
      ["realm", realm, "quoted"],
      ["nonce", nonce, "quoted"],
      ["uri", requestUri, "quoted"],
      ["response", digestResponse(this.#hash, algorithm.hash, parts), "quoted"],
    ];
    if (algorithmName !== undefined) parameters.push(["algorithm", algorithmName, "token"]);
    if (opaque !== undefined) parameters.push(["opaque", opaque, "quoted"]);
    // RFC 7616 §3.4: nc MUST NOT be there without qop; a session needs its cnonce in any case
    if (hasQuality) parameters.push(["qop", "auth", "token"], ["nc", nc, "token"]);
    if (hasQuality || algorithm.isSession) parameters.push(["cnonce", cnonce, "quoted"]);
    const name = challenge.challenger === "proxy" ? "Proxy-Authorization" : "Authorization";
    return [name, serializeAuthValue("Digest", parameters)];
  }

  #takeNextNonce(challenger: Challenger, text: string | undefined): void {
    if (text === undefined) return;
    const nonce = readNextNonce(text);
    const spaces = [...this.#spaces.values()].filter((space) =>
      space.challenge.challenger === challenger
    );
    const [space] = spaces;
    // The header names no realm: among several it is not known whose nonce this is
    if (space === undefined || spaces.length > 1) return;
    if (nonce === undefined || nonce === space.nonce) return;
    space.nonce = nonce;
    space.count = 0;
  }
}

function sameAlgorithm(a: DigestChallenge, b: DigestChallenge): boolean {
  return a.algorithm === b.algorithm;
}

/** Authentication-Info has parameters and no scheme: it is given one to be read. */
function readNextNonce(text: string): string | undefined {
  try {
    const nonce = parseAuthValues(`Digest ${text}`)[0]?.parameters.get("nextnonce");
    return nonce === "" ? undefined : nonce;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** What a request, its responses and the ACK of an INVITE have in common. */
function requestKey({ headers }: SipRequest | SipResponse): string {
  const { sequence, method } = headers.cseq;
  return `${sequence} ${method === "ACK" ? "INVITE" : method} ${headers.callId}`;
}
