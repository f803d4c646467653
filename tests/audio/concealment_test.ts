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
