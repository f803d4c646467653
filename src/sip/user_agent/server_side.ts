/**
 * The user agent server: requests in, responses out. RFC 3261 §8.2, §11.2, §12.2.2, §13.3, §14.2, §15.1.2.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import { Dialog } from "../dialog/dialog.ts";
import { InviteSession } from "../dialog/invite_session.ts";
import { createResponse } from "../message/build.ts";
import type { SipRequest } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import { contactFor, sendBye, type UserAgentContext } from "./context.ts";
import type { SipBody, UserAgentOutput } from "./output.ts";
import type { SentMessage, Session } from "./session_table.ts";
import {
  ALLOW,
  capabilityHeaders,
  type Refusal,
  refuseHeaders,
  refuseInfo,
  refuseMethod,
} from "./uas_core.ts";

type Headers = readonly (readonly [string, string])[];

/** How an INVITE is answered. */
export interface Answer {
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  readonly headers?: Headers;
  readonly body?: SipBody;
}

/** Seconds that an answer of 500 or 503 asks the peer to wait, where nothing better is known. */
const RETRY_AFTER_SECONDS = 5;

/** The server half of a user agent. */
export class ServerSide {
  readonly #context: UserAgentContext;
  /** Whether new calls are taken: OPTIONS answers 503 when not. */
  serving = true;

  constructor(context: UserAgentContext) {
    this.#context = context;
  }

  /** A new request that is no retransmission, ACK or CANCEL. */
  receive(key: TransactionKey, request: SipRequest, flow: Flow, now: Millis): UserAgentOutput[] {
    const refusal = refuseMethod(request);
    if (refusal !== undefined) return this.#refuse(key, request, refusal, now);
    if (request.headers.to.tag !== undefined) return this.#receiveInDialog(key, request, now);
    switch (request.method) {
      case "INVITE":
        return this.#receiveInvite(key, request, flow, now);
      case "OPTIONS":
        return this.#receiveOptions(key, request, now);
      default:
        return this.#refuse(key, request, noDialog(request), now);
    }
  }

