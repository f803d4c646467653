/**
 * Digest authentication as the one who challenges: a user agent server asks who sent a request, by
 * 401. RFC 3261 §22.2, RFC 7616, RFC 8760.
 *
 * Proxies' 407 is not ours to send. ACK and CANCEL cannot be challenged (RFC 3261 §22.1): they are
 * not to be checked.
 *
 * @module
 */

import { isSameText } from "../../base/same_text.ts";
import type { Hash, HashName } from "../../base/hash.ts";
import { randomHex, type RandomSource } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import { type AuthParameter, serializeAuthValue } from "./auth_value.ts";
import { digestResponse, secretKey } from "./digest.ts";
import { type DigestAnswer, findAnswer, isForRequest } from "./digest_answer.ts";
import { type NonceFacts, NonceMint } from "./nonce.ts";
import { NonceCounts } from "./nonce_counts.ts";

/**
 * What proves that somebody is a user: the password, or the hashes of `user:realm:password` in
 * hexadecimal.
 */
export type DigestSecret =
  | { readonly password: string }
  | { readonly ha1: Readonly<Partial<Record<HashName, string>>> };

/** An algorithm as it is configured and written. */
export type DigestAlgorithmName = "SHA-256" | "SHA-512-256" | "MD5";

/** What a server is made of. */
export interface DigestServerOptions {
  readonly realm: string;
  readonly users: ReadonlyMap<string, DigestSecret>;
  /** At least one. MD5 is offered last, the others in this order. */
  readonly algorithms: readonly DigestAlgorithmName[];
  /** How long a nonce is taken. */
  readonly nonceLifetime: Millis;
  readonly hash: Hash;
  readonly random: RandomSource;
  /** Nonces in use that are remembered, at least 1; default 65 536. */
  readonly noncesMax?: number;
}

/** Who sent a request, or the headers of the 401 that it gets. */
export type DigestVerdict =
  | { readonly type: "accepted"; readonly username: string }
  | {
    readonly type: "challenged";
    readonly headers: Headers;
    /** `stale`: the password was right, and the nonce too old or not of this process. */
    readonly reason: "missing" | "stale";
  }
  | {
    readonly type: "refused";
    readonly headers: Headers;
    /** For the log. The sender gets the same answer whatever it is. */
    readonly reason: string;
    /**
     * The sender answered a challenge that went to the source it now sends from, and not with what
     * was sent before: nobody forged the source without reading what is sent there.
     */
    readonly isSourceProven: boolean;
  };

const HASH_OF: Readonly<Record<DigestAlgorithmName, HashName>> = {
  "SHA-256": "sha-256",
  "SHA-512-256": "sha-512-256",
  MD5: "md5",
};

/** Some minutes' worth of a few hundred calls a second. */
const NONCES_MAX = 65_536;

/** One realm and its users. */
export class DigestServer {
  readonly #realm: string;
  readonly #users: ReadonlyMap<string, DigestSecret>;
  readonly #algorithms: readonly DigestAlgorithmName[];
  readonly #hash: Hash;
  readonly #mint: NonceMint;
  readonly #counts: NonceCounts;
  /** Stands in for the password of users that are not there. */
  readonly #nobody: DigestSecret;

  /**
   * @throws RangeError When there is no algorithm, or none that every user has a secret for:
   * clients pick the algorithm before they say who they are.
   */
  constructor(options: DigestServerOptions) {
    const { realm, users, hash, random, nonceLifetime: lifetime } = options;
    this.#realm = realm;
    this.#users = users;
    this.#hash = hash;
    this.#algorithms = commonAlgorithms(options);
    if (this.#algorithms.length === 0) {
      throw new RangeError("There is no algorithm that every user has a secret for");
    }
    this.#mint = new NonceMint({ hash, random, lifetime });
    this.#counts = new NonceCounts({ noncesMax: options.noncesMax ?? NONCES_MAX, lifetime });
    this.#nobody = { password: randomHex(random, 16) };
  }

