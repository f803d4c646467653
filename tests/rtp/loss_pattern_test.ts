import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { LossPattern } from "../../src/rtp/loss_pattern.ts";

/** Packets of 20 ms: `.` came, `x` was lost. */
function patternOf(text: string): LossPattern {
  const pattern = new LossPattern();
  for (const run of text.match(/\.|x+/g) ?? []) {
    if (run === ".") pattern.received();
    else pattern.lost(run.length);
  }
  return pattern;
}

const gap = (packets: number) => ".".repeat(packets);

describe("RFC 3611 §4.7.2 bursts and gaps", () => {
  test("without loss everything is one gap", () => {
    expect(patternOf(gap(100)).figures(20))
      .toEqual({ burstDensity: 0, gapDensity: 0, burstMs: 0, gapMs: 2000, burstRatio: 1 });
  });

  test("losses alone belong to the gap", () => {
    const figures = patternOf(gap(30) + "x" + gap(30) + "x" + gap(38)).figures(20);
    expect(figures).toMatchObject({ burstDensity: 0, burstMs: 0, gapMs: 2000, burstRatio: 1 });
    expect(figures.gapDensity).toBe(0.02);
  });

  test("losses with fewer than 16 packets between them are a burst", () => {
    const figures = patternOf(gap(50) + "x....x.xx" + gap(41)).figures(20);
    expect(figures.burstMs).toBe(180);
    expect(figures.burstDensity).toBeCloseTo(4 / 9, 9);
    expect(figures.gapDensity).toBe(0);
    expect(figures.gapMs).toBe(91 * 20 / 2);
  });

  test("with 16 packets between them they are not", () => {
    expect(patternOf(gap(50) + "x" + gap(15) + "x" + gap(50)).figures(20).burstMs).toBe(340);
    expect(patternOf(gap(50) + "x" + gap(16) + "x" + gap(50)).figures(20).burstMs).toBe(0);
  });

  test("several in a row count as more than chance", () => {
    const { burstRatio } = patternOf((gap(96) + "xxxx").repeat(10)).figures(20);
    expect(burstRatio).toBeCloseTo(4 * 0.96, 9);
  });

  test("everything lost is one burst, and no gap", () => {
    expect(patternOf("x".repeat(50)).figures(20))
      .toEqual({ burstDensity: 1, gapDensity: 0, burstMs: 1000, gapMs: 0, burstRatio: 1 });
  });

  test("asking for figures changes none", () => {
    const pattern = patternOf(gap(20) + "x..x");
    const first = pattern.figures(20);
    expect(pattern.figures(20)).toEqual(first);
    for (const text of [gap(3), "x", gap(40)]) {
      for (const packet of text) packet === "." ? pattern.received() : pattern.lost(1);
    }
    expect(pattern.figures(20).burstMs).toBe(8 * 20);
  });

  test("random patterns have the bursts of the definition", () => {
    const random = new SeededRandom(5);
    for (let round = 0; round < 200; round++) {
      const share = random.nextUnit() * 0.3;
      const text = Array.from({ length: 300 }, () => random.nextUnit() < share ? "x" : ".").join(
        "",
      );
      // From a loss to a loss, without 16 in order in between
      const bursts = text.match(/x(?:\.{0,15}x)+/g) ?? [];
      const inBursts = bursts.join("");
      const lostIn = inBursts.replaceAll(".", "").length;
      const lost = text.replaceAll(".", "").length;
      const figures = patternOf(text).figures(20);
      expect(figures.burstMs).toBeCloseTo(bursts.length && inBursts.length * 20 / bursts.length, 6);
      expect(figures.burstDensity).toBeCloseTo(inBursts.length && lostIn / inBursts.length, 9);
      const inGaps = text.length - inBursts.length;
      expect(figures.gapDensity).toBeCloseTo(inGaps && (lost - lostIn) / inGaps, 9);
    }
  });
});
