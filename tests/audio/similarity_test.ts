import { describe, expect, test } from "bun:test";
import { findSound, levelDbfs } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";

const RATE = 8000;

/** Noise that is the same in every run. */
function noise(length: number, seed = 1): Int16Array {
  const samples = new Int16Array(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    samples[at] = (state >>> 16) % 20_000 - 10_000;
  }
  return samples;
}

function joined(...parts: readonly Int16Array[]): Int16Array {
  return Int16Array.from(parts.flatMap((part) => [...part]));
}

function silence(length: number): Int16Array {
  return new Int16Array(length);
}

describe("a sound in another", () => {
  const sent = noise(800);

  test("is found where it begins, to the sample", () => {
    const heard = joined(noise(325, 7), sent, silence(100));
    const { correlation, delayMs } = findSound(sent, heard, { rate: RATE, delayMax: 100 });
    expect(delayMs).toBe(325 / 8);
    expect(Math.abs(correlation - 1) < 1e-9).toBe(true);
  });

  test("is the same when it is quieter, and has a negative sign when it is inverted", () => {
    const options = { rate: RATE, delayMax: 10 };
    expect(findSound(sent, sent.map((sample) => sample >> 3), options).correlation)
      .toBeGreaterThan(0.999);
    expect(findSound(sent, sent.map((sample) => -sample), options).correlation)
      .toBeLessThan(-0.999);
  });

  test("is not found beyond the largest delay", () => {
    const heard = joined(silence(400), sent);
    expect(findSound(sent, heard, { rate: RATE, delayMax: 50 }).correlation)
      .toBeGreaterThan(0.999);
    expect(Math.abs(findSound(sent, heard, { rate: RATE, delayMax: 49 }).correlation))
      .toBeLessThan(0.3);
  });

  test("is not found in another sound, in silence, nor in nothing", () => {
    const options = { rate: RATE, delayMax: 100 };
    expect(Math.abs(findSound(sent, noise(1600, 99), options).correlation)).toBeLessThan(0.3);
    expect(findSound(sent, silence(1600), options)).toEqual({ correlation: 0, delayMs: 0 });
    expect(findSound(sent, silence(0), options)).toEqual({ correlation: 0, delayMs: 0 });
    expect(findSound(silence(0), sent, options)).toEqual({ correlation: 0, delayMs: 0 });
  });

  test("is less alike by 3 dB when half of its energy is missing", () => {
    const steps = Int16Array.from({ length: 800 }, (_, at) => at % 3 === 0 ? 1000 : -1000);
    const { correlation } = findSound(steps, steps.slice(0, 400), { rate: RATE, delayMax: 0 });
    expect(Math.abs(correlation - Math.SQRT1_2)).toBeLessThan(1e-9);
  });
});

describe("a sound that is cut short, compared where there is something to compare", () => {
  test("is found whole, at its delay", () => {
    const sent = tone(440, 2000, RATE);
    const heard = joined(silence(480), sent.slice(0, 5000));
    const { correlation, delayMs } = findSound(sent, heard, {
      rate: RATE,
      delayMax: 1000,
      overlapMin: 300,
    });
    expect(delayMs).toBe(60);
    expect(correlation).toBeGreaterThan(0.9999);
  });

  test("is not found in less than the least overlap", () => {
    const sent = noise(800);
    const heard = joined(noise(700, 99), sent.slice(0, 100));
    const find = (overlapMin: number) =>
      findSound(sent, heard, { rate: RATE, delayMax: 100, overlapMin });
    expect(find(100 / 8).delayMs).toBe(700 / 8);
    expect(find(101 / 8).correlation).toBeLessThan(0.5);
    expect(find(200).correlation).toBe(0);
  });
});

describe("level", () => {
  test("is relative to full scale, in dB", () => {
    expect(levelDbfs(Int16Array.of(-32_768, -32_768))).toBe(0);
    expect(Math.abs(levelDbfs(Int16Array.of(16_384, -16_384)) + 6.02)).toBeLessThan(0.01);
    expect(Math.abs(levelDbfs(Int16Array.of(1)) + 90.31)).toBeLessThan(0.01);
  });

  test("of silence and of nothing is minus infinity", () => {
    expect(levelDbfs(silence(10))).toBe(-Infinity);
    expect(levelDbfs(silence(0))).toBe(-Infinity);
  });
});
