import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import { LEAD_MS_MAX, RESERVE_MS } from "../../src/media/playout_timeline.ts";
import { BadLink } from "../support/bad_link.ts";
import { framePacket, ReceiveHarness, toneFrame } from "./receive_harness.ts";
import type { FrameOptions } from "./receive_harness.ts";

/** 200 Hz: four periods in 20 ms, so that all packets join. */
const TONE = toneFrame(0, { rate: 8000, hertz: 200 });
/** More than the largest step between two samples of it. */
const STEP = 1500;

function talk(
  harness: ReceiveHarness,
  range: readonly [number, number],
  options: FrameOptions & { at?: (index: number) => Millis } = {},
): void {
  const { at = (index: number) => 20 + index * 20 } = options;
  for (let index = range[0]; index < range[1]; index++) {
    harness.receiveAt(Math.max(at(index), harness.now), framePacket(index, TONE, options));
  }
}

describe("receive path: timestamps that jump under the same SSRC", () => {
  for (const shift of [160 * 3, 8000 * 100, 0x7fff_0000, -160 * 3, -8000 * 100, -0x7fff_0000]) {
    test(`by ${shift}: every frame is heard, nothing is made up`, () => {
      const harness = new ReceiveHarness();
      talk(harness, [0, 20]);
      talk(harness, [20, 60], { shift });
      expect(harness.samples).toBe(60 * 160);
      expect(harness.path.statistics()).toMatchObject({
        silence_ms: 0,
        concealed_ms: 0,
        packets_late: 0,
        packets_lost: 0,
      });
    });
  }

  test("with the timeline behind the clock: no silence is made of a jump", () => {
    const harness = new ReceiveHarness();
    talk(harness, [0, 20]);
    talk(harness, [20, 40], { at: (index) => 100 + index * 20 });
    talk(harness, [40, 60], { at: (index) => 100 + index * 20, shift: 8000 * 60 });
    expect(harness.samples).toBe(60 * 160);
    expect(harness.path.statistics()).toMatchObject({ silence_ms: 0, concealed_ms: 0 });
  });

  test("and over a loss: what was lost is made up, no more", () => {
    const harness = new ReceiveHarness();
    talk(harness, [0, 20]);
    talk(harness, [21, 60], { shift: 8000 * 60 });
    expect(harness.samples).toBe(60 * 160);
    expect(harness.path.statistics()).toMatchObject({ silence_ms: 0, concealed_ms: 20 });
  });
});

describe("receive path: frames of any length", () => {
  test("10, 20, 40 and 60 ms in one stream, with the timestamps that fit", () => {
    const harness = new ReceiveHarness();
    let spoken = 0;
    for (const [index, duration] of [20, 20, 40, 40, 60, 10, 10, 20, 60, 20].entries()) {
      const samples = toneFrame(0, { rate: 8000, hertz: 200, duration });
      const shift = (spoken - index * 20) * 8;
      spoken += duration;
      harness.receiveAt(spoken, framePacket(index, samples, { shift }));
    }
    expect(harness.samples).toBe(spoken * 8);
    expect(harness.path.statistics()).toMatchObject({ silence_ms: 0, concealed_ms: 0 });
  });

  test("of a loss as long as the frames around it", () => {
    for (const duration of [10, 20, 30, 40, 60]) {
      const harness = new ReceiveHarness();
      const samples = toneFrame(0, { rate: 8000, hertz: 200, duration });
      for (let index = 0; index < 20; index++) {
        if (index === 10) continue;
        harness.receiveAt((index + 1) * duration, framePacket(index, samples, { duration }));
      }
      harness.runUntil(20 * duration + 40);
      expect([duration, harness.samples]).toEqual([duration, 20 * duration * 8]);
      expect(harness.path.statistics()).toMatchObject({ silence_ms: 0, concealed_ms: duration });
    }
  });
});

