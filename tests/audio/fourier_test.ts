import { describe, expect, test } from "bun:test";
import { correlate, FourierTransform } from "../../src/audio/fourier.ts";
import { pseudoRandom } from "./sounds.ts";

const SIZE = 64;

function randoms(seed: number, count: number): Float64Array {
  const next = pseudoRandom(seed);
  return Float64Array.from({ length: SIZE }, (_, at) => at < count ? next() * 2 - 1 : 0);
}

describe("the Fourier transform", () => {
  test("is the sum that it is defined by", () => {
    const re = randoms(1, SIZE);
    const im = randoms(2, SIZE);
    const gotRe = re.slice();
    const gotIm = im.slice();
    new FourierTransform(SIZE).forward(gotRe, gotIm);
    for (let bin = 0; bin < SIZE; bin++) {
      let sumRe = 0;
      let sumIm = 0;
      for (let at = 0; at < SIZE; at++) {
        const turn = (-2 * Math.PI * bin * at) / SIZE;
        const [real = 0, imaginary = 0] = [re[at], im[at]];
        sumRe += real * Math.cos(turn) - imaginary * Math.sin(turn);
        sumIm += real * Math.sin(turn) + imaginary * Math.cos(turn);
      }
      expect(gotRe[bin]).toBeCloseTo(sumRe, 9);
      expect(gotIm[bin]).toBeCloseTo(sumIm, 9);
    }
  });
});

describe("the correlation", () => {
  test("is the sum of products at each lag", () => {
    const long = randoms(3, 50);
    const short = randoms(4, 14);
    const got = long.slice();
    correlate(new FourierTransform(SIZE), got, short.slice());
    for (let lag = 0; lag <= 50; lag++) {
      let sum = 0;
      for (let at = 0; at < 14; at++) sum += (long[lag + at] ?? 0) * (short[at] ?? 0);
      expect(got[lag]).toBeCloseTo(sum, 9);
    }
  });
});
