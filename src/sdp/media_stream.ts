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
  type RtpMap,
  staticRtpMap,
  TELEPHONE_EVENT,
} from "./codec_name.ts";
import { numberIn, skipBlanks, skipDigits, trimmedEnd } from "./scan.ts";
import type { MediaDescription, SessionDescription } from "./session_description.ts";

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

/** What an address in `c=` is good for. */
export type AddressUse = "unicast" | "unspecified" | "multicast" | "name";

/** What a description says of one of its streams. */
export interface StreamFacts {
  readonly stream: MediaDescription;
  /** The payload types with their meaning, in the order of preference. */
  readonly payloadTypes: readonly RtpMap[];
  /** As it is stated: on the stream, else on the session, else sendrecv. */
  readonly statedDirection: Direction;
  /** That of the `c=` line that holds; `""` without one. */
  readonly address: string;
  readonly addressUse: AddressUse;
  /** `a=ptime`, when it is a whole number. RFC 8866 §6.4 */
  readonly ptime: Millis | undefined;
  /** `a=maxptime`, likewise. RFC 8866 §6.5 */
  readonly maxptime: Millis | undefined;
  /** The value of `a=rtcp`. RFC 3605 §2.1 */
  readonly rtcp: string | undefined;
  /** RTCP may share the port of RTP. RFC 5761 §5.1.1 */
  readonly rtcpMux: boolean;
  /** Reports on how the call sounds are wanted: on the stream, else on the session. RFC 3611 §5 */
  readonly voipMetrics: boolean;
}

/** Reads a stream in one walk. Of attributes that may stand once, the first counts. */
export function readStream(
  description: SessionDescription,
  stream: MediaDescription,
): StreamFacts {
  const maps: RtpMap[] = [];
  let direction: Direction | undefined;
  let ptime: string | undefined;
  let maxptime: string | undefined;
  let rtcp: string | undefined;
  let reports: string | undefined;
  let rtcpMux = false;
  for (const { name, value = "" } of stream.attributes) {
    if (name === "rtpmap") addRtpMap(maps, value);
    else if (name === "ptime") ptime ??= value;
    else if (name === "maxptime") maxptime ??= value;
    else if (name === "rtcp") rtcp ??= value;
    else if (name === "rtcp-mux") rtcpMux = true;
    else if (name === "rtcp-xr") reports ??= value;
    else direction ??= asDirection(name);
  }
  for (const { name, value = "" } of description.attributes) {
    if (name === "rtcp-xr") reports ??= value;
    else direction ??= asDirection(name);
  }
  const address = (stream.connection ?? description.connection)?.address ?? "";
  return {
    stream,
    payloadTypes: meanings(stream.formats, maps),
    statedDirection: direction ?? "sendrecv",
    address,
    addressUse: useOf(address),
    ptime: milliseconds(ptime),
    maxptime: milliseconds(maxptime),
    rtcp,
    rtcpMux,
    voipMetrics: reports !== undefined && hasVoipMetrics(reports),
  };
}

/** The first `a=rtpmap` of a payload type counts. */
function addRtpMap(maps: RtpMap[], value: string): void {
  const map = parseRtpMap(value);
  if (map !== undefined && meaningOf(map.payloadType, maps) === undefined) maps.push(map);
}

function meaningOf(payloadType: number, maps: readonly RtpMap[]): RtpMap | undefined {
  for (const map of maps) if (map.payloadType === payloadType) return map;
  return undefined;
}

function meanings(formats: readonly string[], stated: readonly RtpMap[]): readonly RtpMap[] {
  const maps: RtpMap[] = [];
  for (const format of formats) {
    const payloadType = numberIn(format, 0, format.length, 3);
    const map = meaningOf(payloadType, stated) ?? staticRtpMap(payloadType);
    if (map !== undefined) maps.push(map);
  }
  return maps;
}

function asDirection(name: string): Direction | undefined {
  // All of them are as long
  if (name.length !== "sendrecv".length) return undefined;
  for (const direction of DIRECTIONS) if (isSameName(name, direction)) return direction;
  return undefined;
}

/** Sorts an address of a `c=` line. `/ttl` marks multicast, as do 224.0.0.0/4 and ff00::/8. */
function useOf(address: string): AddressUse {
  let end = 0;
  for (; end < address.length; end++) {
    const code = address.charCodeAt(end);
    if (code === PERCENT) return "name";
    if (code === SLASH) break;
  }
  const hasTtl = end < address.length;
  const bytes = parseIpAddress(hasTtl ? address.slice(0, end) : address);
  if (bytes === undefined) return "name";
  let bits = 0;
  for (let at = 0; at < bytes.length; at++) bits |= bytes[at] as number;
  if (bits === 0) return "unspecified";
  const first = bytes[0] as number;
  const isMulticast = bytes.length === 4 ? first >= 224 : first === 0xff;
  return isMulticast || hasTtl ? "multicast" : "unicast";
}

const PERCENT = 0x25;
const SLASH = 0x2f;

function milliseconds(value: string | undefined): Millis | undefined {
  if (value === undefined) return undefined;
  // A fraction, as some codecs have, is no packet time of ours and reads as none stated.
  const time = numberIn(value, 0, value.length, 4);
  return Number.isNaN(time) ? undefined : time;
}

/** The format of RTCP's extended reports that tells how a call sounds. RFC 3611 §4.7, §5.1 */
export const VOIP_METRICS = "voip-metrics";

function hasVoipMetrics(formats: string): boolean {
  return formats.toLowerCase().split(/[ \t]+/).includes(VOIP_METRICS);
}