describe("receive path: jitter", () => {
  for (const jitter of [40, 80]) {
    test(`of ${jitter} ms in order: all is heard as it comes, nothing is made up`, () => {
      const harness = new ReceiveHarness();
      harness.keep = "count";
      const wire = new BadLink<Uint8Array>({ seed: 3, jitter });
      let lagMax = -Infinity;
      const arrive = (until: Millis): void => {
        while (wire.deadline <= until) {
          const at = wire.deadline;
          for (const packet of wire.popDue(at)) {
            harness.receiveAt(at, packet);
            lagMax = Math.max(lagMax, harness.lag);
          }
        }
      };
      for (let index = 0; index < 3000; index++) {
        wire.push(framePacket(index, TONE), 20 + index * 20);
        arrive(20 + index * 20);
      }
      arrive(62_000);
      expect(harness.samples).toBe(3000 * 160);
      expect(lagMax <= jitter + 20).toBe(true);
      expect(harness.path.statistics()).toMatchObject({
        packets_late: 0,
        concealed_ms: 0,
        silence_ms: 0,
        stretched_ms: 0,
      });
    });
  }

  test("a stall of 300 ms and the burst after it: speech is late, little is lost", () => {
    const harness = new ReceiveHarness();
    talk(harness, [0, 50]);
    talk(harness, [50, 100], { at: (index) => Math.max(20 + index * 20, 1320) });
    const { packets_late, silence_ms, concealed_ms } = harness.path.statistics();
    // What silence took of the time is what has no room any more
    expect(packets_late * 20 <= silence_ms + LEAD_MS_MAX).toBe(true);
    expect(concealed_ms).toBe(0);
    expect(harness.lag <= 20 && harness.lag >= -LEAD_MS_MAX).toBe(true);
  });

  test("packets that wait behind a lost one are no delay that silence has to make room for", () => {
    const harness = new ReceiveHarness();
    const quiet = new Int16Array(160);
    talk(harness, [0, 10]);
    // After a pause the timeline is nearly its reserve behind
    const at = (index: number): Millis => 1000 + index * 20;
    harness.runUntil(at(50));
    const { silence_ms } = harness.path.statistics();
    for (let index = 50; index < 500; index++) {
      if (index % 15 === 14) continue;
      harness.receiveAt(at(index), framePacket(index, quiet));
    }
    expect(harness.path.statistics()).toMatchObject({
      silence_ms,
      concealed_ms: 29 * 20,
      packets_late: 0,
    });
  });
});

describe("receive path: silence of ten minutes", () => {
  test("without a packet: filled in real time, and speech after it is heard at once", () => {
    const harness = new ReceiveHarness();
    harness.keep = "count";
    talk(harness, [0, 50]);
    harness.runUntil(601_000);
    expect(harness.lag <= RESERVE_MS + 60).toBe(true);
    const before = harness.samples;
    const shift = 600_000 * 8;
    talk(harness, [50, 100], { shift, at: (index) => 600_020 + index * 20 });
    expect(harness.samples - before >= 50 * 160).toBe(true);
    const { packets_late, packets_lost, concealed_ms } = harness.path.statistics();
    expect([packets_late, packets_lost, concealed_ms]).toEqual([0, 0, 0]);
    expect(harness.lag <= RESERVE_MS + 60).toBe(true);
  });
});

describe("receive path: a sender at a wrong pace for a minute", () => {
  for (const percent of [-1, -0.3, 0.3, 1]) {
    test(`${percent} % fast: nothing is dropped or made up, and no click is heard`, () => {
      const harness = new ReceiveHarness();
      harness.keep = "step";
      talk(harness, [0, 3000], { at: (index) => 20 + index * 20 * (1 - percent / 100) });
      const { packets_late, silence_ms, concealed_ms, stretched_ms } = harness.path.statistics();
      expect([packets_late, silence_ms, concealed_ms]).toEqual([0, 0, 0]);
      expect(stretched_ms > Math.abs(percent) * 600 - RESERVE_MS - 10).toBe(true);
      expect(harness.lag >= -LEAD_MS_MAX && harness.lag <= RESERVE_MS + 20).toBe(true);
      expect(harness.stepMax < STEP).toBe(true);
    });
  }
});

describe("receive path: hostile numbers", () => {
  test("of any kind keep the timeline with the clock, and allocate no time ahead", () => {
    const random = new SeededRandom(11);
    const harness = new ReceiveHarness();
    harness.keep = "count";
    for (let count = 0; count < 20_000; count++) {
      const index = Math.floor(random.nextUnit() * 70_000);
      const shift = Math.floor(random.nextUnit() * 2 ** 32);
      const ssrc = random.nextUnit() < 0.01 ? 2 : 1;
      harness.receiveAt(count * 5, framePacket(index, TONE, { shift, ssrc }));
      if (harness.lag < -LEAD_MS_MAX) throw new Error(`Ahead by ${-harness.lag} ms`);
    }
    harness.path.stop(100_000);
    expect(Math.abs(harness.samples - 800_000) <= LEAD_MS_MAX * 8).toBe(true);
  });
});
