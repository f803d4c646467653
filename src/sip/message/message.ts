/**
 * SIP messages as values. RFC 3261 §7.
 *
 * What the bytes look like is left to `parse.ts` and `serialize.ts`; what a message means, to the
 * layers above.
 *
 * @module
 */

import type { SipHeaders } from "./headers.ts";

/** A request. RFC 3261 §7.1. */
export interface SipRequest {
  readonly type: "request";
  /** Case-sensitive, as received: `INVITE`, `ACK`, … or one that nobody knows. */
  readonly method: string;
  /** The Request-URI, as received, without brackets. */
  readonly requestUri: string;
  readonly headers: SipHeaders;
  /** As long as Content-Length says; empty when there is none. */
  readonly body: Uint8Array;
}

/** A response. RFC 3261 §7.2. */
export interface SipResponse {
  readonly type: "response";
  /** 100 to 699. */
  readonly statusCode: number;
  readonly reasonPhrase: string;
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

/** A request or a response. */
export type SipMessage = SipRequest | SipResponse;

/** A body that is not there. */
export const EMPTY_BODY: Uint8Array = new Uint8Array(0);
