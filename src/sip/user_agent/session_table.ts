/**
 * The sessions of a user agent, found by our tag and by the transactions that they wait for.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { DigestClient } from "../auth/digest_client.ts";
import type { Dialog } from "../dialog/dialog.ts";
import type { InviteSession } from "../dialog/invite_session.ts";
import type { OfferState } from "../dialog/offer_state.ts";
import type { ReferNotifier, ReferSubscription } from "../dialog/refer_subscription.ts";
import type { ProvisionalOrder, ReliableProvisional } from "../dialog/reliable_provisional.ts";
import type { SessionTimer } from "../dialog/session_timer.ts";
import type { Headers } from "../message/headers.ts";
import type { SipMessage, SipRequest } from "../message/message.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import type { Answer, SessionId } from "./output.ts";

/** A message that may have to go out again, exactly as it was. */
export interface SentMessage {
  readonly flow: Flow;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
  readonly message: SipMessage;
}

/** A request of the peer that waits for our answer. */
export interface PendingRequest {
  readonly key: TransactionKey;
  readonly request: SipRequest;
}

/**
 * How far our own INVITE has come. `cancelled`: we no longer want it, and may not say so before a provisional
 * response (§9.1); `cancelling`: we have said so.
 */
export type CallingState = "calling" | "proceeding" | "cancelled" | "cancelling" | "done";

/** A dialog that provisional responses to our INVITE made; several where a proxy forks. §12.1 */
export interface EarlyDialog {
  readonly dialog: Dialog;
  readonly order: ProvisionalOrder;
}

/** Whether we have given up, whatever comes. */
export function isGivenUp({ state }: Calling): boolean {
  return state === "cancelled" || state === "cancelling";
}

/** What our own INVITE needs until it has its final response. */
export interface Calling {
  state: CallingState;
  /** Headers of the CANCEL, while it waits for a provisional response. */
  cancelHeaders: Headers;
  /** By remote tag. */
  readonly early: Map<string, EarlyDialog>;
  /** The ACKs of 2xxs that other forks sent, and that we did not want; by remote tag. */
  readonly unwanted: Map<string, SentMessage>;
}

/** Our reliable provisional responses. RFC 3262 §3 */
export interface Provisional {
  readonly machine: ReliableProvisional;
  sent: SentMessage | undefined;
  /** One of them held our session description. */
  isDescribed: boolean;
  /** Answers that wait for the PRACK of the one before. */
  readonly queued: Answer[];
}

/** One session, at either end. What is `undefined` is not in use. */
export interface Session {
  readonly id: SessionId;
  readonly role: "server" | "client";
  readonly machine: InviteSession;
  readonly offer: OfferState;
  flow: Flow;
  /** Client: as it was sent last. */
  invite: SipRequest;
  inviteKey: TransactionKey;
  /** Server: from the INVITE on. Client: from the 2xx on. */
  dialog: Dialog | undefined;
  /** Client. */
  readonly calling: Calling | undefined;
  provisional: Provisional | undefined;
  /** Our 2xxs that wait for their ACK, by CSeq number of the peer. */
  readonly sent: Map<number, SentMessage>;
  /** Our ACKs, by CSeq number of ours. */
  acks: Map<number, SentMessage> | undefined;
  /** A re-INVITE of the peer. */
  reinvite: PendingRequest | undefined;
  /** An UPDATE or PRACK of the peer that holds an offer. */
  offered: PendingRequest | undefined;
  /** A REFER of the peer. */
  referring: PendingRequest | undefined;
  /** Tells the peer what became of its REFER. */
  notifier: ReferNotifier | undefined;
  /** Hears what became of ours. */
  subscription: ReferSubscription | undefined;
  timer: SessionTimer | undefined;
  /** When a re-INVITE that met one of the peer's is tried again. §14.1 */
  retryAt: Millis | undefined;
  digest: DigestClient | undefined;
  /** Whether the peer takes UPDATE. RFC 3311 §4 */
  peerTakesUpdate: boolean;
  /** Headers of the BYE, while it waits for the ACK. */
  byeHeaders: Headers;
}

/** A session and the one of its dialogs that a request belongs to. */
export interface InDialog {
  readonly session: Session;
  readonly dialog: Dialog;
}

/** All sessions. */
export class SessionTable {
  readonly #byId = new Map<SessionId, Session>();
  /** Of the peer's INVITEs and re-INVITEs. */
  readonly #byKey = new Map<TransactionKey, Session>();

  get size(): number {
    return this.#byId.size;
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
    if (session.role === "server") this.#byKey.set(session.inviteKey, session);
  }

  /** The session answers this request of the peer. */
  expect(key: TransactionKey, session: Session): void {
    this.#byKey.set(key, session);
  }

  /** The transaction is over. */
  forget(key: TransactionKey): void {
    this.#byKey.delete(key);
  }

  /** A transaction ended by itself. That of the INVITE stays known for as long as its session lives. */
  transactionTerminated(key: TransactionKey): void {
    if (this.#byKey.get(key)?.inviteKey !== key) this.#byKey.delete(key);
  }

  get(id: SessionId): Session | undefined {
    return this.#byId.get(id);
  }

  byTransaction(key: TransactionKey): Session | undefined {
    return this.#byKey.get(key);
  }

  /** The session that a request of the peer belongs to: all of Call-ID and both tags must fit. §12.2.2 */
  byDialog(request: SipRequest): InDialog | undefined {
    const { headers } = request;
    return this.find({
      callId: headers.callId,
      localTag: headers.to.tag ?? "",
      remoteTag: headers.from.tag ?? "",
    });
  }

  /** Finds a session by its dialog, or one of its early dialogs. */
  find(id: Dialog["id"]): InDialog | undefined {
    const session = this.#byId.get(id.localTag);
    if (session === undefined) return undefined;
    const confirmed = session.dialog;
    const dialog = confirmed?.id.remoteTag === id.remoteTag
      ? confirmed
      : session.calling?.early.get(id.remoteTag)?.dialog;
    return dialog === undefined || dialog.id.callId !== id.callId ? undefined : { session, dialog };
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    this.#byKey.delete(session.inviteKey);
    if (session.reinvite !== undefined) this.#byKey.delete(session.reinvite.key);
  }
}
