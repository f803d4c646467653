/**
 * What one media description says about its stream, read out of lines and attributes.
 * RFC 8866 §6, RFC 3605, RFC 4733 §2.4, RFC 3264 §5.1 and §8.4.
 *
 * Nothing is decided here: `offer_answer.ts` joins what both sides say.
 *
 * @module
 */

import { isIpAddress, parseIpAddress, type SocketAddress } from "../base/socket_address.ts";
import type { Hertz } from "../base/units.ts";
import { type CodecName, isCodec, parseRtpMap, type RtpMap, staticRtpMap } from "./codec_name.ts";
import {
  attributeValue,
  type MediaDescription,
  type SdpConnection,
  type SessionDescription,
} from "./session_description.ts";

/** Which way media flows, from the point of view of whoever states it. RFC 8866 §6.7. */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

const DIRECTIONS: readonly Direction[] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/** The packet times that we send, in milliseconds, in steps of {@linkcode PTIME_STEP}. */
export const PTIME_MIN = 10;
/** See {@linkcode PTIME_MIN}. */
export const PTIME_MAX = 60;
/** G.711 frames may have any length; ours are whole multiples of 10 ms. */
export const PTIME_STEP = 10;
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
  const bytes = parseIpAddress(address.split("/", 1)[0]!);
  if (bytes === undefined) return "name";
  if (bytes.every((byte) => byte === 0)) return "unspecified";
  const first = bytes[0]!;
  const isMulticast = bytes.length === 4 ? first >= 224 : first === 0xff;
  return isMulticast || address.includes("/") ? "multicast" : "unicast";
}

/** The direction that a description states: on the stream, else on the session, else sendrecv. */
export function statedDirection(
  description: SessionDescription,
  media: MediaDescription,
): Direction {
  for (const { attributes } of [media, description]) {
    for (const { name } of attributes) {
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
  if (stated === undefined) return usableAddress(rtp.address, rtp.port + 1);
  const match = /^(\d{1,5})(?:[ \t]+IN[ \t]+IP[46][ \t]+(\S+))?$/i.exec(stated);
  return match === null ? undefined : usableAddress(match[2] ?? rtp.address, Number(match[1]));
}

/** A literal unicast address and a port that exists, else `undefined`. */
function usableAddress(address: string | undefined, port: number): SocketAddress | undefined {
  if (address === undefined || addressUse(address) !== "unicast" || !isIpAddress(address)) {
    return undefined;
  }
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
  return media.formats.flatMap((format) => {
    if (!/^\d{1,3}$/.test(format)) return [];
    const map = stated.get(Number(format)) ?? staticRtpMap(Number(format));
    return map === undefined ? [] : [map];
  });
}

/** Finds the first payload type that carries that codec. */
export function findCodec(maps: readonly RtpMap[], codec: CodecName): RtpMap | undefined {
  return maps.find((map) => isCodec(map, codec));
}

/**
 * Finds the payload type of telephone-events with the codec's clock rate, as RFC 4733 §2.1 asks:
 * events at another rate belong to another codec.
 */
export function findTelephoneEvent(maps: readonly RtpMap[], clockRate: Hertz): RtpMap | undefined {
  return maps.find((map) =>
    map.encodingName.toLowerCase() === "telephone-event" && map.clockRate === clockRate
  );
}

/** Tells whether the events of a payload type include `event`. RFC 4733 §2.4.1: `0-15,66`. */
export function hasEvent(media: MediaDescription, payloadType: number, event: number): boolean {
  const prefix = `${payloadType} `;
  const format = media.attributes.find(({ name, value }) =>
    name === "fmtp" && value?.startsWith(prefix) === true
  );
  const ranges = (format?.value ?? "").slice(prefix.length).replace(/^\s*events=/i, "").split(",");
  return ranges.some((range) => {
    const match = /^\s*(\d{1,3})(?:-(\d{1,3}))?\s*$/.exec(range);
    if (match === null) return false;
    return Number(match[1]) <= event && event <= Number(match[2] ?? match[1]);
  });
}

/**
 * The packet time to send to whoever made this description, in milliseconds. RFC 8866 §6.4, §6.5:
 * what it asks for in `a=ptime` when that is one of ours and within `a=maxptime`, else `preferred`.
 */
export function packetTime(media: MediaDescription, preferred: number): number {
  const asked = milliseconds(attributeValue(media.attributes, "ptime"));
  const most = milliseconds(attributeValue(media.attributes, "maxptime")) ?? PTIME_MAX;
  if (asked !== undefined && isPacketTime(asked) && asked <= most) return asked;
  const largest = Math.max(PTIME_MIN, Math.floor(most / PTIME_STEP) * PTIME_STEP);
  return Math.min(isPacketTime(preferred) ? preferred : PTIME_DEFAULT, largest);
}

/** Tells whether we send packets of that many milliseconds. */
export function isPacketTime(ptime: number): boolean {
  return ptime >= PTIME_MIN && ptime <= PTIME_MAX && ptime % PTIME_STEP === 0;
}

function milliseconds(value: string | undefined): number | undefined {
  // A fraction, as some codecs have, is no packet time of ours and reads as none stated.
  return value !== undefined && /^\d{1,4}$/.test(value) ? Number(value) : undefined;
}
