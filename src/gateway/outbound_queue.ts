/**
 * Whom one call is still to be tried at: the URIs that were given, and those that redirections add, without going in
 * circles. RFC 3261 §8.1.3.4, RFC 3263 §4.3.
 *
 * @module
 */

import type { SipResponse } from "../sip/message/message.ts";
import { parseSipUri, sameSipUri, type SipUri } from "../sip/message/uri.ts";
import { redirectTargets } from "./outbound_target.ts";

/** One URI to be called. */
export interface DialCandidate {
  readonly uri: string;
  /** The URI in To: that which was called first, whoever it led to. §8.1.3.4 */
  readonly to: string;
  readonly origin: "given" | "redirect";
}

/**
 * How one try ended. `response`: the peer said so; `timeout`: nothing came; `transport`: it could not be sent;
 * `unresolved`: the name leads nowhere; `unanswered`: our patience was at its end; `cancelled`: we gave it up; `internal`: our own fault.
 */
export interface DialAttempt {
  readonly uri: string;
  /** The peer's, or what it would have been. */
  readonly statusCode: number;
  readonly reasonPhrase: string;
  readonly cause:
    | "response"
    | "timeout"
    | "transport"
    | "unresolved"
    | "unanswered"
    | "cancelled"
    | "internal";
}

/** Redirections that one call follows. */
const REDIRECTS_MAX = 5;

/** What is left to be tried. */
export class DialQueue {
  readonly #followsRedirects: boolean;
  readonly #seen: SipUri[] = [];
  #waiting: DialCandidate[];
  #redirects = 0;

  constructor(uris: readonly string[], options: { readonly followsRedirects: boolean }) {
    this.#followsRedirects = options.followsRedirects;
    this.#waiting = uris.filter((uri) => this.#isNew(uri))
      .map((uri) => ({ uri, to: uri, origin: "given" }));
  }

  /** Whether a failure of the present candidate would lead to another one. */
  get hasMore(): boolean {
    return this.#waiting.length > 0;
  }

  /** The first one of all. */
  first(): DialCandidate | undefined {
    return this.#waiting.shift();
  }

  /**
   * The next one after a failure that ends nothing else.
   *
   * @param alerted The peer had said that its phone rings.
   * @returns `undefined` when the call has failed.
   */
  next(failed: DialAttempt, alerted: boolean): DialCandidate | undefined {
    // §21.6: nobody else is to be tried
    if (failed.statusCode >= 600) return undefined;
    const isElsewhere = isWorthAnotherWay(failed, alerted);
    // A redirection names alternatives; the URIs of a trunk are ways to one and the same
    const index = this.#waiting.findIndex(({ origin }) => origin === "redirect" || isElsewhere);
    if (index < 0) return undefined;
    const [candidate] = this.#waiting.splice(0, index + 1).slice(-1);
    return candidate;
  }

  /** Takes up where a 3xx sends us: before everything else that waits. */
  redirect(response: SipResponse, from: DialCandidate): void {
    const { statusCode } = response;
    // 305 names a proxy and 380 another service: neither is who was called
    if (!this.#followsRedirects || statusCode < 300 || statusCode > 302) return;
    const added: DialCandidate[] = [];
    for (const uri of redirectTargets(response, from.uri)) {
      if (this.#redirects >= REDIRECTS_MAX) break;
      if (!this.#isNew(uri)) continue;
      this.#redirects++;
      added.push({ uri, to: from.to, origin: "redirect" });
    }
    this.#waiting = [...added, ...this.#waiting];
  }

  /** Remembers a URI. */
  #isNew(text: string): boolean {
    const uri = parseSipUri(text);
    if (this.#seen.some((seen) => sameSipUri(seen, uri))) return false;
    this.#seen.push(uri);
    return true;
  }
}

/** RFC 3263 §4.3: the server, not the callee, is the reason. */
function isWorthAnotherWay({ statusCode, cause }: DialAttempt, alerted: boolean): boolean {
  if (cause === "cancelled") return false;
  // Who rang and got no answer would only be rung again
  if (statusCode === 408) return !alerted;
  return statusCode >= 500 && statusCode < 600;
}
