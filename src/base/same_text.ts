/**
 * Comparing what is secret.
 *
 * @module
 */

/**
 * Compares texts in a time that does not tell where they differ.
 *
 * @param given From the wire.
 */
export function isSameText(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let at = 0; at < expected.length; at++) {
    // charCodeAt gives NaN behind the end, which counts as 0
    difference |= given.charCodeAt(at) ^ expected.charCodeAt(at);
  }
  return difference === 0;
}
