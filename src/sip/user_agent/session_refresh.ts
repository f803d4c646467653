/**
 * Keeps a session alive, and notices when it is not: the session timer's requests and what comes of them. RFC 4028
 * §7, §10.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import {
  acceptSessionTimer,
  answerSessionTimer,
  requestSessionTimer,
  SessionTimer,
  type SessionTimerAgreement,
} from "../dialog/session_timer.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { UserAgentContext } from "./context.ts";
import { endsDialog, sendInSession } from "./in_session.ts";
import type { Answer, UserAgentOutput } from "./output.ts";
import type { Session } from "./session_table.ts";
import { ALLOW, SUPPORTED } from "./uas_core.ts";

/** A request of ours that refreshes the session, and its 2xx. */
export interface Refresh {
  readonly request: SipRequest;
  readonly response: SipResponse;
}

/** A 2xx of either side has agreed upon a session timer, or upon none. §7.2, §9 */
export function followTimer(
  session: Session,
  agreement: SessionTimerAgreement | undefined,
  now: Millis,
): void {
  if (agreement === undefined) session.timer = undefined;
  else if (session.timer === undefined) session.timer = new SessionTimer(agreement, now);
  else session.timer.refreshed(agreement, now);
}

/** Our 2xx says whether there is a session timer: the headers that it has then. §9 */
export function acceptTimer(
  context: UserAgentContext,
  session: Session,
  { request, answer }: { readonly request: SipRequest; readonly answer: Answer },
  now: Millis,
): Headers {
  const { headers = [] } = answer;
  const timer = answerSessionTimer(request, context.sessionTimer);
  // One that is too small was refused before
  if (timer.type === "too_small") return headers;
  const isAgreed = timer.type === "agreed";
  followTimer(session, isAgreed ? timer.agreement : undefined, now);
  return isAgreed ? [...headers, ...timer.headers] : headers;
}

/** Refreshes sessions. */
export class SessionRefresh {
  readonly #context: UserAgentContext;

  constructor(context: UserAgentContext) {
    this.#context = context;
  }

  /** What a re-INVITE or UPDATE of ours says about us and the timer. */
  headers(session: Session): Headers {
    const current = session.timer?.agreement;
    return [
      ["Allow", ALLOW],
      ["Supported", SUPPORTED],
      ...requestSessionTimer(this.#context.sessionTimer, current === undefined ? {} : { current }),
    ];
  }

  timeout(session: Session, now: Millis): UserAgentOutput[] {
    const due = session.timer?.timeout(now);
    if (due === undefined) return [];
    if (due.type === "refresh") return this.#send(session, now);
    session.timer = undefined;
    return [{ type: "session_expired", session: session.id }];
  }

  /** The response to an UPDATE of ours, which held no offer. */
  receive(session: Session, refresh: Refresh, now: Millis): UserAgentOutput[] {
    const { statusCode } = refresh.response;
    if (statusCode >= 300) return this.failed(session, statusCode);
    this.succeeded(session, refresh, now);
    return [];
  }

  /** A refresh of ours got its 2xx. */
  succeeded(session: Session, { request, response }: Refresh, now: Millis): void {
    followTimer(session, acceptSessionTimer(request, response, this.#context.sessionTimer), now);
  }

  /** A refresh of ours was refused. What does not end the dialog is tried again until the time is up. §10 */
  failed(session: Session, statusCode: number): UserAgentOutput[] {
    if (endsDialog(statusCode)) return [{ type: "session_expired", session: session.id }];
    if (statusCode !== 405 && statusCode !== 501) return [];
    session.peerTakesUpdate = false;
    return [{ type: "reinvite_due", session: session.id, reason: "refresh" }];
  }

  #send(session: Session, now: Millis): UserAgentOutput[] {
    session.timer?.refreshSent(now);
    if (!session.peerTakesUpdate) {
      return [{ type: "reinvite_due", session: session.id, reason: "refresh" }];
    }
    if (session.machine.state !== "confirmed") return [];
    // §7.4: an UPDATE needs no offer
    const headers = this.headers(session);
    const request = { method: "UPDATE", purpose: "refresh", headers } as const;
    return sendInSession(this.#context, session, request, now);
  }
}
