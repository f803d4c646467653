/**
 * Chooses the adapters for the runtime that runs this program.
 *
 * @module
 */

import { createBunRuntime } from "./bun_runtime.ts";
import { createDenoRuntime } from "./deno_runtime.ts";
import type { Runtime } from "./ports.ts";

/**
 * Makes the ports of the runtime at hand.
 *
 * @throws {Error} Under any other runtime.
 */
export function createRuntime(): Runtime {
  if ("Bun" in globalThis) return createBunRuntime();
  if ("Deno" in globalThis) return createDenoRuntime();
  throw new Error("Run voicegw with Bun or Deno");
}
