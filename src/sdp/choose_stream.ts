/**
 * Which of the offered streams is taken, and with which codec and keys. RFC 3264 §6, RFC 4568 §5.1.
 *
 * @module
 */

import { isIpv6, parseIpAddress } from "../base/socket_address.ts";
import type { CodecName, RtpMap } from "./codec_name.ts";
import {
  findCodec,
  findTelephoneEvent,
  readStream,
  type StreamFacts,
  telephoneEventRates,
} from "./media_stream.ts";
import type { LocalMedia } from "./negotiated_media.ts";
import { profileOf, profileProblem } from "./profile.ts";
import type { MediaDescription, SessionDescription } from "./session_description.ts";
import { answerKeys, type NegotiatedKeys, NO_KEY_WARNING } from "./srtp_keys.ts";

/** What of an offered stream is taken up. */
export interface StreamChoice {
  readonly facts: StreamFacts;
  readonly codec: CodecName;
  readonly map: RtpMap;
  readonly telephoneEvent: RtpMap | undefined;
  readonly keys: NegotiatedKeys | undefined;
}

/**
 * Chooses a stream: the first with keys that can be had, else the first in the clear.
 *
 * @returns A warning when there is none: of the first audio stream, why.
 */
export function chooseStream(offer: SessionDescription, local: LocalMedia): StreamChoice | string {
  let inTheClear: StreamChoice | undefined;
  let refusal: string | undefined;
  for (const stream of offer.media) {
    if (stream.kind !== "audio") continue;
    const choice = chooseFormat(offer, stream, local);
    if (typeof choice === "string") refusal ??= choice;
    else if (choice.keys !== undefined) return choice;
    else inTheClear ??= choice;
  }
  return inTheClear ?? refusal ?? "304 Media type not available: only audio is";
}

/** Chooses the codec of an offered audio stream, or says with a warning why it cannot be had. */
function chooseFormat(
  offer: SessionDescription,
  stream: MediaDescription,
  local: LocalMedia,
): StreamChoice | string {
  if (stream.port === 0) return "304 Media type not available: the audio stream is disabled";
  const profile = profileOf(stream.protocol);
  const unknown = profileProblem(profile, local.srtp?.policy ?? "never");
  if (unknown !== undefined) return unknown;
  const facts = readStream(offer, stream);
  const unreachable = addressProblem(facts, local.address);
  if (unreachable !== undefined) return unreachable;
  const isSecure = profile === "secure";
  const keys = isSecure && local.srtp ? answerKeys(stream, local.srtp) : undefined;
  // A secure stream is never answered in the clear
  if (isSecure && keys === undefined) return NO_KEY_WARNING;
  const { payloadTypes } = facts;
  for (const codec of local.codecs) {
    const map = findCodec(payloadTypes, codec);
    if (map === undefined) continue;
    const telephoneEvent = local.telephoneEvent ? eventsBeside(payloadTypes, codec) : undefined;
    return { facts, codec, map, telephoneEvent, keys };
  }
  return `305 Incompatible media format: needs ${local.codecs.join(" or ")}`;
}

/** Says with a warning why the address of a stream cannot be used. RFC 3261 §20.43. */
export function addressProblem(
  { address, addressUse }: StreamFacts,
  localAddress: string | undefined,
): string | undefined {
  if (addressUse === "multicast") return "330 Multicast not available";
  // An unspecified address is a hold in either family.
  if (addressUse !== "unicast" || localAddress === undefined) return undefined;
  if (!isIpv6(address) && !isIpv6(localAddress)) return undefined;
  const bytes = parseIpAddress(address);
  const localBytes = parseIpAddress(localAddress);
  if (bytes === undefined || localBytes === undefined) return undefined;
  return bytes.length === localBytes.length
    ? undefined
    : `301 Incompatible network address formats: needs ${localBytes.length === 4 ? "IP4" : "IP6"}`;
}

/** Finds the telephone-events that go best with a codec. */
function eventsBeside(maps: readonly RtpMap[], codec: CodecName): RtpMap | undefined {
  for (const rate of telephoneEventRates(codec)) {
    const found = findTelephoneEvent(maps, rate);
    if (found !== undefined) return found;
  }
  return undefined;
}
