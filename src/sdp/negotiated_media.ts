/**
 * What two descriptions agree on, as one value.
 *
 * @module
 */

import type { SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import type { CodecName, RtpMap } from "./codec_name.ts";
import {
  type Direction,
  directionOf,
  formatParameters,
  meantDirection,
  packetTime,
  receives,
  rtcpAddress,
  rtpAddress,
  sends,
  type StreamFacts,
} from "./media_stream.ts";
import { type OpusFormat, parseOpusFormat } from "./opus_format.ts";
import type { MediaDescription } from "./session_description.ts";
import type { LocalKeys, NegotiatedKeys } from "./srtp_keys.ts";

/** What we bring to the negotiation. */
export interface LocalMedia {
  /** A literal IPv4 or IPv6 address that the peer can reach. */
  readonly address: string;
  /** Where we receive RTP; RTCP is received on the next port, or on the same one. */
  readonly port: number;
  /** In our order of preference; at least one. */
  readonly codecs: readonly CodecName[];
  /** Digits, the same for the whole dialog. RFC 8866 §5.2. */
  readonly sessionId: string;
  /** Raised by one whenever the description differs from the last one. RFC 3264 §8. */
  readonly sessionVersion: number;
  /** The packet time that we ask for, and send when the peer asks for none. */
  readonly ptime: Millis;
  /** Whether DTMF is offered and taken as RFC 4733 telephone-events. */
  readonly telephoneEvent: boolean;
  /** The payload type of telephone-events in our offers, 96 to 127. Answers use the offerer's. */
  readonly dtmfPayloadType: number;
  /** What we want, from our point of view. Default: sendrecv. */
  readonly direction?: Direction;
  /** What payload types have meant in our descriptions before. RFC 3264 §8.3.2 */
  readonly payloadTypesBefore?: readonly RtpMap[];
  /** Encryption; absent: never. */
  readonly srtp?: LocalKeys | undefined;
  /** What we can do with RTCP; absent: neither. */
  readonly rtcp?: LocalRtcp | undefined;
}

/** What we can do with RTCP. It is offered, and answered where it is offered. */
export interface LocalRtcp {
  /** RTCP may come on the port of RTP. RFC 5761 */
  readonly mux: boolean;
  /** We report how a call sounds. RFC 3611 §4.7 */
  readonly extendedReports: boolean;
}

/** What both sides have agreed upon. Directions and payload types are named from our side. */
export interface NegotiatedMedia {
  readonly codec: CodecName;
  /** What we put on the packets that we send. */
  readonly payloadType: number;
  /** What the peer puts on the packets that we receive. */
  readonly receivePayloadType: number;
  /** As `payloadType`, for telephone-events; `undefined`: none may be sent. */
  readonly telephoneEventPayloadType: number | undefined;
  /** As `receivePayloadType`, for telephone-events. */
  readonly receiveTelephoneEventPayloadType: number | undefined;
  /** Of the durations in telephone-events; it may be another than the codec's. */
  readonly telephoneEventClockRate: Hertz | undefined;
  readonly clockRate: Hertz;
  /** The packet time that we send. */
  readonly ptime: Millis;
  /** Where RTP goes; `undefined` when the peer names no literal unicast address. */
  readonly remote: SocketAddress | undefined;
  /** Where RTCP goes. It may be another host than `remote`: RFC 3605 allows that. */
  readonly remoteRtcp: SocketAddress | undefined;
  /** RTCP goes and comes on the ports of RTP. RFC 5761 */
  readonly rtcpMux: boolean;
  /** Both sides report how the call sounds. RFC 3611 */
  readonly extendedReports: boolean;
  /** What we do. */
  readonly direction: Direction;
  /** What the peer does, from its point of view; an unspecified address counts as not receiving. */
  readonly remoteDirection: Direction;
  /** Absent: RTP is in the clear. */
  readonly crypto?: NegotiatedKeys;
  /** What the peer asks of the Opus that we send; absent: the codec is another one. */
  readonly opus?: OpusFormat;
}

/** What both sides have in common, before the peer's stream is read for the rest. */
export interface Agreement {
  readonly codec: CodecName;
  readonly send: RtpMap;
  readonly receive: RtpMap;
  /** Telephone-events in both directions, or in none. */
  readonly events: { readonly send: RtpMap; readonly receive: RtpMap } | undefined;
  /** Ours, for when the peer states none. */
  readonly ptime: Millis;
  /** What we want. */
  readonly direction: Direction;
  readonly keys: NegotiatedKeys | undefined;
  readonly rtcp: LocalRtcp;
}

/** Joins what is agreed with what the peer's stream says: addresses, direction, packet time. */
export function negotiate(remote: StreamFacts, agreement: Agreement): NegotiatedMedia {
  const { codec, send, receive, events, keys, rtcp, direction } = agreement;
  const remoteDirection = meantDirection(remote);
  const rtp = rtpAddress(remote);
  const media: NegotiatedMedia = {
    codec,
    payloadType: send.payloadType,
    receivePayloadType: receive.payloadType,
    telephoneEventPayloadType: events?.send.payloadType,
    receiveTelephoneEventPayloadType: events?.receive.payloadType,
    telephoneEventClockRate: events?.send.clockRate,
    clockRate: send.clockRate,
    ptime: packetTime(remote, codec, agreement.ptime),
    remote: rtp,
    remoteRtcp: rtcp.mux ? rtp : rtcpAddress(remote),
    rtcpMux: rtcp.mux,
    extendedReports: rtcp.extendedReports,
    // §6.1: each half of the direction needs both sides.
    direction: directionOf(
      sends(direction) && receives(remoteDirection),
      receives(direction) && sends(remoteDirection),
    ),
    remoteDirection,
  };
  if (keys === undefined && codec !== "opus") return media;
  return {
    ...media,
    ...(keys === undefined ? {} : { crypto: keys }),
    ...(codec === "opus" ? { opus: opusFormat(remote.stream, send) } : {}),
  };
}

function opusFormat(stream: MediaDescription, map: RtpMap): OpusFormat {
  return parseOpusFormat(formatParameters(stream, map.payloadType));
}
