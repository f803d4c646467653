/**
 * Offer and answer for one audio stream over plain RTP. RFC 3264 §5 to §8.
 *
 * The first acceptable audio stream of an offer is taken; every other stream is refused in place.
 * Secure profiles are refused: answering them without keys would put the call on the wire in the
 * clear. Whether an address is one that audio may go to (latching, NAT) is left to the media layer.
 *
 * @module
 */

import { parseIpAddress, type SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import {
  type CodecName,
  CODECS,
  DYNAMIC_PAYLOAD_TYPE_MIN,
  isCodec,
  PAYLOAD_TYPE_MAX,
  type RtpMap,
} from "./codec_name.ts";
import {
  describeSession,
  describeStream,
  type Payload,
  PROTOCOL,
  refuseStream,
  telephoneEventPayload,
} from "./local_description.ts";
import {
  addressUse,
  connectionOf,
  type Direction,
  directionOf,
  findCodec,
  findTelephoneEvent,
  hasEvent,
  meantDirection,
  packetTime,
  payloadTypes,
  PTIME_DEFAULT,
  receives,
  rtcpAddress,
  rtpAddress,
  sends,
  statedDirection,
} from "./media_stream.ts";
import {
  type MediaDescription,
  type SdpLine,
  type SessionDescription,
  UNBOUNDED_TIMING,
} from "./session_description.ts";

export type { Direction } from "./media_stream.ts";

/** What we bring to the negotiation. */
export interface LocalMedia {
  /** A literal IPv4 or IPv6 address that the peer can reach. */
  readonly address: string;
  /** Where we receive RTP; RTCP is received on the next port. */
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
  readonly clockRate: Hertz;
  /** The packet time that we send. */
  readonly ptime: Millis;
  /** Where RTP goes; `undefined` when the peer names no literal unicast address. */
  readonly remote: SocketAddress | undefined;
  /** Where RTCP goes. It may be another host than `remote`: RFC 3605 allows that. */
  readonly remoteRtcp: SocketAddress | undefined;
  /** What we do. */
  readonly direction: Direction;
  /** What the peer does, from its point of view; an unspecified address counts as not receiving. */
  readonly remoteDirection: Direction;
}

/** An answer to send, or why there is none. */
export type AnswerResult =
  | { readonly ok: true; readonly answer: SessionDescription; readonly media: NegotiatedMedia }
  | {
    readonly ok: false;
    readonly statusCode: 488;
    /** Code and text of a Warning header; {@linkcode warningHeader} puts the host between. */
    readonly warning: string;
  };

/** What the peer's answer makes of our offer, or why it is none. */
export type AcceptResult =
  | { readonly ok: true; readonly media: NegotiatedMedia }
  | { readonly ok: false; readonly reason: string };

/** RFC 4733 §3.2. */
const FLASH_EVENT = 16;

/**
 * Answers an offer. RFC 3264 §6.
 *
 * @param local `sessionVersion` must differ from that of our last, different description.
 */
export function answerOffer(offer: SessionDescription, local: LocalMedia): AnswerResult {
  const refusals: string[] = [];
  for (const [index, stream] of offer.media.entries()) {
    const choice = chooseStream(offer, stream, local);
    if (typeof choice === "string") {
      if (stream.kind === "audio") refusals.push(choice);
      continue;
    }
    const media = negotiate(offer, stream, {
      codec: choice.codec,
      send: choice.map,
      receive: choice.map,
      ...events(choice.telephoneEvent, choice.telephoneEvent),
      ptime: local.ptime,
      direction: local.direction ?? "sendrecv",
    });
    // §6: as many streams as the offer, in its order.
    const answered = offer.media.map((other, at) =>
      at === index ? acceptStream(stream, media, local) : refuseStream(other)
    );
    return { ok: true, media, answer: describeSession(local, answered, timingOf(offer)) };
  }
  const warning = refusals[0] ?? "304 Media type not available: only audio is";
  return { ok: false, statusCode: 488, warning };
}

/** Writes the value of a Warning header from an {@linkcode AnswerResult}. RFC 3261 §20.43. */
export function warningHeader(warning: string, host: string): string {
  const text = warning.slice(4).replaceAll(/["\\]/g, "\\$&");
  return `${warning.slice(0, 3)} ${host} "${text}"`;
}

/**
 * Makes an offer of one audio stream. RFC 3264 §5.
 *
 * Payload types of codecs are the static ones; those of the answer may differ.
 *
 * @throws {RangeError} There is no codec, or `dtmfPayloadType` is not a dynamic one.
 */
export function createOffer(local: LocalMedia): SessionDescription {
  const { dtmfPayloadType } = local;
  if (local.codecs.length === 0) throw new RangeError("An offer needs a codec");
  if (local.telephoneEvent && !isDynamic(dtmfPayloadType)) {
    throw new RangeError(`Payload type ${dtmfPayloadType} is not from 96 to 127`);
  }
  const payloads: Payload[] = local.codecs.map((codec) => ({
    payloadType: CODECS[codec].staticPayloadType,
    encoding: codec,
    clockRate: CODECS[codec].clockRate,
  }));
  if (local.telephoneEvent) {
    payloads.push(telephoneEventPayload(dtmfPayloadType, CODECS[local.codecs[0]!].clockRate));
  }
  const stream = describeStream(payloads, {
    port: local.port,
    ptime: local.ptime,
    direction: local.direction ?? "sendrecv",
  });
  return describeSession(local, [stream], UNBOUNDED_TIMING);
}

/**
 * Takes the peer's answer to our offer. RFC 3264 §7.
 *
 * Payload types may differ in the two directions: each side is sent the numbers of its own
 * description. Of several codecs in the answer the first is used, as the answerer prefers it.
 */
export function acceptAnswer(
  offer: SessionDescription,
  answer: SessionDescription,
): AcceptResult {
  const index = offer.media.findIndex((stream) => stream.kind === "audio" && stream.port !== 0);
  const offered = offer.media[index];
  const answered = answer.media[index];
  if (offered === undefined) return { ok: false, reason: "The offer has no audio stream" };
  // §6: the streams of an answer are those of the offer, in its order.
  if (answered === undefined || answered.kind !== "audio") {
    return { ok: false, reason: "The answer has no audio stream where the offer has it" };
  }
  if (answered.port === 0) return { ok: false, reason: "The answer refuses the audio stream" };
  const problem = transportProblem(answer, answered, connectionOf(offer, offered)?.address);
  if (problem !== undefined) return { ok: false, reason: problem.slice(4) };

  const ours = payloadTypes(offered);
  const theirs = payloadTypes(answered);
  const choice = matchAnswer(ours, theirs);
  if (choice === undefined) return { ok: false, reason: "The answer has no codec of the offer" };
  const { clockRate } = CODECS[choice.codec];
  return {
    ok: true,
    media: negotiate(answer, answered, {
      ...choice,
      ...events(findTelephoneEvent(theirs, clockRate), findTelephoneEvent(ours, clockRate)),
      ptime: packetTime(offered, PTIME_DEFAULT),
      direction: statedDirection(offer, offered),
    }),
  };
}

/** Tells whether the peer has put us on hold: it does not listen. RFC 3264 §8.4. */
export function isHold(media: NegotiatedMedia): boolean {
  return !receives(media.remoteDirection);
}

/** What of an offered stream is taken up. */
interface StreamChoice {
  readonly codec: CodecName;
  readonly map: RtpMap;
  readonly telephoneEvent: RtpMap | undefined;
}

/** Chooses the codec of an offered stream, or says with a warning why it cannot be had. */
function chooseStream(
  offer: SessionDescription,
  stream: MediaDescription,
  local: LocalMedia,
): StreamChoice | string {
  if (stream.kind !== "audio") return "304 Media type not available: only audio is";
  if (stream.port === 0) return "304 Media type not available: the audio stream is disabled";
  const problem = transportProblem(offer, stream, local.address);
  if (problem !== undefined) return problem;
  const maps = payloadTypes(stream);
  for (const codec of local.codecs) {
    const map = findCodec(maps, codec);
    if (map === undefined) continue;
    const { clockRate } = CODECS[codec];
    const telephoneEvent = local.telephoneEvent ? findTelephoneEvent(maps, clockRate) : undefined;
    return { codec, map, telephoneEvent };
  }
  return `305 Incompatible media format: needs ${local.codecs.join(" or ")}`;
}

/** Says with a warning why a stream's transport cannot be used. RFC 3261 §20.43. */
function transportProblem(
  description: SessionDescription,
  stream: MediaDescription,
  localAddress: string | undefined,
): string | undefined {
  if (stream.protocol.toUpperCase() !== PROTOCOL) {
    return `302 Incompatible transport protocol: needs ${PROTOCOL}`;
  }
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

/** Finds the first codec of an answer that the offer has, with both sides' payload types. */
function matchAnswer(
  ours: readonly RtpMap[],
  theirs: readonly RtpMap[],
): Pick<Agreement, "codec" | "send" | "receive"> | undefined {
  for (const send of theirs) {
    for (const codec of Object.keys(CODECS) as CodecName[]) {
      const receive = isCodec(send, codec) ? findCodec(ours, codec) : undefined;
      if (receive !== undefined) return { codec, send, receive };
    }
  }
  return undefined;
}

/** What both sides have in common, before the peer's stream is read for the rest. */
interface Agreement {
  readonly codec: CodecName;
  readonly send: RtpMap;
  readonly receive: RtpMap;
  readonly sendEvents: RtpMap | undefined;
  readonly receiveEvents: RtpMap | undefined;
  /** Ours, for when the peer states none. */
  readonly ptime: Millis;
  /** What we want. */
  readonly direction: Direction;
}

/** Telephone-events are used when both sides have them, in both directions or in none. */
function events(
  send: RtpMap | undefined,
  receive: RtpMap | undefined,
): Pick<Agreement, "sendEvents" | "receiveEvents"> {
  const both = send !== undefined && receive !== undefined;
  return { sendEvents: both ? send : undefined, receiveEvents: both ? receive : undefined };
}

/** Joins what is agreed with what the peer's stream says: addresses, direction, packet time. */
function negotiate(
  remote: SessionDescription,
  stream: MediaDescription,
  agreement: Agreement,
): NegotiatedMedia {
  const remoteDirection = meantDirection(remote, stream);
  const wanted = agreement.direction;
  return {
    codec: agreement.codec,
    payloadType: agreement.send.payloadType,
    receivePayloadType: agreement.receive.payloadType,
    telephoneEventPayloadType: agreement.sendEvents?.payloadType,
    receiveTelephoneEventPayloadType: agreement.receiveEvents?.payloadType,
    clockRate: agreement.send.clockRate,
    ptime: packetTime(stream, agreement.ptime),
    remote: rtpAddress(remote, stream),
    remoteRtcp: rtcpAddress(remote, stream),
    // §6.1: each half of the direction needs both sides.
    direction: directionOf(
      sends(wanted) && receives(remoteDirection),
      receives(wanted) && sends(remoteDirection),
    ),
    remoteDirection,
  };
}

/**
 * Our stream in the answer. It names one codec, so that the peer cannot change it in mid-stream,
 * and the packet time that we send, so that both directions have the same.
 */
function acceptStream(
  stream: MediaDescription,
  media: NegotiatedMedia,
  local: LocalMedia,
): MediaDescription {
  const payloads: Payload[] = [{
    payloadType: media.receivePayloadType,
    encoding: media.codec,
    clockRate: media.clockRate,
  }];
  const eventPayloadType = media.receiveTelephoneEventPayloadType;
  if (eventPayloadType !== undefined) {
    const flash = hasEvent(stream, eventPayloadType, FLASH_EVENT);
    payloads.push(telephoneEventPayload(eventPayloadType, media.clockRate, flash));
  }
  const { ptime, direction } = media;
  // The case of the offer's protocol is kept, for peers that compare it letter by letter.
  return {
    ...describeStream(payloads, { port: local.port, ptime, direction }),
    protocol: stream.protocol,
  };
}

/** §6: the "t=" line of an answer is the offer's. */
function timingOf(offer: SessionDescription): readonly SdpLine[] {
  return offer.timing.filter((line) => line.type === "t");
}

function isDynamic(payloadType: number): boolean {
  return Number.isInteger(payloadType) && payloadType >= DYNAMIC_PAYLOAD_TYPE_MIN &&
    payloadType <= PAYLOAD_TYPE_MAX;
}
