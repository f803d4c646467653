/**
 * What is looked at before an INVITE costs anything: route, session id, headers, body. Each has its own answer.
 *
 * @module
 */

import type { CallFacts } from "../route/call_facts.ts";
import { expandHandler } from "../route/expand_handler.ts";
import type { HandlerSpec, Route } from "../route/route.ts";
import { warningHeader } from "../sdp/offer_answer.ts";
import type { SipRequest } from "../sip/message/message.ts";
import type { Answer } from "../sip/user_agent/output.ts";
import { type Refusal, refuseBody, refuseHeaders } from "../sip/user_agent/uas_core.ts";
import type { EndCause } from "./handler_message.ts";
import type { SessionMedia } from "./session_media.ts";

/** A handler that makes a call; the others are answers. */
export type LiveHandlerSpec = Exclude<HandlerSpec, { type: "reject" | "redirect" }>;

/** An INVITE that will not become a call. */
export interface Refused {
  readonly answer: Answer;
  readonly cause: EndCause & ("refused" | "redirected");
  /** For the log. */
  readonly reason: string;
}

/** Answers with what a `reject` or `redirect` route says; `undefined` for every other handler. */
export function answerOf(spec: HandlerSpec, facts: CallFacts): Refused | undefined {
  if (spec.type !== "reject" && spec.type !== "redirect") return undefined;
  const expanded = expandHandler(spec, facts);
  if (!expanded.ok) return unavailable(expanded.reason);
  const { handler } = expanded;
  if (handler.type === "reject") {
    const { status, reason, headers } = handler;
    const phrase = reason === undefined ? {} : { reasonPhrase: reason };
    return {
      answer: { statusCode: status, headers: Object.entries(headers), ...phrase },
      cause: "refused",
      reason: `route "${facts.route}" rejects`,
    };
  }
  if (handler.type !== "redirect") return undefined;
  return {
    answer: {
      statusCode: handler.status,
      headers: handler.to.map((uri) => ["Contact", `<${uri}>`] as const),
    },
    cause: "redirected",
    reason: `route "${facts.route}" redirects`,
  };
}

/** Looks at what an INVITE asks for, once it has a route. */
export function screenInvite(
  request: SipRequest,
  media: SessionMedia,
  host: string,
): Refused | undefined {
  const refusal = refuseHeaders(request) ?? refuseBody(request);
  if (refusal !== undefined) return refusedBy(refusal);
  if (request.body.length === 0) return undefined;
  const negotiation = media.negotiate(request.body);
  if (negotiation.ok) return undefined;
  const { statusCode, warning, reason } = negotiation;
  const headers = warning === undefined ? [] : [["Warning", warningHeader(warning, host)] as const];
  return { answer: { statusCode, headers }, cause: "refused", reason };
}

/** No route wants the call. */
export const NO_ROUTE: Refused = {
  answer: { statusCode: 404 },
  cause: "refused",
  reason: "no route matches",
};

/** The source of the call may not call, and is to be told so. */
export const FORBIDDEN_SOURCE: Refused = {
  answer: { statusCode: 403 },
  cause: "refused",
  reason: "sip.allow does not have this source",
};

/** Another live call has the same X-Session-ID. */
export function duplicateSession(id: string): Refused {
  return {
    answer: { statusCode: 486 },
    cause: "refused",
    reason: `X-Session-ID "${id}" is in use by a live call`,
  };
}

/** There is no room now. */
export function unavailable(reason: string, retryAfterSeconds = 5): Refused {
  return {
    answer: { statusCode: 503, headers: [["Retry-After", `${retryAfterSeconds}`]] },
    cause: "refused",
    reason,
  };
}

function refusedBy(refusal: Refusal): Refused {
  const { statusCode, headers, reason } = refusal;
  return { answer: { statusCode, headers }, cause: "refused", reason };
}

/** The handlers that a route's call can have, first choice first. */
export function handlerChain(
  route: Route,
  routeByName: (name: string) => Route | undefined,
): readonly HandlerSpec[] {
  const chain: HandlerSpec[] = [route.handler];
  const seen = [route.name];
  let next = route.on_error;
  while (next !== undefined) {
    if (typeof next !== "string") return [...chain, next];
    const fallback = routeByName(next);
    // The configuration refuses unknown names and cycles; a chain ends all the same
    if (fallback === undefined || seen.includes(next)) return chain;
    seen.push(next);
    chain.push(fallback.handler);
    next = fallback.on_error;
  }
  return chain;
}
