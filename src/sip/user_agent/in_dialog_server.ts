/**
 * The peer's requests within a session: BYE, re-INVITE, UPDATE, PRACK, INFO, REFER and NOTIFY. RFC 3261 §12.2.2,
 * §14.2, §15.1.2; RFC 3262 §3, RFC 3311 §5.2, RFC 3515 §2.4, RFC 6086.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { SessionState } from "../dialog/invite_session.ts";
import { parseRefer } from "../dialog/refer.ts";
import { ReferNotifier } from "../dialog/refer_subscription.ts";
import { parseRAck } from "../dialog/reliable_provisional.ts";
import { answerSessionTimer } from "../dialog/session_timer.ts";
import type { Headers } from "../message/headers.ts";
import { SipParseError } from "../message/parse_error.ts";
import type { UserAgentContext } from "./context.ts";
import type { InDialogClient } from "./in_dialog_client.ts";
import type { Answer, UserAgentOutput } from "./output.ts";
import {
  bad,
  busy,
  glare,
  noDialog,
  outOfOrder,
  type Received,
  refuse,
  respond,
  respondInSession,
  sentMessage,
} from "./responses.ts";
import { acceptTimer } from "./session_refresh.ts";
import type { InDialog, PendingRequest, Session } from "./session_table.ts";
import { type Refusal, refuseHeaders, refuseInfo, takesUpdate } from "./uas_core.ts";

const LEAVING: ReadonlySet<SessionState> = new Set(["hanging_up", "ending", "terminated"]);

/** How long the peer hears of its REFER, unless it ends before. */
const REFER_EXPIRES: Millis = 180_000;

/** What the session's INVITE waits for, once a PRACK has come. */
export interface InviteAnswers {
  answer(session: Session, answer: Answer, now: Millis): UserAgentOutput[];
  provisionalAcknowledged(session: Session, now: Millis): UserAgentOutput[];
}

/** Answers requests within sessions. */
export class InDialogServer {
  readonly #context: UserAgentContext;
  readonly #client: InDialogClient;
  readonly #invites: () => InviteAnswers;

  /** @param invites Asked for at each use, as the two are made of each other. */
  constructor(context: UserAgentContext, client: InDialogClient, invites: () => InviteAnswers) {
    this.#context = context;
    this.#client = client;
    this.#invites = invites;
  }

  /** A request that names a dialog. */
  receive(received: Received, now: Millis): UserAgentOutput[] {
    const { request } = received;
    const context = this.#context;
    const found = context.sessions.byDialog(request);
    if (found === undefined) return refuse(context, received, noDialog(request), now);
    // §12.2.2: a lower sequence number is out of order
    if (!found.dialog.acceptSequence(request.headers.cseq.sequence)) {
      return refuse(context, received, outOfOrder(), now);
    }
    const { session } = found;
    if (session.dialog !== found.dialog) return this.#receiveElsewhere(found, received, now);
    // What comes while our BYE is under way gets what it would get after it
    const isEnding = LEAVING.has(session.machine.state);
    if (isEnding && request.method !== "BYE") {
      return refuse(context, received, noDialog(request), now);
    }
    switch (request.method) {
      case "BYE":
        return this.#receiveBye(session, received, now);
      case "INVITE":
        return this.#receiveReinvite(session, received, now);
      case "UPDATE":
        return this.#receiveUpdate(session, received, now);
      case "PRACK":
        return this.#receivePrack(session, received, now);
      case "INFO":
        return this.#receiveInfo(session, received, now);
      case "REFER":
        return this.#receiveRefer(session, received, now);
      default:
        return this.#receiveNotify(session, received, now);
    }
  }

  /** Answers the re-INVITE that waits. §14.2 */
  answerReinvite(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const pending = session.reinvite;
    if (pending === undefined) return [];
    const { key, request } = pending;
    const { statusCode } = answer;
    const isSuccess = statusCode < 300;
    const headers = isSuccess
      ? acceptTimer(this.#context, session, { request, answer }, now)
      : answer.headers;
    const outputs = respondInSession(this.#context, session, pending, {
      ...answer,
      ...(headers === undefined ? {} : { headers }),
    }, now);
    session.reinvite = undefined;
    session.offer.settle();
    if (!isSuccess) {
      this.#context.sessions.forget(key);
      return outputs;
    }
    this.#refreshTarget(pending);
    // The ACK brings the answer to an offer of ours
    if (request.body.length === 0) session.offer.send();
    const { sequence } = request.headers.cseq;
    const sent = sentMessage(outputs);
    if (sent !== undefined) session.sent.set(sequence, sent);
    session.machine.accept(sequence, now);
    return outputs;
  }

