/**
 * Our requests outside of sessions, such as REGISTER and OPTIONS. RFC 3261 §8.1, §10.2.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import type { Credentials } from "../auth/credentials.ts";
import { DigestClient } from "../auth/digest_client.ts";
import { routedTarget } from "../dialog/dialog.ts";
import { createRequest } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipResponse } from "../message/message.ts";
import { reasonPhrase } from "../message/reason_phrases.ts";
import type { Hop } from "../transport/flow.ts";
import type { ContactOptions, UserAgentContext } from "./context.ts";
import type { RequestId, UserAgentOutput } from "./output.ts";

/** A request outside of sessions. */
export interface OutsideRequest {
  readonly method: string;
  readonly requestUri: string;
  /** Value of From without a tag. */
  readonly from: string;
  readonly to: string;
  /** The ways out, in the order to be tried. At least one. */
  readonly hops: readonly Hop[];
  /** Proxies to go through, such as `<sip:proxy.example.com;lr>`. */
  readonly routes?: readonly string[];
  readonly headers?: Headers;
  /** Our Contact, for requests that have one. */
  readonly contact?: ContactOptions;
  /** Default: new ones. Registrations keep theirs. §10.2.4 */
  readonly callId?: string;
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
    const { method, hops, contact, credentials } = options;
    const { requestUri, routes } = routedTarget(options.requestUri, options.routes ?? []);
    const request = createRequest({
      method,
      requestUri,
      headers: [
        ["Max-Forwards", "70"],
        ...routes.map((route) => ["Route", route] as const),
        ["From", `${options.from};tag=${options.fromTag ?? id}`],
        ["To", options.to],
        ["Call-ID", options.callId ?? randomHex(random, 16)],
        ["CSeq", `${options.sequence ?? 1} ${method}`],
        ...options.headers ?? [],
      ],
    });
    const owner = { type: "outside", request: id } as const;
    const digest = credentials === undefined ? undefined : this.#digestOf(credentials);
    this.#open.add(id);
    return { request: id, outputs: requests.send({ owner, request, hops, contact, digest }, now) };
  }

  /** Nobody waits for the answer any more. */
  abandon(id: RequestId): void {
    this.#open.delete(id);
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
