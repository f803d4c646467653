import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CircuitBreaker, TARGETS_MAX } from "../../src/handler/circuit_breaker.ts";

const BOT = "https://bot.example.com:443";
const PAUSE = 30_000;

function breaker({ failures = 5, pause = PAUSE } = {}) {
  const clock = { now: 1000 };
  const lines: string[] = [];
  const guard = new CircuitBreaker({
    failures,
    pause,
    now: () => clock.now,
    log: (level, message) => lines.push(`${level}: ${message}`),
  });
  /** One call that asks, and tells what came of it where it may go. */
  const call = (told: "succeeded" | "failed" | "abandoned", target = BOT): boolean => {
    const goes = guard.refuse(target) === undefined;
    if (goes) guard[told](target);
    return goes;
  };
  const fail = (count: number, target = BOT) => {
    for (let index = 0; index < count; index++) call("failed", target);
  };
  return { guard, clock, lines, call, fail };
}

describe("a server that fails", () => {
  test("is asked until it has failed so many times in a row", () => {
    const { call } = breaker();
    expect(Array.from({ length: 7 }, () => call("failed")))
      .toEqual([true, true, true, true, true, false, false]);
  });

  test("is named with the time that is left", () => {
    const { guard, clock, fail } = breaker();
    fail(5);
    clock.now += 17_500;
    expect(guard.refuse(BOT))
      .toBe(`${BOT} has failed 5 times in a row and is left alone for 13s more`);
  });

  test("is forgiven by one success in between", () => {
    const { guard, call, fail } = breaker();
    for (let round = 0; round < 4; round++) {
      fail(4);
      expect(call("succeeded")).toBe(true);
    }
    expect(guard.size).toBe(0);
  });

  test("is not judged by calls that ended meanwhile", () => {
    const { call, fail } = breaker();
    fail(4);
    for (let index = 0; index < 20; index++) expect(call("abandoned")).toBe(true);
    expect(call("failed")).toBe(true);
    expect(call("failed")).toBe(false);
  });

  test("does not keep others from being asked", () => {
    const { guard, fail } = breaker();
    fail(5);
    expect(guard.refuse("https://bot.example.com:8443")).toBeUndefined();
  });

  test("is told of once when it is left alone, and once when it is well again", () => {
    const { clock, lines, call, fail } = breaker();
    fail(9);
    clock.now += PAUSE;
    call("failed");
    clock.now += 2 * PAUSE;
    call("succeeded");
    call("succeeded");
    expect(lines).toEqual([
      `warning: ${BOT}: 5 failures in a row, left alone for 30s; calls go to on_error`,
      `info: ${BOT} answers again`,
    ]);
  });
});

describe("after the pause", () => {
  test("one call tries, and the others are refused meanwhile", () => {
    const { guard, clock, fail } = breaker();
    fail(5);
    clock.now += PAUSE - 1;
    expect(guard.refuse(BOT)).toBeDefined();
    clock.now += 1;
    expect(guard.refuse(BOT)).toBeUndefined();
    expect(guard.refuse(BOT)).toBeDefined();
    guard.succeeded(BOT);
    expect(guard.refuse(BOT)).toBeUndefined();
    expect(guard.refuse(BOT)).toBeUndefined();
  });

  test("a failure doubles the pause, up to eight times", () => {
    const { guard, clock, call, fail } = breaker();
    fail(5);
    for (const factor of [1, 2, 4, 8, 8, 8]) {
      clock.now += factor * PAUSE - 1;
      expect(guard.refuse(BOT)).toBeDefined();
      clock.now += 1;
      expect(call("failed")).toBe(true);
    }
  });

  test("a success makes the next pause a short one again", () => {
    const { guard, clock, call, fail } = breaker();
    fail(5);
    clock.now += PAUSE;
    call("failed");
    clock.now += 2 * PAUSE;
    call("succeeded");
    fail(5);
    clock.now += PAUSE;
    expect(guard.refuse(BOT)).toBeUndefined();
  });

  test("the next call tries when the one that tried has ended", () => {
    const { guard, clock, fail } = breaker();
    fail(5);
    clock.now += PAUSE;
    expect(guard.refuse(BOT)).toBeUndefined();
    guard.abandoned(BOT);
    expect(guard.refuse(BOT)).toBeUndefined();
    expect(guard.refuse(BOT)).toBeDefined();
  });

  test("a call that never tells locks nobody out", () => {
    const { guard, clock, fail } = breaker();
    fail(5);
    clock.now += PAUSE;
    expect(guard.refuse(BOT)).toBeUndefined();
    clock.now += PAUSE;
    expect(guard.refuse(BOT)).toBeUndefined();
  });
});

describe("calls that were there before", () => {
  test("do not prolong the pause by failing", () => {
    const { guard, clock, fail } = breaker();
    fail(5);
    clock.now += PAUSE / 2;
    guard.failed(BOT);
    clock.now += PAUSE / 2;
    expect(guard.refuse(BOT)).toBeUndefined();
  });

  test("end it by being answered", () => {
    const { guard, fail } = breaker();
    fail(5);
    guard.succeeded(BOT);
    expect(guard.refuse(BOT)).toBeUndefined();
  });
});

describe("settings", () => {
  test("of no failures leave no server alone", () => {
    const { call } = breaker({ failures: 0 });
    for (let index = 0; index < 100; index++) expect(call("failed")).toBe(true);
  });

  test("change while servers are left alone", () => {
    const { guard, fail } = breaker();
    fail(5);
    guard.settings = { failures: 0, pause: PAUSE };
    expect(guard.refuse(BOT)).toBeUndefined();
    guard.settings = { failures: 2, pause: PAUSE };
    fail(2, "ws://other:80");
    expect(guard.refuse("ws://other:80")).toBeDefined();
  });
});

describe("memory", () => {
  test("holds the servers that fail, the oldest of them going first", () => {
    const { guard, fail } = breaker({ failures: 2 });
    fail(2, "https://first:443");
    for (let index = 0; index < TARGETS_MAX + 500; index++) guard.failed(`https://h${index}:443`);
    expect(guard.size).toBe(TARGETS_MAX);
    // It is left alone, and so outlives those that have failed once
    expect(guard.refuse("https://first:443")).toBeDefined();
    guard.failed("https://h0:443");
    expect(guard.refuse("https://h0:443")).toBeUndefined();
  });

  test("is given back by those that are well again", () => {
    const { guard, fail } = breaker();
    for (let index = 0; index < 100; index++) fail(index % 8, `wss://h${index}:443`);
    for (let index = 0; index < 100; index++) guard.succeeded(`wss://h${index}:443`);
    expect(guard.size).toBe(0);
  });
});

test("whatever calls tell and when, at most one goes to a server that is left alone", () => {
  const step = fc.record({
    told: fc.constantFrom("succeeded" as const, "failed" as const, "abandoned" as const),
    later: fc.integer({ min: 0, max: 40_000 }),
    slow: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const { guard, clock } = breaker({ failures: 3 });
    let failures = 0;
    for (const { told, later, slow } of steps) {
      clock.now += later;
      if (guard.refuse(BOT) !== undefined) {
        expect(failures).toBeGreaterThanOrEqual(3);
        continue;
      }
      if (failures >= 3 && slow) {
        // It tries for a while, and nobody else does
        expect(guard.refuse(BOT)).toBeDefined();
      }
      guard[told](BOT);
      if (told === "succeeded") failures = 0;
      if (told === "failed") failures++;
    }
    expect(guard.size).toBeLessThanOrEqual(1);
  }));
});
