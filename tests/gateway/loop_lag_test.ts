import { describe, expect, test } from "bun:test";
import { LAG_BEAT } from "../../src/gateway/loop_lag.ts";
import { LateLoop } from "../support/late_loop.ts";

const SECOND = 1000 / LAG_BEAT;

describe("lateness of the event loop", () => {
  test("a loop in time exceeds nothing, and shows what it is late by", () => {
    const loop = new LateLoop();
    loop.lag.start();
    loop.beats(SECOND, 2);
    expect(loop.lag.exceeds(20)).toBe(false);
    expect(loop.lag.figures).toEqual({ lag_ms_p50: 2, lag_ms_p90: 2, lag_ms_max: 2, busy_pct: 0 });
  });

  test("a stall or two exceed nothing; a loop that is late again and again does", () => {
    const loop = new LateLoop();
    loop.lag.start();
    loop.beats(SECOND, 1);
    loop.beats(2, 300);
    expect(loop.lag.exceeds(20)).toBe(false);
    expect(loop.lag.figures.lag_ms_max).toBe(300);
    loop.beats(3, 30);
    expect(loop.lag.exceeds(20)).toBe(true);
  });

  test("is forgiven after a second in time", () => {
    const loop = new LateLoop();
    loop.lag.start();
    loop.beats(SECOND, 50);
    expect(loop.lag.exceeds(40)).toBe(true);
    loop.beats(SECOND, 0);
    expect(loop.lag.exceeds(40)).toBe(false);
  });

  test("one that is in time and has no time left is saturated, after a second", () => {
    const loop = new LateLoop();
    loop.lag.start();
    loop.busyShare = 0.8;
    loop.beats(SECOND * 2, 1);
    expect(loop.lag.figures.busy_pct).toBe(80);
    expect(loop.lag.isSaturated).toBe(false);
    loop.busyShare = 1;
    loop.beats(SECOND / 2, 1);
    expect(loop.lag.isSaturated).toBe(false);
    loop.beats(SECOND / 2, 1);
    expect(loop.lag.isSaturated).toBe(true);
    expect(loop.lag.exceeds(5)).toBe(false);
    loop.lag.stop();
    expect(loop.lag.isSaturated).toBe(false);
  });

  test("beats while there are calls, and not after the last", () => {
    const loop = new LateLoop();
    expect(loop.isBeating).toBe(false);
    loop.lag.start();
    loop.lag.start();
    expect(loop.isBeating).toBe(true);
    loop.beats(SECOND, 50);
    loop.lag.stop();
    expect(loop.isBeating).toBe(false);
    expect(loop.lag.exceeds(0)).toBe(false);
  });
});
