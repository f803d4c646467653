import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { Lateness } from "../../src/media/lateness.ts";
import { Harness } from "./session_harness.ts";

describe("lateness", () => {
  test("is nothing where there was nothing, or nothing late", () => {
    const lateness = new Lateness();
    expect([lateness.percentile(0.5), lateness.max]).toEqual([0, 0]);
    for (let frame = 0; frame < 100; frame++) lateness.note(-1.5);
    expect([lateness.percentile(0.5), lateness.percentile(0.99), lateness.max]).toEqual([0, 0, 0]);
  });

  test("has percentiles within half a millisecond, and above 64 ms within a factor of two", () => {
    const random = new SeededRandom(7);
    const bytes = new Uint8Array(4000);
    random.fill(bytes);
    const lateness = new Lateness();
    const all = [...new Uint16Array(bytes.buffer)].map((value) => (value / 65_536) ** 6 * 3000);
    for (const late of all) lateness.note(late);
    all.sort((a, b) => a - b);
    for (const share of [0.1, 0.5, 0.75, 0.9, 0.99]) {
      const exact = all[Math.ceil(share * all.length) - 1] as number;
      const told = lateness.percentile(share);
      expect(told >= exact).toBe(true);
      expect(told <= Math.max(exact + 0.5, exact > 64 ? exact * 2 : 0)).toBe(true);
    }
    expect(lateness.max).toBe(all.at(-1) as number);
    expect(lateness.percentile(1)).toBe(lateness.max);
  });

  test("of a day is told as well as of a millisecond", () => {
    const lateness = new Lateness();
    for (const late of [64, 64.5, 86_400_000]) lateness.note(late);
    expect(lateness.percentile(0.3)).toBe(64);
    expect(lateness.percentile(0.6)).toBe(128);
    expect(lateness.percentile(0.9)).toBe(86_400_000);
  });

  test("is counted of each frame that was there when it was due", () => {
    const harness = new Harness();
    harness.write(160 * 101);
    for (let frame = 1; frame <= 98; frame++) harness.session.timeout(frame * 20 + 1.2);
    // The grid slips by the frame that was missed
    for (const late of [99 * 20 + 30, 101 * 20 + 30]) harness.session.timeout(late);
    expect(harness.session.statistics()).toMatchObject({
      late_ms_p50: 1.5,
      late_ms_p99: 30,
      late_ms_max: 30,
      late_frames: 2,
      queue_ms: 0,
    });
  });

  test("does not count what the handler brought too late", () => {
    const harness = new Harness();
    for (const at of [0, 31, 90, 1000]) {
      harness.runUntil(at);
      harness.write(160);
    }
    expect(harness.session.statistics()).toMatchObject({ late_ms_p99: 0, late_ms_max: 0 });
  });

  test("queue_ms tells what waits now, queue_ms_max the most that has", () => {
    const harness = new Harness();
    harness.write(1600);
    expect(harness.session.statistics()).toMatchObject({ queue_ms: 180, queue_ms_max: 180 });
    harness.runUntil(100);
    expect(harness.session.statistics()).toMatchObject({ queue_ms: 80, queue_ms_max: 180 });
  });
});
