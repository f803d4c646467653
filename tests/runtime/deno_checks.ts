/**
 * Runs the checks of the adapter outside of a test runner, and prints one line of JSON for each.
 *
 *     deno run -A --unstable-net tests/runtime/deno_checks.ts
 *
 * @module
 */

import { createRuntime } from "../../src/runtime/runtime.ts";
import { ADAPTER_CHECKS } from "./adapter_checks.ts";

const runtime = createRuntime();
for (const [name, check] of Object.entries(ADAPTER_CHECKS)) {
  let error: string | undefined;
  try {
    await check(runtime);
  } catch (reason) {
    error = (reason as Error).message;
  }
  console.log(JSON.stringify({ runtime: runtime.name, name, ...(error ? { error } : {}) }));
}
