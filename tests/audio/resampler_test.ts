import { describe, expect, test } from "bun:test";
import { resample } from "../../src/audio/resampler.ts";
import { levelOf, tone } from "../../src/audio/tone.ts";

function middle(samples: Int16Array): Int16Array {
  const quarter = samples.length >> 2;
  return samples.subarray(quarter, samples.length - quarter);
}

/** Level of what is left when the tone that should be there is taken away, in dB below it. */
function distortion(got: Int16Array, wanted: Int16Array): number {
  const difference = got.map((sample, at) => sample - (wanted[at] as number));
  return levelOf(middle(wanted)) - levelOf(middle(difference));
}

describe("resampling of recordings", () => {
  const rates = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000];
  for (const from of rates) {
    for (const to of [8000, 16000]) {
      if (from === to) continue;
      test(`${from} Hz to ${to} Hz keeps a tone, its phase and its level`, () => {
        const got = resample(tone(700, 400, from), from, to);
        expect(got).toHaveLength(Math.round(0.4 * to));
        expect(distortion(got, tone(700, 400, to)) > 60).toBe(true);
      });
    }
  }

  test("takes away what the lower rate cannot carry", () => {
    const got = resample(tone(5000, 400, 16000), 16000, 8000);
    expect(levelOf(middle(got)) < -75).toBe(true);
  });

  test("keeps the band of a telephone whole", () => {
    const got = resample(tone(3400, 400, 48000), 48000, 8000);
    expect(Math.abs(levelOf(middle(got)) + 10) < 0.2).toBe(true);
  });

  test("lets a constant through and leaves silence silent", () => {
    const got = middle(resample(new Int16Array(1600).fill(5000), 16000, 8000));
    expect(Math.min(...got)).toBe(5000);
    expect(Math.max(...got)).toBe(5000);
    expect(levelOf(resample(new Int16Array(441), 44100, 8000))).toBe(-Infinity);
  });

  test("gives the input back when nothing is to be done", () => {
    const samples = new Int16Array([1, 2, 3]);
    expect(resample(samples, 8000, 8000)).toBe(samples);
    expect(resample(new Int16Array(0), 8000, 16000)).toHaveLength(0);
  });

  test("refuses rates that make no sense", () => {
    expect(() => resample(new Int16Array(1), 0, 8000)).toThrow(RangeError);
    expect(() => resample(new Int16Array(1), 8000, 1e9)).toThrow("out of range");
  });

  test("rates without a common measure stay close", () => {
    const got = resample(tone(700, 400, 44101), 44101, 8000);
    expect(distortion(got, tone(700, 400, 8000)) > 45).toBe(true);
  });
});
