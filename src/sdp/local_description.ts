/**
 * Our side's session descriptions: what offers and answers of ours look like. RFC 8866, RFC 3264.
 *
 * What goes into them is decided by `offer_answer.ts`.
 *
 * @module
 */

import { isIpv6 } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import { CODEC_NAMES, type CodecName, CODECS, TELEPHONE_EVENT } from "./codec_name.ts";
import { type CryptoAttribute, formatCryptoAttribute } from "./crypto_attribute.ts";
import { type Direction, VOIP_METRICS } from "./media_stream.ts";
import {
  type MediaDescription,
  NO_ATTRIBUTES,
  NO_LINES,
  type SdpAttribute,
  type SdpLine,
  type SessionDescription,
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
    attributes: NO_ATTRIBUTES,
    otherLines: NO_LINES,
  };
}

/** A payload type as our own descriptions write it. */
export interface Payload {
  /** The number, as text. */
  readonly format: string;
  /** `a=rtpmap`, and `a=fmtp` where there are format parameters. */
  readonly attributes: readonly SdpAttribute[];
}

/** One encoding under each of its numbers, of which there are 128: made once, and shared. */
class Payloads {
  readonly #encoding: string;
  readonly #parameters: string | undefined;
  readonly #known: Payload[] = [];

  /** @param encoding Name, clock rate and, where there is more than one, channels. */
  constructor(encoding: string, parameters: string | undefined) {
    this.#encoding = encoding;
    this.#parameters = parameters;
  }

  under(payloadType: number): Payload {
    return this.#known[payloadType] ??= this.#describe(`${payloadType}`);
  }

  #describe(format: string): Payload {
    const map = { name: "rtpmap", value: `${format} ${this.#encoding}` };
    if (this.#parameters === undefined) return { format, attributes: [map] };
    return {
      format,
      attributes: [map, { name: "fmtp", value: `${format} ${this.#parameters}` }],
    };
  }
}

const CODEC_PAYLOADS = Object.fromEntries(CODEC_NAMES.map((codec) => {
  const { encodingName, clockRate, channels, parameters } = CODECS[codec];
  const encoding = `${encodingName}/${clockRate}${channels === 1 ? "" : `/${channels}`}`;
  return [codec, new Payloads(encoding, parameters)];
})) as Readonly<Record<CodecName, Payloads>>;

/** By clock rate. */
const EVENT_PAYLOADS = eventPayloads(DTMF_EVENTS);
const EVENT_AND_FLASH_PAYLOADS = eventPayloads(DTMF_EVENTS_AND_FLASH);

/** The payload of a codec. */
export function codecPayload(payloadType: number, codec: CodecName): Payload {
  return CODEC_PAYLOADS[codec].under(payloadType);
}

/**
 * The payload of DTMF: sixteen digits, and the hook flash if the peer has it. RFC 4733 §3.2.
 *
 * @param clockRate That of a codec.
 */
export function telephoneEventPayload(
  payloadType: number,
  clockRate: Hertz,
  flash = false,
): Payload {
  const payloads = flash ? EVENT_AND_FLASH_PAYLOADS : EVENT_PAYLOADS;
  return (payloads.get(clockRate) as Payloads).under(payloadType);
}

/** Events have the clock of a codec. */
function eventPayloads(events: string): ReadonlyMap<Hertz, Payloads> {
  return new Map(CODEC_NAMES.map((codec) => {
    const { clockRate } = CODECS[codec];
    return [clockRate, new Payloads(`${TELEPHONE_EVENT}/${clockRate}`, events)];
  }));
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
  const formats: string[] = [];
  const attributes: SdpAttribute[] = [];
  for (const payload of payloads) {
    formats.push(payload.format);
    for (const attribute of payload.attributes) attributes.push(attribute);
  }
  for (const key of stream.keys) {
    attributes.push({ name: "crypto", value: formatCryptoAttribute(key) });
  }
  attributes.push({ name: "ptime", value: `${stream.ptime}` });
  if (stream.rtcpMux) attributes.push({ name: "rtcp-mux", value: undefined });
  if (stream.extendedReports) attributes.push({ name: "rtcp-xr", value: VOIP_METRICS });
  attributes.push({ name: stream.direction, value: undefined });
  return {
    kind: "audio",
    port: stream.port,
    portCount: 1,
    protocol: stream.protocol,
    formats,
    connection: undefined,
    attributes,
    otherLines: NO_LINES,
  };
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
  const sessionVersion = `${local.sessionVersion}`;
  return {
    version: 0,
    origin: { username: "-", sessionId, sessionVersion, netType: "IN", addressType, address },
    sessionName: "-",
    connection: { addressType, address },
    timing,
    attributes: NO_ATTRIBUTES,
    media,
    otherLines: NO_LINES,
  };
}
