/**
 * The user agent server for what begins a call: INVITE with its answers, ACK and CANCEL, and requests outside of
 * dialogs. RFC 3261 §8.2, §9.2, §11.2, §13.3; RFC 3262 §3 (reliable provisional responses), RFC 3891, RFC 4028 §9.
 *
 * @module
 */

import { randomHex, randomUint32 } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import { Dialog } from "../dialog/dialog.ts";
import { InviteSession } from "../dialog/invite_session.ts";
import { parseReplaces } from "../dialog/replaces.ts";
import { ReliableProvisional } from "../dialog/reliable_provisional.ts";
import { answerSessionTimer } from "../dialog/session_timer.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { UserAgentContext } from "./context.ts";
import type { InDialogServer } from "./in_dialog_server.ts";
import { sendBye } from "./in_session.ts";
import { newSession } from "./new_session.ts";
import type { Answer, SessionId, UserAgentOutput } from "./output.ts";
import {
  bad,
  noDialog,
  outOfOrder,
  type Received,
  refuse,
  respond,
  respondInSession,
  RETRY_AFTER_SECONDS,
  sentMessage,
} from "./responses.ts";
import { acceptTimer } from "./session_refresh.ts";
import type { Provisional, Session } from "./session_table.ts";
import {
  capabilityHeaders,
  type Refusal,
  refuseHeaders,
  refuseMethod,
  takesUpdate,
  understands,
} from "./uas_core.ts";

export type { Answer } from "./output.ts";

/** The server half of a user agent. */
export class ServerSide {
  readonly #context: UserAgentContext;
  readonly #inDialog: InDialogServer;
  /** Whether new calls are taken: OPTIONS answers 503 when not. */
  serving = true;

  constructor(context: UserAgentContext, inDialog: InDialogServer) {
    this.#context = context;
    this.#inDialog = inDialog;
  }

