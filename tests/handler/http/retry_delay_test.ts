import { describe, expect, test } from "bun:test";
import { parseRetryAfter, retryDelay } from "../../../src/handler/http/retry_delay.ts";

const lowest = { fill: (buffer: Uint8Array) => void buffer.fill(0) };
const highest = { fill: (buffer: Uint8Array) => void buffer.fill(255) };

function delays(random: typeof lowest, retryAfter?: number): number[] {
  return [0, 1, 2, 3, 9].map((retry) => Math.round(retryDelay({ retry, retryAfter, random })));
}

describe("the wait before another try", () => {
  test("doubles up to a bound, and is scattered over its upper half", () => {
    expect(delays(lowest)).toEqual([125, 250, 500, 1000, 5000]);
    expect(delays(highest)).toEqual([250, 500, 1000, 2000, 10_000]);
  });

  test("is no shorter than the server has asked for", () => {
    expect(delays(lowest, 600)).toEqual([600, 600, 600, 1000, 5000]);
  });
});

describe("RFC 9110 §10.2.3 Retry-After", () => {
  test("is seconds or a date", () => {
    expect(parseRetryAfter("120", 0)).toBe(120_000);
    expect(parseRetryAfter(" 0 ", 0)).toBe(0);
    const at = Date.UTC(2026, 0, 1, 0, 0, 0);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:05 GMT", at)).toBe(5_000);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:00 GMT", at + 9)).toBe(0);
  });

  test("is nothing when it cannot be read", () => {
    for (const value of [undefined, "", "soon", "-1", "1.5", "99999999999", "2026-01-01"]) {
      expect(parseRetryAfter(value, 0)).toBeUndefined();
    }
  });
});
