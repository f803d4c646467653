/**
 * Paces the telephone-events that we send: what belongs into each frame time while digits are going
 * out. RFC 4733 §2.5.1.
 *
 * A digit has one timestamp, a growing duration, the marker on its first packet and its end in
 * three packets. Between digits nothing is sent for a while, so that two of the same are two.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { timestampDelta } from "../rtp/sequence.ts";
import { EVENT_DURATION_MAX, eventCodeOf } from "../rtp/telephone_event.ts";

/** From the end of a digit to the beginning of the next. */
export const DIGIT_GAP_MS = 80;
/** Digits that may wait. */
export const DIGITS_MAX = 256;
/** §2.5.1.4: the end is said three times. */
const END_PACKETS = 3;
const DURATION_MS_MIN = 40;

/** What one packet says. */
export interface DigitPacket {
  code: number;
  /** Of the digit's beginning. */
  timestamp: RtpTimestamp;
  /** Timestamp units. */
  duration: number;
  end: boolean;
  marker: boolean;
}

interface WaitingDigit {
  readonly code: number;
  readonly duration: number;
}

/** The digits of one session. */
export class DigitSender {
  readonly #unitsPerMs: number;
  readonly #waiting: WaitingDigit[] = [];
  #current: WaitingDigit | undefined;
  #endsSent = 0;
  /** Timestamp units to be kept between the beginnings of the last digit and the next. */
  #spacing = 0;
  readonly #packet: DigitPacket = {
    code: 0,
    timestamp: 0,
    duration: 0,
    end: false,
    marker: false,
  };

  /** @param clockRate Of the RTP timestamp. */
  constructor(clockRate: Hertz) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /** Adds digits of `0-9*#A-D`; others, and those above the bound, are left out. */
  push(digits: string, duration: Millis): void {
    const units = Math.round(Math.max(DURATION_MS_MIN, duration) * this.#unitsPerMs);
    for (const digit of digits) {
      const code = eventCodeOf(digit);
      if (code === undefined || this.#waiting.length >= DIGITS_MAX) continue;
      this.#waiting.push({ code, duration: Math.min(EVENT_DURATION_MAX, units) });
    }
  }

  /** Whether frame times belong to digits. */
  get active(): boolean {
    return this.#current !== undefined || this.#waiting.length > 0;
  }

  /**
   * Says what goes out in the frame time that begins at `timestamp` and lasts `units`.
   *
   * @returns `undefined` between two digits. The object is reused.
   */
  next(timestamp: RtpTimestamp, units: number): DigitPacket | undefined {
    const packet = this.#packet;
    packet.marker = false;
    if (this.#current === undefined) {
      const since = timestampDelta(timestamp, packet.timestamp);
      if (since >= 0 && since < this.#spacing) return undefined;
      this.#current = this.#waiting.shift();
      if (this.#current === undefined) return undefined;
      packet.code = this.#current.code;
      packet.timestamp = timestamp;
      packet.marker = true;
      this.#endsSent = 0;
    }
    const elapsed = timestampDelta(timestamp, packet.timestamp) + units;
    packet.duration = Math.min(elapsed, this.#current.duration);
    packet.end = elapsed >= this.#current.duration;
    if (packet.end && ++this.#endsSent === END_PACKETS) {
      this.#spacing = this.#current.duration + DIGIT_GAP_MS * this.#unitsPerMs;
      this.#current = undefined;
    }
    return packet;
  }
}
