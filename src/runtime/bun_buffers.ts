/**
 * Larger socket buffers under Bun, whose own sockets have no method for it: `setsockopt` of the C library.
 *
 * @module
 */

/** Room for a burst of some thousand requests. */
const LARGE_BUFFER_BYTES = 4 << 20;

/** Linux numbers, the same on every architecture that Bun runs on. */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

type SetSockOpt = (
  descriptor: number,
  level: number,
  option: number,
  value: Int32Array,
  length: number,
) => number;

/**
 * Asks the system for larger buffers. It gives what its limits allow; where it cannot be asked (another system, another
 * C library) its own sizes stay.
 */
export async function enlargeBuffers(descriptor: number | undefined): Promise<void> {
  if (descriptor === undefined || process.platform !== "linux") return;
  try {
    const { dlopen } = await import("bun:ffi");
    const library = dlopen("libc.so.6", {
      setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
    });
    const setsockopt = library.symbols.setsockopt as SetSockOpt;
    const value = new Int32Array([LARGE_BUFFER_BYTES]);
    for (const option of [SO_RCVBUF, SO_SNDBUF]) {
      setsockopt(descriptor, SOL_SOCKET, option, value, value.byteLength);
    }
    library.close();
  } catch {
    // No such library: the system's own size has to do.
  }
}