  /** An ACK that no transaction wanted: it acknowledges a 2xx. §13.3.1.4 */
  receiveAck(request: SipRequest, now: Millis): UserAgentOutput[] {
    const session = this.#context.sessions.byDialog(request);
    if (session === undefined) return [{ type: "ignored", reason: "ACK outside a dialog" }];
    const { sequence } = request.headers.cseq;
    const { first, repeated, outputs } = session.machine.acknowledge(sequence);
    if (repeated) return [{ type: "ignored", reason: "ACK repeated" }];
    session.sent.delete(sequence);
    const result: UserAgentOutput[] = [{
      type: first ? "acknowledged" : "reinvite_acknowledged",
      session: session.id,
      request,
    }];
    if (outputs.length > 0) result.push(...sendBye(this.#context, session, now));
    return result;
  }

  /** A CANCEL, which the transactions have answered, for this INVITE. §9.2 */
  receiveCancel(key: TransactionKey | undefined, now: Millis): UserAgentOutput[] {
    const session = key === undefined ? undefined : this.#context.sessions.byTransaction(key);
    if (session === undefined) return [{ type: "ignored", reason: "CANCEL without INVITE" }];
    if (session.reinvite?.key === key) {
      return this.answerReinvite(session, { statusCode: 487 }, now);
    }
    // §9.2: a CANCEL after the final response has no effect
    if (session.machine.state !== "proceeding") {
      return [{ type: "ignored", reason: "CANCEL after the final response" }];
    }
    const outputs = this.answer(session, { statusCode: 487 }, now);
    return [...outputs, { type: "cancelled", session: session.id }];
  }

  /** The INVITE of an accepted session came again: the caller has not seen our 2xx. RFC 6026 §7.1 */
  receiveRetransmission(key: TransactionKey, request: SipRequest): UserAgentOutput[] {
    const session = this.#context.sessions.byTransaction(key);
    const sent = session?.sent.get(request.headers.cseq.sequence);
    return sent === undefined ? [] : [{ type: "send", ...sent }];
  }

  /** Answers the INVITE of a session, provisionally or finally. §13.3.1 */
  answer(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    if (session.machine.state !== "proceeding") return [];
    const { statusCode } = answer;
    const response = this.#respond(session, session.invite, session.inviteKey, answer, now);
    if (statusCode >= 200 && statusCode < 300) {
      session.machine.accept(session.invite.headers.cseq.sequence, now);
    } else if (statusCode >= 300) {
      session.machine.refuse();
      this.#context.sessions.remove(session);
    }
    return response;
  }

  /** Answers the re-INVITE that waits. §14.2 */
  answerReinvite(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const { reinvite } = session;
    if (reinvite === undefined) return [];
    const { key, request } = reinvite;
    const outputs = this.#respond(session, request, key, answer, now);
    session.reinvite = undefined;
    if (answer.statusCode < 300) session.machine.accept(request.headers.cseq.sequence, now);
    else this.#context.sessions.forget(key);
    return outputs;
  }

  #receiveInvite(
    key: TransactionKey,
    request: SipRequest,
    flow: Flow,
    now: Millis,
  ): UserAgentOutput[] {
    const id = randomHex(this.#context.random, 8);
    let dialog: Dialog;
    try {
      // §8.1.1.8: an INVITE without Contact cannot make a dialog
      if (!request.headers.has("Contact")) throw new SipParseError("Contact is missing");
      dialog = Dialog.fromRequest(request, id);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return this.#refuse(key, request, bad(error.message), now);
    }
    const session: Session = {
      id,
      role: "server",
      flow,
      invite: request,
      inviteKey: key,
      machine: new InviteSession("server", this.#context.timers),
      target: flow.remote,
      dialog,
      calling: "done",
      sent: new Map(),
      reinvite: undefined,
      byeHeaders: [],
    };
    this.#context.sessions.add(session);
    return [{ type: "invite", session: id, request, flow }];
  }

  #receiveOptions(key: TransactionKey, request: SipRequest, now: Millis): UserAgentOutput[] {
    const refusal = refuseHeaders(request);
    if (refusal !== undefined) return this.#refuse(key, request, refusal, now);
    // §11.2: the answer is the one that an INVITE would get
    const options = this.serving
      ? { statusCode: 200, headers: capabilityHeaders() }
      : { statusCode: 503, headers: [["Retry-After", `${RETRY_AFTER_SECONDS}`]] as const };
    return this.#respondOutside(key, request, options.statusCode, options.headers, now);
  }

  #receiveInDialog(key: TransactionKey, request: SipRequest, now: Millis): UserAgentOutput[] {
    const session = this.#context.sessions.byDialog(request);
    if (session?.dialog === undefined) return this.#refuse(key, request, noDialog(request), now);
    // §12.2.2: a lower sequence number is out of order
    if (!session.dialog.acceptSequence(request.headers.cseq.sequence)) {
      const refusal = { statusCode: 500, headers: [], reason: "CSeq out of order" };
      return this.#refuse(key, request, refusal, now);
    }
    switch (request.method) {
      case "BYE":
        return this.#receiveBye(key, session, request, now);
      case "INVITE":
        return this.#receiveReinvite(key, session, request, now);
      case "INFO":
        return this.#receiveInfo(key, session, request, now);
      default:
        return this.#receiveOptions(key, request, now);
    }
  }

  #receiveBye(
    key: TransactionKey,
    session: Session,
    request: SipRequest,
    now: Millis,
  ): UserAgentOutput[] {
    const { state } = session.machine;
    const outputs = this.#respondOutside(key, request, 200, [], now);
    // §15.1.2: what is still pending gets 487
    if (session.reinvite !== undefined) {
      outputs.push(...this.answerReinvite(session, { statusCode: 487 }, now));
    }
    if (state === "proceeding") outputs.push(...this.answer(session, { statusCode: 487 }, now));
    // Two BYEs that cross: ours is still to be answered
    if (state === "ending") return outputs;
    session.machine.receiveBye();
    this.#context.sessions.remove(session);
    const { id } = session;
    outputs.push({ type: "bye", session: id, request });
    outputs.push({ type: "terminated", session: id, byeAnswered: true });
    return outputs;
  }

