/**
 * Makes the machine of a call from its INVITE, or the reason why there will be none.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import { formatSocketAddress, isIpv6 } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { uuidV7 } from "../base/uuid.ts";
import { Call } from "../call/call.ts";
import { takesReliably } from "../call/opening.ts";
import {
  answerOf,
  duplicateSession,
  handlerChain,
  NO_ROUTE,
  type Refused,
  screenInvite,
  unavailable,
} from "../call/screening.ts";
import { SessionMedia } from "../call/session_media.ts";
import type { Config } from "../config/schema.ts";
import { findXHeader, makeFacts, withRoute } from "../route/build_facts.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { Route } from "../route/route.ts";
import type { Router } from "../route/router.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { LocalRtcp } from "../sdp/offer_answer.ts";
import type { Headers } from "../sip/message/headers.ts";
import { parseNameAddr } from "../sip/message/name_addr.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { InviteOutput } from "../sip/user_agent/output.ts";
import type { Entered } from "./door.ts";
import type { LiveCallOptions } from "./live_call.ts";
import type { RouteSlots } from "./route_slots.ts";

/** What we can do with RTCP. */
const RTCP: LocalRtcp = { mux: true, extendedReports: true };

/** What is looked at. */
export interface CallFactoryContext {
  readonly config: Config;
  readonly router: Router;
  readonly runtime: Runtime;
  readonly slots: RouteSlots;
  /** Whether a live call has this X-Session-ID. */
  isSessionIdTaken(id: string): boolean;
}

/** A call that can begin. */
export interface MadeCall {
  readonly options: LiveCallOptions;
  /** Whose place the call takes; `undefined`: none. */
  readonly counted: Route | undefined;
  /** Why another route's handler begins; empty when none does. */
  readonly note: string;
}

/**
 * Looks at route, room on it, session id, headers and body, in this order; what stands in the way
 * is the answer.
 */
export function makeCall(
  invite: InviteOutput,
  entered: Entered,
  context: CallFactoryContext,
  now: Millis,
): Refused | MadeCall {
  const { config, router, slots } = context;
  const { request, flow } = invite;
  const unrouted = factsOf(invite, entered, context.runtime);
  const match = router.match(unrouted, (name) => request.headers.get(name));
  if (match === undefined) return NO_ROUTE;
  const facts = withRoute(unrouted, match);
  const room = slots.find(match.route);
  if (!room.ok) return unavailable(room.reason);
  const refused = answerOf(room.handler, facts);
  if (refused !== undefined) return refused;
  const explicitSessionId = findXHeader(facts, "X-Session-ID");
  if (explicitSessionId !== undefined && context.isSessionIdTaken(explicitSessionId)) {
    return duplicateSession(explicitSessionId);
  }
  const media = sessionMedia(config, flow, context.runtime);
  const unacceptable = screenInvite(request, media, mediaAddress(config, flow));
  if (unacceptable !== undefined) return unacceptable;
  const call = new Call({
    facts,
    handlers: room.route === undefined
      ? [room.handler]
      : handlerChain(room.route, (name) => config.routes.find((route) => route.name === name)),
    media,
    hasOffer: request.body.length > 0,
    answer: match.route.answer,
    rate: match.route.rate,
    dtmf: match.route.dtmf,
    bargeIn: match.route.barge_in,
    record: match.route.record,
    reliable: takesReliably(request),
    setupMax: config.limits.setup,
    durationMax: match.route.max_duration ?? config.limits.duration,
  }, now);
  const options = {
    call,
    session: invite.session,
    rtpAddress: config.rtp.address ?? flow.local.address,
    signallingAddress: flow.remote.address,
    sourceAddress: flow.remote.address,
    explicitSessionId,
  };
  return { options, counted: room.route, note: room.reason };
}

/** A call that we place for a route. */
export interface OutgoingInvite {
  /** Values of From and To. */
  readonly from: string;
  readonly to: string;
  readonly requestUri: string;
  readonly headers: Headers;
  readonly callId: string;
  /** Where the INVITE goes first. */
  readonly flow: Flow;
  /** Name of the route whose handler talks to the one whom we call. */
  readonly route: string;
}

/**
 * Makes the machine of a call that we place.
 *
 * @throws {RangeError} There is no such route, it answers without a handler, or takes no more calls.
 * @throws {SipParseError} From or To is no address.
 */
export function makeOutgoingCall(
  invite: OutgoingInvite,
  { config, runtime, slots }: Pick<CallFactoryContext, "config" | "runtime" | "slots">,
  now: Millis,
): Call {
  const { flow, requestUri } = invite;
  const route = config.routes.find(({ name }) => name === invite.route);
  if (route === undefined) throw new RangeError(`There is no route "${invite.route}"`);
  if (route.handler.type === "reject" || route.handler.type === "redirect") {
    throw new RangeError(`Route "${route.name}" has no handler that could talk to anybody`);
  }
  const full = slots.refuse(route);
  if (full !== undefined) throw new RangeError(full);
  const unrouted = makeFacts({
    id: uuidV7(runtime.random, runtime.wallClock()),
    method: "INVITE",
    requestUri,
    from: parseNameAddr(invite.from),
    to: parseNameAddr(invite.to),
    sipCallId: invite.callId,
    source: formatSocketAddress(flow.remote),
    transport: flow.transport,
    headers: invite.headers,
    uriParts,
    nameAddr: parseNameAddr,
  });
  return new Call({
    facts: withRoute(unrouted, { route, match: {} }),
    direction: "outbound",
    handlers: handlerChain(route, (name) => config.routes.find((other) => other.name === name)),
    media: sessionMedia(config, flow, runtime),
    rate: route.rate,
    dtmf: route.dtmf,
    bargeIn: route.barge_in,
    record: route.record,
    hasOffer: false,
    setupMax: config.limits.setup,
    durationMax: route.max_duration ?? config.limits.duration,
  }, now);
}

function sessionMedia(config: Config, flow: Flow, runtime: Runtime): SessionMedia {
  return new SessionMedia({
    address: mediaAddress(config, flow),
    codecs: config.rtp.codecs,
    dtmfPayloadType: config.rtp.dtmf_payload_type,
    sdpSessionId: `${randomUint32(runtime.random)}`,
    srtp: { policy: config.rtp.srtp, random: runtime.random },
    rtcp: RTCP,
  });
}

function factsOf({ request, flow }: InviteOutput, entered: Entered, runtime: Runtime): CallFacts {
  const { headers } = request;
  return makeFacts({
    id: uuidV7(runtime.random, runtime.wallClock()),
    method: request.method,
    requestUri: request.requestUri,
    from: headers.from,
    to: headers.to,
    sipCallId: headers.callId,
    source: formatSocketAddress(flow.remote),
    transport: flow.transport,
    authUser: entered.authUser,
    registration: entered.registration,
    headers: headers.entries(),
    uriParts,
    nameAddr: parseNameAddr,
  });
}

/** The address that our SDP gives: a wildcard can be bound, but not told to anybody. */
function mediaAddress({ sip, rtp }: Config, flow: Flow): string {
  const bound = rtp.address === "0.0.0.0" || rtp.address === "::" ? undefined : rtp.address;
  const local = bound ?? flow.local.address;
  const { advertise } = sip;
  // Packets of the other family would not reach our socket
  return advertise !== undefined && isIpv6(advertise) === isIpv6(local) ? advertise : local;
}
