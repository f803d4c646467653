/**
 * The product's ports on Bun.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { bindBunUdp } from "./bun_udp.ts";
import { bindNodeUdp } from "./node_udp.ts";
import type { Runtime } from "./ports.ts";
import { sharedRuntime } from "./shared_runtime.ts";

/** Makes the ports. To be called under Bun only. */
export function createBunRuntime(): Runtime {
  return sharedRuntime({
    name: "bun",
    bindUdp: (options) => options.largeBuffers ? bindNodeUdp(options) : bindBunUdp(options),
  }, (callback) => void setImmediate(callback));
}
