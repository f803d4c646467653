/**
 * What offer and answer agreed on, as a media session takes it.
 *
 * @module
 */

import type { MediaChange } from "../media/media_contract.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";

/** Stands for a payload type that was not agreed on: no packet has it. */
const NO_PAYLOAD_TYPE = -1;

/**
 * Payload types, packet time, direction and address of an agreement. Every key is there: what an agreement before it
 * had and this one lacks does not go on.
 */
export function mediaChange(agreed: NegotiatedMedia) {
  const { codec, payloadType, receivePayloadType, ptime, remote, direction } = agreed;
  return {
    codec,
    payloadType,
    receivePayloadType,
    ptime,
    remote,
    direction,
    telephoneEventPayloadType: agreed.telephoneEventPayloadType ?? NO_PAYLOAD_TYPE,
    receiveTelephoneEventPayloadType: agreed.receiveTelephoneEventPayloadType ?? NO_PAYLOAD_TYPE,
  } satisfies MediaChange;
}
