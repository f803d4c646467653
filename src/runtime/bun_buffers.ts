/**
 * Larger socket buffers under Bun, whose own sockets have no method for it.
 *
 * @module
 */

import type { LibC } from "./bun_libc.ts";

/** Room for a burst of some thousand requests. */
const LARGE_BUFFER_BYTES = 4 << 20;

/** Linux numbers, the same on every architecture that Bun runs on. */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

/** Asks the system for larger buffers. It gives what its limits allow. */
export function enlargeBuffers(libc: LibC, descriptor: number): void {
  const value = new Int32Array([LARGE_BUFFER_BYTES]);
  for (const option of [SO_RCVBUF, SO_SNDBUF]) {
    libc.setsockopt(descriptor, SOL_SOCKET, option, value, value.byteLength);
  }
}
