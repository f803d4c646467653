/**
 * All transactions of a user agent: finds the one that a message belongs to, makes new ones, and
 * keeps their time. RFC 3261 §17, with §8.2.2.2 (merged requests) and §9.2 (CANCEL).
 *
 * Messages come here parsed, their mandatory headers well-formed. What they mean is left to the
 * user agent; the ACK of a 2xx, to the dialog layer.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import { TimerTable } from "../../base/timer_table.ts";
import type { Millis } from "../../base/units.ts";
import { createResponse } from "../message/build.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { type Flow, isReliable } from "../transport/flow.ts";
import { responseTarget, stampVia } from "../transport/response_target.ts";
import { FlowIndex } from "./flow_index.ts";
import { InviteClientTransaction } from "./invite_client.ts";
import { InviteServerTransaction } from "./invite_server.ts";
import {
  cancelledKey,
  clientKey,
  hasUniqueBranch,
  mergeKey,
  responseKey,
  serverKey,
  statelessTag,
  type TransactionKey,
} from "./key.ts";
import { Lingering } from "./lingering.ts";
import { NonInviteClientTransaction } from "./non_invite_client.ts";
import { NonInviteServerTransaction } from "./non_invite_server.ts";
import type { TransactionOutput } from "./output.ts";
import { earlierOf } from "./retransmission.ts";
import { sendOutput } from "./send_output.ts";
import {
  DEFAULT_TIMERS,
  type SipTimers,
  type TransactionTimers,
  transactionTimers,
} from "./timers.ts";

export type { TransactionKey } from "./key.ts";
export type { TransactionOutput } from "./output.ts";

/** How many transactions there may be, unless the options say otherwise. */
const TRANSACTIONS_MAX = 50_000;

/**
 * The share of that limit kept for requests within dialogs: a call must be able to end under load.
 */
const RESERVE = 0.25;

/** What a refused sender is told to wait. */
const RETRY_AFTER_SECONDS = "5";

/** How the table is set up. */
export interface TransactionTableOptions {
  /** {@linkcode DEFAULT_TIMERS} when left out. */
  readonly timers?: SipTimers;
  /**
   * Beyond so many transactions a request outside of dialogs is refused with 503 and leaves no
   * state. Requests within dialogs may go a quarter beyond. Our own requests are not limited here.
   */
  readonly transactionsMax?: number;
}

type ServerTransaction = InviteServerTransaction | NonInviteServerTransaction;
type ClientTransaction = InviteClientTransaction | NonInviteClientTransaction;
type Transaction = ServerTransaction | ClientTransaction;

/**
 * The transactions of one user agent. All methods return what is to be done, in order; none throws
 * for a peer's fault.
 */
export class TransactionTable {
  readonly #unreliable: TransactionTimers;
  readonly #reliable: TransactionTimers;
  readonly #transactionsMax: number;
  readonly #servers = new Map<TransactionKey, ServerTransaction>();
  readonly #clients = new Map<TransactionKey, ClientTransaction>();
  /** Of the transactions that have something to do yet. */
  readonly #deadlines = new TimerTable<Transaction>();
  /** The others. */
  readonly #lingering = new Lingering<Transaction>();
  readonly #flows = new FlowIndex<Transaction>();
  /** §8.2.2.2: the transaction of each request outside of dialogs. */
  readonly #merges = new Map<string, TransactionKey>();

  /** @throws {RangeError} When a timer is not above zero. */
  constructor(options: TransactionTableOptions = {}) {
    const timers = options.timers ?? DEFAULT_TIMERS;
    this.#unreliable = transactionTimers(timers, false);
    this.#reliable = transactionTimers(timers, true);
    this.#transactionsMax = options.transactionsMax ?? TRANSACTIONS_MAX;
  }

  /** How many transactions there are, of both sides. */
  get size(): number {
    return this.#servers.size + this.#clients.size;
  }

