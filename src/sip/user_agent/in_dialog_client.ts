/**
 * Our requests within a session, and what comes of them: BYE, re-INVITE, UPDATE, REFER, NOTIFY and others.
 * RFC 3261 §12.2.1, §14.1, §15.1.1; RFC 3311 §5.1, RFC 3515 §2.4, RFC 4028 §7.4.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { glareDelay } from "../dialog/offer_state.ts";
import { formatReferTo } from "../dialog/refer.ts";
import { ReferSubscription, SIPFRAG_CONTENT_TYPE } from "../dialog/refer_subscription.ts";
import type { ReplacesValue } from "../dialog/replaces.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import { reasonPhrase } from "../message/reason_phrases.ts";
import { acknowledge } from "./acknowledge.ts";
import type { Delivery, Purpose } from "./client_requests.ts";
import type { UserAgentContext } from "./context.ts";
import { endsDialog, type InDialogRequest, sendInSession } from "./in_session.ts";
import type { SipBody, UserAgentOutput } from "./output.ts";
import { SessionRefresh } from "./session_refresh.ts";
import type { Session } from "./session_table.ts";
import { ALLOW, SUPPORTED } from "./uas_core.ts";

/** A new offer of ours. */
export interface NewOffer {
  /** UPDATE only where the peer takes it, and will answer at once. RFC 3311 §5.1 */
  readonly method?: "INVITE" | "UPDATE";
  readonly body: SipBody;
  readonly headers?: Headers;
}

/** A REFER of ours. RFC 3515 §2.4.1 */
export interface ReferOptions {
  /** The URI that the peer is to call. */
  readonly to: string;
  /** The dialog that the new call takes the place of: an attended transfer. RFC 3891 */
  readonly replaces?: ReplacesValue | undefined;
  /** Value of Referred-By. RFC 3892 */
  readonly referredBy?: string | undefined;
  readonly headers?: Headers;
}

/** The requests of ours within sessions. */
export class InDialogClient {
  readonly #context: UserAgentContext;
  readonly #refresh: SessionRefresh;

  constructor(context: UserAgentContext) {
    this.#context = context;
    this.#refresh = new SessionRefresh(context);
  }

  /** Offers anew. While another offer is open it is put off: `reinvite_due` follows. §14.1 */
  reinvite(session: Session, offer: NewOffer, now: Millis): UserAgentOutput[] {
    if (!isUp(session)) return [];
    if (session.reinvite !== undefined || !session.offer.send()) {
      this.#retryLater(session, now);
      return [];
    }
    const { method = "INVITE", body, headers = [] } = offer;
    return sendInSession(this.#context, session, {
      method,
      purpose: "offer",
      headers: [...this.#refresh.headers(session), ...headers],
      body,
    }, now);
  }

