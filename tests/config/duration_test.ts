import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../src/config/duration.ts";

describe("durations", () => {
  test("carry a unit", () => {
    expect(parseDuration("20ms")).toBe(20);
    expect(parseDuration("30s")).toBe(30_000);
    expect(parseDuration("1.5m")).toBe(90_000);
    expect(parseDuration("4h")).toBe(14_400_000);
    expect(parseDuration("0.1h")).toBe(360_000);
    expect(parseDuration("0s")).toBe(0);
  });

  test("without a number or a known unit are none", () => {
    for (const text of ["", "30", "s", "30 s", "-1s", "1d", "1e3s", "1s1s", " 1s", "1S", "∞"]) {
      expect(parseDuration(text)).toBeUndefined();
    }
  });

  test("are written in the largest unit that fits, and read back as the same", () => {
    expect(formatDuration(14_400_000)).toBe("4h");
    expect(formatDuration(90_000)).toBe("90s");
    expect(formatDuration(1500)).toBe("1500ms");
    expect(formatDuration(0)).toBe("0ms");
    fc.assert(fc.property(fc.nat(999_999_999), (millis) => {
      expect(parseDuration(formatDuration(millis))).toBe(millis);
    }));
  });
});
