/**
 * Keeps node's `Buffer` inside this folder: its `slice` shares memory where that of `Uint8Array`
 * copies, which nobody who holds a `Uint8Array` expects.
 *
 * @module
 */

/** The same bytes, as what they are declared to be. */
export function plainBytes(data: Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}
