import { describe, expect, test } from "bun:test";
import { ComfortNoise } from "../../src/audio/comfort_noise.ts";
import { SeededRandom } from "../../src/base/random.ts";

function describeNoise(noise: ComfortNoise, ...payload: readonly number[]): void {
  noise.describe(new Uint8Array([0xff, ...payload, 0xff]), 1, payload.length);
}

function noiseOf(rate: number, ...payload: readonly number[]): ComfortNoise {
  const noise = new ComfortNoise(rate, new SeededRandom(1));
  describeNoise(noise, ...payload);
  return noise;
}

/** Filled in pieces of 20 ms. */
function fill(noise: ComfortNoise, count: number, piece = 160): Int16Array {
  const out = new Int16Array(count);
  for (let at = 0; at < count; at += piece) {
    noise.fill(out.subarray(at), Math.min(piece, count - at));
  }
  return out;
}

/** §3.1: the level in dB against that of a full-scale square wave. */
function dbov(samples: Int16Array): number {
  let power = 0;
  for (const sample of samples) power += sample ** 2;
  return 10 * Math.log10(power / samples.length) - 20 * Math.log10(32_768);
}

/** How much each sample is like the one `shift` before: 1 for the same. */
function likeness(samples: Int16Array, shift: number): number {
  let product = 0;
  let power = 0;
  for (let at = shift; at < samples.length; at++) {
    product += (samples[at] as number) * (samples[at - shift] as number);
    power += (samples[at] as number) ** 2;
  }
  return product / power;
}

/** §3.2: the index that stands for about this coefficient. */
function indexOf(coefficient: number): number {
  return Math.round(coefficient * 32_768 / 258) + 127;
}

describe("RFC 3389 §3.1 noise level", () => {
  for (const rate of [8000, 16_000, 48_000]) {
    for (const level of [20, 45, 70]) {
      test(`${level} is -${level} dBov at ${rate} Hz`, () => {
        const samples = fill(noiseOf(rate, level), 2 * rate);
        // At other rates what is above 3.6 kHz is cut off by the resampler's slope.
        expect(Math.abs(dbov(samples) + level) < (rate === 8000 ? 0.3 : 0.8)).toBe(true);
      });
    }
  }

  test("is that of what is heard, whatever the spectrum", () => {
    for (const k of [-0.9, 0.9, 0.5]) {
      const samples = fill(noiseOf(8000, 40, indexOf(k), indexOf(0.3)), 80_000);
      expect(Math.abs(dbov(samples) + 40) < 0.7).toBe(true);
    }
  });

  test("the most significant bit of the byte is unused", () => {
    expect(fill(noiseOf(8000, 0x80 | 50), 320)).toEqual(fill(noiseOf(8000, 50), 320));
  });

  test("127 is silence for 16 bits", () => {
    expect(fill(noiseOf(8000, 127), 8000).every((sample) => sample === 0)).toBe(true);
  });
});

describe("RFC 3389 §3.2 spectral information", () => {
  test("a level alone is white", () => {
    const samples = fill(noiseOf(8000, 30), 80_000);
    for (const shift of [1, 2, 3, 7]) expect(Math.abs(likeness(samples, shift)) < 0.02).toBe(true);
  });

  test("the first coefficient is the likeness of neighbours, with the other sign", () => {
    for (const k of [-0.8, -0.3, 0.6]) {
      const samples = fill(noiseOf(8000, 30, indexOf(k)), 80_000);
      expect(Math.abs(likeness(samples, 1) + k) < 0.03).toBe(true);
      expect(Math.abs(likeness(samples, 2) - k * k) < 0.03).toBe(true);
    }
  });

  test("the second is a resonance: A(z) = 1 + k1 (1 + k2) / z + k2 / z²", () => {
    const [k1, k2] = [-0.5, 0.8];
    const samples = fill(noiseOf(8000, 30, indexOf(k1), indexOf(k2)), 80_000);
    const r1 = likeness(samples, 1);
    expect(Math.abs(r1 + k1) < 0.03).toBe(true);
    const r2 = -k1 * (1 + k2) * r1 - k2;
    expect(Math.abs(likeness(samples, 2) - r2) < 0.03).toBe(true);
  });

  test("index 127 is zero, and the reserved 255 is taken for 254", () => {
    expect(fill(noiseOf(8000, 30, 127), 320)).toEqual(fill(noiseOf(8000, 30), 320));
    expect(fill(noiseOf(8000, 30, 255), 320)).toEqual(fill(noiseOf(8000, 30, 254), 320));
  });

  test("coefficients of high order are set to zero", () => {
    const sixteen = new Array<number>(16).fill(140);
    const more = fill(noiseOf(8000, 30, ...sixteen, 0, 254, 13), 1600);
    expect(more).toEqual(fill(noiseOf(8000, 30, ...sixteen), 1600));
  });

  test("the spectrum is that of 8 kHz at any rate: nothing sounds above 4 kHz", () => {
    const samples = fill(noiseOf(16_000, 30, indexOf(-0.7)), 32_000);
    // At twice the rate the neighbour is the sample two before.
    expect(Math.abs(likeness(samples, 2) - 0.7) < 0.05).toBe(true);
    let above = 0;
    let all = 0;
    for (let frequency = 250; frequency < 8000; frequency += 250) {
      const power = powerAt(samples, frequency);
      all += power;
      if (frequency > 4400) above += power;
    }
    expect(above / all < 1e-4).toBe(true);
  });
});

