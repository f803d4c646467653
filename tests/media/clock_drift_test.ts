import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import { ClockDrift, DRIFT_MS_MAX } from "../../src/media/clock_drift.ts";
import { framePacket, ReceiveHarness, toneFrame } from "./receive_harness.ts";

/** Arrivals of `seconds` of packets each 20 ms, of a sender so many ppm too fast. */
function watch(
  drift: ClockDrift,
  options: {
    seconds: number;
    ppm?: number;
    jitter?: Millis;
    from?: Millis;
    delay?: Millis;
    onPacket?: (now: Millis) => void;
  },
): void {
  const { seconds, ppm = 0, jitter = 0, from = 0, delay = 0 } = options;
  const random = new SeededRandom(5);
  for (let spoken = from; spoken < from + seconds * 1000; spoken += 20) {
    const now = spoken * (1 - ppm / 1e6) + delay + random.nextUnit() * jitter;
    drift.arrive((0xffff_0000 + spoken * 8) >>> 0, now);
    options.onPacket?.(now);
  }
}

describe("clock drift", () => {
  for (const ppm of [-300, -40, 0, 40, 300]) {
    for (const jitter of [0, 20, 60]) {
      test(`of ${ppm} ppm is told within 20 ppm at ${jitter} ms of jitter`, () => {
        const drift = new ClockDrift(8000);
        watch(drift, { seconds: 300, ppm, jitter });
        expect(Math.abs(drift.ppm - ppm) < 20).toBe(true);
      });
    }
  }

  test("is not told before it can be known", () => {
    const drift = new ClockDrift(8000);
    watch(drift, { seconds: 15, ppm: 200 });
    expect(drift.ppm).toBe(0);
  });

  test("asks for a correction once it has carried the timeline away, and not for jitter", () => {
    const drift = new ClockDrift(8000);
    watch(drift, { seconds: 600, jitter: 60 });
    expect(drift.excess).toBe(0);
    watch(drift, { seconds: 120, ppm: -100, from: 600_000 });
    expect(drift.excess > DRIFT_MS_MAX).toBe(true);
    drift.correct(drift.excess);
    expect(drift.excess).toBe(0);
  });

  test("is no drift when the route changes: it settles anew", () => {
    const drift = new ClockDrift(8000);
    const excesses = new Set<Millis>();
    const onPacket = (): void => void excesses.add(drift.excess);
    watch(drift, { seconds: 60, onPacket });
    watch(drift, { seconds: 60, from: 60_000, delay: 80, onPacket });
    watch(drift, { seconds: 60, from: 120_000, delay: 30, onPacket });
    expect([...excesses]).toEqual([0]);
    expect(drift.ppm).toBe(0);
  });

  test("is no drift when the sender's clock jumps, in either direction", () => {
    const drift = new ClockDrift(8000);
    for (const from of [0, 1e8, 3e4]) {
      watch(drift, { seconds: 60, from, delay: -from });
      expect(drift.excess).toBe(0);
    }
    expect(Math.abs(drift.ppm) < 1).toBe(true);
  });
});

/** 200 Hz: a frame of 20 ms holds four periods, so that all packets are alike and join. */
const TONE = toneFrame(0, { rate: 8000, hertz: 200 });
/** The largest step between two samples of that tone, after mu-law. */
const STEP = 1500;

describe("an hour with a peer whose clock drifts", () => {
  for (const ppm of [-100, 100]) {
    for (const jitter of [0, 20]) {
      test(`${ppm} ppm, ${jitter} ms of jitter: nothing dropped, nothing made up`, () => {
        const harness = new ReceiveHarness();
        harness.keep = jitter === 0 ? "count" : "step";
        const random = new SeededRandom(7);
        let lagMin = Infinity;
        let lagMax = -Infinity;
        for (let index = 0; index < 180_000; index++) {
          const at = 20 + index * 20 * (1 - ppm / 1e6) + random.nextUnit() * jitter;
          harness.receiveAt(Math.max(at, harness.now), framePacketOfTone(index));
          if (harness.lag < lagMin) lagMin = harness.lag;
          if (harness.lag > lagMax) lagMax = harness.lag;
        }
        const { packets_late, concealed_ms, silence_ms, stretched_ms, drift_ppm } = harness.path
          .statistics();
        expect({ packets_late, concealed_ms, silence_ms }).toEqual({
          packets_late: 0,
          concealed_ms: 0,
          silence_ms: 0,
        });
        expect(Math.abs(harness.lag) < 60).toBe(true);
        expect(lagMin > -20 && lagMax < 20 + jitter).toBe(true);
        expect(Math.abs(stretched_ms - 360) < 30).toBe(true);
        expect(Math.abs(drift_ppm - ppm) < 5).toBe(true);
        expect(harness.stepMax < STEP).toBe(true);
      });
    }
  }
});

const PACKET = framePacket(0, TONE);

/** Packets differ by their numbers alone. */
function framePacketOfTone(index: number): Uint8Array {
  const view = new DataView(PACKET.buffer);
  view.setUint16(2, index & 0xffff);
  view.setUint32(4, (index * 160) >>> 0);
  return PACKET;
}
