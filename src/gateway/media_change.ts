/**
 * What offer and answer agreed on, as a media session takes it.
 *
 * @module
 */

import type { MediaChange } from "../media/media_contract.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";

/** Payload types, packet time, direction and address of an agreement. */
export function mediaChange(agreed: NegotiatedMedia) {
  const { codec, payloadType, receivePayloadType, ptime, remote, direction } = agreed;
  const send = agreed.telephoneEventPayloadType;
  const receive = agreed.receiveTelephoneEventPayloadType;
  return {
    codec,
    payloadType,
    receivePayloadType,
    ptime,
    remote,
    direction,
    ...(send === undefined ? {} : { telephoneEventPayloadType: send }),
    ...(receive === undefined ? {} : { receiveTelephoneEventPayloadType: receive }),
  } satisfies MediaChange;
}
