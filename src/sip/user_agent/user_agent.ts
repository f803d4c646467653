/**
 * A SIP user agent, both client and server. RFC 3261 §8: (flow, message) in, bytes and call events out.
 *
 * It joins transactions and dialogs, which do not know each other. Sockets, timers and name look-up are the gateway's;
 * who may call, and what becomes of a call, its owner's.
 *
 * @module
 */

import { randomHex, type RandomSource } from "../../base/random.ts";
import { TimerTable } from "../../base/timer_table.ts";
import type { Millis } from "../../base/units.ts";
import { createResponse } from "../message/build.ts";
import type { SipMessage, SipRequest } from "../message/message.ts";
import { serializeMessage } from "../message/serialize.ts";
import type { SipParseError } from "../message/parse_error.ts";
import { DEFAULT_TIMERS, type SipTimers } from "../transaction/timers.ts";
import { type TransactionOutput, TransactionTable } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import { responseTarget, stampVia } from "../transport/response_target.ts";
import { ClientSide, type InviteOptions } from "./client_side.ts";
import { type Identity, sendBye, type UserAgentContext } from "./context.ts";
import type { SessionId, UserAgentOutput } from "./output.ts";
import { type Answer, ServerSide } from "./server_side.ts";
import { type Session, SessionTable } from "./session_table.ts";

/** What a user agent needs to be told. */
export interface UserAgentOptions {
  readonly random: RandomSource;
  readonly identity: Identity;
  readonly timers?: SipTimers;
  /** Server transactions at the same time; above that, 503. */
  readonly transactionsMax?: number;
}

/** One user agent. */
export class UserAgent {
  readonly #context: UserAgentContext;
  readonly #server: ServerSide;
  readonly #client: ClientSide;
  /** Sessions that repeat their 2xx. */
  readonly #waiting = new TimerTable<Session>();

  constructor(options: UserAgentOptions) {
    const timers = options.timers ?? DEFAULT_TIMERS;
    this.#context = {
      random: options.random,
      timers,
      identity: options.identity,
      transactions: new TransactionTable({
        timers,
        ...(options.transactionsMax === undefined
          ? {}
          : { transactionsMax: options.transactionsMax }),
      }),
      sessions: new SessionTable(),
      absorb: (outputs, into, now) => this.#absorb(outputs, into, now),
    };
    this.#server = new ServerSide(this.#context);
    this.#client = new ClientSide(this.#context);
  }

  /** Sessions and transactions that are still there; both 0 when nothing is left. */
  get size(): { readonly sessions: number; readonly transactions: number } {
    return {
      sessions: this.#context.sessions.size,
      transactions: this.#context.transactions.size,
    };
  }

  /** Whether OPTIONS is answered with 200 (the default) or 503. */
  set serving(value: boolean) {
    this.#server.serving = value;
  }

  get deadline(): Millis | undefined {
    const transactions = this.#context.transactions.deadline;
    const sessions = this.#waiting.deadline;
    if (transactions === undefined) return sessions;
    return sessions === undefined ? transactions : Math.min(transactions, sessions);
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
    return [
      { type: "send", flow, to, bytes: serializeMessage(message), message },
      { type: "refused", statusCode: error.statusCode, request, reason: error.message },
    ];
  }

  /** Answers the INVITE of a session, provisionally or finally. Nothing happens when it is answered already. */
  answer(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#server.answer(session, answer, now));
  }

  /** Answers the re-INVITE of a session. */
  answerReinvite(id: SessionId, answer: Answer, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#server.answerReinvite(session, answer, now));
  }

  /** Sends an INVITE. */
  invite(options: InviteOptions, now: Millis): { session: SessionId; outputs: UserAgentOutput[] } {
    return this.#client.invite(options, now);
  }

  /** Gives up an INVITE of ours that is not answered. `rejected` follows, or nothing when it was too late. */
  cancel(id: SessionId, now: Millis): UserAgentOutput[] {
    return this.#with(id, (session) => this.#client.cancel(session, now));
  }

  /**
   * Ends an answered session. §15.1.1: on the called side the BYE waits for the ACK.
   *
   * @param headers Headers of the BYE, such as Reason.
   */
  hangup(
    id: SessionId,
    headers: readonly (readonly [string, string])[],
    now: Millis,
  ): UserAgentOutput[] {
    return this.#with(id, (session) => {
      session.byeHeaders = headers;
      return session.machine.hangup().length === 0 ? [] : sendBye(this.#context, session, now);
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
    for (;;) {
      const session = this.#waiting.popDue(now);
      if (session === undefined) return outputs;
      this.#timeoutSession(session, outputs, now);
      this.#schedule(session);
    }
  }

  #timeoutSession(session: Session, outputs: UserAgentOutput[], now: Millis): void {
    for (const output of session.machine.timeout(now)) {
      switch (output.type) {
        case "retransmit": {
          const sent = session.sent.get(output.sequence);
          if (sent !== undefined) outputs.push({ type: "send", ...sent });
          break;
        }
        case "ack_timeout":
          outputs.push({ type: "ack_timeout", session: session.id });
          break;
        case "bye":
          outputs.push(...sendBye(this.#context, session, now));
      }
    }
  }

  #with(id: SessionId, act: (session: Session) => UserAgentOutput[]): UserAgentOutput[] {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return [];
    const outputs = act(session);
    this.#schedule(session);
    return outputs;
  }

  #schedule(session: Session): void {
    const { deadline } = session.machine;
    if (deadline === undefined) this.#waiting.delete(session);
    else this.#waiting.set(session, deadline);
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
    const { sessions } = this.#context;
    switch (output.type) {
      case "request":
        return this.#inDialog(
          output.request,
          () => this.#server.receive(output.key, output.request, output.flow, now),
        );
      case "ack":
        return this.#inDialog(
          output.request,
          () => this.#server.receiveAck(output.request, now),
        );
      case "cancel":
        return this.#server.receiveCancel(output.key, now);
      case "retransmitted":
        return this.#server.receiveRetransmission(output.key, output.request);
      case "response":
        return this.#client.receive(output.key, output.response, now);
      case "failed":
        return this.#client.fail(output.key, output.cause);
      case "terminated":
        sessions.transactionTerminated(output.key);
        return [];
      case "ignored":
        return [{ type: "ignored", reason: output.reason }];
    }
  }

  /** Handles a request, and sees to the timer of the session that it belongs to. */
  #inDialog(request: SipRequest, handle: () => UserAgentOutput[]): UserAgentOutput[] {
    const session = request.headers.to.tag === undefined
      ? undefined
      : this.#context.sessions.byDialog(request);
    const outputs = handle();
    if (session !== undefined) this.#schedule(session);
    return outputs;
  }
}
