/**
 * A SIP user agent, both client and server. RFC 3261 §8: (flow, message) in, bytes and call events out.
 *
 * It joins transactions and dialogs, which do not know each other. Sockets, timers and name look-up are the gateway's;
 * who may call, and what becomes of a call, its owner's.
 *
 * @module
 */

import type { Hash } from "../../base/hash.ts";
import { randomHex, type RandomSource } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import type { DialogId } from "../dialog/dialog.ts";
import type { SessionTimerPolicy } from "../dialog/session_timer.ts";
import { createResponse } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipMessage } from "../message/message.ts";
import type { SipParseError } from "../message/parse_error.ts";
import { serializeMessage } from "../message/serialize.ts";
import { DEFAULT_TIMERS, type SipTimers } from "../transaction/timers.ts";
import { type TransactionOutput, TransactionTable } from "../transaction/transaction_table.ts";
import type { Flow, Hop } from "../transport/flow.ts";
import { responseTarget, stampVia } from "../transport/response_target.ts";
import { ClientRequests, type Progress } from "./client_requests.ts";
import { ClientSide, type InviteOptions } from "./client_side.ts";
import type { Identity, UserAgentContext } from "./context.ts";
import { InDialogClient, type NewOffer, type ReferOptions } from "./in_dialog_client.ts";
import { type InDialogRequest, sendBye } from "./in_session.ts";
import { InDialogServer } from "./in_dialog_server.ts";
import type { Answer, RequestId, SessionId, UserAgentOutput } from "./output.ts";
import { type OutsideRequest, OutsideRequests } from "./outside_requests.ts";
import { ServerSide } from "./server_side.ts";
import { SessionClock } from "./session_clock.ts";
import { type Session, SessionTable } from "./session_table.ts";

/** What a user agent needs to be told. */
export interface UserAgentOptions {
  readonly random: RandomSource;
  readonly identity: Identity;
  readonly timers?: SipTimers;
  /** Server transactions at the same time; above that, 503. */
  readonly transactionsMax?: number;
  /** Needed to answer challenges. */
  readonly hash?: Hash;
  /** Default: nobody is asked for a session timer. */
  readonly sessionTimer?: SessionTimerPolicy;
  /** The same hop over a stream, for requests that are too long for a datagram; default: there is none. */
  readonly streamHop?: (hop: Hop) => Hop | undefined;
}

/** Where our requests within a dialog go, and what it is known by. */
export interface DialogView extends DialogId {
  readonly remoteTarget: string;
}

/** RFC 4028 §4 */
const SERVES_SESSION_TIMERS: SessionTimerPolicy = { expires: 0, minimum: 90_000 };

/** One user agent. */
export class UserAgent {
  readonly #context: UserAgentContext;
  readonly #server: ServerSide;
  readonly #inDialogServer: InDialogServer;
  readonly #client: ClientSide;
  readonly #inDialogClient: InDialogClient;
  readonly #outside: OutsideRequests;
  readonly #clock: SessionClock;

