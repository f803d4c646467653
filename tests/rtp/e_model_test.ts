import { describe, expect, test } from "bun:test";
import { estimateQuality, mosOf } from "../../src/rtp/e_model.ts";

const CLEAN = { codec: "PCMU", lossShare: 0, burstRatio: 1, oneWayDelay: 0 };

describe("ITU-T G.107 the E-model", () => {
  test("annex B: MOS of some ratings", () => {
    expect(mosOf(93.2)).toBeCloseTo(4.41, 2);
    expect(mosOf(80)).toBeCloseTo(4.02, 2);
    expect(mosOf(70)).toBeCloseTo(3.6, 2);
    expect(mosOf(60)).toBeCloseTo(3.1, 2);
    expect(mosOf(50)).toBeCloseTo(2.58, 2);
    expect(mosOf(-5)).toBe(1);
    expect(mosOf(120)).toBe(4.5);
  });

  test("nothing lost, no delay: the best that the network of telephones has", () => {
    expect(estimateQuality(CLEAN)).toEqual({ r: 93.2, mos: mosOf(93.2) });
  });

  test("delay costs little up to 177 ms, and more from there", () => {
    const ratingAt = (oneWayDelay: number) => estimateQuality({ ...CLEAN, oneWayDelay }).r;
    expect(93.2 - ratingAt(100)).toBeCloseTo(2.4, 1);
    expect(93.2 - ratingAt(150)).toBeCloseTo(3.6, 1);
    expect(93.2 - ratingAt(300)).toBeCloseTo(20.7, 1);
    expect(ratingAt(5000)).toBe(0);
  });

  test("loss costs what G.113 says of G.711 with concealment; in bursts more", () => {
    const lossShare = 0.05;
    const alone = estimateQuality({ ...CLEAN, lossShare }).r;
    expect(93.2 - alone).toBeCloseTo(95 * 5 / (5 + 25.1), 5);
    const inBursts = estimateQuality({ ...CLEAN, lossShare, burstRatio: 3 }).r;
    expect(inBursts).toBeLessThan(alone);
    expect(estimateQuality({ ...CLEAN, lossShare: 1 }).mos).toBeLessThan(1.6);
  });

  test("more loss or delay is never better, and no figure leaves its scale", () => {
    for (const codec of ["PCMU", "PCMA", "G722", "opus", "L16/16000", "unknown"]) {
      let before = Infinity;
      for (let step = 0; step <= 40; step++) {
        const inputs = { codec, lossShare: step / 40, burstRatio: 1, oneWayDelay: step * 25 };
        const { r, mos } = estimateQuality(inputs);
        expect(mos).toBeGreaterThanOrEqual(1);
        expect(mos).toBeLessThanOrEqual(4.5);
        expect(r).toBeGreaterThanOrEqual(0);
        expect(r).toBeLessThanOrEqual(before);
        before = r;
      }
    }
  });

  test("absurd inputs are taken for the nearest sane ones", () => {
    const absurd = { codec: "PCMU", lossShare: -1, burstRatio: 0, oneWayDelay: -5 };
    expect(estimateQuality(absurd)).toEqual(estimateQuality(CLEAN));
    expect(estimateQuality({ ...CLEAN, lossShare: 7 }))
      .toEqual(estimateQuality({ ...CLEAN, lossShare: 1 }));
  });
});
