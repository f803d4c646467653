import { describe, expect, test } from "bun:test";
import { levelOf, tone } from "../../src/audio/tone.ts";
import { STRETCH_MS_MAX, STRETCH_MS_MIN, TimeStretch } from "../../src/audio/time_stretch.ts";

/** `count` samples with room for what lengthening puts in. */
function roomy(samples: Int16Array, rate: number): Int16Array {
  const buffer = new Int16Array(samples.length + (STRETCH_MS_MAX * rate) / 1000);
  buffer.set(samples);
  return buffer;
}

function largestJump(samples: Int16Array): number {
  let largest = 0;
  for (let at = 1; at < samples.length; at++) {
    largest = Math.max(largest, Math.abs((samples[at] as number) - (samples[at - 1] as number)));
  }
  return largest;
}

/** A voice as far as a frame can tell: harmonics that fall, at a pitch that glides a little. */
function voice(pitch: number, durationMs: number, rate: number): Int16Array {
  let phase = 0;
  return Int16Array.from({ length: (durationMs * rate) / 1000 }, (_, at) => {
    phase += (2 * Math.PI * pitch * (1 + (0.2 * at) / rate)) / rate;
    let sum = 0;
    for (let harmonic = 1; harmonic * pitch < 3400; harmonic++) {
      sum += Math.sin(harmonic * phase + harmonic * harmonic) / harmonic;
    }
    return Math.round(5000 * sum);
  });
}

/** Numbers that look random and are the same each time. */
function noise(amplitude: number, length: number): Int16Array<ArrayBuffer> {
  let state = 1;
  return Int16Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round(amplitude * (state / 2 ** 31 - 1));
  });
}

/** Share of the power that is not the sine of `frequency`, in dB. */
function impurity(samples: Int16Array, frequency: number, rate: number): number {
  const step = (2 * Math.PI * frequency) / rate;
  let sine = 0, cosine = 0, power = 0;
  samples.forEach((sample, at) => {
    // A window, so that the edges make no lines of their own.
    const windowed = sample * (1 - Math.cos((2 * Math.PI * (at + 0.5)) / samples.length));
    sine += windowed * Math.sin(step * at);
    cosine += windowed * Math.cos(step * at);
    power += windowed * windowed;
  });
  // The window's own share in the other lines: a Hann window keeps 2/3 of the power in this one.
  const line = (2 * (sine ** 2 + cosine ** 2)) / samples.length * 1.5;
  return 10 * Math.log10(Math.max(1e-12, 1 - line / power));
}

type Way = "shorten" | "lengthen";
const WAYS: readonly Way[] = ["shorten", "lengthen"];
const RATES = [8000, 16_000, 24_000, 44_100, 48_000];

/** A recording in which the frame from `start` on was stretched, as a stream would be. */
function stretchedAt(whole: Int16Array, start: number, way: Way, rate: number) {
  const frame = whole.slice(start, start + rate / 50);
  const buffer = roomy(frame, rate);
  const count = new TimeStretch(rate)[way](buffer, frame.length);
  const after = whole.subarray(start + frame.length);
  const out = new Int16Array(start + count + after.length);
  out.set(whole.subarray(0, start));
  out.set(buffer.subarray(0, count), start);
  out.set(after, start + count);
  return { out, by: count - frame.length };
}

function checkLength(by: number, way: Way, rate: number): void {
  const ms = ((way === "shorten" ? -by : by) * 1000) / rate;
  expect(ms).toBeGreaterThanOrEqual(STRETCH_MS_MIN - 0.1);
  expect(ms).toBeLessThanOrEqual(STRETCH_MS_MAX);
}

