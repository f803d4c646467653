/**
 * How long to wait before a request is tried again. RFC 9110 §10.2.3.
 *
 * @module
 */

import type { RandomSource } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";

/** Before the second try; twice as long before each one after. */
const FIRST_DELAY: Millis = 250;

/** Doubling ends here. */
const DELAY_MAX: Millis = 10_000;

/** What the wait depends on. */
export interface RetryDelayOptions {
  /** Tries again that there were. */
  readonly retry: number;
  /** What the server has asked for. */
  readonly retryAfter: Millis | undefined;
  readonly random: RandomSource;
}

/** Between half and all of what is doubled each time, and never less than the server has asked for. */
export function retryDelay({ retry, retryAfter = 0, random }: RetryDelayOptions): Millis {
  const full = Math.min(FIRST_DELAY * 2 ** retry, DELAY_MAX);
  const bytes = new Uint8Array(2);
  random.fill(bytes);
  const share = (((bytes[0] as number) << 8) | (bytes[1] as number)) / 0x1_0000;
  return Math.max(full * (0.5 + share / 2), retryAfter);
}

/**
 * Reads a header Retry-After: seconds or a date.
 *
 * @param at The time now, since 1970.
 */
export function parseRetryAfter(value: string | undefined, at: Millis): Millis | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // RFC 9110 §5.6.7: dates of HTTP begin with the name of a day
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - at);
}
