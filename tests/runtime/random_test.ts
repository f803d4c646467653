import { describe, expect, test } from "bun:test";
import { randomHex } from "../../src/base/random.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

describe("random source of the runtime", () => {
  test("hands out no portion twice, whatever its size", () => {
    const { random } = createRuntime();
    for (const byteCount of [8, 16, 255, 256, 257, 5000]) {
      const seen = new Set<string>();
      for (let round = 0; round < 600; round++) seen.add(randomHex(random, byteCount));
      expect({ byteCount, distinct: seen.size }).toEqual({ byteCount, distinct: 600 });
    }
  });

  test("is not shared between runtimes", () => {
    expect(randomHex(createRuntime().random, 16)).not.toBe(randomHex(createRuntime().random, 16));
  });
});