describe("time stretching", () => {
  for (const way of WAYS) {
    for (const rate of RATES) {
      test(`can ${way} tones at ${rate} Hz: no click, one line in the spectrum`, () => {
        for (const frequency of [200, 350, 440, 697, 1000, 1209, 1633, 2000, 3100]) {
          const whole = tone(frequency, 100, rate);
          const { out, by } = stretchedAt(whole, rate / 25, way, rate);
          checkLength(by, way, rate);
          expect(largestJump(out)).toBeLessThanOrEqual(largestJump(whole) * 1.2);
          expect(Math.abs(levelOf(out) - levelOf(whole))).toBeLessThan(0.3);
          expect(impurity(out, frequency, rate)).toBeLessThan(-30);
        }
      });

      test(`can ${way} voices at ${rate} Hz by whole periods, without a click`, () => {
        for (const pitch of [75, 90, 110, 145, 200, 260, 350]) {
          const whole = voice(pitch, 100, rate);
          const { out, by } = stretchedAt(whole, rate / 25, way, rate);
          checkLength(by, way, rate);
          const periods = (Math.abs(by) * pitch) / rate;
          expect(Math.abs(periods - Math.round(periods))).toBeLessThan(0.1);
          expect(largestJump(out)).toBeLessThanOrEqual(largestJump(whole) * 1.2);
          expect(Math.abs(levelOf(out) - levelOf(whole))).toBeLessThan(0.5);
        }
      });
    }

    test(`will not ${way} noise that is loud: no place is like another`, () => {
      const whole = noise(8000, 800);
      const { out, by } = stretchedAt(whole, 320, way, 8000);
      expect(by).toBe(0);
      expect(out).toEqual(whole);
    });

    test(`can ${way} quiet noise and silence by 10 ms, without a click`, () => {
      for (const amplitude of [150, 3, 0]) {
        const whole = noise(amplitude, 800);
        const { out, by } = stretchedAt(whole, 320, way, 8000);
        expect(Math.abs(by)).toBe(80);
        expect(largestJump(out)).toBeLessThanOrEqual(largestJump(whole) * 1.2);
      }
    });

    test(`will not ${way} a frame that is too short for it`, () => {
      const whole = tone(440, 7, 8000);
      const buffer = roomy(whole, 8000);
      expect(new TimeStretch(8000)[way](buffer, whole.length)).toBe(whole.length);
      expect(buffer.subarray(0, whole.length)).toEqual(whole);
      expect(new TimeStretch(8000)[way](new Int16Array(0), 0)).toBe(0);
    });

    test(`can ${way} the frames of 10, 30 and 60 ms too`, () => {
      for (const duration of [10, 30, 60]) {
        const whole = voice(210, duration, 8000);
        const buffer = roomy(whole, 8000);
        const count = new TimeStretch(8000)[way](buffer, whole.length);
        checkLength(count - whole.length, way, 8000);
        expect(largestJump(buffer.subarray(0, count))).toBeLessThanOrEqual(
          largestJump(whole) * 1.2,
        );
      }
    });
  }

  test("finds the part of a frame that is periodic", () => {
    const whole = new Int16Array(160);
    whole.set(noise(5000, 80));
    whole.set(voice(210, 10, 8000), 80);
    const buffer = roomy(whole, 8000);
    const count = new TimeStretch(8000).shorten(buffer, 160);
    expect(160 - count).toBe(38);
    expect(buffer.subarray(0, 60)).toEqual(whole.subarray(0, 60));
  });

  test("keeps both ends of the frame, so that its neighbours still fit", () => {
    const whole = voice(120, 20, 8000);
    for (const way of WAYS) {
      const buffer = roomy(whole, 8000);
      const count = new TimeStretch(8000)[way](buffer, 160);
      expect(Math.abs((buffer[0] as number) - (whole[0] as number))).toBeLessThan(50);
      expect(Math.abs((buffer[count - 1] as number) - (whole[159] as number))).toBeLessThan(50);
    }
  });

  test("puts in no more than there is room for, and touches nothing behind", () => {
    const buffer = roomy(voice(150, 20, 8000), 8000);
    const tight = buffer.subarray(0, 160 + 60);
    const count = new TimeStretch(8000).lengthen(tight, 160);
    expect(count - 160).toBe(53);
    expect(new TimeStretch(8000).lengthen(buffer.subarray(0, 160), 160)).toBe(160);
    const shortened = roomy(voice(150, 20, 8000), 8000).fill(77, 160);
    new TimeStretch(8000).shorten(shortened, 160);
    expect(shortened.subarray(160).every((sample) => sample === 77)).toBe(true);
  });
});