  /**
   * Asks who sent a request.
   *
   * @param request Not an ACK or CANCEL.
   * @param source Where it came from, without port; needed for `isSourceProven` alone.
   */
  check(request: SipRequest, now: Millis, source = ""): DigestVerdict {
    let answer: DigestAnswer | undefined;
    try {
      answer = findAnswer(request, this.#realm);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      const headers = this.#challenge(source, now);
      return { type: "refused", headers, reason: error.message, isSourceProven: false };
    }
    if (answer === undefined) {
      return { type: "challenged", headers: this.#challenge(source, now), reason: "missing" };
    }
    const nonce = this.#mint.examine(answer.nonce, source, now);
    const fault = this.#faultOf(answer, request);
    return fault === undefined
      ? this.#accept({ answer, nonce, source }, now)
      : this.#refuse(fault, { nonce, source }, now);
  }

  /** What is wrong with an answer, apart from its nonce. */
  #faultOf(answer: DigestAnswer, request: SipRequest): string | undefined {
    const { hash, isSession } = answer.algorithm;
    if (isSession || !this.#algorithms.some((name) => HASH_OF[name] === hash)) {
      return "The algorithm was not offered";
    }
    if (!isForRequest(answer.uri, request)) return 'Parameter "uri" is not the Request-URI';
    return this.#isResponseRight(answer, request) ? undefined : "Wrong user or password";
  }

  /** Takes the same steps for users that are not there. */
  #isResponseRight(answer: DigestAnswer, { method }: SipRequest): boolean {
    const { username, nonce, uri, nc, cnonce, response } = answer;
    const { hash } = answer.algorithm;
    const secret = this.#users.get(username);
    const key = this.#key(username, secret ?? this.#nobody, hash);
    const quality = { nc, cnonce };
    const expected = digestResponse(this.#hash, hash, { key, nonce, method, uri, quality });
    return isSameText(response, expected) && secret !== undefined;
  }

  #key(username: string, secret: DigestSecret, hash: HashName): string {
    const password = "password" in secret ? secret.password : "";
    const key = secretKey(this.#hash, hash, { username, realm: this.#realm, password });
    return "ha1" in secret ? (secret.ha1[hash] as string).toLowerCase() : key;
  }

  #accept(
    { answer, nonce, source }: { answer: DigestAnswer; nonce: NonceFacts; source: string },
    now: Millis,
  ): DigestVerdict {
    const { username, count } = answer;
    const use = nonce.state === "valid"
      ? this.#counts.use({ nonce: answer.nonce, count, madeAt: nonce.madeAt }, now)
      : "forgotten";
    if (use === "new") return { type: "accepted", username };
    // RFC 7616 §3.3: who knows the password is told that it is the nonce, and need not ask the user
    const headers = this.#challenge(source, now, "stale");
    if (use === "forgotten") return { type: "challenged", headers, reason: "stale" };
    const reason = "The nonce count was used before";
    // Whoever has recorded a request can repeat it with the source that it had
    return { type: "refused", headers, reason, isSourceProven: false };
  }

  #refuse(
    reason: string,
    { nonce, source }: { nonce: NonceFacts; source: string },
    now: Millis,
  ): DigestVerdict {
    const headers = this.#challenge(source, now);
    const isSourceProven = nonce.state === "valid" && nonce.isFromSource;
    return { type: "refused", headers, reason, isSourceProven };
  }

  /** RFC 8760 §2.3: one line for each algorithm, the preferred one at the top. */
  #challenge(source: string, now: Millis, stale?: "stale"): Headers {
    const nonce = this.#mint.make(source, now);
    return this.#algorithms.map((algorithm) => {
      const parameters: AuthParameter[] = [
        ["realm", this.#realm, "quoted"],
        ["nonce", nonce, "quoted"],
        ["algorithm", algorithm, "token"],
        ["qop", "auth", "quoted"],
      ];
      if (stale !== undefined) parameters.push(["stale", "true", "token"]);
      return ["WWW-Authenticate", serializeAuthValue("Digest", parameters)];
    });
  }
}

/** What all users have secrets for, without repetitions, MD5 last. */
function commonAlgorithms(options: DigestServerOptions): DigestAlgorithmName[] {
  const secrets = [...options.users.values()];
  const common = [...new Set(options.algorithms)].filter((name) =>
    secrets.every((secret) => "password" in secret || secret.ha1[HASH_OF[name]] !== undefined)
  );
  return [...common.filter((name) => name !== "MD5"), ...common.filter((name) => name === "MD5")];
}
