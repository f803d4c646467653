/**
 * What the user agent tells its owner, and the words both share.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { SipMessage, SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";

/** Names a session for as long as its dialog lives: our tag in it. */
export type SessionId = string;

/** What the owner of the user agent has to do, or may want to know; in this order. */
export type UserAgentOutput =
  /** Send these bytes. `to.address` may be a name that is still to be looked up. */
  | {
    readonly type: "send";
    readonly flow: Flow;
    readonly to: SocketAddress;
    readonly bytes: Uint8Array;
    readonly message: SipMessage;
  }
  /** A call comes in: `ring`, `accept` or `refuse` it. */
  | {
    readonly type: "invite";
    readonly session: SessionId;
    readonly request: SipRequest;
    readonly flow: Flow;
  }
  /** The caller gave up before our final response; the 487 is out. */
  | { readonly type: "cancelled"; readonly session: SessionId }
  /** The ACK of our first 2xx came. Its body is the answer when the offer was ours. */
  | { readonly type: "acknowledged"; readonly session: SessionId; readonly request: SipRequest }
  /** A re-INVITE came: `answerReinvite`. */
  | { readonly type: "reinvite"; readonly session: SessionId; readonly request: SipRequest }
  /** The ACK of a re-INVITE came. */
  | {
    readonly type: "reinvite_acknowledged";
    readonly session: SessionId;
    readonly request: SipRequest;
  }
  /** An INFO came, and is answered. */
  | { readonly type: "info"; readonly session: SessionId; readonly request: SipRequest }
  /** The peer ended the session; its BYE is answered. */
  | { readonly type: "bye"; readonly session: SessionId; readonly request: SipRequest }
  /** Our 2xx was never acknowledged: `hangup`. */
  | { readonly type: "ack_timeout"; readonly session: SessionId }
  /** A provisional response to our INVITE. */
  | { readonly type: "progress"; readonly session: SessionId; readonly response: SipResponse }
  /** A 2xx to our INVITE; the ACK is out. */
  | { readonly type: "accepted"; readonly session: SessionId; readonly response: SipResponse }
  /** Our INVITE failed: the final response, or 408 and 503 of our own making. */
  | {
    readonly type: "rejected";
    readonly session: SessionId;
    readonly statusCode: number;
    readonly reasonPhrase: string;
  }
  /** Nothing is left of the session: transactions may linger, the dialog is gone. */
  | { readonly type: "terminated"; readonly session: SessionId; readonly byeAnswered: boolean }
  /** A request was refused without a session, or a message ignored: for counters and the log. */
  | {
    readonly type: "refused";
    readonly statusCode: number;
    readonly request: SipRequest;
    readonly reason: string;
  }
  | { readonly type: "ignored"; readonly reason: string };

/** A body and its type, such as an SDP answer. */
export interface SipBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** Media type of session descriptions. */
export const SDP_CONTENT_TYPE = "application/sdp";
