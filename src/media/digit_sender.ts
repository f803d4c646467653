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
import { advanceTimestamp, timestampDelta } from "../rtp/sequence.ts";
import { EVENT_DURATION_MAX, eventCodeOf } from "../rtp/telephone_event.ts";

/** From the end of a digit to the beginning of the next. */
export const DIGIT_GAP_MS = 80;
/** Digits that may wait. */
export const DIGITS_MAX = 256;
/** What stands between digits for a pause, and how long it is. */
export const PAUSES: Readonly<Record<string, Millis>> = { w: 500, ",": 2000 };

/** §2.5.1.4: the end is said three times. */
const END_PACKETS = 3;
const DURATION_MS_MIN = 40;
/** What one segment can tell at the usual clock of 8 kHz. */
const DURATION_MS_MAX = EVENT_DURATION_MAX / 8;
/** Longest that nothing is sent between two digits; a wait beyond it is a clock gone round. */
const WAIT_MS_MAX = 3000;

/** What one packet says. */
export interface DigitPacket {
  code: number;
  /** Of the digit's beginning, or of its segment's. */
  timestamp: RtpTimestamp;
  /** Units of the events' clock. */
  duration: number;
  end: boolean;
  marker: boolean;
}

/** Clocks of one session. */
export interface DigitClocks {
  /** Of the stream's RTP timestamp. */
  readonly clockRate: Hertz;
  /** Of durations; should be the same, but for Opus peers often offer 8000. RFC 4733 §2.1 */
  readonly eventRate: Hertz;
}

/** The clocks of a stream: events have that of its audio, where nothing else was agreed on. */
export function digitClocks(
  stream: {
    readonly codec: { readonly clockRate: Hertz };
    readonly telephoneEventClockRate?: Hertz | undefined;
  },
): DigitClocks {
  const { clockRate } = stream.codec;
  return { clockRate, eventRate: stream.telephoneEventClockRate ?? clockRate };
}

interface WaitingDigit {
  /** `undefined`: a pause. */
  readonly code: number | undefined;
  readonly duration: Millis;
}

/** The digits of one session. */
export class DigitSender {
  #unitsPerMs: number;
  #eventUnitsPerMs: number;
  #waiting: WaitingDigit[] = [];
  #current: WaitingDigit | undefined;
  /** When the digit that goes out began. */
  #begin: RtpTimestamp = 0;
  /** Event units in the segments before the current one. §2.5.1.3 */
  #segmentsBefore = 0;
  #endsSent = 0;
  /** Nothing is sent before; `undefined` while nothing has been sent. */
  #notBefore: RtpTimestamp | undefined;
  readonly #packet: DigitPacket = {
    code: 0,
    timestamp: 0,
    duration: 0,
    end: false,
    marker: false,
  };

  constructor({ clockRate, eventRate }: DigitClocks) {
    this.#unitsPerMs = clockRate / 1000;
    this.#eventUnitsPerMs = eventRate / 1000;
  }

  /** Other clocks from now on. A digit that is going out, told in the old ones, comes to its end. */
  set clocks({ clockRate, eventRate }: DigitClocks) {
    const unitsPerMs = clockRate / 1000;
    const eventUnitsPerMs = eventRate / 1000;
    if (unitsPerMs === this.#unitsPerMs && eventUnitsPerMs === this.#eventUnitsPerMs) return;
    this.#unitsPerMs = unitsPerMs;
    this.#eventUnitsPerMs = eventUnitsPerMs;
    this.#notBefore = undefined;
    if (this.#current === undefined) return;
    this.#current = { ...this.#current, duration: 0 };
  }

  /**
   * Adds digits of `0-9*#A-D` and {@linkcode PAUSES}; others, and those above the bound, are left
   * out.
   */
  push(digits: string, duration: Millis): void {
    const kept = Math.min(Math.max(duration, DURATION_MS_MIN), DURATION_MS_MAX);
    for (const digit of digits) {
      const pause = PAUSES[digit];
      const code = eventCodeOf(digit);
      if (this.#waiting.length >= DIGITS_MAX) return;
      if (pause !== undefined) this.#waiting.push({ code: undefined, duration: pause });
      else if (code !== undefined) this.#waiting.push({ code, duration: kept });
    }
  }

  /** Whether frame times belong to digits. */
  get active(): boolean {
    return this.#current !== undefined || this.#waiting.length > 0;
  }

  /** Forgets what has not been sent. */
  drop(): void {
    this.#current = undefined;
    this.#waiting = [];
  }

  /**
   * Says what goes out in the frame time that begins at `timestamp`.
   *
   * @returns `undefined` between two digits. The object is reused.
   */
  next(timestamp: RtpTimestamp, ptime: Millis): DigitPacket | undefined {
    this.#current ??= this.#begins(timestamp);
    if (this.#current === undefined) return undefined;
    const packet = this.#packet;
    packet.marker = this.#segmentsBefore === 0 && packet.duration === 0;
    const elapsed = timestampDelta(timestamp, this.#begin) / this.#unitsPerMs + ptime;
    const { duration } = this.#current;
    this.#tell(Math.round(Math.min(elapsed, duration) * this.#eventUnitsPerMs));
    // The end belongs to the last segment
    const told = this.#segmentsBefore + packet.duration;
    packet.end = elapsed >= duration && told >= Math.round(duration * this.#eventUnitsPerMs);
    if (packet.end && ++this.#endsSent === END_PACKETS) {
      const units = Math.round((duration + DIGIT_GAP_MS) * this.#unitsPerMs);
      this.#notBefore = advanceTimestamp(this.#begin, units);
      this.#current = undefined;
    }
    return packet;
  }

  /** Takes the next digit, if it is its time. */
  #begins(timestamp: RtpTimestamp): WaitingDigit | undefined {
    const wait = this.#notBefore === undefined ? 0 : timestampDelta(this.#notBefore, timestamp);
    if (wait > 0 && wait < WAIT_MS_MAX * this.#unitsPerMs) return undefined;
    const digit = this.#waiting.shift();
    if (digit === undefined) return undefined;
    if (digit.code === undefined) {
      const units = Math.round(digit.duration * this.#unitsPerMs);
      this.#notBefore = advanceTimestamp(timestamp, units);
      return undefined;
    }
    this.#begin = timestamp;
    this.#segmentsBefore = 0;
    this.#endsSent = 0;
    this.#packet.code = digit.code;
    this.#packet.timestamp = timestamp;
    this.#packet.duration = 0;
    return digit;
  }

  /**
   * Sets what the packet says of a digit that has lasted for so many event units. §2.5.1.3: one
   * that is longer than a packet can say goes on in a segment of its own.
   */
  #tell(units: number): void {
    const packet = this.#packet;
    if (units - this.#segmentsBefore <= EVENT_DURATION_MAX) {
      // A clock that has changed makes no digit shorter than it was
      packet.duration = Math.max(packet.duration, units - this.#segmentsBefore);
    } else if (packet.duration < EVENT_DURATION_MAX) {
      packet.duration = EVENT_DURATION_MAX;
    } else {
      const segment = EVENT_DURATION_MAX * this.#unitsPerMs / this.#eventUnitsPerMs;
      packet.timestamp = advanceTimestamp(packet.timestamp, Math.round(segment));
      this.#segmentsBefore += EVENT_DURATION_MAX;
      packet.duration = units - this.#segmentsBefore;
    }
  }
}
