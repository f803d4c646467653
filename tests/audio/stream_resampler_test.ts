import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FOREIGN_RATES, STREAM_RATES, StreamResampler } from "../../src/audio/stream_resampler.ts";

const PAIRS = STREAM_RATES.flatMap((from) =>
  STREAM_RATES.filter((to) => to !== from).map((to) => [from, to] as const)
).concat(
  FOREIGN_RATES.filter((rate) => rate % 50 === 0)
    .flatMap((from) => [[from, 8000], [from, 16_000]] as const),
);

/** Passes samples through in frames of 20 ms. */
function passed(
  resampler: StreamResampler,
  samples: Int16Array,
  frame: number,
): Int16Array<ArrayBuffer> {
  const out = new Int16Array(resampler.outputMax(samples.length));
  const piece = new Int16Array(resampler.outputMax(frame));
  let count = 0;
  for (let at = 0; at < samples.length; at += frame) {
    const made = resampler.process(samples, at, Math.min(frame, samples.length - at), piece);
    out.set(piece.subarray(0, made), count);
    count += made;
  }
  return out.subarray(0, count);
}

function sine(frequency: number, rate: number, amplitude = 20_000): Int16Array<ArrayBuffer> {
  return Int16Array.from(
    { length: rate / 5 },
    (_, at) => Math.round(amplitude * Math.sin((2 * Math.PI * frequency * at) / rate)),
  );
}

interface Heard {
  /** Level of the sine against the one put in. */
  readonly gainDb: number;
  /** Level of everything else against the one put in. */
  readonly restDb: number;
  /** How late the sine is, in radians. */
  readonly lag: number;
}

/** Takes the sine of `frequency` out of the last half of the samples, and looks at what is left. */
function listen(samples: Int16Array, frequency: number, rate: number): Heard {
  const from = samples.length >> 1;
  const step = (2 * Math.PI * frequency) / rate;
  // Least squares: sine and cosine are not quite at right angles over any stretch.
  let ss = 0, sc = 0, cc = 0, xs = 0, xc = 0;
  for (let at = from; at < samples.length; at++) {
    const s = Math.sin(step * at), c = Math.cos(step * at), x = samples[at] as number;
    ss += s * s;
    sc += s * c;
    cc += c * c;
    xs += x * s;
    xc += x * c;
  }
  const scale = ss * cc - sc * sc;
  const a = (xs * cc - xc * sc) / scale;
  const b = (xc * ss - xs * sc) / scale;
  let rest = 0;
  for (let at = from; at < samples.length; at++) {
    rest += ((samples[at] as number) - a * Math.sin(step * at) - b * Math.cos(step * at)) ** 2;
  }
  const restAmplitude = Math.sqrt((2 * rest) / (samples.length - from));
  return {
    gainDb: 20 * Math.log10(Math.hypot(a, b) / 20_000),
    restDb: 20 * Math.log10(restAmplitude / 20_000),
    lag: Math.atan2(-b, a),
  };
}

