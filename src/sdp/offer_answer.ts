/**
 * Offer and answer for one audio stream over RTP, in the clear or with keys in the descriptions.
 * RFC 3264 §5 to §8, RFC 4568.
 *
 * One acceptable audio stream of an offer is taken; every other stream is refused in place. A
 * secure profile is never answered in the clear. Whether an address is one that audio may go to
 * (latching, NAT) is left to the media layer.
 *
 * @module
 */

import { CODEC_NAMES, isCodec, type RtpMap } from "./codec_name.ts";
import { addressProblem, chooseStream } from "./choose_stream.ts";
import {
  codecPayload,
  describeSession,
  describeStream,
  type Payload,
  refuseStream,
  telephoneEventPayload,
} from "./local_description.ts";
import {
  findCodec,
  findTelephoneEvent,
  fittingPacketTime,
  hasEvent,
  packetTime,
  PTIME_DEFAULT,
  readStream,
  receives,
  telephoneEventRates,
} from "./media_stream.ts";
import {
  type Agreement,
  type LocalMedia,
  negotiate,
  type NegotiatedMedia,
} from "./negotiated_media.ts";
import { isDynamic, numberPayloads } from "./payload_numbers.ts";
import { PLAIN_PROFILE, profileOf, SECURE_PROFILE } from "./profile.ts";
import {
  type MediaDescription,
  type SdpLine,
  type SessionDescription,
  UNBOUNDED_TIMING,
} from "./session_description.ts";
import { acceptKeys, type NegotiatedKeys } from "./srtp_keys.ts";

export type { Direction } from "./media_stream.ts";
export type { LocalMedia, LocalRtcp, NegotiatedMedia } from "./negotiated_media.ts";

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
  const choice = chooseStream(offer, local);
  if (typeof choice === "string") return { ok: false, statusCode: 488, warning: choice };
  const { facts, codec, map, telephoneEvent, keys } = choice;
  const { stream } = facts;
  const media = negotiate(facts, {
    codec,
    send: map,
    receive: map,
    events: telephoneEvent && { send: telephoneEvent, receive: telephoneEvent },
    ptime: local.ptime,
    direction: local.direction ?? "sendrecv",
    keys,
    rtcp: {
      mux: facts.rtcpMux && local.rtcp?.mux === true,
      extendedReports: facts.voipMetrics && local.rtcp?.extendedReports === true,
    },
  });
  // §6: as many streams as the offer, in its order.
  const answered: MediaDescription[] = [];
  for (const other of offer.media) {
    answered.push(other === stream ? acceptStream(stream, media, local) : refuseStream(other));
  }
  return { ok: true, media, answer: describeSession(local, answered, timingOf(offer)) };
}

