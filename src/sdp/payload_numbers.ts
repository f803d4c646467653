/**
 * Which number stands for which codec in our offers. RFC 3551 §3, RFC 3264 §8.3.2, RFC 4733 §2.4.
 *
 * Answers take the offerer's numbers.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import {
  type CodecName,
  CODECS,
  DYNAMIC_PAYLOAD_TYPE_MIN,
  isCodec,
  PAYLOAD_TYPE_MAX,
  type RtpMap,
} from "./codec_name.ts";
import { codecPayload, type Payload, telephoneEventPayload } from "./local_description.ts";
import { findTelephoneEvent, TELEPHONE_RATE, telephoneEventRates } from "./media_stream.ts";

/** What is to be numbered. */
export interface Numbered {
  readonly codecs: readonly CodecName[];
  /** Of the telephone-events at 8000, or of those that there are; `undefined`: there are none. */
  readonly dtmfPayloadType: number | undefined;
  /**
   * What numbers have meant in this session, the latest last: §8.3.2, they mean nothing else later
   * on. Only so many are regarded that there are always free ones.
   */
  readonly before: readonly RtpMap[];
}

/** Half of the dynamic numbers; an offer needs fewer than the other half. */
const REGARDED_MAX = 16;

/** Tells whether a description may give that number a meaning. */
export function isDynamic(payloadType: number): boolean {
  return Number.isInteger(payloadType) && payloadType >= DYNAMIC_PAYLOAD_TYPE_MIN &&
    payloadType <= PAYLOAD_TYPE_MAX;
}

/** Numbers the codecs of an offer in their order, and telephone-events for each of their clocks. */
export function numberPayloads(numbered: Numbered): readonly Payload[] {
  const { codecs, dtmfPayloadType } = numbered;
  const before = numbered.before.slice(-REGARDED_MAX);
  const taken = new Set(before.map(({ payloadType }) => payloadType));
  const event = (rate: Hertz, wanted?: number) => {
    const known = findTelephoneEvent(before, rate)?.payloadType;
    return telephoneEventPayload(known ?? take(taken, wanted), rate);
  };
  const [first, ...others] = dtmfPayloadType === undefined ? [] : eventRates(codecs);
  // Before the codecs, so that none of them gets the number that is wanted for it
  const firstEvent = first === undefined ? [] : [event(first, dtmfPayloadType)];
  const audio = codecs.map((codec) => {
    const { staticPayloadType } = CODECS[codec];
    const known = before.find((map) => isCodec(map, codec))?.payloadType;
    return codecPayload(staticPayloadType ?? known ?? take(taken), codec);
  });
  return [...audio, ...firstEvent, ...others.map((rate) => event(rate))];
}

/** The clocks that codecs have events at, the one of telephony first. */
function eventRates(codecs: readonly CodecName[]): readonly Hertz[] {
  const rates = new Set(codecs.flatMap(telephoneEventRates));
  return [...rates].sort((a, b) => Number(b === TELEPHONE_RATE) - Number(a === TELEPHONE_RATE));
}

/** Takes the number that is wanted if it is free, else the lowest dynamic one that is. */
function take(taken: Set<number>, wanted?: number): number {
  let number = wanted ?? DYNAMIC_PAYLOAD_TYPE_MIN;
  if (taken.has(number)) number = DYNAMIC_PAYLOAD_TYPE_MIN;
  while (taken.has(number)) number++;
  taken.add(number);
  return number;
}
