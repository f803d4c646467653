/**
 * Makes the machine of a call from its INVITE, or the reason why there will be none.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import { formatSocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { uuidV7 } from "../base/uuid.ts";
import { Call } from "../call/call.ts";
import {
  answerOf,
  duplicateSession,
  handlerChain,
  NO_ROUTE,
  type Refused,
  screenInvite,
} from "../call/screening.ts";
import { SessionMedia } from "../call/session_media.ts";
import type { Config } from "../config/schema.ts";
import { findXHeader, makeFacts, withRoute } from "../route/build_facts.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { Router } from "../route/router.ts";
import type { Runtime } from "../runtime/ports.ts";
import { parseNameAddr } from "../sip/message/name_addr.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { InviteOutput } from "../sip/user_agent/output.ts";
import type { Entered } from "./door.ts";
import type { LiveCallOptions } from "./live_call.ts";

/** What is looked at. */
export interface CallFactoryContext {
  readonly config: Config;
  readonly router: Router;
  readonly runtime: Runtime;
  /** Whether a live call has this X-Session-ID. */
  isSessionIdTaken(id: string): boolean;
}

/** Looks at route, session id, headers and body, in this order; what stands in the way is the answer. */
export function makeCall(
  invite: InviteOutput,
  entered: Entered,
  context: CallFactoryContext,
  now: Millis,
): Refused | Omit<LiveCallOptions, "session"> {
  const { config, router } = context;
  const { request, flow } = invite;
  const unrouted = factsOf(invite, entered, context.runtime);
  const match = router.match(unrouted, (name) => request.headers.get(name));
  if (match === undefined) return NO_ROUTE;
  const facts = withRoute(unrouted, match);
  const refused = answerOf(match.route.handler, facts);
  if (refused !== undefined) return refused;
  const explicitSessionId = findXHeader(facts, "X-Session-ID");
  if (explicitSessionId !== undefined && context.isSessionIdTaken(explicitSessionId)) {
    return duplicateSession(explicitSessionId);
  }
  const address = mediaAddress(config, flow);
  const media = new SessionMedia({
    address,
    codecs: config.rtp.codecs,
    dtmfPayloadType: config.rtp.dtmf_payload_type,
    sdpSessionId: `${randomUint32(context.runtime.random)}`,
  });
  const unacceptable = screenInvite(request, media, address);
  if (unacceptable !== undefined) return unacceptable;
  const call = new Call({
    facts,
    handlers: handlerChain(
      match.route,
      (name) => config.routes.find((route) => route.name === name),
    ),
    media,
    hasOffer: request.body.length > 0,
    setupMax: config.limits.setup,
    durationMax: match.route.max_duration ?? config.limits.duration,
  }, now);
  return {
    call,
    rtpAddress: config.rtp.address ?? flow.local.address,
    signallingAddress: flow.remote.address,
    explicitSessionId,
  };
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
  return sip.advertise ?? bound ?? flow.local.address;
}
