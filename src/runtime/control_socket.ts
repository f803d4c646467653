/**
 * Keeps the last words of a child on its control channel.
 *
 * A write to a channel that the child has closed fails, and a stream that fails throws away what it
 * has not read yet: the command that a short program wrote before it went. So failed writes are
 * kept from the stream; it ends by reading to its end, as it should.
 *
 * @module
 */

import { writeSync } from "node:fs";
import type { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/** Makes failed writes harmless. To be called before the first one. */
export function tolerateFailedWrites(control: Duplex): void {
  const write = control._write.bind(control);
  control._write = (chunk: Uint8Array, encoding, done: Done) => {
    const rest = writeAtOnce(control, chunk);
    if (rest.length === 0) done();
    else write(rest, encoding, () => done());
  };
  // So that all writes come through the one above.
  Reflect.set(control, "_writev", null);
}

/**
 * Bun's socket closes itself on a failed write, whatever the stream makes of it. So there the
 * descriptor is written to directly.
 *
 * @returns What the system did not take and the stream must send, which is everything elsewhere.
 */
function writeAtOnce(control: Duplex, chunk: Uint8Array): Uint8Array {
  if (!("Bun" in globalThis)) return chunk;
  const { _handle: handle } = control as { readonly _handle?: { readonly fd?: unknown } | null };
  if (typeof handle?.fd !== "number" || handle.fd < 0) return chunk;
  try {
    return chunk.subarray(writeSync(handle.fd, chunk));
  } catch (error) {
    // A full channel is the stream's to wait for. Anything else is a lost channel.
    return (error as { code?: unknown }).code === "EAGAIN" ? chunk : chunk.subarray(chunk.length);
  }
}
