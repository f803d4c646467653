/**
 * What transactions ask for: messages to be sent, and news for the transaction user. RFC 3261 §17.
 *
 * The outputs of one call are to be done in their order.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { SipMessage, SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { TransactionKey } from "./key.ts";

/** A message to be sent. */
export interface SendOutput {
  readonly type: "send";
  readonly flow: Flow;
  readonly to: SocketAddress;
  /** `message`, serialized; retransmissions are the same bytes. Not to be written to. */
  readonly bytes: Uint8Array;
  readonly message: SipMessage;
}

/** A request that began a server transaction. */
export interface RequestOutput {
  readonly type: "request";
  readonly key: TransactionKey;
  readonly request: SipRequest;
  readonly flow: Flow;
}

/** An ACK that no INVITE server transaction absorbed: that of a 2xx, or a stray one. */
export interface AckOutput {
  readonly type: "ack";
  readonly request: SipRequest;
  readonly flow: Flow;
}

/** A CANCEL, already answered: 200 when `key` is there, else 481. */
export interface CancelOutput {
  readonly type: "cancel";
  /** The INVITE that it cancels, and that still waits for a final response. */
  readonly key: TransactionKey | undefined;
  /** The CANCEL's own transaction. */
  readonly cancelKey: TransactionKey;
  readonly request: SipRequest;
  readonly flow: Flow;
}

/** An INVITE that came again after its 2xx: the caller has not heard the 2xx. */
export interface RetransmittedOutput {
  readonly type: "retransmitted";
  readonly key: TransactionKey;
  readonly request: SipRequest;
}

/** A response to a client transaction's request; after a 2xx to INVITE, possibly more of them. */
export interface ResponseOutput {
  readonly type: "response";
  readonly key: TransactionKey;
  readonly response: SipResponse;
  /** Where it came from. */
  readonly flow: Flow;
}

/** A client transaction has ended without a final response. `terminated` follows. */
export interface FailedOutput {
  readonly type: "failed";
  readonly key: TransactionKey;
  readonly cause: "timeout" | "transport";
}

/** A transaction has ended; its key means nothing any more. */
export interface TerminatedOutput {
  readonly type: "terminated";
  readonly key: TransactionKey;
}

/** Something changed nothing: for counters. */
export interface IgnoredOutput {
  readonly type: "ignored";
  /** One of a few fixed texts. */
  readonly reason: string;
}

/** Everything that a transaction or the table of them asks for. */
export type TransactionOutput =
  | SendOutput
  | RequestOutput
  | AckOutput
  | CancelOutput
  | RetransmittedOutput
  | ResponseOutput
  | FailedOutput
  | TerminatedOutput
  | IgnoredOutput;