  /** A new request that is no retransmission, ACK or CANCEL. */
  receive(received: Received, now: Millis): UserAgentOutput[] {
    const { request } = received;
    const refusal = refuseMethod(request);
    if (refusal !== undefined) return refuse(this.#context, received, refusal, now);
    if (request.method === "OPTIONS") return this.#receiveOptions(received, now);
    if (request.headers.to.tag !== undefined) return this.#inDialog.receive(received, now);
    switch (request.method) {
      case "INVITE":
        return this.#receiveInvite(received, now);
      case "REFER":
        return refuse(this.#context, received, {
          statusCode: 403,
          headers: [],
          reason: "REFER outside a dialog",
        }, now);
      default:
        return refuse(this.#context, received, noDialog(request), now);
    }
  }

  /** An ACK that no transaction wanted: it acknowledges a 2xx. §13.3.1.4 */
  receiveAck(request: SipRequest, now: Millis): UserAgentOutput[] {
    const session = this.#context.sessions.byDialog(request)?.session;
    if (session === undefined) return [{ type: "ignored", reason: "ACK outside a dialog" }];
    const { sequence } = request.headers.cseq;
    const { first, repeated, outputs } = session.machine.acknowledge(sequence);
    if (repeated) return [{ type: "ignored", reason: "ACK repeated" }];
    session.sent.delete(sequence);
    // An offer in our 2xx has its answer now, or never gets one
    if (session.offer.state === "sent") session.offer.settle();
    const result: UserAgentOutput[] = [{
      type: first ? "acknowledged" : "reinvite_acknowledged",
      session: session.id,
      request,
    }];
    if (outputs.length > 0) result.push(...sendBye(this.#context, session, now));
    return result;
  }

  /** A CANCEL, which the transactions have answered, for this INVITE. §9.2 */
  receiveCancel(
    key: TransactionKey | undefined,
    request: SipRequest,
    now: Millis,
  ): UserAgentOutput[] {
    const session = key === undefined ? undefined : this.#context.sessions.byTransaction(key);
    if (session === undefined) return [{ type: "ignored", reason: "CANCEL without INVITE" }];
    if (session.reinvite?.key === key) {
      return this.#inDialog.answerReinvite(session, { statusCode: 487 }, now);
    }
    // §9.2: a CANCEL after the final response has no effect
    if (session.machine.state !== "proceeding") {
      return [{ type: "ignored", reason: "CANCEL after the final response" }];
    }
    const outputs = this.answer(session, { statusCode: 487 }, now);
    return [...outputs, { type: "cancelled", session: session.id, request }];
  }

  /** The INVITE of an accepted session came again: the caller has not seen our 2xx. RFC 6026 §7.1 */
  receiveRetransmission(key: TransactionKey, request: SipRequest): UserAgentOutput[] {
    const session = this.#context.sessions.byTransaction(key);
    const sent = session?.sent.get(request.headers.cseq.sequence);
    return sent === undefined ? [] : [{ type: "send", ...sent }];
  }

  /** The PRACK came: what waited for it goes out. */
  provisionalAcknowledged(session: Session, now: Millis): UserAgentOutput[] {
    const { provisional } = session;
    const outputs: UserAgentOutput[] = [];
    while (provisional !== undefined && !provisional.machine.waiting) {
      const next = provisional.queued.shift();
      if (next === undefined) return outputs;
      outputs.push(...this.answer(session, next, now));
    }
    return outputs;
  }

  /** Answers the INVITE of a session, provisionally or finally. §13.3.1 */
  answer(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    if (session.machine.state !== "proceeding") return [];
    const { statusCode } = answer;
    if (statusCode < 200) return this.#answerProvisionally(session, answer, now);
    if (statusCode < 300) return this.#accept(session, answer, now);
    session.provisional?.machine.abandon();
    const { inviteKey: key, invite: request } = session;
    const outputs = respondInSession(this.#context, session, { key, request }, answer, now);
    session.machine.refuse();
    this.#inDialog.abandon(session, outputs, now);
    this.#context.sessions.remove(session);
    return outputs;
  }

  /** What the timer of reliable provisional responses wants. RFC 3262 §3 */
  timeout(session: Session, now: Millis): UserAgentOutput[] {
    const { provisional } = session;
    const due = provisional?.machine.timeout(now);
    if (due?.type === "retransmit" && provisional?.sent !== undefined) {
      return [{ type: "send", ...provisional.sent }];
    }
    if (due?.type !== "failed") return [];
    const outputs = this.answer(session, { statusCode: 504 }, now);
    return [...outputs, { type: "prack_timeout", session: session.id }];
  }

  #answerProvisionally(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const { inviteKey: key, invite: request, provisional } = session;
    if (!this.#goesReliably(session, answer)) {
      return respondInSession(this.#context, session, { key, request }, answer, now);
    }
    // §3: one at a time, and nothing overtakes it
    if (provisional?.machine.waiting === true) {
      if (provisional.queued.length < QUEUED_MAX) provisional.queued.push(answer);
      return [];
    }
    const reliable = session.provisional ??= this.#newProvisional();
    const rseq = reliable.machine.send(now);
    const headers: Headers = [["Require", "100rel"], ["RSeq", `${rseq}`], ...answer.headers ?? []];
    if (answer.body !== undefined) {
      // RFC 3261 §13.2.1: said again, it is neither an answer nor an offer
      if (!reliable.isDescribed) describe(session);
      reliable.isDescribed = true;
    }
    const outputs = respondInSession(
      this.#context,
      session,
      { key, request },
      { ...answer, headers },
      now,
    );
    reliable.sent = sentMessage(outputs);
    return outputs;
  }

  #newProvisional(): Provisional {
    const { random, timers } = this.#context;
    // §3: from 1 to 2^31 - 1, and with room above
    const rseq = (randomUint32(random) & 0x3fff_ffff) + 1;
    const machine = new ReliableProvisional({ rseq, timers });
    return { machine, sent: undefined, isDescribed: false, queued: [] };
  }

  /** RFC 3262 §3: all of them when the caller requires it; else those that describe the session. */
  #goesReliably({ invite }: Session, { statusCode, body }: Answer): boolean {
    if (statusCode === 100) return false;
    const asked = understands(invite, "100rel");
    return asked === "required" || (asked && body !== undefined);
  }

  #accept(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const { inviteKey: key, invite: request, provisional } = session;
    if (provisional?.machine.waiting === true) {
      // RFC 3262 §5: a 2xx waits while a description of ours is unacknowledged
      if (provisional.sent !== undefined && provisional.sent.message.body.length > 0) {
        provisional.queued.push(answer);
        return [];
      }
      provisional.machine.abandon();
    }
    const headers = acceptTimer(this.#context, session, { request, answer }, now);
    // RFC 3261 §13.2.1: what was described reliably is not described again
    const { statusCode, reasonPhrase } = answer;
    const body = provisional?.isDescribed === true ? undefined : answer.body;
    if (body !== undefined) describe(session);
    const outputs = respondInSession(
      this.#context,
      session,
      { key, request },
      { statusCode, reasonPhrase, headers, body },
      now,
    );
    const sent = sentMessage(outputs);
    if (sent !== undefined) session.sent.set(request.headers.cseq.sequence, sent);
    session.machine.accept(request.headers.cseq.sequence, now);
    return outputs;
  }

  #receiveInvite(received: Received, now: Millis): UserAgentOutput[] {
    const { key, request, flow } = received;
    const context = this.#context;
    const id = randomHex(context.random, 8);
    let dialog: Dialog;
    let replaces: SessionId | undefined;
    try {
      // §8.1.1.8: an INVITE without Contact cannot make a dialog
      if (request.headers.contact === undefined) throw new SipParseError("Contact is missing");
      dialog = Dialog.fromRequest(request, id);
      const replaced = this.#replaced(request);
      if (typeof replaced === "object") return refuse(context, received, replaced, now);
      replaces = replaced;
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return refuse(context, received, bad(error), now);
    }
    const timer = answerSessionTimer(request, context.sessionTimer);
    if (timer.type === "too_small") {
      const { headers } = timer;
      const refusal = { statusCode: 422, headers, reason: "Session-Expires is too small" };
      return refuse(context, received, refusal, now);
    }
    const machine = new InviteSession("server", context.timers);
    const given = { id, flow, invite: request, inviteKey: key, machine, dialog };
    const session = newSession({ ...given, role: "server" });
    if (request.body.length > 0) session.offer.receive();
    session.peerTakesUpdate = takesUpdate(request);
    context.sessions.add(session);
    return [{ type: "invite", session: id, request, flow, replaces }];
  }

  /** The session that an INVITE is to take the place of, or why it cannot. RFC 3891 §3 */
  #replaced(request: SipRequest): SessionId | Refusal | undefined {
    const values = request.headers.getAll("Replaces");
    if (values.length === 0) return undefined;
    if (values.length > 1) throw new SipParseError("More than one Replaces");
    const { callId, toTag, fromTag, earlyOnly } = parseReplaces(values[0] as string);
    const found = this.#context.sessions.find({ callId, localTag: toTag, remoteTag: fromTag });
    const state = found?.session.machine.state;
    // An early dialog can be replaced at the end that began it only
    if (found === undefined || state === "proceeding") {
      return { statusCode: 481, headers: [], reason: "Replaces names no dialog of ours" };
    }
    const { session, dialog } = found;
    const isEarly = session.dialog === undefined;
    const isOver = session.dialog !== dialog || (state !== "confirmed" && state !== "accepted");
    if (!isEarly && isOver) {
      return { statusCode: 603, headers: [], reason: "Replaces names a dialog that has ended" };
    }
    if (earlyOnly && !isEarly) {
      return { statusCode: 486, headers: [], reason: "Replaces wants an early dialog" };
    }
    return session.id;
  }

  #receiveOptions(received: Received, now: Millis): UserAgentOutput[] {
    const { request } = received;
    const context = this.#context;
    const refusal = refuseHeaders(request);
    if (refusal !== undefined) return refuse(context, received, refusal, now);
    if (request.headers.to.tag !== undefined) {
      const dialog = context.sessions.byDialog(request)?.dialog;
      if (dialog === undefined) return refuse(context, received, noDialog(request), now);
      if (!dialog.acceptSequence(request.headers.cseq.sequence)) {
        return refuse(context, received, outOfOrder(), now);
      }
    }
    // §11.2: the answer is the one that an INVITE would get
    const answer = this.serving
      ? { statusCode: 200, headers: capabilityHeaders() }
      : { statusCode: 503, headers: [["Retry-After", `${RETRY_AFTER_SECONDS}`]] as const };
    return respond(context, received, answer, now);
  }
}

/** Provisional answers that wait for a PRACK. */
const QUEUED_MAX = 16;

/** A description of ours goes out: the answer to the caller's offer, or an offer. RFC 3264 §4 */
function describe({ offer }: Session): void {
  if (offer.state === "received") offer.settle();
  else offer.send();
}
