/**
 * Names of transactions: which message belongs to which. RFC 3261 §17.1.3, §17.2.3, §9.2.
 *
 * A key is a string, so that a message finds its transaction by one look-up.
 *
 * The functions throw `SipParseError` for a message whose Via, From, To, Call-ID or CSeq is missing
 * or malformed, where they need it.
 *
 * @module
 */

import { sliceLowerCase } from "../message/grammar.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { Via } from "../message/via.ts";

/** The name of one transaction at this user agent. Opaque: compare it, keep it, do not read it. */
export type TransactionKey = string;

/** What a branch begins with when it alone names a transaction. §8.1.1.7 */
export const MAGIC_COOKIE = "z9hG4bK";

/** Stands in for the port that a sent-by leaves out. §18.1.1 */
const DEFAULT_PORT = 5060;

/** Tells whether a branch names its transaction. The bare cookie does not: RFC 4475 §3.2.1. */
function isUnique(branch: string | undefined): branch is string {
  return branch !== undefined && branch.length > MAGIC_COOKIE.length &&
    branch.startsWith(MAGIC_COOKIE);
}

/**
 * Names the server transaction of a request; an ACK gets the name of its INVITE. §17.2.3
 *
 * Branches are compared byte by byte: who sends one sends it again as it was.
 */
export function serverKey(request: SipRequest): TransactionKey {
  return keyAs(request, request.method === "ACK" ? "INVITE" : request.method);
}

/** Names the server transaction of the INVITE that a CANCEL cancels. §9.2 */
export function cancelledKey(cancel: SipRequest): TransactionKey {
  return keyAs(cancel, "INVITE");
}

/** Tells whether the branch alone names the transaction, as RFC 3261 wants it. */
export function hasUniqueBranch(request: SipRequest): boolean {
  return isUnique(request.headers.via.branch);
}

function keyAs(request: SipRequest, method: string): TransactionKey {
  const via = request.headers.via;
  const { branch } = via;
  return isUnique(branch)
    ? `s${branch}\n${sentBy(via)}\n${method}`
    : keyOf2543(request, via, method);
}

/**
 * Names it as RFC 2543 did. §17.2.3: Request-URI, To tag, From tag, Call-ID, CSeq and top Via are
 * the same. The To tag of an INVITE is left out, since its ACK carries that of the response
 * instead: whether it fits is for the transaction to say.
 */
function keyOf2543(request: SipRequest, via: Via, method: string): TransactionKey {
  const { headers } = request;
  const toTag = method === "INVITE" ? "" : headers.to.tag ?? "";
  const from = `${headers.from.tag ?? ""}\n${headers.callId}\n${headers.cseq.sequence}`;
  const top = `${via.transport}\n${sentBy(via)}\n${via.branch ?? ""}`;
  return `o${request.requestUri}\n${toTag}\n${from}\n${top}\n${method}`;
}

/** §17.2.3: host and port are part of the name, as two clients may draw the same branch. */
function sentBy(via: Via): string {
  const { host, port = DEFAULT_PORT } = via;
  return `${sliceLowerCase(host, 0, host.length)}:${port}`;
}

/** Names the client transaction of a request that we send. */
export function clientKey(branch: string, method: string): TransactionKey {
  return `c${branch}\n${method}`;
}

/**
 * Names the client transaction that a response belongs to. §17.1.3
 *
 * @returns `undefined` when its Via has no branch: none of ours.
 */
export function responseKey(response: SipResponse): TransactionKey | undefined {
  const { via, cseq } = response.headers;
  return via.branch === undefined ? undefined : clientKey(via.branch, cseq.method);
}

/**
 * Names what a request asks for, whatever way it came. §8.2.2.2: a request without To tag that has
 * this in common with another one is the same request, come a second time by a forking proxy.
 *
 * @returns `undefined` for a request within a dialog.
 */
export function mergeKey(request: SipRequest): string | undefined {
  const { from, to, callId, cseq } = request.headers;
  if (to.tag !== undefined) return undefined;
  return `${callId}\n${from.tag ?? ""}\n${cseq.sequence}\n${cseq.method}`;
}

/**
 * Works out a To tag for a response that starts no dialog, the same for every copy of the request:
 * §8.2.7 wants that of whoever keeps no state, and it takes no randomness. Anybody can work it out.
 */
export function statelessTag(key: TransactionKey): string {
  let high = 0x811c9dc5;
  let low = 0xcbf29ce4;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ (unit + index), 0x01000193);
  }
  return hex(high) + hex(low);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
