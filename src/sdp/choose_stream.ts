/**
 * Which of the offered streams is taken, and with which codec and keys. RFC 3264 §6, RFC 4568 §5.1.
 *
 * @module
 */

import { parseIpAddress } from "../base/socket_address.ts";
import type { CodecName, RtpMap } from "./codec_name.ts";
import {
  addressUse,
  connectionOf,
  findCodec,
  findTelephoneEvent,
  payloadTypes,
  telephoneEventRates,
} from "./media_stream.ts";
import type { LocalMedia } from "./negotiated_media.ts";
import { profileOf, profileProblem } from "./profile.ts";
import type { MediaDescription, SessionDescription } from "./session_description.ts";
import { answerKeys, type NegotiatedKeys, NO_KEY_WARNING } from "./srtp_keys.ts";

/** What of an offered stream is taken up. */
export interface StreamChoice {
  /** Its place among the streams. */
  readonly index: number;
  readonly stream: MediaDescription;
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
  const choices: StreamChoice[] = [];
  const refusals: string[] = [];
  for (const [index, stream] of offer.media.entries()) {
    const choice = chooseFormat(offer, stream, local);
    if (typeof choice === "object") choices.push({ index, stream, ...choice });
    else if (stream.kind === "audio") refusals.push(choice);
  }
  return choices.find(({ keys }) => keys !== undefined) ?? choices[0] ?? refusals[0] ??
    "304 Media type not available: only audio is";
}

/** Chooses the codec of an offered stream, or says with a warning why it cannot be had. */
function chooseFormat(
  offer: SessionDescription,
  stream: MediaDescription,
  local: LocalMedia,
): Omit<StreamChoice, "index" | "stream"> | string {
  if (stream.kind !== "audio") return "304 Media type not available: only audio is";
  if (stream.port === 0) return "304 Media type not available: the audio stream is disabled";
  const problem = profileProblem(stream.protocol, local.srtp?.policy ?? "never") ??
    addressProblem(offer, stream, local.address);
  if (problem !== undefined) return problem;
  const isSecure = profileOf(stream.protocol) === "secure";
  const keys = isSecure && local.srtp ? answerKeys(stream, local.srtp) : undefined;
  // A secure stream is never answered in the clear
  if (isSecure && keys === undefined) return NO_KEY_WARNING;
  const maps = payloadTypes(stream);
  for (const codec of local.codecs) {
    const map = findCodec(maps, codec);
    if (map === undefined) continue;
    const telephoneEvent = local.telephoneEvent ? eventsBeside(maps, codec) : undefined;
    return { codec, map, telephoneEvent, keys };
  }
  return `305 Incompatible media format: needs ${local.codecs.join(" or ")}`;
}

/** Says with a warning why the address of a stream cannot be used. RFC 3261 §20.43. */
export function addressProblem(
  description: SessionDescription,
  stream: MediaDescription,
  localAddress: string | undefined,
): string | undefined {
  const address = connectionOf(description, stream)?.address ?? "";
  const use = addressUse(address);
  if (use === "multicast") return "330 Multicast not available";
  const bytes = parseIpAddress(address);
  const localBytes = parseIpAddress(localAddress ?? "");
  // An unspecified address is a hold in either family.
  if (use !== "unicast" || bytes === undefined || localBytes === undefined) return undefined;
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
