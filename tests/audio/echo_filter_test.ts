import { describe, expect, test } from "bun:test";
import { EchoFilter, FILTER_TAPS } from "../../src/audio/echo_filter.ts";
import { whiteNoise } from "./sounds.ts";

const LENGTH = 1000;
const sent = Float64Array.from(whiteNoise(1, -20, LENGTH + FILTER_TAPS + 200));

/** Of the sound that was sent, some samples later and through three taps. */
function filtered(offset: number): Float64Array {
  return Float64Array.from({ length: LENGTH }, (_, at) => {
    const tap = (index: number) => sent[offset + at - index] as number;
    return 0.2 * tap(0) - 0.1 * tap(3) + 0.05 * tap(FILTER_TAPS - 1);
  });
}

describe("the best filter", () => {
  test("explains all of what came through one", () => {
    const filter = new EchoFilter();
    const received = filtered(100);
    expect(filter.fit(received, sent, 100)).toBeGreaterThan(0.999);
    filter.keep();
    expect(filter.explains(received, sent, 100)).toBeGreaterThan(0.999);
  });

  test("is kept: it explains what came later", () => {
    const filter = new EchoFilter();
    filter.fit(filtered(60), sent, 60);
    filter.keep();
    filter.fit(Float64Array.from(whiteNoise(2, -20, LENGTH)), sent, 60);
    expect(filter.explains(filtered(180), sent, 180)).toBeGreaterThan(0.999);
  });

  test("explains next to nothing of another sound", () => {
    const filter = new EchoFilter();
    const other = Float64Array.from(whiteNoise(2, -20, LENGTH));
    expect(filter.fit(other, sent, 100)).toBeLessThan(0.08);
  });

  test("leaves what is not explained", () => {
    const filter = new EchoFilter();
    const received = filtered(100);
    filter.fit(received, sent, 100);
    filter.keep();
    const both = received.map((sample, at) => sample + (at === 500 ? 3000 : 0));
    filter.subtract(both, sent, 100);
    expect(both[500]).toBeCloseTo(3000, -1);
    const rest = Math.max(...both.map((sample, at) => at === 500 ? 0 : Math.abs(sample)));
    expect(rest).toBeLessThan(10);
  });

  test("is none for silence, of either side", () => {
    const filter = new EchoFilter();
    const silence = new Float64Array(LENGTH);
    expect(filter.fit(silence, sent, 100)).toBe(0);
    expect(filter.explains(silence, sent, 100)).toBe(0);
    expect(filter.fit(filtered(100), new Float64Array(sent.length), 100)).toBe(0);
  });
});