/** Writes the value of a Warning header from an {@linkcode AnswerResult}. RFC 3261 §20.43. */
export function warningHeader(warning: string, host: string): string {
  const text = warning.slice(4).replaceAll(/["\\]/g, "\\$&");
  return `${warning.slice(0, 3)} ${host} "${text}"`;
}

/**
 * Makes an offer of one audio stream. RFC 3264 §5.
 *
 * Payload types of codecs are the static ones where there are any; those of the answer may differ.
 * The stream is secure when there are keys to offer.
 *
 * @throws {RangeError} There is no codec, or `dtmfPayloadType` is not a dynamic one.
 */
export function createOffer(local: LocalMedia): SessionDescription {
  const { dtmfPayloadType, codecs, telephoneEvent } = local;
  const [preferred] = codecs;
  if (preferred === undefined) throw new RangeError("An offer needs a codec");
  if (telephoneEvent && !isDynamic(dtmfPayloadType)) {
    throw new RangeError(`Payload type ${dtmfPayloadType} is not from 96 to 127`);
  }
  const payloads = numberPayloads({
    codecs,
    dtmfPayloadType: telephoneEvent ? dtmfPayloadType : undefined,
    before: local.payloadTypesBefore ?? [],
  });
  const keys = local.srtp?.offered ?? [];
  const stream = describeStream(payloads, {
    port: local.port,
    protocol: keys.length === 0 ? PLAIN_PROFILE : SECURE_PROFILE,
    ptime: fittingPacketTime(preferred, local.ptime),
    direction: local.direction ?? "sendrecv",
    keys,
    rtcpMux: local.rtcp?.mux ?? false,
    extendedReports: local.rtcp?.extendedReports ?? false,
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
  const ours = readStream(offer, offered);
  const theirs = readStream(answer, answered);
  const problem = addressProblem(theirs, ours.address);
  if (problem !== undefined) return { ok: false, reason: problem.slice(4) };
  const keys = answeredKeys(offered, answered);
  if (typeof keys === "string") return { ok: false, reason: keys };

  const choice = matchAnswer(ours.payloadTypes, theirs.payloadTypes);
  if (choice === undefined) return { ok: false, reason: "The answer has no codec of the offer" };
  return {
    ok: true,
    media: negotiate(theirs, {
      ...choice,
      ptime: packetTime(ours, choice.codec, PTIME_DEFAULT),
      direction: ours.statedDirection,
      keys,
      // RFC 5761 §5.1.1, RFC 3611 §5.2: what the offer has and the answer repeats
      rtcp: {
        mux: ours.rtcpMux && theirs.rtcpMux,
        extendedReports: ours.voipMetrics && theirs.voipMetrics,
      },
    }),
  };
}

/** Tells whether the peer has put us on hold: it does not listen. RFC 3264 §8.4. */
export function isHold(media: NegotiatedMedia): boolean {
  return !receives(media.remoteDirection);
}

/** Says why the protocol of an answer is no use, or gives its keys; a plain offer has none. */
function answeredKeys(
  offered: MediaDescription,
  answered: MediaDescription,
): NegotiatedKeys | undefined | string {
  const profile = profileOf(offered.protocol);
  if (profileOf(answered.protocol) !== profile) {
    return `Incompatible transport protocol: needs ${offered.protocol}`;
  }
  if (profile === "plain") return undefined;
  return acceptKeys(offered, answered) ?? "The answer has no key of the offer";
}

/** Finds the first codec of an answer that the offer has, with both sides' payload types. */
function matchAnswer(
  ours: readonly RtpMap[],
  theirs: readonly RtpMap[],
): Pick<Agreement, "codec" | "send" | "receive" | "events"> | undefined {
  for (const send of theirs) {
    for (const codec of CODEC_NAMES) {
      const receive = isCodec(send, codec) ? findCodec(ours, codec) : undefined;
      if (receive === undefined) continue;
      const rates = telephoneEventRates(codec).map((rate) => ({
        send: findTelephoneEvent(theirs, rate),
        receive: findTelephoneEvent(ours, rate),
      }));
      const events = rates.find(isPair);
      return { codec, send, receive, events };
    }
  }
  return undefined;
}

/** Telephone-events are used when both sides have them. */
function isPair(
  events: { readonly send: RtpMap | undefined; readonly receive: RtpMap | undefined },
): events is NonNullable<Agreement["events"]> {
  return events.send !== undefined && events.receive !== undefined;
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
  const payloads: Payload[] = [codecPayload(media.receivePayloadType, media.codec)];
  const { receiveTelephoneEventPayloadType: events, telephoneEventClockRate: rate } = media;
  if (events !== undefined && rate !== undefined) {
    payloads.push(telephoneEventPayload(events, rate, hasEvent(stream, events, FLASH_EVENT)));
  }
  const { ptime, direction, rtcpMux, extendedReports, crypto: keys } = media;
  return describeStream(payloads, {
    port: local.port,
    // The case of the offer's protocol is kept, for peers that compare it letter by letter.
    protocol: stream.protocol,
    ptime,
    direction,
    keys: keys === undefined ? [] : [keys.send],
    rtcpMux,
    extendedReports,
  });
}

/** §6: the "t=" line of an answer is the offer's. */
function timingOf({ timing }: SessionDescription): readonly SdpLine[] {
  for (const { type } of timing) {
    if (type !== "t") return timing.filter((line) => line.type === "t");
  }
  return timing;
}
