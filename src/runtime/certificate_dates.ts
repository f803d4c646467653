/**
 * When certificates are valid, in words for those who have to renew them.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { Millis } from "../base/units.ts";

const DAY: Millis = 86_400_000;

/** Renewals that work on their own are done earlier than this before the end. */
const SOON: Millis = 14 * DAY;

/**
 * Says what is wrong with the dates of certificates, or soon will be.
 *
 * @param pem One certificate or more, all of which can be read.
 * @param now Since 1970.
 * @returns Such as `has expired on 2026-01-31`; `undefined` when all is well.
 */
export function describeDates(pem: readonly string[], now: Millis): string | undefined {
  const certificates = pem.map((text) => new X509Certificate(text));
  const from = Math.max(...certificates.map(({ validFrom }) => Date.parse(validFrom)));
  const until = Math.min(...certificates.map(({ validTo }) => Date.parse(validTo)));
  if (now >= until) return `has expired on ${dateOf(until)}`;
  if (now < from) return `is not valid before ${dateOf(from)}`;
  if (now < until - SOON) return undefined;
  return `expires on ${dateOf(until)}, in ${Math.floor((until - now) / DAY)} days`;
}

/** UTC, as `2026-01-31`. */
function dateOf(at: Millis): string {
  return new Date(at).toISOString().slice(0, 10);
}
