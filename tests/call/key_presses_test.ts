import { describe, expect, test } from "bun:test";
import { KeyPresses } from "../../src/call/key_presses.ts";

/** Presses in their order, as `[digit, source, duration, instant]`; what is told of them. */
function told(
  presses: readonly (readonly [string, "rfc4733" | "info" | "inband", number, number])[],
): string[] {
  const keys = new KeyPresses();
  return presses.flatMap(([digit, source, durationMs, now]) => {
    const event = keys.pressed({ digit, durationMs }, source, now);
    return event === undefined ? [] : [`${event.digit} ${event.source} ${event.duration_ms}`];
  });
}

describe("keys that the caller presses", () => {
  test("are told once, though they come in two ways", () => {
    expect(told([["5", "rfc4733", 100, 1000], ["5", "info", 160, 1400]])).toEqual([
      "5 rfc4733 100",
    ]);
    expect(told([["5", "inband", 60, 1000], ["5", "rfc4733", 100, 1060]])).toEqual([
      "5 inband 60",
    ]);
  });

  test("once too when one way tells a long press early, and another at its end", () => {
    const long = [
      ["5", "inband", 60, 1060],
      ["5", "rfc4733", 3000, 4000],
      ["5", "info", 160, 4100],
    ] as const;
    expect(told(long)).toEqual(["5 inband 60"]);
  });

  test("are told each when they come in one way, or are others", () => {
    expect(told([["5", "rfc4733", 80, 1000], ["5", "rfc4733", 80, 1160]])).toHaveLength(2);
    expect(told([["5", "rfc4733", 80, 1000], ["6", "inband", 80, 1160]])).toHaveLength(2);
    expect(told([["5", "rfc4733", 80, 1000], ["5", "info", 160, 1700]])).toHaveLength(2);
  });

  test("twice in a row in two ways are two presses", () => {
    const twice = [
      ["5", "inband", 60, 1060],
      ["5", "rfc4733", 100, 1100],
      ["5", "inband", 60, 1260],
      ["5", "rfc4733", 100, 1300],
    ] as const;
    expect(told(twice)).toEqual(["5 inband 60", "5 inband 60"]);
  });
});