/** The power around a frequency at 16 kHz, in no unit. */
function powerAt(samples: Int16Array, frequency: number): number {
  let power = 0;
  const step = 2 * Math.PI * frequency / 16_000;
  for (let from = 0; from + 320 <= samples.length; from += 320) {
    let real = 0;
    let imaginary = 0;
    for (let at = 0; at < 320; at++) {
      const sample = (samples[from + at] as number) * (1 - Math.cos(2 * Math.PI * at / 320));
      real += sample * Math.cos(step * at);
      imaginary += sample * Math.sin(step * at);
    }
    power += real ** 2 + imaginary ** 2;
  }
  return power;
}

describe("comfort noise of a stream", () => {
  test("is silence until it is described", () => {
    const noise = new ComfortNoise(8000);
    const out = new Int16Array(200).fill(7);
    noise.fill(out, 160);
    expect(out.every((sample, at) => sample === (at < 160 ? 0 : 7))).toBe(true);
    describeNoise(noise);
    noise.fill(out, 160);
    expect(out.subarray(0, 160).every((sample) => sample === 0)).toBe(true);
  });

  test("begins with the first description and goes smoothly to the next", () => {
    const noise = noiseOf(8000, 60);
    expect(Math.abs(dbov(fill(noise, 1600)) + 60) < 1).toBe(true);
    describeNoise(noise, 30);
    const levels = Array.from({ length: 15 }, () => dbov(fill(noise, 160)));
    for (let at = 1; at < 6; at++) {
      expect((levels[at] as number) > (levels[at - 1] as number)).toBe(true);
    }
    expect((levels[0] as number) < -45).toBe(true);
    expect(Math.abs((levels[14] as number) + 30) < 1.5).toBe(true);
  });

  test("a level alone makes a coloured noise white again", () => {
    const noise = noiseOf(8000, 30, indexOf(-0.8));
    fill(noise, 1600);
    describeNoise(noise, 30);
    fill(noise, 8000);
    expect(Math.abs(likeness(fill(noise, 40_000), 1)) < 0.03).toBe(true);
  });

  test("is the same for the same seed, in pieces of any size, and other for another", () => {
    const whole = fill(noiseOf(16_000, 40, 100), 3200);
    expect(fill(noiseOf(16_000, 40, 100), 3200, 7)).toEqual(whole);
    expect(fill(noiseOf(16_000, 40, 100), 3200, 3200)).toEqual(whole);
    const other = new ComfortNoise(16_000, new SeededRandom(2));
    describeNoise(other, 40, 100);
    expect(Math.abs(likenessOf(whole, fill(other, 3200))) < 0.1).toBe(true);
  });

  test("stays within bounds whatever is described", () => {
    const random = new SeededRandom(3389);
    const noise = new ComfortNoise(8000, random);
    for (let turn = 0; turn < 300; turn++) {
      const payload = new Uint8Array(random.nextUint32() % 40);
      random.fill(payload);
      // The hardest: every coefficient at its end.
      if (turn % 3 === 0) payload.forEach((byte, at) => payload[at] = byte & 1 ? 254 : 0);
      noise.describe(payload, 0, payload.length);
      fill(noise, 320);
    }
    describeNoise(noise, 40);
    fill(noise, 8000);
    expect(Math.abs(dbov(fill(noise, 16_000)) + 40) < 0.5).toBe(true);
  });
});

function likenessOf(one: Int16Array, other: Int16Array): number {
  let product = 0;
  let power = 0;
  one.forEach((sample, at) => {
    product += sample * (other[at] as number);
    power += sample ** 2;
  });
  return product / power;
}
