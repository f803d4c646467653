/**
 * Arithmetic on the wrapping numbers of RTP: sequence numbers of 16 bits and timestamps of 32.
 *
 * @module
 */

import type { RtpTimestamp } from "../base/units.ts";

/**
 * A jump forward of more than this many packets is no loss but a restart, if it goes on. RFC 3550
 * §A.1.
 */
export const MAX_DROPOUT = 3000;

/**
 * A packet more than this far behind is no straggler but a restart, if it goes on. RFC 3550 §A.1.
 */
export const MAX_MISORDER = 100;

/** How far `a` is ahead of `b`, from -32768 to 32767. */
export function sequenceDelta(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** How far `a` is ahead of `b`, in timestamp units, from -2³¹ to 2³¹ - 1. */
export function timestampDelta(a: RtpTimestamp, b: RtpTimestamp): number {
  return (a - b) | 0;
}

/** Moves a timestamp on, or back, wrapping. */
export function advanceTimestamp(timestamp: RtpTimestamp, by: number): RtpTimestamp {
  return (timestamp + by) >>> 0;
}

/**
 * Gives a sequence number its cycles: the whole number nearest to `reference` that ends in it.
 *
 * @param reference An extended sequence number; exact up to 2⁵³, so without end for any call. It
 * must be at least 32768 when the result may not be negative.
 */
export function extendSequence(sequenceNumber: number, reference: number): number {
  return reference + sequenceDelta(sequenceNumber, reference & 0xffff);
}
