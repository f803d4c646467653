/**
 * What the user agent tells its owner, and the words both share.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { ReferRequest } from "../dialog/refer.ts";
import type { SipMessage, SipRequest, SipResponse } from "../message/message.ts";
import type { Headers } from "../message/headers.ts";
import type { Flow } from "../transport/flow.ts";

/** Names a session for as long as its dialog lives: our tag in it. */
export type SessionId = string;

/** Names a request of ours outside of sessions, such as a REGISTER. */
export type RequestId = string;

/** A body and its type, such as an SDP answer. */
export interface SipBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** How a request of the peer is answered. */
export interface Answer {
  readonly statusCode: number;
  readonly reasonPhrase?: string | undefined;
  readonly headers?: Headers | undefined;
  readonly body?: SipBody | undefined;
}

/** Media type of session descriptions. */
export const SDP_CONTENT_TYPE = "application/sdp";

/** Send these bytes. `to.address` may be a name that is still to be looked up. */
export interface SendMessageOutput {
  readonly type: "send";
  readonly flow: Flow;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
  readonly message: SipMessage;
}

/** A call comes in: `answer` it. */
export interface InviteOutput {
  readonly type: "invite";
  readonly session: SessionId;
  readonly request: SipRequest;
  readonly flow: Flow;
  /** The session that this one is to take the place of. RFC 3891 */
  readonly replaces: SessionId | undefined;
}

/** What happens to one session after its INVITE, in the order of its life. */
export type SessionOutput =
  /** The caller gave up before our final response; the 487 is out. */
  | { readonly type: "cancelled"; readonly session: SessionId; readonly request: SipRequest }
  /** A reliable provisional response of ours got its PRACK. A body is the answer to our offer. RFC 3262 §5 */
  | {
    readonly type: "provisional_acknowledged";
    readonly session: SessionId;
    readonly body: Uint8Array;
  }
  /** A reliable provisional response of ours was never acknowledged; the INVITE got 504. RFC 3262 §3 */
  | { readonly type: "prack_timeout"; readonly session: SessionId }
  /** The ACK of our first 2xx came. Its body is the answer when the offer was ours. */
  | { readonly type: "acknowledged"; readonly session: SessionId; readonly request: SipRequest }
  /** Our 2xx was never acknowledged: `hangup`. */
  | { readonly type: "ack_timeout"; readonly session: SessionId }
  /** A re-INVITE came: `answerReinvite`. */
  | { readonly type: "reinvite"; readonly session: SessionId; readonly request: SipRequest }
  /** The ACK of a re-INVITE came. */
  | {
    readonly type: "reinvite_acknowledged";
    readonly session: SessionId;
    readonly request: SipRequest;
  }
  /** An offer came in an UPDATE or PRACK: `answerOffer`. RFC 3311, RFC 3262 §5 */
  | { readonly type: "offer"; readonly session: SessionId; readonly request: SipRequest }
  /** An INFO came, and is answered. */
  | { readonly type: "info"; readonly session: SessionId; readonly request: SipRequest }
  /** The peer wants us to call somebody else: `answerRefer`. RFC 3515 */
  | {
    readonly type: "refer";
    readonly session: SessionId;
    readonly request: SipRequest;
    readonly refer: ReferRequest;
  }
  /** The peer ended the session; its BYE is answered. */
  | { readonly type: "bye"; readonly session: SessionId; readonly request: SipRequest }
  /** A provisional response to our INVITE; a reliable one has its PRACK. */
  | { readonly type: "progress"; readonly session: SessionId; readonly response: SipResponse }
  /** A 2xx to our INVITE; the ACK is out. */
  | { readonly type: "accepted"; readonly session: SessionId; readonly response: SipResponse }
  /** Our INVITE failed: the final response, or 408 and 503 of our own making, without `response`. */
  | {
    readonly type: "rejected";
    readonly session: SessionId;
    readonly statusCode: number;
    readonly reasonPhrase: string;
    readonly response: SipResponse | undefined;
  }
  /** Our re-INVITE got a 2xx, and its ACK is out. */
  | {
    readonly type: "reinvite_accepted";
    readonly session: SessionId;
    readonly response: SipResponse;
  }
  /** Our re-INVITE was refused: the session stays as it was. */
  | { readonly type: "reinvite_rejected"; readonly session: SessionId; readonly statusCode: number }
  /**
   * `reinvite` now, with an offer: to refresh the session with the description as it is (RFC 4028 §7.4), or to try
   * again after both sides offered at once (RFC 3261 §14.1).
   */
  | {
    readonly type: "reinvite_due";
    readonly session: SessionId;
    readonly reason: "refresh" | "retry";
  }
  /** How our REFER goes: its answer, then what the peer's NOTIFYs say. `isFinal`: nothing follows. */
  | {
    readonly type: "referred";
    readonly session: SessionId;
    readonly statusCode: number;
    readonly reasonPhrase: string;
    /** The answer to the REFER itself, not to what it brought about. */
    readonly isAnswer: boolean;
    readonly isFinal: boolean;
  }
  /** Another request of ours within the session got its final response. */
  | {
    readonly type: "responded";
    readonly session: SessionId;
    readonly method: string;
    readonly statusCode: number;
  }
  /** The session timer ran out, or its refresh failed: `hangup`. RFC 4028 §10 */
  | { readonly type: "session_expired"; readonly session: SessionId }
  /** Nothing is left of the session: transactions may linger, the dialog is gone. */
  | { readonly type: "terminated"; readonly session: SessionId; readonly byeAnswered: boolean };

/** What the owner of the user agent has to do, or may want to know; in this order. */
export type UserAgentOutput =
  | SendMessageOutput
  | InviteOutput
  | SessionOutput
  /** A request of ours outside of sessions got its final response, or 408 and 503 of our own making. */
  | {
    readonly type: "response";
    readonly request: RequestId;
    readonly statusCode: number;
    readonly reasonPhrase: string;
    readonly response: SipResponse | undefined;
  }
  /** A request was refused without a session, or a message ignored: for counters and the log. */
  | {
    readonly type: "refused";
    readonly statusCode: number;
    readonly request: SipRequest;
    readonly flow: Flow;
    readonly reason: string;
  }
  | { readonly type: "ignored"; readonly reason: string };
