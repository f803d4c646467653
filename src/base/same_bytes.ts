/**
 * Comparing bytes, where nobody can learn from the time that it takes; else there is `same_text.ts`.
 *
 * @module
 */

/** Tells whether both hold the same bytes. */
export function isSameBytes(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
