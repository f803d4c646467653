import { describe, expect, test } from "bun:test";
import { Ordeal } from "./hostile_rig.ts";

const SEEDS = 300;

describe("a session that is dealt with badly", () => {
  test("keeps its timeline, its numbers and its counts, and leaves nothing open", () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const [problem] = new Ordeal(seed).run();
      if (problem !== undefined) failures.push(`seed ${seed}: ${problem}`);
    }
    expect(failures).toEqual([]);
  });
});
