/**
 * Our requests on their way: each is tried until it has an answer that its sender must see. RFC 3261 §8.1.
 *
 * One request may take several transactions: with credentials after a challenge (§22.2), with a longer session timer
 * after 422 (RFC 4028 §7.4), at the next destination after a failure (RFC 3263 §4.3), and over UDP when a stream was
 * tried for its size alone (§18.1.1).
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { DigestClient } from "../auth/digest_client.ts";
import type { Dialog } from "../dialog/dialog.ts";
import { raisedMinimum } from "../dialog/session_timer.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { serializedSize } from "../message/serialize.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { Hop } from "../transport/flow.ts";
import { addVia, contactFor, type ContactOptions, type UserAgentContext } from "./context.ts";
import type { RequestId, UserAgentOutput } from "./output.ts";
import { isGivenUp, type Session } from "./session_table.ts";

/** What a request within a session is for. */
export type Purpose = "bye" | "offer" | "refresh" | "prack" | "refer" | "notify" | "other";

/** Who wants to hear of a request. */
export type RequestOwner =
  | { readonly type: "invite"; readonly session: Session }
  | { readonly type: "in_dialog"; readonly session: Session; readonly purpose: Purpose }
  | { readonly type: "outside"; readonly request: RequestId };

/** A request to be sent. */
export interface ClientRequest {
  readonly owner: RequestOwner;
  /** Without Via; without Contact when `contact` is there. Not to be changed afterwards. */
  readonly request: SipRequest;
  /** The dialog that the request is of, early or confirmed: it numbers further tries. */
  readonly dialog?: Dialog;
  /** At least one; the next is tried when one fails. */
  readonly hops: readonly Hop[];
  readonly contact?: ContactOptions | undefined;
  readonly digest?: DigestClient | undefined;
}

interface Attempt extends ClientRequest {
  readonly hopIndex: number;
  /** As it went out, with our Via. */
  readonly sent: SipRequest;
  readonly hop: Hop;
  /** `stream`: over a stream for its size; `datagram`: that failed. */
  readonly size: "undecided" | "stream" | "datagram";
  /** Challenges and raised timers that were followed. */
  readonly retries: number;
}

/** A final or provisional response that is for the sender. */
export interface Delivery {
  readonly owner: RequestOwner;
  /** As it went out. */
  readonly request: SipRequest;
  readonly hop: Hop;
}

/** What became of a response or failure: another try, or something for the sender. */
export type Progress =
  | { readonly type: "retried"; readonly outputs: UserAgentOutput[] }
  | { readonly type: "delivered"; readonly delivery: Delivery };

/** §18.1.1: a longer request goes over a transport with congestion control. */
const DATAGRAM_SIZE_MAX = 1300;

/** Challenges (a proxy's and a server's, each stale once) and timers that one request follows. */
const RETRIES_MAX = 6;

/** All requests of a user agent that have no final response. */
export class ClientRequests {
  readonly #context: () => UserAgentContext;
  readonly #attempts = new Map<TransactionKey, Attempt>();

  /** @param context Asked for at each use, as the two are made of each other. */
  constructor(context: () => UserAgentContext) {
    this.#context = context;
  }

  /** Sends a request for the first time. */
  send(request: ClientRequest, now: Millis): UserAgentOutput[] {
    return this.#transmit({ ...request, hopIndex: 0, size: "undecided", retries: 0 }, now);
  }

  /** A response came. `undefined`: nobody waits for it. */
  receive(key: TransactionKey, response: SipResponse, now: Millis): Progress | undefined {
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return undefined;
    const next = response.statusCode < 300 ? undefined : this.#nextAttempt(attempt, response);
    if (next !== undefined) return this.#retry(key, next, now);
    return { type: "delivered", delivery: deliveryOf(attempt) };
  }

  /** There was no final response in time, or no way to send. */
  fail(key: TransactionKey, cause: "timeout" | "transport", now: Millis): Progress | undefined {
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return undefined;
    if (isInVain(attempt)) return { type: "delivered", delivery: deliveryOf(attempt) };
    if (attempt.size === "stream" && cause === "transport") {
      return this.#retry(key, { ...attempt, size: "datagram" }, now);
    }
    const next = nextHop(attempt);
    if (next !== undefined) return this.#retry(key, next, now);
    return { type: "delivered", delivery: deliveryOf(attempt) };
  }

  /** Where a request that waits for its answer went: its CANCEL goes there too. §9.1 */
  destination(key: TransactionKey): SocketAddress | undefined {
    return this.#attempts.get(key)?.hop.to;
  }

  /** The transaction is over, or its sender does not wait any more. */
  forget(key: TransactionKey): void {
    this.#attempts.delete(key);
  }

  #retry(key: TransactionKey, next: Omit<Attempt, "sent" | "hop">, now: Millis): Progress {
    this.#attempts.delete(key);
    return { type: "retried", outputs: this.#transmit(next, now) };
  }

