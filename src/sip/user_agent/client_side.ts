/**
 * The user agent client: our INVITE, its CANCEL and ACK, and what comes back, forked responses included.
 * RFC 3261 §8.1, §9.1, §12.1.2, §13.2; RFC 3262 §4 (PRACK).
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import { DigestClient } from "../auth/digest_client.ts";
import { Dialog } from "../dialog/dialog.ts";
import { InviteSession } from "../dialog/invite_session.ts";
import { formatRAck, parseRSeq, ProvisionalOrder } from "../dialog/reliable_provisional.ts";
import { acceptSessionTimer, requestSessionTimer } from "../dialog/session_timer.ts";
import { createRequest } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { SipParseError } from "../message/parse_error.ts";
import { reasonPhrase } from "../message/reason_phrases.ts";
import type { Hop } from "../transport/flow.ts";
import type { Delivery } from "./client_requests.ts";
import { acknowledge, ackRequest } from "./acknowledge.ts";
import { addVia, hopOf, sendOnce, type UserAgentContext } from "./context.ts";
import { sendBye } from "./in_session.ts";
import { newSession } from "./new_session.ts";
import { type AddressedRequest, createAddressedRequest } from "./addressed_request.ts";
import type { SessionId, SipBody, UserAgentOutput } from "./output.ts";
import { followTimer } from "./session_refresh.ts";
import { type Calling, type EarlyDialog, isGivenUp, type Session } from "./session_table.ts";
import { ALLOW, SUPPORTED, takesUpdate } from "./uas_core.ts";

/** A call that we place. */
export interface InviteOptions extends AddressedRequest {
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
    const context = this.#context;
    const id = randomHex(context.random, 8);
    const request = inviteRequest(options, id, context);
    const { hops, credentials } = options;
    const { random, hash } = context;
    const session = newSession({
      id,
      role: "client",
      flow: (hops[0] as Hop).flow,
      invite: request,
      inviteKey: "",
      machine: new InviteSession("client", context.timers),
      dialog: undefined,
    });
    if (credentials !== undefined && hash !== undefined) {
      session.digest = new DigestClient({ credentials, hash, random });
    }
    // The body of an INVITE is an offer until it is answered
    if (options.body !== undefined) session.offer.send();
    context.sessions.add(session);
    const { digest } = session;
    const owner = { type: "invite", session } as const;
    const outputs = context.requests.send({ owner, request, hops, contact: {}, digest }, now);
    return { session: id, outputs };
  }

  /** Gives up a call that is not answered. §9.1: the CANCEL waits for a provisional response. */
  cancel(session: Session, headers: Headers, now: Millis): UserAgentOutput[] {
    const { calling } = session;
    if (calling?.state !== "calling" && calling?.state !== "proceeding") return [];
    const wasProceeding = calling.state === "proceeding";
    calling.state = wasProceeding ? "cancelling" : "cancelled";
    calling.cancelHeaders = headers;
    return wasProceeding ? this.#sendCancel(session, headers, now) : [];
  }

  /** A response to our INVITE. */
  receive(delivery: Delivery, response: SipResponse, now: Millis): UserAgentOutput[] {
    const { owner } = delivery;
    if (owner.type !== "invite") return [];
    const { session } = owner;
    const calling = session.calling as Calling;
    const { statusCode } = response;
    if (statusCode < 200) return this.#receiveProvisional(session, response, now);
    if (statusCode < 300) return this.#receiveAccepted({ session, calling, response }, now);
    return this.reject(session, statusCode, response);
  }

  /** Our INVITE has failed, with a response or without. */
  reject(
    session: Session,
    statusCode: number,
    response: SipResponse | undefined,
  ): UserAgentOutput[] {
    const calling = session.calling as Calling;
    if (calling.state === "done") return [];
    calling.state = "done";
    this.#context.sessions.remove(session);
    const phrase = response?.reasonPhrase ?? reasonPhrase(statusCode);
    return [
      { type: "rejected", session: session.id, statusCode, reasonPhrase: phrase, response },
      { type: "terminated", session: session.id, byeAnswered: false },
    ];
  }

  #receiveProvisional(session: Session, response: SipResponse, now: Millis): UserAgentOutput[] {
    const calling = session.calling as Calling;
    if (calling.state === "cancelled") {
      calling.state = "cancelling";
      return this.#sendCancel(session, calling.cancelHeaders, now);
    }
    if (calling.state === "done" || calling.state === "cancelling") return [];
    calling.state = "proceeding";
    const progress: UserAgentOutput = { type: "progress", session: session.id, response };
    if (response.statusCode === 100 || response.headers.to.tag === undefined) return [progress];
    let early: EarlyDialog;
    try {
      early = this.#earlyDialog(session, calling, response);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return [{ type: "ignored", reason: `provisional response: ${error.message}` }];
    }
    if (!isReliable(response)) return [progress];
    return this.#acknowledgeProvisional({ session, early, response }, now) ?? [progress];
  }

  /** §12.1.2: every remote tag is a dialog of its own. */
  #earlyDialog(session: Session, calling: Calling, response: SipResponse): EarlyDialog {
    const tag = response.headers.to.tag as string;
    const known = calling.early.get(tag);
    if (known !== undefined) {
      known.dialog.refreshTarget(response.headers.contact?.uri);
      return known;
    }
    if (calling.early.size >= FORKS_MAX) throw new SipParseError("Too many forks");
    const dialog = Dialog.fromResponse(session.invite, response);
    const early = { dialog, order: new ProvisionalOrder() };
    calling.early.set(tag, early);
    return early;
  }

  /**
   * RFC 3262 §4: a reliable response in its turn gets a PRACK, one that came before nothing.
   *
   * @returns `undefined` when there is nothing to acknowledge at all.
   */
  #acknowledgeProvisional(
    { session, early, response }: {
      session: Session;
      early: EarlyDialog;
      response: SipResponse;
    },
    now: Millis,
  ): UserAgentOutput[] | undefined {
    const text = response.headers.get("RSeq");
    if (text === undefined) return undefined;
    let rseq: number;
    try {
      rseq = parseRSeq(text);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return [{ type: "ignored", reason: `RSeq: ${error.message}` }];
    }
    const place = early.order.accept(rseq);
    if (place !== "next") return [{ type: "ignored", reason: `RSeq ${place}` }];
    const { sequence } = response.headers.cseq;
    const rack = formatRAck({ rseq, sequence, method: "INVITE" });
    const prack = early.dialog.createRequest("PRACK", { headers: [["RAck", rack]] });
    const { digest } = session;
    const outputs = this.#context.requests.send({
      owner: { type: "in_dialog", session, purpose: "prack" },
      request: prack,
      dialog: early.dialog,
      hops: [hopOf(early.dialog, session.flow)],
      digest,
    }, now);
    // §5: a session description in a reliable response is the answer
    if (response.body.length > 0) session.offer.settle();
    return [...outputs, { type: "progress", session: session.id, response }];
  }

  /** §13.2.2.4: every 2xx gets an ACK; one of another fork, or that comes too late, gets a BYE as well. */
  #receiveAccepted(
    { session, calling, response }: {
      session: Session;
      calling: Calling;
      response: SipResponse;
    },
    now: Millis,
  ): UserAgentOutput[] {
    const remoteTag = response.headers.to.tag ?? "";
    const { sequence } = response.headers.cseq;
    const isOurs = session.dialog?.id.remoteTag === remoteTag;
    const known = isOurs ? session.acks?.get(sequence) : calling.unwanted.get(remoteTag);
    if (known !== undefined) return [{ type: "send", ...known }];
    if (isOurs) return [{ type: "ignored", reason: "2xx of long ago" }];
    let dialog: Dialog;
    try {
      const early = calling.early.get(remoteTag)?.dialog;
      dialog = early ?? Dialog.fromResponse(session.invite, response);
      early?.confirm(response);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      const ignored = `2xx that cannot be used: ${error.message}`;
      // Unless another fork is in use, the call has failed: the transaction waits for nothing else
      const failed = session.dialog === undefined ? this.reject(session, 502, undefined) : [];
      return [{ type: "ignored", reason: ignored }, ...failed];
    }
    if (session.dialog !== undefined || calling.state === "done") {
      return this.#leaveFork({ session, calling, dialog }, now);
    }
    session.dialog = dialog;
    const outputs: UserAgentOutput[] = [acknowledge(this.#context, session, session.invite)];
    session.offer.settle();
    const isWanted = !isGivenUp(calling);
    calling.state = "done";
    if (!isWanted) {
      session.machine.hangup();
      return [...outputs, ...sendBye(this.#context, session, now)];
    }
    session.peerTakesUpdate = takesUpdate(response);
    const { sessionTimer } = this.#context;
    followTimer(session, acceptSessionTimer(session.invite, response, sessionTimer), now);
    return [...outputs, { type: "accepted", session: session.id, response }];
  }

  /** A second callee answered: its dialog is confirmed, and ended at once. */
  #leaveFork(
    { session, calling, dialog }: { session: Session; calling: Calling; dialog: Dialog },
    now: Millis,
  ): UserAgentOutput[] {
    const hop = hopOf(dialog, session.flow);
    const { invite } = session;
    const ack = sendOnce(hop, ackRequest(this.#context, { invite, dialog, hop }));
    if (calling.unwanted.size < FORKS_MAX) {
      const { flow, to, bytes, message } = ack;
      calling.unwanted.set(dialog.id.remoteTag, { flow, to, bytes, message });
    }
    // Not `sendBye`: the answer to this BYE must not end the session of the fork that we keep
    const bye = dialog.createRequest("BYE");
    addVia(this.#context, bye, hop.flow);
    const sent = this.#context.transactions.send(bye, hop.flow, hop.to, now);
    const outputs: UserAgentOutput[] = [ack];
    this.#context.absorb(sent.outputs, outputs, now);
    return outputs;
  }

  #sendCancel(session: Session, extra: Headers, now: Millis): UserAgentOutput[] {
    const { invite, flow } = session;
    const { headers, requestUri } = invite;
    // §9.1: the same Request-URI, Call-ID, To, From, Route, CSeq number and top Via
    const cancel: SipRequest = createRequest({
      method: "CANCEL",
      requestUri,
      headers: [
        ["Via", headers.get("Via") as string],
        ["Max-Forwards", "70"],
        ...headers.getAll("Route").map((route) => ["Route", route] as const),
        ["From", headers.get("From") as string],
        ["To", headers.get("To") as string],
        ["Call-ID", headers.callId],
        ["CSeq", `${headers.cseq.sequence} CANCEL`],
        ...extra,
      ],
    });
    const outputs: UserAgentOutput[] = [];
    const to = this.#context.requests.destination(session.inviteKey) ?? flow.remote;
    const sent = this.#context.transactions.send(cancel, flow, to, now);
    this.#context.absorb(sent.outputs, outputs, now);
    return outputs;
  }
}

/** Dialogs that one INVITE may make. */
const FORKS_MAX = 32;

function inviteRequest(
  options: InviteOptions,
  fromTag: string,
  context: UserAgentContext,
): SipRequest {
  const headers = [
    ["Allow", ALLOW],
    ["Supported", SUPPORTED],
    ...requestSessionTimer(context.sessionTimer, {}),
    ...(options.headers ?? []),
  ] as const;
  return createAddressedRequest(context, {
    ...options,
    method: "INVITE",
    fromTag,
    sequence: 1,
    headers,
  });
}

function isReliable(response: SipResponse): boolean {
  return response.headers.lists("Require", "100rel");
}
