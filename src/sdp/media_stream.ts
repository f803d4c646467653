/**
 * What one media description says about its stream, read out of lines and attributes.
 * RFC 8866 §6, RFC 3605, RFC 3611 §5, RFC 4733 §2.4, RFC 5761 §5.1, RFC 3264 §5.1 and §8.4.
 *
 * Nothing is decided here: `offer_answer.ts` joins what both sides say.
 *
 * @module
 */

import { parseIpAddress, type SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import {
  type CodecName,
  CODECS,
  isCodec,
  isSameName,
  parseRtpMap,
  readNumber,
  type RtpMap,
  staticRtpMap,
} from "./codec_name.ts";
import {
  attributeValue,
  type MediaDescription,
  type SdpConnection,
  type SessionDescription,
} from "./session_description.ts";

/** Which way media flows, from the point of view of whoever states it. RFC 8866 §6.7. */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

const DIRECTIONS: readonly Direction[] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/** RFC 3551 §4.2: what is sent when nobody says otherwise. */
export const PTIME_DEFAULT = 20;

/** Tells whether a party with that direction sends media. */
export function sends(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "sendonly";
}

/** Tells whether a party with that direction receives media. */
export function receives(direction: Direction): boolean {
  return direction === "sendrecv" || direction === "recvonly";
}

/** Puts the two halves of a direction together. */
export function directionOf(sending: boolean, receiving: boolean): Direction {
  if (sending) return receiving ? "sendrecv" : "sendonly";
  return receiving ? "recvonly" : "inactive";
}

/** The `c=` line that holds for a stream. RFC 8866 §5.7. */
export function connectionOf(
  description: SessionDescription,
  media: MediaDescription,
): SdpConnection | undefined {
  return media.connection ?? description.connection;
}

/** What an address in `c=` is good for. */
export type AddressUse = "unicast" | "unspecified" | "multicast" | "name";

/** Sorts an address of a `c=` line. `/ttl` marks multicast, as do 224.0.0.0/4 and ff00::/8. */
export function addressUse(address: string): AddressUse {
  if (address.includes("%")) return "name";
  const slash = address.indexOf("/");
  const bytes = parseIpAddress(slash < 0 ? address : address.slice(0, slash));
  if (bytes === undefined) return "name";
  if (bytes.every((byte) => byte === 0)) return "unspecified";
  const first = bytes[0]!;
  const isMulticast = bytes.length === 4 ? first >= 224 : first === 0xff;
  return isMulticast || slash >= 0 ? "multicast" : "unicast";
}

/** The direction that a description states: on the stream, else on the session, else sendrecv. */
export function statedDirection(
  description: SessionDescription,
  media: MediaDescription,
): Direction {
  for (const { attributes } of [media, description]) {
    for (const { name } of attributes) {
      // All of them are as long
      if (name.length !== "sendrecv".length) continue;
      const direction = DIRECTIONS.find((candidate) => candidate === name.toLowerCase());
      if (direction !== undefined) return direction;
    }
  }
  return "sendrecv";
}

/**
 * The direction that a description means. RFC 3264 §8.4: the hold of RFC 2543, an unspecified
 * address, says that its maker receives nothing, whatever the attribute says.
 */
export function meantDirection(
  description: SessionDescription,
  media: MediaDescription,
): Direction {
  const stated = statedDirection(description, media);
  const address = connectionOf(description, media)?.address ?? "";
  const receiving = receives(stated) && addressUse(address) !== "unspecified";
  return directionOf(sends(stated), receiving);
}

/** Where RTP may be sent; `undefined` without a literal unicast address and a port. */
export function rtpAddress(
  description: SessionDescription,
  media: MediaDescription,
): SocketAddress | undefined {
  return usableAddress(connectionOf(description, media)?.address, media.port);
}

/** Where RTCP may be sent: `a=rtcp` of RFC 3605 §2.1, else the port after RTP's. */
export function rtcpAddress(
  description: SessionDescription,
  media: MediaDescription,
): SocketAddress | undefined {
  const rtp = rtpAddress(description, media);
  if (rtp === undefined) return undefined;
  const stated = attributeValue(media.attributes, "rtcp");
  if (stated === undefined) {
    return rtp.port < 65_535 ? { address: rtp.address, port: rtp.port + 1 } : undefined;
  }
  const match = /^(\d{1,5})(?:[ \t]+IN[ \t]+IP[46][ \t]+(\S+))?$/i.exec(stated);
  return match === null ? undefined : usableAddress(match[2] ?? rtp.address, Number(match[1]));
}

/** A literal unicast address and a port that exists, else `undefined`. */
function usableAddress(address: string | undefined, port: number): SocketAddress | undefined {
  if (address === undefined || addressUse(address) !== "unicast") return undefined;
  return port > 0 && port <= 65_535 ? { address, port } : undefined;
}

/** The payload types of a stream with their meaning, in its order of preference. */
export function payloadTypes(media: MediaDescription): readonly RtpMap[] {
  const stated = new Map<number, RtpMap>();
  for (const { name, value } of media.attributes) {
    if (name !== "rtpmap") continue;
    const map = parseRtpMap(value ?? "");
    if (map !== undefined && !stated.has(map.payloadType)) stated.set(map.payloadType, map);
  }
  const maps: RtpMap[] = [];
  for (const format of media.formats) {
    const number = readNumber(format, 3);
    const map = stated.get(number) ?? staticRtpMap(number);
    if (map !== undefined) maps.push(map);
  }
  return maps;
}

/** Finds the first payload type that carries that codec. */
export function findCodec(maps: readonly RtpMap[], codec: CodecName): RtpMap | undefined {
  return maps.find((map) => isCodec(map, codec));
}

/** Finds the payload type of telephone-events with that clock rate. */
export function findTelephoneEvent(maps: readonly RtpMap[], clockRate: Hertz): RtpMap | undefined {
  return maps.find((map) =>
    map.clockRate === clockRate && isSameName(map.encodingName, "telephone-event")
  );
}

/**
 * Clock rates at which telephone-events may go with a codec, the best first.
 *
 * DEVIATION RFC 4733 §2.1: events share the clock of the audio, which many that speak Opus do not
 * know: they have telephone-events at 8000 alone. Without those there would be no keys at all.
 */
export function telephoneEventRates(codec: CodecName): readonly Hertz[] {
  const { clockRate } = CODECS[codec];
  return clockRate === TELEPHONE_RATE ? [clockRate] : [clockRate, TELEPHONE_RATE];
}

/** The clock of telephony, which everybody has events at. */
export const TELEPHONE_RATE: Hertz = 8000;

/** The format parameters of a payload type; `""` when it has none. */
export function formatParameters(media: MediaDescription, payloadType: number): string {
  const prefix = `${payloadType} `;
  const format = media.attributes.find(({ name, value }) =>
    name === "fmtp" && value?.startsWith(prefix) === true
  );
  return (format?.value ?? "").slice(prefix.length).trim();
}

/** Tells whether the events of a payload type include `event`. RFC 4733 §2.4.1: `0-15,66`. */
export function hasEvent(media: MediaDescription, payloadType: number, event: number): boolean {
  const stated = formatParameters(media, payloadType);
  const list = stated.includes("=") ? stated.replace(/^events=/i, "") : stated;
  const ranges = list.split(",");
  return ranges.some((range) => {
    const dash = range.indexOf("-");
    const last = readNumber(range.slice(dash + 1).trim(), 3);
    const first = dash < 0 ? last : readNumber(range.slice(0, dash).trim(), 3);
    return first <= event && event <= last;
  });
}

/** Tells whether RTCP may share the port of RTP. RFC 5761 §5.1.1 */
export function hasRtcpMux(media: MediaDescription): boolean {
  return attributeValue(media.attributes, "rtcp-mux") !== undefined;
}

/** The format of RTCP's extended reports that tells how a call sounds. RFC 3611 §4.7, §5.1 */
export const VOIP_METRICS = "voip-metrics";

/** Tells whether reports on how the call sounds are wanted: on the stream, else on the session. */
export function hasVoipMetrics(description: SessionDescription, media: MediaDescription): boolean {
  const formats = attributeValue(media.attributes, "rtcp-xr") ??
    attributeValue(description.attributes, "rtcp-xr");
  return formats !== undefined && formats.toLowerCase().split(/[ \t]+/).includes(VOIP_METRICS);
}

/**
 * The packet time to send to whoever made this description. RFC 8866 §6.4, §6.5: what it asks for
 * in `a=ptime` when the codec has it and it is within `a=maxptime`, else `preferred` or what is
 * nearest below.
 */
export function packetTime(media: MediaDescription, codec: CodecName, preferred: Millis): Millis {
  const asked = milliseconds(attributeValue(media.attributes, "ptime"));
  const most = milliseconds(attributeValue(media.attributes, "maxptime")) ?? Infinity;
  const allowed = CODECS[codec].packetTimes.filter((ptime) => ptime <= most);
  if (asked !== undefined && allowed.includes(asked)) return asked;
  return nearestBelow(preferred, allowed) ?? fittingPacketTime(codec, 0);
}

/** The packet time of that codec that is `preferred`, or nearest below, or the least there is. */
export function fittingPacketTime(codec: CodecName, preferred: Millis): Millis {
  const { packetTimes } = CODECS[codec];
  return nearestBelow(preferred, packetTimes) ?? packetTimes[0] ?? PTIME_DEFAULT;
}

function nearestBelow(ptime: Millis, among: readonly Millis[]): Millis | undefined {
  return among.findLast((candidate) => candidate <= ptime) ?? among[0];
}

function milliseconds(value: string | undefined): Millis | undefined {
  // A fraction, as some codecs have, is no packet time of ours and reads as none stated.
  return value !== undefined && /^\d{1,4}$/.test(value) ? Number(value) : undefined;
}
