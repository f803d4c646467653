/**
 * The product's ports on Bun.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { connectBunTcp } from "./bun_tcp.ts";
import { bindBunUdp } from "./bun_udp.ts";
import type { Runtime, RuntimeOptions } from "./ports.ts";
import { sharedRuntime } from "./shared_runtime.ts";

/** Makes the ports. To be called under Bun only. */
export function createBunRuntime(options: RuntimeOptions): Runtime {
  return sharedRuntime(
    { name: "bun", bindUdp: bindBunUdp, connectTcp: connectBunTcp, freeMemory },
    (callback) => void setImmediate(callback),
    options,
  );
}

function freeMemory(): void {
  const bun = (globalThis as unknown as { readonly Bun: { gc(isAtOnce: boolean): void } }).Bun;
  bun.gc(true);
}