  /** Asks the peer to call somebody else. */
  refer(session: Session, options: ReferOptions, now: Millis): UserAgentOutput[] {
    if (!isUp(session)) return [];
    const { to, replaces, referredBy, headers = [] } = options;
    const referTo = formatReferTo(replaces === undefined ? { uri: to } : { uri: to, replaces });
    const outputs = sendInSession(this.#context, session, {
      method: "REFER",
      purpose: "refer",
      headers: [
        ["Refer-To", referTo],
        ...(referredBy === undefined ? [] : [["Referred-By", referredBy] as const]),
        ["Allow", ALLOW],
        ["Supported", SUPPORTED],
        ...headers,
      ],
    }, now);
    const id = session.dialog?.localSequence ?? 0;
    session.subscription = new ReferSubscription({ id, t1: this.#context.timers.t1 }, now);
    return outputs;
  }

  /** Tells the peer how the call that it asked for goes. RFC 3515 §2.4.5 */
  notifyRefer(
    session: Session,
    { statusCode, phrase }: { readonly statusCode: number; readonly phrase?: string | undefined },
    now: Millis,
  ): UserAgentOutput[] {
    const text = phrase ?? reasonPhrase(statusCode);
    return this.#sendNotify(session, session.notifier?.notify(statusCode, text, now), now);
  }

  /** Sends any other request. */
  send(session: Session, request: InDialogRequest, now: Millis): UserAgentOutput[] {
    if (!isUp(session)) return [];
    return sendInSession(this.#context, session, { ...request, purpose: "other" }, now);
  }

  /** What the timers of the extensions want. */
  timeout(session: Session, now: Millis): UserAgentOutput[] {
    const outputs: UserAgentOutput[] = [];
    const { id } = session;
    if (session.retryAt !== undefined && now >= session.retryAt) {
      session.retryAt = undefined;
      outputs.push({ type: "reinvite_due", session: id, reason: "retry" });
    }
    outputs.push(...this.#refresh.timeout(session, now));
    const outcome = session.subscription?.timeout(now);
    if (outcome !== undefined) outputs.push(...this.referred(session, outcome));
    const last = session.notifier?.timeout(now);
    if (last !== undefined) outputs.push(...this.#sendNotify(session, last, now));
    return outputs;
  }

  /** A NOTIFY said how our REFER goes, or nothing says it any more. */
  referred(
    session: Session,
    outcome: {
      readonly statusCode: number;
      readonly reasonPhrase: string;
      readonly isFinal: boolean;
    },
  ): UserAgentOutput[] {
    if (outcome.isFinal) session.subscription = undefined;
    return [{ type: "referred", session: session.id, isAnswer: false, ...outcome }];
  }

  /** A response to a request within a session. */
  receive(delivery: Delivery, response: SipResponse, now: Millis): UserAgentOutput[] {
    const { owner, request } = delivery;
    if (owner.type !== "in_dialog") return [];
    const { session, purpose } = owner;
    const { statusCode } = response;
    if (statusCode < 200) return [];
    if (statusCode < 300) this.#refreshTarget(session, purpose, response);
    switch (purpose) {
      case "bye":
        return this.#endSession(session, true);
      case "offer":
        return this.#receiveOfferResponse(session, { request, response }, now);
      case "refresh":
        return this.#refresh.receive(session, { request, response }, now);
      case "refer":
        return this.#receiveReferResponse(session, response);
      case "prack":
        return [];
      default:
        return this.#receiveOther(session, { purpose, method: request.method, statusCode });
    }
  }

  /** A request within a session got no final response. §8.1.3.1: as if it were a 408, or a 503. */
  fail(
    { owner, request }: Delivery,
    cause: "timeout" | "transport",
    now: Millis,
  ): UserAgentOutput[] {
    if (owner.type !== "in_dialog") return [];
    const { session, purpose } = owner;
    const statusCode = cause === "timeout" ? 408 : 503;
    switch (purpose) {
      case "bye":
        return this.#endSession(session, false);
      case "offer":
        return this.#rejectOffer(session, statusCode, now);
      case "refresh":
        return this.#refresh.failed(session, statusCode);
      case "refer":
        session.subscription = undefined;
        return [referAnswer(session, statusCode, reasonPhrase(statusCode))];
      case "prack":
        return [];
      default:
        return this.#receiveOther(session, { purpose, method: request.method, statusCode });
    }
  }

  #receiveOfferResponse(
    session: Session,
    { request, response }: { request: SipRequest; response: SipResponse },
    now: Millis,
  ): UserAgentOutput[] {
    const { sequence } = response.headers.cseq;
    if (response.statusCode >= 300) return this.#rejectOffer(session, response.statusCode, now);
    const accepted: UserAgentOutput = {
      type: "reinvite_accepted",
      session: session.id,
      response,
    };
    if (request.method === "UPDATE") {
      session.offer.settle();
      this.#refresh.succeeded(session, { request, response }, now);
      return [accepted];
    }
    // A 2xx that came again wants its ACK again
    const known = session.acks?.get(sequence);
    if (known !== undefined) return [{ type: "send", ...known }];
    session.offer.settle();
    this.#refresh.succeeded(session, { request, response }, now);
    return [acknowledge(this.#context, session, request), accepted];
  }

  #rejectOffer(session: Session, statusCode: number, now: Millis): UserAgentOutput[] {
    session.offer.settle();
    const rejected: UserAgentOutput = {
      type: "reinvite_rejected",
      session: session.id,
      statusCode,
    };
    if (statusCode === 491) this.#retryLater(session, now);
    return endsDialog(statusCode)
      ? [rejected, { type: "session_expired", session: session.id }]
      : [rejected];
  }

  #receiveReferResponse(session: Session, response: SipResponse): UserAgentOutput[] {
    const { statusCode } = response;
    // RFC 4488 §4: the peer tells nothing more
    const isSilent = response.headers.get("Refer-Sub")?.trim().toLowerCase() === "false";
    if (statusCode >= 300 || isSilent) session.subscription = undefined;
    const output = referAnswer(session, statusCode, response.reasonPhrase);
    return [isSilent ? { ...output, isFinal: true } : output];
  }

  #receiveOther(
    session: Session,
    { purpose, method, statusCode }: { purpose: Purpose; method: string; statusCode: number },
  ): UserAgentOutput[] {
    if (purpose === "notify") {
      // RFC 6665 §4.2.2: whoever knows nothing of the subscription ends it
      if (statusCode >= 400) {
        session.notifier?.abandon();
        session.notifier = undefined;
      }
      return [];
    }
    const responded: UserAgentOutput = {
      type: "responded",
      session: session.id,
      method,
      statusCode,
    };
    return statusCode === 481
      ? [responded, { type: "session_expired", session: session.id }]
      : [responded];
  }

  #sendNotify(
    session: Session,
    notification: { readonly headers: Headers; readonly body: Uint8Array } | undefined,
    now: Millis,
  ): UserAgentOutput[] {
    const { state } = session.machine;
    if (notification === undefined) return [];
    if (session.notifier?.deadline === undefined) session.notifier = undefined;
    if (state !== "confirmed" && state !== "accepted") return [];
    return sendInSession(this.#context, session, {
      method: "NOTIFY",
      purpose: "notify",
      headers: notification.headers,
      body: { bytes: notification.body, contentType: SIPFRAG_CONTENT_TYPE },
    }, now);
  }

  #refreshTarget(session: Session, purpose: Purpose, response: SipResponse): void {
    // §12.2.1.2: the 2xx to a target refresh request
    if (purpose !== "offer" && purpose !== "refresh") return;
    try {
      session.dialog?.refreshTarget(response.headers.contact?.uri);
    } catch (error) {
      // A Contact that cannot be read changes nothing
      if (!(error instanceof SipParseError)) throw error;
    }
  }

  #retryLater(session: Session, now: Millis): void {
    const ownsCallId = session.role === "client";
    session.retryAt = now + glareDelay(ownsCallId, this.#context.random);
  }

  #endSession(session: Session, byeAnswered: boolean): UserAgentOutput[] {
    session.machine.byeCompleted();
    this.#context.sessions.remove(session);
    return [{ type: "terminated", session: session.id, byeAnswered }];
  }
}

/** Whether requests of ours may go out; on the calling side, there is no session before the 2xx. */
function isUp({ machine, dialog }: Session): boolean {
  return machine.state === "confirmed" && dialog !== undefined;
}

function referAnswer(
  session: Session,
  statusCode: number,
  phrase: string,
): UserAgentOutput & { type: "referred" } {
  return {
    type: "referred",
    session: session.id,
    statusCode,
    reasonPhrase: phrase,
    isAnswer: true,
    isFinal: statusCode >= 300,
  };
}
