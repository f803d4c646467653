/**
 * The product's ports on Deno.
 *
 * @module
 */

import { bindDenoUdp, denoListenDatagram } from "./deno_udp.ts";
import { bindNodeUdp } from "./node_udp.ts";
import type { Runtime, RuntimeOptions } from "./ports.ts";
import { sharedRuntime } from "./shared_runtime.ts";
import { connectNodeTcp } from "./tcp_client.ts";

/** Makes the ports. To be called under Deno only. */
export function createDenoRuntime(options: RuntimeOptions): Runtime {
  const listen = denoListenDatagram();
  return sharedRuntime(
    {
      name: "deno",
      connectTcp: connectNodeTcp,
      // Its engine does so by itself
      freeMemory: () => {},
      // Without `--unstable-net` there is no other way than node's, which costs three times as much.
      // Buffers have the system's size in both.
      bindUdp: (options) =>
        listen === undefined ? bindNodeUdp(options) : bindDenoUdp(listen, options),
    },
    nextTurn,
    options,
  );
}

/**
 * Deno runs some sixty immediates before it looks for input again; behind a timer it always looks.
 */
function nextTurn(callback: () => void): void {
  setTimeout(callback, 1);
}