  constructor(options: UserAgentOptions) {
    const timers = options.timers ?? DEFAULT_TIMERS;
    const { transactionsMax, streamHop } = options;
    const context: UserAgentContext = {
      random: options.random,
      timers,
      identity: options.identity,
      hash: options.hash,
      sessionTimer: options.sessionTimer ?? SERVES_SESSION_TIMERS,
      streamHop: streamHop ?? (() => undefined),
      transactions: new TransactionTable({
        timers,
        ...(transactionsMax === undefined ? {} : { transactionsMax }),
      }),
      sessions: new SessionTable(),
      requests: new ClientRequests(() => context),
      absorb: (outputs, into, now) => this.#absorb(outputs, into, now),
    };
    this.#context = context;
    this.#inDialogClient = new InDialogClient(context);
    this.#inDialogServer = new InDialogServer(context, this.#inDialogClient, () => this.#server);
    this.#server = new ServerSide(context, this.#inDialogServer);
    this.#client = new ClientSide(context);
    this.#outside = new OutsideRequests(context);
    const parts = { server: this.#server, client: this.#inDialogClient };
    this.#clock = new SessionClock(context, parts);
  }

  /** Sessions, requests and transactions that are still there; all 0 when nothing is left. */
  get size(): {
    readonly sessions: number;
    readonly requests: number;
    readonly transactions: number;
  } {
    return {
      sessions: this.#context.sessions.size,
      requests: this.#outside.size,
      transactions: this.#context.transactions.size,
    };
  }

  /** Whether OPTIONS is answered with 200 (the default) or 503. */
  set serving(value: boolean) {
    this.#server.serving = value;
  }

  get deadline(): Millis | undefined {
    const transactions = this.#context.transactions.deadline;
    const sessions = this.#clock.deadline;
    if (transactions === undefined) return sessions;
    return sessions === undefined ? transactions : Math.min(transactions, sessions);
  }

  /** What identifies the dialog of a session, once there is one. */
  dialogOf(id: SessionId): DialogView | undefined {
    const dialog = this.#context.sessions.get(id)?.dialog;
    return dialog === undefined ? undefined : { ...dialog.id, remoteTarget: dialog.remoteTarget };
  }

  /** A message came. */
  receive(message: SipMessage, flow: Flow, now: Millis): UserAgentOutput[] {
    const { transactions } = this.#context;
    const outputs: UserAgentOutput[] = [];
    if (message.type === "response") {
      this.#absorb(transactions.receiveResponse(message, flow, now), outputs, now);
    } else {
      this.#absorb(transactions.receiveRequest(message, flow, now), outputs, now);
    }
    return outputs;
  }

  /** A message came that could not be read: a request gets its answer where that is possible. §8.2, RFC 4475 */
  receiveMalformed(error: SipParseError, flow: Flow): UserAgentOutput[] {
    const ignored: UserAgentOutput = { type: "ignored", reason: `malformed: ${error.message}` };
    const { request } = error;
    if (request === undefined || request.method === "ACK") return [ignored];
    stampVia(request, flow);
    const message = createResponse(request, error.statusCode, {
      toTag: randomHex(this.#context.random, 8),
    });
    const to = responseTarget(request.headers.via, flow);
    const { statusCode } = error;
    return [
      { type: "send", flow, to, bytes: serializeMessage(message), message },
      { type: "refused", statusCode, request, flow, reason: error.message },
    ];
  }

  /**
   * Answers the INVITE of a session, provisionally or finally. Nothing happens when it is answered already. A
   * provisional answer with a description goes out reliably where the peer can; a 2xx then waits for the PRACK.
   */
  answer(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#server.answer(session, answer, now));
  }

  /** Answers the re-INVITE of a session. */
  answerReinvite(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogServer.answerReinvite(session, answer, now));
  }

  /** Answers the offer that an UPDATE or PRACK brought. */
  answerOffer(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogServer.answerOffer(session, answer, now));
  }

