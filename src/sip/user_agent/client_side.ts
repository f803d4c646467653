/**
 * The user agent client: our INVITE, its CANCEL and ACK, and what comes back. RFC 3261 §8.1, §9.1, §13.2, §15.1.1.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import { Dialog } from "../dialog/dialog.ts";
import { InviteSession } from "../dialog/invite_session.ts";
import { createRequest } from "../message/build.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { reasonPhrase } from "../message/reason_phrases.ts";
import { SipParseError } from "../message/parse_error.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import { addVia, contactFor, hopOf, sendBye, sendOnce, type UserAgentContext } from "./context.ts";
import type { SessionId, SipBody, UserAgentOutput } from "./output.ts";
import type { Session } from "./session_table.ts";
import { ALLOW } from "./uas_core.ts";

/** A call that we place. */
export interface InviteOptions {
  readonly requestUri: string;
  /** Value of From without a tag, such as `"Ann" <sip:ann@example.com>`. */
  readonly from: string;
  readonly to: string;
  /** The way out: the listener's socket, or a connection. */
  readonly flow: Flow;
  readonly target: SocketAddress;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: SipBody;
}

/** The client half of a user agent. */
export class ClientSide {
  readonly #context: UserAgentContext;

  constructor(context: UserAgentContext) {
    this.#context = context;
  }

