import { describe, expect, test } from "bun:test";
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
});