  /** Answers the REFER of a session; after a 2xx, {@linkcode notifyRefer} tells how it goes. */
  answerRefer(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogServer.answerRefer(session, answer, now));
  }

  /** Tells the peer how the call goes that it asked for; a final status is the last. */
  notifyRefer(
    id: SessionId,
    status: { readonly statusCode: number; readonly phrase?: string | undefined },
    now: Millis,
  ): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogClient.notifyRefer(session, status, now));
  }

  /** Sends an INVITE. */
  invite(options: InviteOptions, now: Millis): { session: SessionId; outputs: UserAgentOutput[] } {
    return this.#client.invite(options, now);
  }

  /**
   * Gives up an INVITE of ours that is not answered. `rejected` follows, or nothing when it was too late.
   *
   * @param headers Headers of the CANCEL, such as Reason.
   */
  cancel(id: SessionId, headers: Headers, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#client.cancel(session, headers, now));
  }

  /** Offers anew within a session: `reinvite_accepted` or `reinvite_rejected` follows, or `reinvite_due` later. */
  reinvite(
    id: SessionId,
    offer: NewOffer,
    now: Millis,
  ): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogClient.reinvite(session, offer, now));
  }

  /** Asks the peer to call somebody else: `referred` follows. */
  refer(id: SessionId, options: ReferOptions, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogClient.refer(session, options, now));
  }

  /** Sends another request within a session, such as an INFO: `responded` follows. */
  send(id: SessionId, request: InDialogRequest, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#inDialogClient.send(session, request, now));
  }

  /** Sends a request outside of sessions: `response` follows. */
  request(
    options: OutsideRequest,
    now: Millis,
  ): { request: RequestId; outputs: UserAgentOutput[] } {
    return this.#outside.send(options, now);
  }

  /**
   * Ends an answered session. §15.1.1: on the called side the BYE waits for the ACK. An INVITE of ours that is not
   * answered is cancelled.
   *
   * @param headers Headers of the BYE, such as Reason.
   */
  hangup(id: SessionId, headers: Headers, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => {
      if (session.dialog === undefined) return this.#client.cancel(session, headers, now);
      session.byeHeaders = headers;
      session.timer = undefined;
      session.retryAt = undefined;
      const outputs: UserAgentOutput[] = [];
      this.#inDialogServer.abandon(session, outputs, now);
      if (session.machine.hangup().length > 0) {
        outputs.push(...sendBye(this.#context, session, now));
      }
      return outputs;
    });
  }

  /** A connection is gone, or a datagram could not be sent. */
  transportFailed(flow: Flow, now: Millis): UserAgentOutput[] {
    const outputs: UserAgentOutput[] = [];
    this.#absorb(this.#context.transactions.transportFailed(flow, now), outputs, now);
    return outputs;
  }

  timeout(now: Millis): UserAgentOutput[] {
    const outputs: UserAgentOutput[] = [];
    this.#absorb(this.#context.transactions.timeout(now), outputs, now);
    this.#clock.timeout(outputs, now);
    return outputs;
  }

  #with(id: SessionId, act: (session: Session) => UserAgentOutput[]): UserAgentOutput[] {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return [];
    const outputs = act(session);
    this.#clock.schedule(session);
    return outputs;
  }

  #absorb(
    transactionOutputs: readonly TransactionOutput[],
    into: UserAgentOutput[],
    now: Millis,
  ): void {
    for (const output of transactionOutputs) {
      if (output.type === "send") into.push(output);
      else for (const result of this.#handle(output, now)) into.push(result);
    }
  }

  #handle(output: Exclude<TransactionOutput, { type: "send" }>, now: Millis): UserAgentOutput[] {
    const { sessions, requests } = this.#context;
    switch (output.type) {
      case "request": {
        const { key, request, flow } = output;
        return this.#scheduling(
          this.#sessionOf(request),
          () => this.#server.receive({ key, request, flow }, now),
        );
      }
      case "ack": {
        const { request } = output;
        return this.#scheduling(
          this.#sessionOf(request),
          () => this.#server.receiveAck(request, now),
        );
      }
      case "cancel": {
        const { key, request } = output;
        const session = key === undefined ? undefined : sessions.byTransaction(key);
        return this.#scheduling(session, () => this.#server.receiveCancel(key, request, now));
      }
      case "retransmitted":
        return this.#server.receiveRetransmission(output.key, output.request);
      case "response":
        return this.#receiveResponse(output, now);
      case "failed":
        return this.#fail(output, now);
      case "terminated":
        sessions.transactionTerminated(output.key);
        requests.forget(output.key);
        return [];
      case "ignored":
        return [{ type: "ignored", reason: output.reason }];
    }
  }

  #receiveResponse(
    { key, response }: TransactionOutput & { type: "response" },
    now: Millis,
  ): UserAgentOutput[] {
    const progress = this.#context.requests.receive(key, response, now);
    return this.#deliver(progress, (delivery) => {
      const { owner } = delivery;
      switch (owner.type) {
        case "invite":
          return this.#client.receive(delivery, response, now);
        case "in_dialog":
          return this.#inDialogClient.receive(delivery, response, now);
        case "outside":
          return this.#outside.receive(owner.request, response);
      }
    });
  }

  #fail(
    { key, cause }: TransactionOutput & { type: "failed" },
    now: Millis,
  ): UserAgentOutput[] {
    const progress = this.#context.requests.fail(key, cause, now);
    return this.#deliver(progress, (delivery) => {
      const { owner } = delivery;
      switch (owner.type) {
        case "invite":
          return this.#client.reject(owner.session, cause === "timeout" ? 408 : 503, undefined);
        case "in_dialog":
          return this.#inDialogClient.fail(delivery, cause, now);
        case "outside":
          return this.#outside.fail(owner.request, cause);
      }
    });
  }

  #deliver(
    progress: Progress | undefined,
    act: (delivery: (Progress & { type: "delivered" })["delivery"]) => UserAgentOutput[],
  ): UserAgentOutput[] {
    if (progress === undefined) return [];
    if (progress.type === "retried") return progress.outputs;
    const { delivery } = progress;
    const session = delivery.owner.type === "outside" ? undefined : delivery.owner.session;
    return this.#scheduling(session, () => act(delivery));
  }

  #sessionOf(request: Parameters<SessionTable["byDialog"]>[0]): Session | undefined {
    if (request.headers.to.tag === undefined) return undefined;
    return this.#context.sessions.byDialog(request)?.session;
  }

  /** Handles something, and sees to the timer of the session that it belongs to. */
  #scheduling(session: Session | undefined, handle: () => UserAgentOutput[]): UserAgentOutput[] {
    const outputs = handle();
    if (session !== undefined) this.#clock.schedule(session);
    return outputs;
  }
}
