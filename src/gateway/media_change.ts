/**
 * What offer and answer agreed on, as a media session takes it.
 *
 * @module
 */

import { randomHex } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import type { MediaChange, MediaOptions } from "../media/media_contract.ts";
import type { BargeIn } from "../route/route.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";

/** Stands for a payload type that was not agreed on: no packet has it. */
const NO_PAYLOAD_TYPE = -1;

/** 96 bits of chance. */
const CNAME_BYTES = 12;

/**
 * Payload types, packet time, direction and address of an agreement. Every key is there: what an agreement before it
 * had and this one lacks does not go on.
 */
export function mediaChange(agreed: NegotiatedMedia) {
  const { codec, payloadType, receivePayloadType, ptime, remote, direction } = agreed;
  return {
    codec,
    opus: agreed.opus,
    payloadType,
    receivePayloadType,
    ptime,
    remote,
    direction,
    telephoneEventPayloadType: agreed.telephoneEventPayloadType ?? NO_PAYLOAD_TYPE,
    receiveTelephoneEventPayloadType: agreed.receiveTelephoneEventPayloadType ?? NO_PAYLOAD_TYPE,
    telephoneEventClockRate: agreed.telephoneEventClockRate,
    rtcpMux: agreed.rtcpMux,
    extendedReports: agreed.extendedReports,
    remoteRtcp: agreed.remoteRtcp,
    srtp: agreed.crypto,
  } satisfies MediaChange;
}

/** What our reports are made of; `undefined`: there are none. RFC 7022 §4.2: a name for each session. */
export function rtcpSetUp(
  runtime: Pick<Runtime, "now" | "wallClock" | "random">,
  interval: Millis,
): MediaOptions["rtcp"] {
  if (interval === 0) return undefined;
  const cname = randomHex(runtime.random, CNAME_BYTES);
  return { interval, cname, wallClock: runtime.wallClock() - runtime.now() };
}

/** What a route wants to hear of the caller's speech. */
export function speechOf({ mode, after }: BargeIn): MediaOptions["speech"] {
  return mode === "off" ? undefined : { mode, after };
}
