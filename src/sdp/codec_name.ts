/**
 * The codecs that can be negotiated, and how RTP names them. RFC 3551 §6, RFC 7587, RFC 8866 §6.6.
 *
 * Codecs are found by encoding name and clock rate, never by number alone: the number is a label
 * that each description chooses. Only the static numbers have a meaning without `a=rtpmap`.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import { isSameWord } from "../base/words.ts";
import { isBlank, numberIn, skipBlanks, skipDigits, wordIn } from "./scan.ts";

/**
 * A codec by its encoding name in the registry of RTP payload formats; of L16, whose rate is the
 * sender's choice, with the rate.
 */
export type CodecName =
  | "PCMU"
  | "PCMA"
  | "G722"
  | "opus"
  | "L16/8000"
  | "L16/16000"
  | "L16/44100";

/** What `a=rtpmap` and `a=fmtp` say of a codec, and which packets it makes. */
export interface CodecDescription {
  readonly encodingName: string;
  /** The clock of the RTP timestamps, which need not be the sampling rate. */
  readonly clockRate: Hertz;
  /** As `a=rtpmap` writes them; what is sent has one all the same. */
  readonly channels: 1 | 2;
  /** The payload type that needs no `a=rtpmap`. RFC 3551 §6 table 4. */
  readonly staticPayloadType?: number;
  /** The format parameters of our descriptions. */
  readonly parameters?: string;
  /** The packet times that we send, in rising order. */
  readonly packetTimes: readonly Millis[];
}

/** Frames of any length will do; ours are whole multiples of 10 ms. */
const ANY_LENGTH: readonly Millis[] = [10, 20, 30, 40, 50, 60];

/** What an Ethernet packet holds after the headers of IPv6, UDP, RTP and SRTP. */
const PAYLOAD_BYTES_MAX = 1400;

/** Two bytes a sample: longer packets would be cut into fragments on the way. RFC 3551 §4.5.11 */
function linear(clockRate: Hertz): CodecDescription {
  const packetTimes = ANY_LENGTH.filter((ptime) =>
    clockRate * ptime * 2 / 1000 <= PAYLOAD_BYTES_MAX
  );
  return { encodingName: "L16", clockRate, channels: 1, packetTimes };
}

/** Eight bits a sample of 8 kHz, or what goes for it. */
function sampled(encodingName: string, staticPayloadType: number): CodecDescription {
  return { encodingName, clockRate: 8000, channels: 1, staticPayloadType, packetTimes: ANY_LENGTH };
}

/** Every codec that can be negotiated. */
export const CODECS: Readonly<Record<CodecName, CodecDescription>> = {
  PCMU: sampled("PCMU", 0),
  PCMA: sampled("PCMA", 8),
  // RFC 3551 §4.5.2: 8000 by an old mistake, though the samples have 16 kHz.
  G722: sampled("G722", 9),
  // RFC 7587 §7: always 48000/2, whatever is sent.
  opus: {
    encodingName: "opus",
    clockRate: 48_000,
    channels: 2,
    parameters: "useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0",
    // A frame of Opus has 2.5, 5, 10, 20, 40 or 60 ms. RFC 6716 §2.1.4
    packetTimes: [10, 20, 40, 60],
  },
  "L16/8000": linear(8000),
  "L16/16000": linear(16_000),
  "L16/44100": { ...linear(44_100), staticPayloadType: 11 },
};

/** The names of {@linkcode CODECS}. */
export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[];

/** The payload types that a description may give meaning to by `a=rtpmap`. RFC 3551 §3. */
export const DYNAMIC_PAYLOAD_TYPE_MIN = 96;

/** RTP has seven bits for the payload type. RFC 3550 §5.1. */
export const PAYLOAD_TYPE_MAX = 127;

/** One payload type with its meaning. */
export interface RtpMap {
  readonly payloadType: number;
  /** As written; names are compared without regard to case. RFC 4855 §3. */
  readonly encodingName: string;
  readonly clockRate: Hertz;
  readonly channels: number;
}

/** What DTMF is called. RFC 4733 §7.1.1 */
export const TELEPHONE_EVENT = "telephone-event";

/** The names that are looked for. */
const ENCODING_NAMES: readonly string[] = ["PCMU", "PCMA", TELEPHONE_EVENT, "G722", "opus", "L16"];

/**
 * Reads the value of `a=rtpmap`: `97 PCMU/8000` or `98 L16/16000/2`. RFC 8866 §6.6.
 *
 * @returns `undefined` when it is not one: the payload type then has no meaning.
 */
export function parseRtpMap(value: string): RtpMap | undefined {
  const { length } = value;
  const numberEnd = skipDigits(value, 0, length);
  const nameStart = skipBlanks(value, numberEnd, length);
  let nameEnd = nameStart;
  for (; nameEnd < length && value.charCodeAt(nameEnd) !== SLASH; nameEnd++) {
    if (isBlank(value.charCodeAt(nameEnd))) return undefined;
  }
  if (nameStart === numberEnd || nameEnd === nameStart || nameEnd === length) return undefined;
  const rateEnd = skipDigits(value, nameEnd + 1, length);
  const hasChannels = value.charCodeAt(rateEnd) === SLASH;
  if (rateEnd < length && !hasChannels) return undefined;
  const payloadType = numberIn(value, 0, numberEnd, 3);
  const clockRate = numberIn(value, nameEnd + 1, rateEnd, 7);
  const channels = hasChannels ? numberIn(value, rateEnd + 1, length, 3) : 1;
  if (!(payloadType <= PAYLOAD_TYPE_MAX) || Number.isNaN(clockRate + channels)) return undefined;
  const encodingName = wordIn(value, nameStart, nameEnd, ENCODING_NAMES);
  return { payloadType, encodingName, clockRate, channels };
}

const SLASH = 0x2f;

/** The meaning of a payload type that has no `a=rtpmap`, if it is one of ours. */
export function staticRtpMap(payloadType: number): RtpMap | undefined {
  return STATIC_RTP_MAPS.find((map) => map.payloadType === payloadType);
}

const STATIC_RTP_MAPS = Object.values(CODECS).flatMap(
  ({ staticPayloadType: payloadType, encodingName, clockRate, channels }): readonly RtpMap[] =>
    payloadType === undefined ? [] : [{ payloadType, encodingName, clockRate, channels }],
);

/** Tells whether a payload type carries that codec: same name, clock rate, channels. */
export function isCodec(map: RtpMap, name: CodecName): boolean {
  const codec = CODECS[name];
  return map.clockRate === codec.clockRate &&
    isSameName(map.encodingName, codec.encodingName) &&
    // Some leave the /2 of Opus out; each packet tells its channels itself.
    (map.channels === codec.channels || map.channels === 1);
}

/** Compares names of encodings without regard to case. RFC 4855 §3 */
export function isSameName(one: string, other: string): boolean {
  return one === other || isSameWord(one, 0, one.length, other);
}
