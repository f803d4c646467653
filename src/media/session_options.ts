/**
 * What the parts of a media session take of its options.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import { createCodec } from "../audio/codec_table.ts";
import { STREAM_RATES } from "../audio/stream_resampler.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import { sameSocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import { srtpKey } from "../rtp/srtp_suite.ts";
import type { MediaDirection, MediaOptions } from "./media_contract.ts";
import { Protection } from "./protection.ts";
import type { ReceiveOptions } from "./receive_path.ts";
import type { RtcpAgreement } from "./rtcp_exchange.ts";
import type { SendOptions } from "./send_path.ts";
import type { TapOptions } from "./taps.ts";

/** Frame lengths that we send. */
export const PTIME_MIN: Millis = 10;
export const PTIME_MAX: Millis = 60;

/** Of the handler's PCM when the options name none. */
const RATE_DEFAULT: Hertz = 8000;

/** Frames that Opus has among those that we send. RFC 6716 §2.1.4 */
const OPUS_PTIMES: readonly Millis[] = [10, 20, 40, 60];

/**
 * Whatever can be wrong with options is found here, before anything is opened.
 *
 * @throws {RangeError} An option is out of range, or something that it needs is not there.
 */
export function checkOptions(options: MediaOptions): void {
  const { codec, ptime, srtp } = options;
  if (!(ptime >= PTIME_MIN && ptime <= PTIME_MAX && Number.isInteger(ptime))) {
    const range = `${PTIME_MIN} to ${PTIME_MAX}`;
    throw new RangeError(`A ptime of ${ptime} ms is out of range, use ${range}`);
  }
  if (codec === "opus" && !OPUS_PTIMES.includes(ptime)) {
    throw new RangeError(`Opus has no ptime of ${ptime} ms, use ${OPUS_PTIMES.join(", ")}`);
  }
  const rate = rateOf(options);
  if (!STREAM_RATES.includes(rate)) {
    throw new RangeError(`A rate of ${rate} Hz cannot be had, use ${STREAM_RATES.join(", ")}`);
  }
  tapOptions(options);
  if (srtp === undefined) return;
  if (options.srtpCrypto === undefined) {
    throw new RangeError("SRTP needs something to encrypt with");
  }
  srtpKey(srtp.send);
  srtpKey(srtp.receive);
}

export function isReceiving(direction: MediaDirection): boolean {
  return direction === "sendrecv" || direction === "recvonly";
}

export function sameTarget(a: SocketAddress | undefined, b: SocketAddress | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameSocketAddress(a, b));
}

export function rateOf({ rate = RATE_DEFAULT }: MediaOptions): Hertz {
  return rate;
}

/** @throws {RangeError} The codec needs a library that is not there. */
export function codecOf(options: MediaOptions): AudioCodec {
  const { codec, libraries = {}, opus } = options;
  return createCodec(codec, { rate: rateOf(options), libraries, opus });
}

/** Whether the codec of both is the same, and asked for in the same way. */
export function isSameCodec(one: MediaOptions, other: MediaOptions): boolean {
  if (one.codec !== other.codec) return false;
  return one.codec !== "opus" || JSON.stringify(one.opus) === JSON.stringify(other.opus);
}

/**
 * What encrypts, with the keys of the options; one that there was goes on with those.
 *
 * @throws {RangeError} A key is not as long as its suite wants, or nothing is there to encrypt with.
 */
export function protectionOf(
  { srtp, srtpCrypto }: MediaOptions,
  before: Protection | undefined,
): Protection | undefined {
  if (srtp === undefined) return undefined;
  if (srtpCrypto === undefined) throw new RangeError("SRTP needs something to encrypt with");
  if (before === undefined) return new Protection(srtp, srtpCrypto);
  before.agree(srtp);
  return before;
}

export function receiveOptions(options: MediaOptions, codec: AudioCodec): ReceiveOptions {
  return {
    codec,
    payloadType: options.receivePayloadType,
    telephoneEventPayloadType: options.receiveTelephoneEventPayloadType,
    telephoneEventClockRate: options.telephoneEventClockRate,
    listening: isReceiving(options.direction),
  };
}

export function sendOptions(options: MediaOptions, codec: AudioCodec): SendOptions {
  return {
    codec,
    payloadType: options.payloadType,
    telephoneEventPayloadType: options.telephoneEventPayloadType,
    telephoneEventClockRate: options.telephoneEventClockRate,
    ptime: options.ptime,
  };
}

export function rtcpAgreement(options: MediaOptions): RtcpAgreement {
  const { rtcpMux = false, extendedReports = false, remoteRtcp } = options;
  return { mux: rtcpMux, extendedReports, remote: remoteRtcp };
}

/** @throws {RangeError} Speech is asked for, and the voice detector is not there. */
export function tapOptions(options: MediaOptions): Omit<TapOptions, "isQueued"> {
  const { speech, libraries = {}, inbandDtmf = false } = options;
  const rate = rateOf(options);
  if (speech === undefined) return { rate, inbandDtmf };
  const library = libraries.voiceDetector;
  if (library === undefined) throw new RangeError("Speech needs the voice detector");
  return { rate, inbandDtmf, speech: { ...speech, library } };
}
