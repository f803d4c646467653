/**
 * The sessions of a user agent, found by our tag and by the transactions that they wait for.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Dialog } from "../dialog/dialog.ts";
import type { InviteSession } from "../dialog/invite_session.ts";
import type { SipMessage, SipRequest } from "../message/message.ts";
import type { TransactionKey } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import type { SessionId } from "./output.ts";

/** A message that may have to go out again, exactly as it was. */
export interface SentMessage {
  readonly flow: Flow;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
  readonly message: SipMessage;
}

/** How far our own INVITE has come. `cancelled`: we no longer want it, whatever comes. */
export type CallingState = "calling" | "proceeding" | "cancelled" | "done";

/** One session, at either end. */
export interface Session {
  readonly id: SessionId;
  readonly role: "server" | "client";
  readonly flow: Flow;
  readonly invite: SipRequest;
  readonly inviteKey: TransactionKey;
  readonly machine: InviteSession;
  /** Client: where the INVITE went. */
  readonly target: SocketAddress;
  /** Server: from the INVITE on. Client: from the 2xx on. */
  dialog: Dialog | undefined;
  calling: CallingState;
  /** Server: our 2xxs that wait for their ACK, by CSeq number. Client: the ACK of the 2xx. */
  readonly sent: Map<number, SentMessage>;
  /** A re-INVITE that has no final response yet. */
  reinvite: { readonly key: TransactionKey; readonly request: SipRequest } | undefined;
  /** Headers of the BYE, while it waits for the ACK. */
  byeHeaders: readonly (readonly [string, string])[];
}

/** All sessions. */
export class SessionTable {
  readonly #byId = new Map<SessionId, Session>();
  readonly #byKey = new Map<TransactionKey, Session>();

  get size(): number {
    return this.#byId.size;
  }

  values(): Iterable<Session> {
    return this.#byId.values();
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
    this.#byKey.set(session.inviteKey, session);
  }

  /** The session waits for what becomes of this transaction. */
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
  byDialog(request: SipRequest): Session | undefined {
    const { headers } = request;
    const session = this.#byId.get(headers.to.tag ?? "");
    const id = session?.dialog?.id;
    if (id === undefined || id.callId !== headers.callId) return undefined;
    return id.remoteTag === (headers.from.tag ?? "") ? session : undefined;
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    this.#byKey.delete(session.inviteKey);
    if (session.reinvite !== undefined) this.#byKey.delete(session.reinvite.key);
  }
}
