/**
 * The few calls of the C library that Bun's own sockets have no method for, or one that costs twice
 * as much.
 *
 * @module
 */

import process from "node:process";

/** What we call. Each returns -1 where the system refuses. */
export interface LibC {
  setsockopt(
    descriptor: number,
    level: number,
    option: number,
    value: Int32Array,
    length: number,
  ): number;
  sendto(
    descriptor: number,
    data: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
}

let library: Promise<LibC | undefined> | undefined;

/** Opens the library, once; `undefined` on another system, or with another C library. */
export function openLibC(): Promise<LibC | undefined> {
  return library ??= open();
}

async function open(): Promise<LibC | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { dlopen } = await import("bun:ffi");
    const { symbols } = dlopen("libc.so.6", {
      setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
      // The low half of what it returns is enough: a datagram is shorter
      sendto: { args: ["int", "ptr", "u64", "int", "ptr", "u32"], returns: "int" },
    });
    return symbols as unknown as LibC;
  } catch {
    return undefined;
  }
}
