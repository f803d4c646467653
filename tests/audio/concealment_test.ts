import { describe, expect, test } from "bun:test";
import { Concealment } from "../../src/audio/concealment.ts";
import { levelOf, tone } from "../../src/audio/tone.ts";

function afterTone(): Concealment {
  const concealment = new Concealment(8000);
  const sound = tone(250, 60, 8000);
  for (let at = 0; at < 480; at += 160) concealment.good(sound.slice(at, at + 160), 160);
  return concealment;
}

function made(concealment: Concealment, length: number): Int16Array {
  const out = new Int16Array(length);
  concealment.conceal(out, length);
  return out;
}

describe("concealment of lost audio", () => {
  test("goes on with the sound that was, without a click", () => {
    const out = made(afterTone(), 160);
    const expected = tone(250, 80, 8000).subarray(480);
    for (let at = 0; at < 40; at++) {
      expect(Math.abs((out[at] as number) - (expected[at] as number)) < 2000).toBe(true);
    }
  });

  test("fades to silence by 60 ms, in pieces of any size", () => {
    const concealment = afterTone();
    const levels = [1, 2, 3].map(() => levelOf(made(concealment, 160)));
    expect((levels[0] as number) > (levels[1] as number)).toBe(true);
    expect((levels[1] as number) > (levels[2] as number)).toBe(true);
    expect(levelOf(made(concealment, 160))).toBe(-Infinity);
  });

  test("cross-fades into the sound that comes after", () => {
    const concealment = afterTone();
    made(concealment, 160);
    const next = new Int16Array(160);
    concealment.good(next, 160);
    expect(levelOf(next.subarray(0, 40)) > -40).toBe(true);
    expect(levelOf(next.subarray(40))).toBe(-Infinity);
    const later = new Int16Array(160);
    concealment.good(later, 160);
    expect(levelOf(later)).toBe(-Infinity);
  });

  test("has nothing to repeat at the beginning and after silence", () => {
    expect(levelOf(made(new Concealment(8000), 160))).toBe(-Infinity);
    const concealment = afterTone();
    concealment.forget();
    expect(levelOf(made(concealment, 160))).toBe(-Infinity);
  });
});

describe("joins of made-up audio and silence", () => {
  /** The largest step from one sample to the next, over pieces that were played in a row. */
  function stepMax(...pieces: Int16Array[]): number {
    let last = pieces[0]?.[0] ?? 0;
    let max = 0;
    for (const piece of pieces) {
      for (const sample of piece) {
        max = Math.max(max, Math.abs(sample - last));
        last = sample;
      }
    }
    return max;
  }

  test("what a codec makes up fades by 60 ms, and what comes after rises without a click", () => {
    for (const lost of [80, 160, 320, 480]) {
      const concealment = afterTone();
      const sound = tone(250, 200, 8000);
      const made = sound.slice(480, 480 + lost);
      const next = sound.slice(480 + lost);
      concealment.fade(made, lost);
      expect(concealment.left).toBe(480 - lost);
      concealment.good(next, next.length);
      expect(stepMax(sound.subarray(0, 480), made, next) < stepMax(sound) * 1.5).toBe(true);
      expect(levelOf(next.subarray(40))).toBeCloseTo(levelOf(sound), 0);
    }
  });

  test("audio ends in silence, and rises from it, without a click", () => {
    const concealment = new Concealment(8000);
    const sound = tone(250, 61, 8000);
    concealment.good(sound.slice(), sound.length);
    const silence = new Int16Array(160);
    concealment.end(silence, 160);
    const next = tone(250, 61, 8000).slice(8);
    concealment.good(next, next.length);
    expect(stepMax(sound, silence, next) < stepMax(sound) * 1.5).toBe(true);
    expect(levelOf(silence.subarray(40))).toBe(-Infinity);
    expect(levelOf(silence.subarray(0, 40)) > -40).toBe(true);
  });

  test("the first sound of all is left as it is", () => {
    const concealment = new Concealment(8000);
    concealment.end(new Int16Array(160), 160);
    const sound = tone(250, 20, 8000);
    const first = sound.slice();
    concealment.good(first, 160);
    expect(first).toEqual(sound);
  });

  test("at any rate, from frames of any length, nothing is out of the past that is kept", () => {
    for (const rate of [8000, 11_025, 16_000, 44_100, 48_000]) {
      const concealment = new Concealment(rate);
      for (const length of [1, 7, Math.round(rate / 100), Math.round(rate / 50), rate / 5]) {
        for (let count = 0; count < 20; count++) {
          concealment.good(new Int16Array(length + 3).fill(4000), length);
        }
        const out = made(concealment, Math.round(rate / 500));
        expect(out.every((sample) => sample > 3000 && sample <= 4000)).toBe(true);
        concealment.good(new Int16Array(10).fill(4000), 10);
      }
    }
  });

  test("a repetition begins where the sound was, whatever the pitch seems to be", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const concealment = new Concealment(16_000);
      // A pitch that rises: no period fits
      const sound = Int16Array.from(
        { length: 960 },
        (_, at) => Math.round(9000 * Math.sin(at * (0.02 + seed * 1e-3 + at * 1e-4))),
      );
      concealment.good(sound, sound.length);
      const first = made(concealment, 320)[0] as number;
      const step = Math.abs(first - (sound[959] as number));
      expect([seed, step <= stepMax(sound)]).toEqual([seed, true]);
    }
  });

  test("the loudest sound is not repeated beyond what a sample holds", () => {
    const concealment = new Concealment(8000);
    // Up and down in turn, and at the end up twice
    const sound = Int16Array.from({ length: 480 }, (_, at) => at % 2 === 0 ? 32_767 : -32_768);
    sound[479] = 32_767;
    concealment.good(sound, sound.length);
    expect(made(concealment, 160)[0]).toBe(32_767);
  });

  test("silence in the midst of a repetition ends it without a click", () => {
    const concealment = afterTone();
    const sound = tone(250, 60, 8000);
    const repeated = made(concealment, 84);
    const silence = new Int16Array(160);
    concealment.end(silence, 160);
    expect(stepMax(repeated, silence) < stepMax(sound) * 1.2).toBe(true);
    expect(levelOf(silence.subarray(40))).toBe(-Infinity);
  });

  test("what follows on audio that was left out is joined to what was before it", () => {
    const concealment = new Concealment(8000);
    const sound = tone(250, 60, 8000);
    concealment.good(sound.slice(), sound.length);
    concealment.cut();
    // Half a period was left out
    const next = tone(250, 80, 8000).slice(480 + 16);
    concealment.good(next, next.length);
    expect(stepMax(sound, next) < stepMax(sound) * 1.5).toBe(true);
  });
});
