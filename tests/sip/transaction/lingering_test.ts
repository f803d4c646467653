import { describe, expect, test } from "bun:test";
import { Lingering } from "../../../src/sip/transaction/lingering.ts";

describe("transactions that absorb what may still come", () => {
  test("are let go together, in their order, a 64th of their time late", () => {
    const lingering = new Lingering<string>();
    lingering.add("a", 6400, 0);
    lingering.add("b", 6400, 50);
    lingering.add("c", 6400, 500);
    expect(lingering.deadline).toBe(6500);
    expect(lingering.takeDue(6499)).toEqual([]);
    expect(lingering.takeDue(6500)).toEqual(["a", "b"]);
    expect(lingering.deadline).toBe(7000);
    expect(lingering.takeDue(90_000)).toEqual(["c"]);
    expect(lingering.deadline).toBeUndefined();
    expect(lingering.takeDue(90_000)).toEqual([]);
  });

  test("wait each for its own time, none before it", () => {
    const lingering = new Lingering<string>();
    lingering.add("long", 32_000, 0);
    lingering.add("short", 5000, 1000);
    expect(lingering.deadline).toBe(1000 + 5000 + 5000 / 64);
    expect(lingering.takeDue(7000)).toEqual(["short"]);
    expect(lingering.deadline).toBe(32_500);
  });

  test("wait in one row, however their times were worked out", () => {
    const lingering = new Lingering<number>();
    for (let item = 0; item < 1000; item++) {
      const now = item * 7.123456789 + 0.1;
      lingering.add(item, now + 32_000 - now, now);
    }
    expect(lingering.takeDue(50_000)).toEqual(Array.from({ length: 1000 }, (_, item) => item));
  });

  test("leave in the order in which they came, however many there were", () => {
    const lingering = new Lingering<number>();
    const gone: number[] = [];
    for (let at = 0; at < 20_000; at++) {
      lingering.add(at, 640, at);
      for (const item of lingering.takeDue(at)) {
        expect(item + 640).toBeLessThanOrEqual(at);
        gone.push(item);
      }
    }
    gone.push(...lingering.takeDue(40_000));
    expect(gone).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
  });
});