/**
 * The direction that a description means. RFC 3264 §8.4: the hold of RFC 2543, an unspecified
 * address, says that its maker receives nothing, whatever the attribute says.
 */
export function meantDirection({ statedDirection, addressUse }: StreamFacts): Direction {
  return directionOf(
    sends(statedDirection),
    receives(statedDirection) && addressUse !== "unspecified",
  );
}

/** Where RTP may be sent; `undefined` without a literal unicast address and a port. */
export function rtpAddress(
  { stream, address, addressUse }: StreamFacts,
): SocketAddress | undefined {
  return usableAddress(address, addressUse, stream.port);
}

/** Where RTCP may be sent: `a=rtcp` of RFC 3605 §2.1, else the port after RTP's. */
export function rtcpAddress(facts: StreamFacts): SocketAddress | undefined {
  const { stream, address, addressUse, rtcp } = facts;
  if (rtpAddress(facts) === undefined) return undefined;
  if (rtcp === undefined) return usableAddress(address, addressUse, stream.port + 1);
  const match = /^(\d{1,5})(?:[ \t]+IN[ \t]+IP[46][ \t]+(\S+))?$/i.exec(rtcp);
  if (match === null) return undefined;
  const [, port, other = address] = match;
  return usableAddress(other, useOf(other), Number(port));
}

/** A literal unicast address and a port that exists, else `undefined`. */
function usableAddress(address: string, use: AddressUse, port: number): SocketAddress | undefined {
  return use === "unicast" && port > 0 && port <= 65_535 ? { address, port } : undefined;
}

/** Finds the first payload type that carries that codec. */
export function findCodec(maps: readonly RtpMap[], codec: CodecName): RtpMap | undefined {
  for (const map of maps) if (isCodec(map, codec)) return map;
  return undefined;
}

/** Finds the payload type of telephone-events with that clock rate. */
export function findTelephoneEvent(maps: readonly RtpMap[], clockRate: Hertz): RtpMap | undefined {
  for (const map of maps) {
    if (map.clockRate === clockRate && isSameName(map.encodingName, TELEPHONE_EVENT)) return map;
  }
  return undefined;
}

/**
 * Clock rates at which telephone-events may go with a codec, the best first.
 *
 * DEVIATION RFC 4733 §2.1: events share the clock of the audio, which many that speak Opus do not
 * know: they have telephone-events at 8000 alone. Without those there would be no keys at all.
 */
export function telephoneEventRates(codec: CodecName): readonly Hertz[] {
  const { clockRate } = CODECS[codec];
  return clockRate === TELEPHONE_RATE ? TELEPHONE_RATE_ALONE : [clockRate, TELEPHONE_RATE];
}

/** The clock of telephony, which everybody has events at. */
export const TELEPHONE_RATE: Hertz = 8000;

const TELEPHONE_RATE_ALONE: readonly Hertz[] = [TELEPHONE_RATE];

/** The format parameters of a payload type; `""` when it has none. */
export function formatParameters(media: MediaDescription, payloadType: number): string {
  for (const { name, value } of media.attributes) {
    if (name !== "fmtp" || value === undefined) continue;
    const numberEnd = skipDigits(value, 0, value.length);
    const start = skipBlanks(value, numberEnd, value.length);
    if (start > numberEnd && numberIn(value, 0, numberEnd, 3) === payloadType) {
      return value.slice(start);
    }
  }
  return "";
}

/** Tells whether the events of a payload type include `event`. RFC 4733 §2.4.1: `0-15,66`. */
export function hasEvent(media: MediaDescription, payloadType: number, event: number): boolean {
  const stated = formatParameters(media, payloadType);
  const list = stated.includes("=") ? stated.replace(/^events=/i, "") : stated;
  for (let start = 0; start < list.length;) {
    let end = start;
    let dash = -1;
    for (; end < list.length && list.charCodeAt(end) !== COMMA; end++) {
      if (dash < 0 && list.charCodeAt(end) === DASH) dash = end;
    }
    const last = eventIn(list, dash < 0 ? start : dash + 1, end);
    const first = dash < 0 ? last : eventIn(list, start, dash);
    if (first <= event && event <= last) return true;
    start = end + 1;
  }
  return false;
}

const COMMA = 0x2c;
const DASH = 0x2d;

/** Reads the number of an event, with blanks around it; `NaN` for anything else. */
function eventIn(list: string, start: number, end: number): number {
  const first = skipBlanks(list, start, end);
  return numberIn(list, first, trimmedEnd(list, first, end), 3);
}

/**
 * The packet time to send to whoever made this description. RFC 8866 §6.4, §6.5: what it asks for
 * in `a=ptime` when the codec has it and it is within `a=maxptime`, else `preferred` or what is
 * nearest below.
 */
export function packetTime(
  { ptime, maxptime = Infinity }: StreamFacts,
  codec: CodecName,
  preferred: Millis,
): Millis {
  const { packetTimes } = CODECS[codec];
  for (const time of packetTimes) if (time === ptime && time <= maxptime) return time;
  return nearestBelow(Math.min(preferred, maxptime), packetTimes);
}

/** The packet time of that codec that is `preferred`, or nearest below, or the least there is. */
export function fittingPacketTime(codec: CodecName, preferred: Millis): Millis {
  return nearestBelow(preferred, CODECS[codec].packetTimes);
}

/** Of packet times in rising order. */
function nearestBelow(ptime: Millis, among: readonly Millis[]): Millis {
  let nearest = among[0] ?? PTIME_DEFAULT;
  for (const candidate of among) if (candidate <= ptime) nearest = candidate;
  return nearest;
}
