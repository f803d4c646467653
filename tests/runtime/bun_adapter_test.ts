import { describe, expect, test } from "bun:test";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { ADAPTER_CHECKS } from "./adapter_checks.ts";

const runtime = createRuntime();

describe(`adapter of ${runtime.name}`, () => {
  for (const [name, check] of Object.entries(ADAPTER_CHECKS)) {
    test(name, async () => {
      expect(await check(runtime)).toBeUndefined();
    }, 15_000);
  }
});
