/**
 * Our requests outside of sessions, such as REGISTER and OPTIONS. RFC 3261 §8.1, §10.2.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import type { Credentials } from "../auth/credentials.ts";
import { DigestClient } from "../auth/digest_client.ts";
import type { SipResponse } from "../message/message.ts";
import { reasonPhrase } from "../message/reason_phrases.ts";
import type { ContactOptions, UserAgentContext } from "./context.ts";
import { type AddressedRequest, createAddressedRequest } from "./addressed_request.ts";
import type { RequestId, UserAgentOutput } from "./output.ts";

/** A request outside of sessions; registrations keep their Call-ID and tag. §10.2.4 */
export interface OutsideRequest extends AddressedRequest {
  readonly method: string;
  /** Our Contact, for requests that have one. */
  readonly contact?: ContactOptions;
  /** Default: a new one. */
  readonly fromTag?: string;
  /** Default: 1. Challenges raise it by one each. */
  readonly sequence?: number;
  /** The same object as before knows the challenges that it met. */
  readonly credentials?: Credentials | undefined;
}

/** The requests outside of sessions that have no final response. */
export class OutsideRequests {
  readonly #context: UserAgentContext;
  readonly #open = new Set<RequestId>();
  readonly #digests = new WeakMap<Credentials, DigestClient>();

  constructor(context: UserAgentContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Sends a request. */
  send(
    options: OutsideRequest,
    now: Millis,
  ): { request: RequestId; outputs: UserAgentOutput[] } {
    const { random, requests } = this.#context;
    const id = randomHex(random, 8);
    const { hops, contact, credentials, fromTag = id, sequence = 1 } = options;
    const request = createAddressedRequest(this.#context, { ...options, fromTag, sequence });
    const owner = { type: "outside", request: id } as const;
    const digest = credentials === undefined ? undefined : this.#digestOf(credentials);
    this.#open.add(id);
    return { request: id, outputs: requests.send({ owner, request, hops, contact, digest }, now) };
  }

  /** A response came. */
  receive(id: RequestId, response: SipResponse): UserAgentOutput[] {
    const { statusCode, reasonPhrase: phrase } = response;
    return statusCode < 200 ? [] : this.#finish(id, statusCode, { phrase, response });
  }

  /** There was none. §8.1.3.1: as if it were a 408, or a 503. */
  fail(id: RequestId, cause: "timeout" | "transport"): UserAgentOutput[] {
    const statusCode = cause === "timeout" ? 408 : 503;
    return this.#finish(id, statusCode, { phrase: reasonPhrase(statusCode), response: undefined });
  }

  #finish(
    id: RequestId,
    statusCode: number,
    { phrase, response }: { phrase: string; response: SipResponse | undefined },
  ): UserAgentOutput[] {
    if (!this.#open.delete(id)) return [];
    return [{ type: "response", request: id, statusCode, reasonPhrase: phrase, response }];
  }

  #digestOf(credentials: Credentials): DigestClient | undefined {
    const { hash, random } = this.#context;
    if (hash === undefined) return undefined;
    const known = this.#digests.get(credentials);
    if (known !== undefined) return known;
    const digest = new DigestClient({ credentials, hash, random });
    this.#digests.set(credentials, digest);
    return digest;
  }
}