  /** Sends an INVITE outside a dialog. §13.2.1 */
  invite(options: InviteOptions, now: Millis): { session: SessionId; outputs: UserAgentOutput[] } {
    const id = randomHex(this.#context.random, 8);
    const { flow, target, body } = options;
    const request = createRequest({
      method: "INVITE",
      requestUri: options.requestUri,
      headers: [
        ["Max-Forwards", "70"],
        ["From", `${options.from};tag=${id}`],
        ["To", options.to],
        ["Call-ID", randomHex(this.#context.random, 16)],
        ["CSeq", "1 INVITE"],
        ["Contact", contactFor(this.#context, flow)],
        ["Allow", ALLOW],
        ...(options.headers ?? []),
      ],
      ...(body === undefined ? {} : { body: body.bytes, contentType: body.contentType }),
    });
    addVia(this.#context, request, flow);
    const sent = this.#context.transactions.send(request, flow, target, now);
    this.#context.sessions.add({
      id,
      role: "client",
      flow,
      invite: request,
      inviteKey: sent.key,
      machine: new InviteSession("client", this.#context.timers),
      target,
      dialog: undefined,
      calling: "calling",
      sent: new Map(),
      reinvite: undefined,
      byeHeaders: [],
    });
    const outputs: UserAgentOutput[] = [];
    this.#context.absorb(sent.outputs, outputs, now);
    return { session: id, outputs };
  }

  /** Gives up a call that is not answered. §9.1: the CANCEL waits for a provisional response. */
  cancel(session: Session, now: Millis): UserAgentOutput[] {
    const before = session.calling;
    if (before !== "calling" && before !== "proceeding") return [];
    session.calling = "cancelled";
    return before === "proceeding" ? this.#sendCancel(session, now) : [];
  }

  /** A response to a request of ours. */
  receive(key: TransactionKey, response: SipResponse, now: Millis): UserAgentOutput[] {
    const session = this.#context.sessions.byTransaction(key);
    if (session === undefined) return [];
    const { method } = response.headers.cseq;
    if (method === "INVITE") return this.#receiveInviteResponse(session, response, now);
    if (method === "BYE" && response.statusCode >= 200) return this.#endSession(key, session, true);
    return [];
  }

  /** A request of ours got no final response. §8.1.3.1: as if it were a 408, or a 503. */
  fail(key: TransactionKey, cause: "timeout" | "transport"): UserAgentOutput[] {
    const session = this.#context.sessions.byTransaction(key);
    if (session === undefined) return [];
    if (key === session.inviteKey && session.role === "client") {
      return this.#reject(session, cause === "timeout" ? 408 : 503);
    }
    if (session.machine.state === "ending") return this.#endSession(key, session, false);
    this.#context.sessions.forget(key);
    return [];
  }

  #receiveInviteResponse(
    session: Session,
    response: SipResponse,
    now: Millis,
  ): UserAgentOutput[] {
    const { statusCode } = response;
    if (statusCode < 200) return this.#receiveProvisional(session, response, now);
    if (statusCode < 300) return this.#receiveAccepted(session, response, now);
    return this.#reject(session, statusCode, response.reasonPhrase);
  }

  #receiveProvisional(session: Session, response: SipResponse, now: Millis): UserAgentOutput[] {
    if (session.calling === "cancelled") return this.#sendCancel(session, now);
    if (session.calling === "calling") session.calling = "proceeding";
    return [{ type: "progress", session: session.id, response }];
  }

  /** §13.2.2.4: every 2xx gets an ACK; one of another fork, or that comes too late, gets a BYE as well. */
  #receiveAccepted(session: Session, response: SipResponse, now: Millis): UserAgentOutput[] {
    const remoteTag = response.headers.to.tag ?? "";
    if (session.dialog?.id.remoteTag === remoteTag) {
      const ack = session.sent.get(response.headers.cseq.sequence);
      return ack === undefined ? [] : [{ type: "send", ...ack }];
    }
    let dialog: Dialog;
    try {
      dialog = Dialog.fromResponse(session.invite, response);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return [{ type: "ignored", reason: `2xx that cannot be used: ${error.message}` }];
    }
    const isFork = session.dialog !== undefined;
    const holder: Session = isFork ? { ...session, dialog, sent: new Map() } : session;
    holder.dialog = dialog;
    const outputs: UserAgentOutput[] = [this.#acknowledge(holder, response)];
    const unwanted = isFork || session.calling === "cancelled";
    session.calling = "done";
    if (!unwanted) {
      return [...outputs, { type: "accepted", session: session.id, response }];
    }
    if (isFork) {
      // Not `sendBye`: the answer to this BYE must not end the session of the fork that we keep
      const bye = dialog.createRequest("BYE");
      const hop = hopOf(holder);
      addVia(this.#context, bye, hop.flow);
      const sent = this.#context.transactions.send(bye, hop.flow, hop.to, now);
      this.#context.absorb(sent.outputs, outputs, now);
      return outputs;
    }
    session.machine.hangup();
    outputs.push(...sendBye(this.#context, session, now));
    return outputs;
  }

  #acknowledge(session: Session, response: SipResponse): UserAgentOutput {
    const { sequence } = response.headers.cseq;
    const ack = (session.dialog as Dialog).createRequest("ACK", { sequence });
    const hop = hopOf(session);
    addVia(this.#context, ack, hop.flow);
    const output = sendOnce(hop, ack);
    const { flow, to, bytes, message } = output;
    session.sent.set(sequence, { flow, to, bytes, message });
    return output;
  }

  #sendCancel(session: Session, now: Millis): UserAgentOutput[] {
    const { headers, requestUri } = session.invite;
    // §9.1: the same Request-URI, Call-ID, To, From, Route, CSeq number and top Via
    const cancel: SipRequest = createRequest({
      method: "CANCEL",
      requestUri,
      headers: [
        ["Via", headers.get("Via") as string],
        ["Max-Forwards", "70"],
        ["From", headers.get("From") as string],
        ["To", headers.get("To") as string],
        ["Call-ID", headers.callId],
        ["CSeq", `${headers.cseq.sequence} CANCEL`],
      ],
    });
    const sent = this.#context.transactions.send(cancel, session.flow, session.target, now);
    const outputs: UserAgentOutput[] = [];
    this.#context.absorb(sent.outputs, outputs, now);
    return outputs;
  }

  #reject(session: Session, statusCode: number, phrase?: string): UserAgentOutput[] {
    if (session.calling === "done") return [];
    session.calling = "done";
    this.#context.sessions.remove(session);
    return [
      {
        type: "rejected",
        session: session.id,
        statusCode,
        reasonPhrase: phrase ?? reasonPhrase(statusCode),
      },
      { type: "terminated", session: session.id, byeAnswered: false },
    ];
  }

  #endSession(key: TransactionKey, session: Session, byeAnswered: boolean): UserAgentOutput[] {
    this.#context.sessions.forget(key);
    session.machine.byeCompleted();
    this.#context.sessions.remove(session);
    return [{ type: "terminated", session: session.id, byeAnswered }];
  }
}
