/**
 * Our side's session descriptions: what offers and answers of ours look like. RFC 8866, RFC 3264.
 *
 * What goes into them is decided by `offer_answer.ts`.
 *
 * @module
 */

import { isIpv6 } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import { type CodecName, CODECS } from "./codec_name.ts";
import { type CryptoAttribute, formatCryptoAttribute } from "./crypto_attribute.ts";
import { type Direction, VOIP_METRICS } from "./media_stream.ts";
import type {
  MediaDescription,
  SdpAttribute,
  SdpLine,
  SessionDescription,
} from "./session_description.ts";

/** What `a=fmtp` says of the events that we understand. RFC 4733 §2.4.1. */
const DTMF_EVENTS = "0-15";
const DTMF_EVENTS_AND_FLASH = "0-16";

/**
 * Refuses a stream in its place. RFC 3264 §6: port 0 refuses; the rest of the line is as offered.
 * Attributes are left out, since they would describe a stream that there is not.
 */
export function refuseStream({ kind, protocol, formats }: MediaDescription): MediaDescription {
  return {
    kind,
    port: 0,
    portCount: 1,
    protocol,
    formats: formats.length === 0 ? ["0"] : formats,
    attributes: [],
    otherLines: [],
  };
}

/** A payload type as our own descriptions write it. */
export interface Payload {
  readonly payloadType: number;
  /** Name, clock rate and, where there is more than one, channels. */
  readonly encoding: string;
  /** The format parameters, if there are any. */
  readonly parameters?: string | undefined;
}

/** The payload of a codec. */
export function codecPayload(payloadType: number, codec: CodecName): Payload {
  const { encodingName, clockRate, channels, parameters } = CODECS[codec];
  const encoding = `${encodingName}/${clockRate}${channels === 1 ? "" : `/${channels}`}`;
  return { payloadType, encoding, parameters };
}

/** The payload of DTMF: sixteen digits, and the hook flash if the peer has it. RFC 4733 §3.2. */
export function telephoneEventPayload(
  payloadType: number,
  clockRate: Hertz,
  flash = false,
): Payload {
  const parameters = flash ? DTMF_EVENTS_AND_FLASH : DTMF_EVENTS;
  return { payloadType, encoding: `telephone-event/${clockRate}`, parameters };
}

/** What a description of ours says of its stream, beside payload types. */
export interface StreamOptions {
  readonly port: number;
  /** The profile. */
  readonly protocol: string;
  readonly ptime: Millis;
  readonly direction: Direction;
  /** Empty in the clear. */
  readonly keys: readonly CryptoAttribute[];
  /** Whether RTCP may share the port. RFC 5761 §5.1.1 */
  readonly rtcpMux: boolean;
  /** Whether reports on how the call sounds are wanted. RFC 3611 §5.1 */
  readonly extendedReports: boolean;
}

/**
 * Describes an audio stream of ours. Static payload types get an `a=rtpmap` as well: RFC 8866 §6.6
 * needs none, but there are peers that look only there.
 */
export function describeStream(
  payloads: readonly Payload[],
  stream: StreamOptions,
): MediaDescription {
  const attributes: SdpAttribute[] = payloads.flatMap(describePayload);
  for (const key of stream.keys) {
    attributes.push({ name: "crypto", value: formatCryptoAttribute(key) });
  }
  attributes.push({ name: "ptime", value: String(stream.ptime) });
  if (stream.rtcpMux) attributes.push({ name: "rtcp-mux", value: undefined });
  if (stream.extendedReports) attributes.push({ name: "rtcp-xr", value: VOIP_METRICS });
  attributes.push({ name: stream.direction, value: undefined });
  return {
    kind: "audio",
    port: stream.port,
    portCount: 1,
    protocol: stream.protocol,
    formats: payloads.map(({ payloadType }) => String(payloadType)),
    attributes,
    otherLines: [],
  };
}

function describePayload({ payloadType, encoding, parameters }: Payload): SdpAttribute[] {
  const map = { name: "rtpmap", value: `${payloadType} ${encoding}` };
  return parameters === undefined
    ? [map]
    : [map, { name: "fmtp", value: `${payloadType} ${parameters}` }];
}

/** Who we are in the `o=` and `c=` lines. */
export interface LocalOrigin {
  readonly address: string;
  readonly sessionId: string;
  readonly sessionVersion: number;
}

/**
 * Puts our streams into a session description, with one address for all of them.
 *
 * @param timing The lines of the offer in an answer. RFC 3264 §6.
 */
export function describeSession(
  local: LocalOrigin,
  media: readonly MediaDescription[],
  timing: readonly SdpLine[],
): SessionDescription {
  const { address, sessionId } = local;
  const addressType = isIpv6(address) ? "IP6" : "IP4";
  const sessionVersion = String(local.sessionVersion);
  return {
    version: 0,
    origin: { username: "-", sessionId, sessionVersion, netType: "IN", addressType, address },
    sessionName: "-",
    connection: { addressType, address },
    timing,
    attributes: [],
    media,
    otherLines: [],
  };
}
