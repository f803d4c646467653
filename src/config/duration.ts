/**
 * Durations with units, as the configuration file writes them: `20ms`, `30s`, `1.5m`, `4h`.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

const UNIT_MILLIS: Readonly<Record<string, Millis>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The form of a duration, as a regular expression of JSON Schema. */
export const DURATION_PATTERN = "^\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h)$";

const DURATION = new RegExp(DURATION_PATTERN);

/**
 * Reads a duration.
 *
 * @returns `undefined` when `text` is none; a number without a unit is none.
 */
export function parseDuration(text: string): Millis | undefined {
  if (!DURATION.test(text)) return undefined;
  const unit = /[a-z]+$/.exec(text)?.[0] ?? "";
  // Rounded to microseconds, since 0.1 h is not a binary fraction.
  const millis = Number(text.slice(0, -unit.length)) * (UNIT_MILLIS[unit] as Millis);
  return Math.round(millis * 1000) / 1000;
}

/** Writes a duration in the largest unit that gives a whole number; it reads back as the same. */
export function formatDuration(duration: Millis): string {
  for (const unit of ["h", "m", "s"]) {
    const millis = UNIT_MILLIS[unit] as Millis;
    if (duration >= millis && duration % millis === 0) return `${duration / millis}${unit}`;
  }
  return `${duration}ms`;
}