  /** When `timeout` is next to be called; `undefined` while nothing waits. */
  get deadline(): Millis | undefined {
    return earlierOf(this.#deadlines.deadline, this.#lingering.deadline);
  }

  /**
   * Takes a request from the wire.
   *
   * @param request The top Via of a new one is changed: `received` and `rport` are filled in.
   */
  receiveRequest(request: SipRequest, flow: Flow, now: Millis): TransactionOutput[] {
    const key = serverKey(request);
    const known = this.#servers.get(key);
    if (request.method === "ACK") return this.#receiveAck(request, flow, known, now);
    if (known !== undefined) {
      return this.#settle(known, known.isLingering, known.receive(request, now), now);
    }
    stampVia(request, flow);
    if (request.method === "CANCEL") return this.#receiveCancel(request, flow, key, now);
    const merge = mergeKey(request);
    if (!this.#hasRoom(merge === undefined)) return refuseStateless(request, flow, key);
    if (merge !== undefined && this.#merges.has(merge)) {
      // §8.2.2.2: the same request has come another way
      const response = createResponse(request, 482, { toTag: statelessTag(key) });
      return [...this.#answer(request, flow, { key, response }, now), MERGED];
    }
    if (merge !== undefined) this.#merges.set(merge, key);
    const transaction = this.#addServer(request, flow, key, merge);
    return this.#settle(transaction, false, transaction.start(request, now), now);
  }

  /** Takes a response from the wire. */
  receiveResponse(response: SipResponse, flow: Flow, now: Millis): TransactionOutput[] {
    const key = responseKey(response);
    const transaction = key === undefined ? undefined : this.#clients.get(key);
    // §17.1.1.2: a response that matches nothing is not for us
    if (transaction === undefined) return [STRAY_RESPONSE];
    const { isLingering } = transaction;
    return this.#settle(transaction, isLingering, transaction.receive(response, flow, now), now);
  }

  /** Takes a response from the transaction user, for a server transaction. */
  respond(key: TransactionKey, response: SipResponse, now: Millis): TransactionOutput[] {
    const transaction = this.#servers.get(key);
    if (transaction === undefined) return [LATE_RESPONSE];
    // Some clients forget to raise the CSeq when they come again with credentials (§22.2)
    if (response.statusCode === 401 || response.statusCode === 407) this.#forgetMerge(transaction);
    const { isLingering } = transaction;
    return this.#settle(transaction, isLingering, transaction.respond(response, now), now);
  }

  /**
   * Begins a client transaction. A CANCEL also limits how long its INVITE waits for a final
   * response. §9.1
   *
   * @param request With our Via on top; its branch is drawn by the caller. Not to be changed
   * afterwards.
   * @throws {RangeError} For an ACK, which has no transaction, and for a branch that is missing or
   * in use.
   */
  send(
    request: SipRequest,
    flow: Flow,
    to: SocketAddress,
    now: Millis,
  ): { key: TransactionKey; outputs: TransactionOutput[] } {
    const { method } = request;
    const { branch } = request.headers.via;
    if (method === "ACK") throw new RangeError("ACK has no client transaction");
    if (branch === undefined) throw new RangeError("Via of a request to be sent needs a branch");
    const key = clientKey(branch, method);
    if (this.#clients.has(key)) throw new RangeError(`Branch "${branch}" is in use`);
    const timers = this.#timersOf(flow);
    const options = { key, request, flow, to, timers };
    const transaction = method === "INVITE"
      ? new InviteClientTransaction(options)
      : new NonInviteClientTransaction(options);
    this.#clients.set(key, transaction);
    this.#flows.add(transaction);
    const outputs = this.#settle(transaction, false, transaction.start(now), now);
    if (method === "CANCEL") this.limit(clientKey(branch, "INVITE"), now);
    return { key, outputs };
  }

  /**
   * From now on an INVITE of ours waits 64·T1 for its final response, however it rings: its sender has given it up
   * (§9.1), or no person has to answer it.
   */
  limit(key: TransactionKey, now: Millis): void {
    const invite = this.#clients.get(key);
    if (invite instanceof InviteClientTransaction) {
      this.#settle(invite, invite.isLingering, invite.cancelled(now), now);
    }
  }

  /**
   * Takes the news that a connection is gone, or that `flow` did not take what was to be sent over
   * it.
   */
  transportFailed(flow: Flow, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    for (const transaction of this.#flows.of(flow)) {
      const { isLingering } = transaction;
      const failed = transaction.transportFailed(now);
      outputs.push(...this.#settle(transaction, isLingering, failed, now));
    }
    return outputs;
  }

  /** Does what is due in all transactions; safe early and late. */
  timeout(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    for (
      let due = this.#deadlines.popDue(now);
      due !== undefined;
      due = this.#deadlines.popDue(now)
    ) {
      outputs.push(...this.#settle(due, false, due.timeout(now), now));
    }
    for (const over of this.#lingering.takeDue(now)) {
      // A lost connection may have ended it before
      if (over.state === "terminated") continue;
      outputs.push(...this.#settle(over, true, over.timeout(now), now));
    }
    return outputs;
  }

  #receiveAck(
    request: SipRequest,
    flow: Flow,
    known: ServerTransaction | undefined,
    now: Millis,
  ): TransactionOutput[] {
    // §17.2.3: without a unique branch, the To tag must be that of our response
    const absorbs = known instanceof InviteServerTransaction &&
      (hasUniqueBranch(request) || known.toTag === request.headers.to.tag);
    if (!absorbs) return [{ type: "ack", request, flow }];
    return this.#settle(known, known.isLingering, known.receive(request, now), now);
  }

  #receiveCancel(
    request: SipRequest,
    flow: Flow,
    cancelKey: TransactionKey,
    now: Millis,
  ): TransactionOutput[] {
    const invite = this.#servers.get(cancelledKey(request)) as InviteServerTransaction | undefined;
    // §9.2: 481 when there is nothing to cancel; the To tag SHOULD be that of the responses to the
    // INVITE
    const toTag = invite?.toTag ?? statelessTag(invite?.key ?? cancelKey);
    const response = createResponse(request, invite === undefined ? 481 : 200, { toTag });
    // Beyond the limit it is obeyed without state: whoever hangs up relieves us
    const outputs = this.#hasRoom(true)
      ? this.#answer(request, flow, { key: cancelKey, response }, now)
      : [sendOutput(response, flow, responseTarget(request.headers.via, flow))];
    // §9.2: after the final response a CANCEL has no effect
    const isLate = invite !== undefined && invite.state !== "proceeding";
    outputs.push(
      isLate ? LATE_CANCEL : { type: "cancel", key: invite?.key, cancelKey, request, flow },
    );
    return outputs;
  }

  #hasRoom(isReserveOpen: boolean): boolean {
    return this.size < this.#transactionsMax * (isReserveOpen ? 1 + RESERVE : 1);
  }

  #timersOf(flow: Flow): TransactionTimers {
    return isReliable(flow.transport) ? this.#reliable : this.#unreliable;
  }

  /** Answers a request without the transaction user, with a transaction of its own. */
  #answer(
    request: SipRequest,
    flow: Flow,
    { key, response }: { key: TransactionKey; response: SipResponse },
    now: Millis,
  ): TransactionOutput[] {
    const transaction = this.#addServer(request, flow, key);
    return this.#settle(transaction, false, transaction.respond(response, now), now);
  }

  #addServer(
    request: SipRequest,
    flow: Flow,
    key: TransactionKey,
    mergeKey?: string,
  ): ServerTransaction {
    const to = responseTarget(request.headers.via, flow);
    const options = { key, flow, to, timers: this.#timersOf(flow), mergeKey };
    const transaction = request.method === "INVITE"
      ? new InviteServerTransaction(options)
      : new NonInviteServerTransaction(options);
    this.#servers.set(key, transaction);
    this.#flows.add(transaction);
    return transaction;
  }

  /**
   * Follows up on a machine that has just had its say: its deadline, or its end.
   *
   * @param wasLingering Whether it did nothing but wait for its end before that.
   */
  #settle(
    transaction: Transaction,
    wasLingering: boolean,
    outputs: TransactionOutput[],
    now: Millis,
  ): TransactionOutput[] {
    if (transaction.state === "terminated") {
      this.#remove(transaction);
      return outputs;
    }
    if (wasLingering) return outputs;
    const { deadline } = transaction;
    if (deadline === undefined) {
      this.#deadlines.delete(transaction);
    } else if (transaction.isLingering) {
      this.#deadlines.delete(transaction);
      this.#lingering.add(transaction, deadline - now, now);
    } else {
      this.#deadlines.set(transaction, deadline);
    }
    return outputs;
  }

  #remove(transaction: Transaction): void {
    const { key } = transaction;
    // A key begins with the side that it belongs to, so that one of the two finds nothing
    if (!this.#servers.delete(key)) this.#clients.delete(key);
    this.#deadlines.delete(transaction);
    this.#flows.delete(transaction);
    if ("mergeKey" in transaction) this.#forgetMerge(transaction);
  }

  /** The key stands in for one transaction at a time: the first that had it. */
  #forgetMerge({ key, mergeKey }: ServerTransaction): void {
    if (mergeKey !== undefined && this.#merges.get(mergeKey) === key) this.#merges.delete(mergeKey);
  }
}

/** Refuses a request without keeping anything. §8.2.7, §21.5.4 */
function refuseStateless(
  request: SipRequest,
  flow: Flow,
  key: TransactionKey,
): TransactionOutput[] {
  const response = createResponse(request, 503, {
    toTag: statelessTag(key),
    headers: [["Retry-After", RETRY_AFTER_SECONDS]],
  });
  const to = responseTarget(request.headers.via, flow);
  return [sendOutput(response, flow, to), AT_LIMIT];
}

const MERGED: TransactionOutput = { type: "ignored", reason: "merged request" };
const STRAY_RESPONSE: TransactionOutput = {
  type: "ignored",
  reason: "response without transaction",
};
const LATE_RESPONSE: TransactionOutput = { type: "ignored", reason: "respond without transaction" };
const LATE_CANCEL: TransactionOutput = { type: "ignored", reason: "CANCEL after a final" };
const AT_LIMIT: TransactionOutput = { type: "ignored", reason: "transactions at their limit" };