  #receiveInfo(
    key: TransactionKey,
    session: Session,
    request: SipRequest,
    now: Millis,
  ): UserAgentOutput[] {
    const refusal = refuseHeaders(request) ?? refuseInfo(request);
    if (refusal !== undefined) return this.#refuse(key, request, refusal, now);
    const outputs = this.#respondOutside(key, request, 200, [], now);
    return [...outputs, { type: "info", session: session.id, request }];
  }

  #receiveReinvite(
    key: TransactionKey,
    session: Session,
    request: SipRequest,
    now: Millis,
  ): UserAgentOutput[] {
    const { state } = session.machine;
    // §14.2: a second INVITE while the first is unanswered
    if (session.reinvite !== undefined || state === "proceeding") {
      return this.#refuse(key, request, {
        statusCode: 500,
        headers: [["Retry-After", `${RETRY_AFTER_SECONDS}`]],
        reason: "INVITE while another is unanswered",
      }, now);
    }
    if (state !== "accepted" && state !== "confirmed") {
      return this.#refuse(key, request, noDialog(request), now);
    }
    let contact: string | undefined;
    try {
      contact = request.headers.contact?.uri;
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return this.#refuse(key, request, bad(error.message), now);
    }
    session.dialog?.refreshTarget(contact);
    session.reinvite = { key, request };
    this.#context.sessions.expect(key, session);
    return [{ type: "reinvite", session: session.id, request }];
  }

  /** A response within the dialog of a session. §12.1.1 */
  #respond(
    session: Session,
    request: SipRequest,
    key: TransactionKey,
    answer: Answer,
    now: Millis,
  ): UserAgentOutput[] {
    const { statusCode, body } = answer;
    const headers: (readonly [string, string])[] = [];
    if (statusCode < 300) {
      for (const route of request.headers.getAll("Record-Route")) {
        headers.push(["Record-Route", route]);
      }
      headers.push(["Contact", contactFor(this.#context, session.flow)]);
    }
    if (statusCode >= 200 && statusCode < 300) headers.push(["Allow", ALLOW], ["Supported", ""]);
    headers.push(...(answer.headers ?? []));
    const response = createResponse(request, statusCode, {
      toTag: session.id,
      headers,
      ...(answer.reasonPhrase === undefined ? {} : { reasonPhrase: answer.reasonPhrase }),
      ...(body === undefined ? {} : { body: body.bytes, contentType: body.contentType }),
    });
    const outputs: UserAgentOutput[] = [];
    this.#context.absorb(this.#context.transactions.respond(key, response, now), outputs, now);
    if (statusCode >= 200 && statusCode < 300) {
      const sent = outputs.find((output) => output.type === "send");
      if (sent !== undefined) {
        session.sent.set(request.headers.cseq.sequence, asSentMessage(sent));
      }
    }
    return outputs;
  }

  #refuse(
    key: TransactionKey,
    request: SipRequest,
    refusal: Refusal,
    now: Millis,
  ): UserAgentOutput[] {
    const { statusCode, headers, reason } = refusal;
    const outputs = this.#respondOutside(key, request, statusCode, headers, now);
    outputs.push({ type: "refused", statusCode, request, reason });
    return outputs;
  }

  #respondOutside(
    key: TransactionKey,
    request: SipRequest,
    statusCode: number,
    headers: Headers,
    now: Millis,
  ): UserAgentOutput[] {
    const toTag = randomHex(this.#context.random, 8);
    const response = createResponse(request, statusCode, { toTag, headers });
    const outputs: UserAgentOutput[] = [];
    this.#context.absorb(this.#context.transactions.respond(key, response, now), outputs, now);
    return outputs;
  }
}

function asSentMessage(output: UserAgentOutput & { type: "send" }): SentMessage {
  const { flow, to, bytes, message } = output;
  return { flow, to, bytes, message };
}

function noDialog(request: SipRequest): Refusal {
  return { statusCode: 481, headers: [], reason: `${request.method} outside a dialog` };
}

function bad(reason: string): Refusal {
  return { statusCode: 400, headers: [], reason };
}
