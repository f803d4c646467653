/**
 * Telephone-events, RFC 4733: named DTMF digits that travel as RTP packets of their own.
 *
 * The receiver turns the many packets of one key press into one event. Pacing and numbering of what
 * is sent is for the send path; here is only the payload.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { advanceTimestamp, timestampDelta } from "./sequence.ts";

/** Bytes of a telephone-event payload. §2.3. */
export const TELEPHONE_EVENT_BYTES = 4;

/** The largest duration that one segment can tell, in timestamp units. §2.5.1.3. */
export const EVENT_DURATION_MAX = 0xffff;

/** Level of the digits that we send, in -dBm0. */
const VOLUME = 10;

/** Event codes 0 to 15 by place (§3.2), and 16. */
const DIGITS = "0123456789*#ABCD";
const FLASH_CODE = 16;

/** No packet of an event for this long: all its ends are lost. */
const EVENT_SILENCE_MS = 200;

/** A timestamp that is older than the last event's, but comes so much later, is no straggler. */
const STRAGGLER_MS_MAX = 3000;

/** A finished key press. */
export interface ReceivedDigit {
  /** One of `0-9*#A-D`, or `flash`. */
  readonly digit: string;
  readonly durationMs: Millis;
}

/** Gives the event code of a digit, in either case; `undefined` when there is none. */
export function eventCodeOf(digit: string): number | undefined {
  const code = digit.length === 1 ? DIGITS.indexOf(digit.toUpperCase()) : -1;
  return code < 0 ? undefined : code;
}

/**
 * Writes a telephone-event payload at `offset` of `out`.
 *
 * @param duration Timestamp units since the event began.
 */
export function writeTelephoneEvent(
  out: Uint8Array,
  offset: number,
  event: { readonly code: number; readonly duration: number; readonly end: boolean },
): void {
  out[offset] = event.code;
  out[offset + 1] = event.end ? 0x80 | VOLUME : VOLUME;
  out[offset + 2] = event.duration >>> 8;
  out[offset + 3] = event.duration;
}

/**
 * Finds key presses in telephone-event packets: each once, at its first end bit or, when all ends
 * are lost, at the next event or on time-out. An event is known by its RTP timestamp, so the marker
 * is not needed, and packets may come twice or in any order.
 */
export class TelephoneEventReceiver {
  readonly #unitsPerMs: number;
  #code = -1;
  /** Timestamp of the current segment, or of the last one that ended, once there was one. */
  #timestamp: RtpTimestamp = 0;
  #known = false;
  /** Duration of the segments before the current one. */
  #segmentsBefore = 0;
  #duration = 0;
  #lastPacketAt: Millis = 0;

  /** @param clockRate Of the RTP timestamp. */
  constructor(clockRate: Hertz) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /**
   * Takes the payload of one packet. Short payloads and events that are no keys are ignored.
   *
   * @returns The key press that is known to be over by it, if any.
   */
  receive(
    payload: Uint8Array,
    offset: number,
    length: number,
    timestamp: RtpTimestamp,
    now: Millis,
  ): ReceivedDigit | undefined {
    if (length < TELEPHONE_EVENT_BYTES) return undefined;
    const code = payload[offset] as number;
    if (code > FLASH_CODE) return undefined;
    const end = ((payload[offset + 1] as number) & 0x80) !== 0;
    const duration = ((payload[offset + 2] as number) << 8) | (payload[offset + 3] as number);
    let over: ReceivedDigit | undefined;
    if (!this.#known || timestamp !== this.#timestamp) {
      if (this.#isStraggler(timestamp, now)) return undefined;
      if (this.#isNextSegment(code, timestamp)) {
        this.#segmentsBefore += EVENT_DURATION_MAX;
      } else {
        over = this.#finish();
        this.#segmentsBefore = 0;
      }
      this.#known = true;
      this.#timestamp = timestamp;
      this.#code = code;
      this.#duration = 0;
    } else if (this.#code < 0) {
      return undefined; // §2.5.1.4: a repetition of the end.
    }
    this.#lastPacketAt = now;
    if (duration > this.#duration) this.#duration = duration;
    // Two presses cannot be over at once but when the first lost its ends and the second came as
    // its end alone: the second is then reported by the time-out.
    return end && over === undefined ? this.#finish() : over;
  }

  /** Reports the event whose ends are all lost, once it is time. */
  timeout(now: Millis): ReceivedDigit | undefined {
    return now >= this.deadline ? this.#finish() : undefined;
  }

  /** When {@linkcode timeout} has something to do; Infinity when no event is going on. */
  get deadline(): Millis {
    return this.#code < 0 ? Infinity : this.#lastPacketAt + EVENT_SILENCE_MS;
  }

  /** Whether a key is being held down. */
  get active(): boolean {
    return this.#code >= 0;
  }

  /**
   * The stream began anew: timestamps say nothing about those before. Reports what was going on.
   */
  restart(): ReceivedDigit | undefined {
    const over = this.#finish();
    this.#known = false;
    return over;
  }

  #finish(): ReceivedDigit | undefined {
    if (this.#code < 0) return undefined;
    const digit = this.#code === FLASH_CODE ? "flash" : DIGITS[this.#code] as string;
    this.#code = -1;
    return { digit, durationMs: (this.#segmentsBefore + this.#duration) / this.#unitsPerMs };
  }

  #isStraggler(timestamp: RtpTimestamp, now: Millis): boolean {
    return this.#known && timestampDelta(timestamp, this.#timestamp) < 0 &&
      now - this.#lastPacketAt < STRAGGLER_MS_MAX;
  }

  /** §2.5.1.3: a long event goes on in a segment that begins where the largest duration ended. */
  #isNextSegment(code: number, timestamp: RtpTimestamp): boolean {
    return this.#code === code &&
      timestamp === advanceTimestamp(this.#timestamp, EVENT_DURATION_MAX);
  }
}