  /** Answers the offer that came in an UPDATE or a PRACK. */
  answerOffer(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const pending = session.offered;
    if (pending === undefined) return [];
    session.offered = undefined;
    session.offer.settle();
    const { request } = pending;
    const isUpdate = request.method === "UPDATE";
    const isRefresh = isUpdate && answer.statusCode < 300;
    if (isRefresh) this.#refreshTarget(pending);
    const headers = isRefresh
      ? acceptTimer(this.#context, session, { request, answer }, now)
      : answer.headers;
    const outputs = respondInSession(this.#context, session, pending, {
      ...answer,
      ...(headers === undefined ? {} : { headers }),
    }, now);
    if (!isUpdate) outputs.push(...this.#invites().provisionalAcknowledged(session, now));
    return outputs;
  }

  /** Answers the REFER that waits; with a 2xx, `notifyRefer` has to follow. RFC 3515 §2.4.2 */
  answerRefer(session: Session, answer: Answer, now: Millis): UserAgentOutput[] {
    const pending = session.referring;
    if (pending === undefined) return [];
    session.referring = undefined;
    if (answer.statusCode < 300 && !isSilent(pending)) {
      const id = pending.request.headers.cseq.sequence;
      session.notifier = new ReferNotifier({ id, expires: REFER_EXPIRES }, now);
    }
    // RFC 4488 §4: what was asked for is confirmed
    const headers: Headers = isSilent(pending)
      ? [["Refer-Sub", "false"], ...answer.headers ?? []]
      : answer.headers ?? [];
    return respondInSession(this.#context, session, pending, { ...answer, headers }, now);
  }

  /** The session is over: what the peer still waits for is answered. §15.1.2 */
  abandon(session: Session, outputs: UserAgentOutput[], now: Millis): void {
    const gone = { statusCode: 487 };
    if (session.reinvite !== undefined) outputs.push(...this.answerReinvite(session, gone, now));
    if (session.offered !== undefined) {
      const pending = session.offered;
      session.offered = undefined;
      outputs.push(...respondInSession(this.#context, session, pending, gone, now));
    }
    if (session.referring !== undefined) outputs.push(...this.answerRefer(session, gone, now));
  }

  /** A dialog of our INVITE that is not the session's: an early one, or a fork that we left. */
  #receiveElsewhere(
    { session, dialog }: InDialog,
    received: Received,
    now: Millis,
  ): UserAgentOutput[] {
    const { method } = received.request;
    if (method === "BYE") {
      session.calling?.early.delete(dialog.id.remoteTag);
      return respond(this.#context, received, { statusCode: 200 }, now);
    }
    if (session.dialog === undefined && session.calling?.state !== "done") {
      if (method === "UPDATE") return this.#receiveUpdate(session, received, now);
      if (method === "INFO") return this.#receiveInfo(session, received, now);
      // §14.2: while an INVITE of ours on that dialog is in progress
      const early = method === "INVITE"
        ? glare("INVITE while ours is unanswered")
        : busy(`${method} in an early dialog`);
      return refuse(this.#context, received, early, now);
    }
    return refuse(this.#context, received, noDialog(received.request), now);
  }

  #receiveBye(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { state } = session.machine;
    const outputs = respond(this.#context, received, { statusCode: 200 }, now);
    this.abandon(session, outputs, now);
    if (session.role === "server" && state === "proceeding") {
      outputs.push(...this.#invites().answer(session, { statusCode: 487 }, now));
    }
    // Two BYEs that cross: ours is still to be answered
    if (state === "ending") return outputs;
    session.machine.receiveBye();
    this.#context.sessions.remove(session);
    const { id } = session;
    outputs.push({ type: "bye", session: id, request: received.request });
    outputs.push({ type: "terminated", session: id, byeAnswered: true });
    return outputs;
  }

  #receiveReinvite(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { key, request } = received;
    const context = this.#context;
    const { state } = session.machine;
    // §14.2: a second INVITE while the first is unanswered
    if (session.reinvite !== undefined || state === "proceeding") {
      return refuse(context, received, busy("INVITE while another is unanswered"), now);
    }
    const refusal = refuseContact(received) ?? this.#refuseOffer(session, received, true);
    if (refusal !== undefined) return refuse(context, received, refusal, now);
    session.reinvite = { key, request };
    context.sessions.expect(key, session);
    return [{ type: "reinvite", session: session.id, request }];
  }

  #receiveUpdate(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { key, request } = received;
    const context = this.#context;
    const hasOffer = request.body.length > 0;
    const refusal = refuseHeaders(request) ?? refuseContact(received) ??
      this.#refuseOffer(session, received, hasOffer);
    if (refusal !== undefined) {
      return refuse(context, received, refusal, now);
    }
    const pending = { key, request };
    if (hasOffer) {
      session.offered = pending;
      return [{ type: "offer", session: session.id, request }];
    }
    const headers = acceptTimer(context, session, { request, answer: { statusCode: 200 } }, now);
    this.#refreshTarget(pending);
    return respondInSession(context, session, pending, { statusCode: 200, headers }, now);
  }

  /** What stands in the way of a refresh with or without an offer. RFC 3311 §5.2, RFC 4028 §9 */
  #refuseOffer(session: Session, { request }: Received, offers: boolean): Refusal | undefined {
    session.peerTakesUpdate ||= takesUpdate(request);
    const timer = answerSessionTimer(request, this.#context.sessionTimer);
    if (timer.type === "too_small") {
      const { headers } = timer;
      return { statusCode: 422, headers, reason: "Session-Expires is too small" };
    }
    if (!offers) return undefined;
    switch (session.offer.receive()) {
      case "taken":
        return undefined;
      case "glare":
        return glare(`${request.method} while an offer of ours is open`);
      case "busy":
        return busy(`${request.method} while another offer is unanswered`);
    }
  }

  /** §12.2.2: an accepted target refresh request changes the target; a refused one, nothing. */
  #refreshTarget({ request }: PendingRequest): void {
    const dialog = this.#context.sessions.byDialog(request)?.dialog;
    dialog?.refreshTarget(request.headers.contact?.uri);
  }

  #receivePrack(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { key, request } = received;
    const context = this.#context;
    let isOurs: boolean;
    try {
      const rack = parseRAck(request.headers.get("RAck") ?? "");
      const { sequence } = session.invite.headers.cseq;
      isOurs = session.provisional?.machine.acknowledge(rack, sequence) ?? false;
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return refuse(context, received, bad(error), now);
    }
    // RFC 3262 §3: 481 when it fits nothing that is unacknowledged
    if (!isOurs) {
      const refusal = { statusCode: 481, headers: [], reason: "PRACK fits no response of ours" };
      return refuse(context, received, refusal, now);
    }
    const answersOurs = session.offer.state === "sent";
    if (answersOurs && request.body.length > 0) session.offer.settle();
    const body = answersOurs ? request.body : new Uint8Array();
    const outputs: UserAgentOutput[] = [];
    if (!answersOurs && request.body.length > 0 && session.offer.receive() === "taken") {
      session.offered = { key, request };
      outputs.push({ type: "provisional_acknowledged", session: session.id, body });
      outputs.push({ type: "offer", session: session.id, request });
      return outputs;
    }
    outputs.push(...respond(context, received, { statusCode: 200 }, now));
    outputs.push({ type: "provisional_acknowledged", session: session.id, body });
    outputs.push(...this.#invites().provisionalAcknowledged(session, now));
    return outputs;
  }

  #receiveInfo(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { request } = received;
    const refusal = refuseHeaders(request) ?? refuseInfo(request);
    if (refusal !== undefined) return refuse(this.#context, received, refusal, now);
    const outputs = respond(this.#context, received, { statusCode: 200 }, now);
    return [...outputs, { type: "info", session: session.id, request }];
  }

  #receiveRefer(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { key, request } = received;
    const context = this.#context;
    const refusal = refuseHeaders(request);
    if (refusal !== undefined) return refuse(context, received, refusal, now);
    // There is no way to tell how it goes: our NOTIFYs wait for the answer to the INVITE
    if (session.machine.state === "proceeding") {
      return refuse(context, received, busy("REFER in an early dialog"), now);
    }
    if (session.referring !== undefined || session.notifier !== undefined) {
      return refuse(context, received, busy("REFER while another is unfinished"), now);
    }
    try {
      const refer = parseRefer(request);
      session.referring = { key, request };
      return [{ type: "refer", session: session.id, request, refer }];
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return refuse(context, received, bad(error), now);
    }
  }

  #receiveNotify(session: Session, received: Received, now: Millis): UserAgentOutput[] {
    const { request } = received;
    const context = this.#context;
    const event = (request.headers.get("Event") ?? "").split(";", 1)[0]?.trim().toLowerCase();
    if (event !== "refer") {
      const headers: Headers = [["Allow-Events", "refer"]];
      return refuse(context, received, { statusCode: 489, headers, reason: `event ${event}` }, now);
    }
    if (session.subscription?.matches(request) !== true) {
      const reason = "NOTIFY for no REFER of ours";
      return refuse(context, received, { statusCode: 481, headers: [], reason }, now);
    }
    const outputs = respond(context, received, { statusCode: 200 }, now);
    const outcome = session.subscription.receive(request, now);
    if (outcome !== undefined) outputs.push(...this.#client.referred(session, outcome));
    return outputs;
  }
}

/** A Contact that cannot be read is no target. */
function refuseContact({ request }: Received): Refusal | undefined {
  try {
    request.headers.contact;
    return undefined;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return bad(error);
  }
}

/** RFC 4488 §4: the peer does not want to hear of it. */
function isSilent({ request }: PendingRequest): boolean {
  return request.headers.get("Refer-Sub")?.trim().toLowerCase() === "false";
}