describe("resampling of streams", () => {
  for (const [from, to] of PAIRS) {
    const lower = Math.min(from, to);

    test(`${from} Hz to ${to} Hz is flat to 0.425 of the lower rate, without images`, () => {
      for (const share of [0.0125, 0.0375, 0.1, 0.2, 0.3, 0.375, 0.4, 0.425]) {
        const resampler = new StreamResampler({ from, to });
        const got = passed(resampler, sine(share * lower, from), from / 50);
        const { gainDb, restDb } = listen(got, share * lower, to);
        expect(Math.abs(gainDb)).toBeLessThan(share > 0.4 ? 0.8 : 0.1);
        expect(restDb).toBeLessThan(-60);
      }
    });

    if (from < to) {
      test(`${from} Hz to ${to} Hz has no images of what is between the bands`, () => {
        for (const share of [0.44, 0.46, 0.48, 0.495]) {
          const got = passed(
            new StreamResampler({ from, to }),
            sine(share * from, from),
            from / 50,
          );
          expect(listen(got, share * from, to).restDb).toBeLessThan(-60);
        }
      });
    } else {
      test(`${from} Hz to ${to} Hz takes away what the lower rate cannot carry`, () => {
        for (let share = 0.5; share * lower < from / 2; share *= 1.06) {
          const resampler = new StreamResampler({ from, to });
          const got = passed(resampler, sine(share * lower, from), from / 50);
          // The frequency it would be heard at is of no interest: nothing at all may be left.
          expect(listen(got, 0.01 * lower, to).restDb).toBeLessThan(-60);
        }
      });
    }

    test(`${from} Hz to ${to} Hz is late by as much as it says, and by less than 5 ms`, () => {
      const resampler = new StreamResampler({ from, to });
      expect(resampler.delay).toBeGreaterThan(0);
      expect(resampler.delay).toBeLessThan(5);
      // Slow enough that a lag below half a period says it all.
      const { lag } = listen(passed(resampler, sine(100, from), from / 50), 100, to);
      expect(Math.abs((lag / (2 * Math.PI * 100)) * 1000 - resampler.delay)).toBeLessThan(0.01);
    });

    test(`${from} Hz to ${to} Hz gives 20 ms for 20 ms from the first frame on`, () => {
      const resampler = new StreamResampler({ from, to });
      const out = new Int16Array(resampler.outputMax(from / 50));
      for (let frame = 0; frame < 10; frame++) {
        expect(resampler.process(new Int16Array(from / 50), 0, from / 50, out)).toBe(to / 50);
      }
    });
  }

  test("the output does not depend on how the input is cut", () => {
    const rate = fc.constantFrom(...STREAM_RATES);
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.int16Array({ minLength: 1, maxLength: 3000 }),
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 30 }),
        (from, to, samples, cuts) => {
          const whole = passed(new StreamResampler({ from, to }), samples, samples.length);
          expect(whole).toHaveLength(Math.floor((samples.length * to) / from));
          const resampler = new StreamResampler({ from, to });
          let taken = 0;
          let made = 0;
          for (const cut of [...cuts, samples.length]) {
            const length = Math.min(cut, samples.length - taken);
            const out = new Int16Array(resampler.outputMax(length)).fill(-1);
            const count = resampler.process(samples, taken, length, out);
            expect(count).toBeLessThanOrEqual(out.length);
            taken += length;
            expect(made + count).toBe(Math.floor((taken * to) / from));
            expect(out.subarray(0, count)).toEqual(whole.subarray(made, made + count));
            made += count;
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("the first sample is not lost", () => {
    for (const [from, to] of PAIRS) {
      const click = new Int16Array(from / 50);
      click[0] = 30_000;
      const got = passed(new StreamResampler({ from, to }), click, click.length);
      const sum = got.reduce((total, sample) => total + sample, 0);
      // A click is as large in the mean, whatever the rate.
      expect(Math.abs(sum / ((30_000 * to) / from) - 1)).toBeLessThan(0.1);
    }
  });

  test("a constant comes through unchanged, and silence stays silent", () => {
    const down = passed(new StreamResampler({ from: 44_100, to: 8000 }), sine(0, 44_100), 882);
    expect(down.every((sample) => sample === 0)).toBe(true);
    const flat = new Int16Array(1600).fill(5000);
    const up = passed(new StreamResampler({ from: 8000, to: 44_100 }), flat, 160);
    expect(up.subarray(1000).every((sample) => sample === 5000)).toBe(true);
  });

  test("what overshoots is clipped, not wrapped", () => {
    const square = Int16Array.from({ length: 1600 }, (_, at) => at % 40 < 20 ? 32_767 : -32_768);
    const got = passed(new StreamResampler({ from: 8000, to: 16_000 }), square, 160);
    expect(Math.max(...got)).toBe(32_767);
    expect(Math.min(...got)).toBe(-32_768);
    let largest = 0;
    for (let at = 1; at < got.length; at++) {
      largest = Math.max(largest, Math.abs((got[at] as number) - (got[at - 1] as number)));
    }
    // A wrapped sample would jump by the whole range at once.
    expect(largest).toBeLessThan(60_000);
  });

  test("after a reset it is as new", () => {
    const samples = sine(440, 44_100);
    const resampler = new StreamResampler({ from: 44_100, to: 16_000 });
    const first = passed(resampler, samples, 500).slice();
    resampler.process(samples, 0, 123, new Int16Array(resampler.outputMax(123)));
    resampler.reset();
    expect(passed(resampler, samples, 777)).toEqual(first);
  });

  test("equal rates are passed on as they are, at once", () => {
    const resampler = new StreamResampler({ from: 8000, to: 8000 });
    expect(resampler.delay).toBe(0);
    expect(passed(resampler, sine(440, 8000), 160)).toEqual(sine(440, 8000));
  });

  test("takes rates whose frames are no whole samples, in any pieces", () => {
    const got = passed(new StreamResampler({ from: 11_025, to: 8000 }), sine(1000, 11_025), 441);
    const { gainDb, restDb } = listen(got, 1000, 8000);
    expect(Math.abs(gainDb)).toBeLessThan(0.1);
    expect(restDb).toBeLessThan(-60);
    expect(got.length).toBe(1600);
  });

  test("refuses rates that it has no filter for", () => {
    expect(() => new StreamResampler({ from: 11_000, to: 8000 })).toThrow(RangeError);
    expect(() => new StreamResampler({ from: 8000, to: 0 })).toThrow("use 8000, 16000");
  });
});
