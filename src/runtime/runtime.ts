/**
 * Chooses the adapters for the runtime that runs this program.
 *
 * @module
 */

import { createBunRuntime } from "./bun_runtime.ts";
import { createDenoRuntime } from "./deno_runtime.ts";
import type { Runtime, RuntimeOptions } from "./ports.ts";

/**
 * Makes the ports of the runtime at hand.
 *
 * @throws {Error} Under any other runtime.
 * @throws {TypeError} A name server is no address.
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  if ("Bun" in globalThis) return createBunRuntime(options);
  if ("Deno" in globalThis) return createDenoRuntime(options);
  throw new Error("Run voicegw with Bun or Deno");
}
