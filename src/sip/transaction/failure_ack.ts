/**
 * The ACK of a final response other than 2xx. RFC 3261 §17.1.1.3.
 *
 * @module
 */

import { createRequest } from "../message/build.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { serializeVia } from "../message/via.ts";

/**
 * Makes the ACK that belongs to the transaction of `invite`: the same Request-URI, top Via, From,
 * Call-ID, Route and CSeq number, and the To of the response.
 */
export function createFailureAck(invite: SipRequest, response: SipResponse): SipRequest {
  const { headers } = invite;
  const lines: [string, string][] = [
    // §17.1.1.3: a single Via, the top one of the INVITE
    ["Via", serializeVia(headers.via)],
    ["Max-Forwards", "70"],
  ];
  for (const route of headers.getAll("Route")) lines.push(["Route", route]);
  lines.push(
    ["From", headers.get("From") ?? ""],
    ["To", response.headers.get("To") ?? ""],
    ["Call-ID", headers.callId],
    ["CSeq", `${headers.cseq.sequence} ACK`],
  );
  return createRequest({ method: "ACK", requestUri: invite.requestUri, headers: lines });
}
