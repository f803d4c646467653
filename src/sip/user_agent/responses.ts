/**
 * Our responses on their way, within a session and outside. RFC 3261 §8.2.6, §12.1.1.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import { createResponse } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import type { SipParseError } from "../message/parse_error.ts";
import type { Flow } from "../transport/flow.ts";
import { contactFor, type UserAgentContext } from "./context.ts";
import type { Answer, UserAgentOutput } from "./output.ts";
import type { PendingRequest, SentMessage, Session } from "./session_table.ts";
import { ALLOW, type Refusal, SUPPORTED } from "./uas_core.ts";

/** Seconds that an answer of 500 or 503 asks the peer to wait, where nothing better is known. */
export const RETRY_AFTER_SECONDS = 5;

/** A request that is being answered, and where it came from. */
export interface Received extends PendingRequest {
  readonly flow: Flow;
}

/** Answers a request that no session answers. */
export function respond(
  context: UserAgentContext,
  { key, request }: PendingRequest,
  { statusCode, headers = [] }: { readonly statusCode: number; readonly headers?: Headers },
  now: Millis,
): UserAgentOutput[] {
  const isTagged = request.headers.to.tag !== undefined;
  const toTag = isTagged ? undefined : randomHex(context.random, 8);
  const response = createResponse(request, statusCode, { toTag, headers });
  const outputs: UserAgentOutput[] = [];
  context.absorb(context.transactions.respond(key, response, now), outputs, now);
  return outputs;
}

/** Refuses a request that no session answers, and says so. */
export function refuse(
  context: UserAgentContext,
  received: Received,
  refusal: Refusal,
  now: Millis,
): UserAgentOutput[] {
  const { request, flow } = received;
  const { statusCode, reason } = refusal;
  const outputs = respond(context, received, refusal, now);
  outputs.push({ type: "refused", statusCode, request, flow, reason });
  return outputs;
}

/** A response within the dialog of a session. §12.1.1 */
export function respondInSession(
  context: UserAgentContext,
  session: Session,
  { key, request }: PendingRequest,
  answer: Answer,
  now: Millis,
): UserAgentOutput[] {
  const { statusCode, body } = answer;
  const isSuccess = statusCode >= 200 && statusCode < 300;
  const headers: (readonly [string, string])[] = [];
  if (statusCode < 300) {
    for (const route of request.headers.getAll("Record-Route")) {
      headers.push(["Record-Route", route]);
    }
    const { requestUri } = request;
    headers.push(["Contact", contactFor(context.identity, session.flow, { requestUri })]);
  }
  if (isSuccess) headers.push(["Allow", ALLOW], ["Supported", SUPPORTED]);
  if (answer.headers !== undefined) headers.push(...answer.headers);
  const response = createResponse(request, statusCode, {
    toTag: session.id,
    headers,
    reasonPhrase: answer.reasonPhrase,
    body: body?.bytes,
    contentType: body?.contentType,
  });
  const outputs: UserAgentOutput[] = [];
  context.absorb(context.transactions.respond(key, response, now), outputs, now);
  return outputs;
}

/** What of a response went to the wire. */
export function sentMessage(outputs: readonly UserAgentOutput[]): SentMessage | undefined {
  const sent = outputs.find((output) => output.type === "send");
  if (sent === undefined) return undefined;
  const { flow, to, bytes, message } = sent;
  return { flow, to, bytes, message };
}

/** A request that names a dialog which is not ours, or needs one. §12.2.2 */
export function noDialog(request: SipRequest): Refusal {
  return { statusCode: 481, headers: [], reason: `${request.method} outside a dialog` };
}

/** A request whose sequence number is not higher than the one before. §12.2.2 */
export function outOfOrder(): Refusal {
  return { statusCode: 500, headers: [], reason: "CSeq out of order" };
}

/** A request that cannot be understood. */
export function bad({ statusCode, message }: SipParseError): Refusal {
  return { statusCode, headers: [], reason: message };
}

/** A request that comes while another must be finished first. §14.2, RFC 3311 §5.2 */
export function busy(reason: string): Refusal {
  return { statusCode: 500, headers: [["Retry-After", `${RETRY_AFTER_SECONDS}`]], reason };
}

/** Both sides have offered at once. §14.2 */
export function glare(reason: string): Refusal {
  return { statusCode: 491, headers: [], reason };
}