  /** What a refusal makes worth trying; `undefined`: nothing. */
  #nextAttempt(
    attempt: Attempt,
    response: SipResponse,
  ): Omit<Attempt, "sent" | "hop"> | undefined {
    const { digest } = attempt;
    if (isInVain(attempt)) return undefined;
    switch (response.statusCode) {
      case 401:
      case 407:
        if (attempt.retries >= RETRIES_MAX || digest?.challenged(response) !== true) {
          return undefined;
        }
        return this.#renumbered(attempt);
      case 422: {
        const minimum = raisedMinimum(response);
        if (attempt.retries >= RETRIES_MAX || minimum === undefined) return undefined;
        return withMinimum(this.#renumbered(attempt), minimum);
      }
      case 503:
        return nextHop(attempt);
      default:
        return undefined;
    }
  }

  /** §8.1.3.5: a request that is sent again with something added has a CSeq of its own. */
  #renumbered(attempt: Attempt): Attempt {
    const { owner, request, dialog } = attempt;
    const { method } = request;
    const former = request.headers.cseq.sequence;
    const sequence = dialog?.takeSequence() ?? former + 1;
    if (owner.type === "in_dialog" && owner.purpose === "refer") {
      owner.session.subscription?.renumber(former, sequence);
    }
    const headers = request.headers.clone().set("CSeq", `${sequence} ${method}`);
    return { ...attempt, request: { ...request, headers }, retries: attempt.retries + 1 };
  }

  #transmit(attempt: Omit<Attempt, "sent" | "hop">, now: Millis): UserAgentOutput[] {
    const context = this.#context();
    const { owner, request, contact, digest } = attempt;
    const asked = attempt.hops[attempt.hopIndex] as Hop;
    const credentials = digest?.authorize(request) ?? [];
    const stream = attempt.size === "datagram"
      ? undefined
      : this.#streamHop({ request, credentials, hop: asked });
    const hop = stream ?? asked;
    const headers = request.headers.clone();
    const message: SipRequest = { ...request, headers };
    if (contact !== undefined) {
      const { requestUri, method } = request;
      // What a registrar keeps is for whoever calls, by TLS or not
      const like = method === "REGISTER" ? {} : { requestUri };
      headers.append("Contact", contactFor(context.identity, hop.flow, { ...like, ...contact }));
    }
    for (const [name, value] of credentials) headers.append(name, value);
    addVia(context, message, hop.flow);
    const { key, outputs } = context.transactions.send(message, hop.flow, hop.to, now);
    const overDatagram = attempt.size === "datagram" ? "datagram" : "undecided";
    const size = stream === undefined ? overDatagram : "stream";
    this.#attempts.set(key, { ...attempt, size, sent: message, hop });
    // A re-INVITE needs no person to answer it
    if (owner.type === "in_dialog" && message.method === "INVITE") {
      context.transactions.limit(key, now);
    }
    if (owner.type === "invite") {
      const { session } = owner;
      session.invite = message;
      session.inviteKey = key;
      session.flow = hop.flow;
      // §9.1: this INVITE has no provisional response yet, so that its CANCEL has to wait for one
      if (session.calling?.state === "proceeding") session.calling.state = "calling";
    }
    const into: UserAgentOutput[] = [];
    context.absorb(outputs, into, now);
    return into;
  }

  #streamHop(
    { request, credentials, hop }: { request: SipRequest; credentials: Headers; hop: Hop },
  ): Hop | undefined {
    if (hop.flow.transport !== "udp") return undefined;
    let bytes = serializedSize(request) + OVERHEAD_BYTES;
    for (const [name, value] of credentials) bytes += name.length + value.length + 4;
    if (bytes <= DATAGRAM_SIZE_MAX) return undefined;
    return this.#context().streamHop(hop);
  }
}

/** Our Via and Contact, at their usual length. */
const OVERHEAD_BYTES = 150;

/** A call that we have given up is not tried again. */
function isInVain({ owner }: Attempt): boolean {
  const calling = owner.type === "invite" ? owner.session.calling : undefined;
  return calling !== undefined && isGivenUp(calling);
}

function nextHop(attempt: Attempt): Omit<Attempt, "sent" | "hop"> | undefined {
  const hopIndex = attempt.hopIndex + 1;
  return hopIndex < attempt.hops.length ? { ...attempt, hopIndex, size: "undecided" } : undefined;
}

function withMinimum(attempt: Attempt, minimum: Millis): Attempt {
  const { request } = attempt;
  const headers = request.headers.clone();
  const seconds = Math.ceil(minimum / 1000);
  const expires = headers.get("Session-Expires") ?? "";
  const parameters = expires.includes(";") ? expires.slice(expires.indexOf(";")) : "";
  const asked = Number.parseInt(expires, 10) || 0;
  headers.set("Session-Expires", `${Math.max(asked, seconds)}${parameters}`);
  headers.set("Min-SE", `${seconds}`);
  return { ...attempt, request: { ...request, headers } };
}

function deliveryOf({ owner, sent, hop }: Attempt): Delivery {
  return { owner, request: sent, hop };
}
