import { describe, expect, test } from "bun:test";
import { DTMF_KEYS, dtmfTone } from "../../src/audio/dtmf_tone.ts";
import { KeyTones } from "../../src/audio/key_tone.ts";
import { mixed, speech, tone, whiteNoise } from "./sounds.ts";

const RATES = [8000, 16_000, 24_000, 48_000];

/** Whether a key is found in the last `spanMs` of a sound. */
function isKeyIn(sound: Int16Array, rate: number, spanMs: number, frame = rate / 50): boolean {
  const keys = new KeyTones(rate, 250);
  for (let at = 0; at < sound.length; at += frame) {
    const piece = sound.subarray(at, at + frame);
    keys.received(piece, piece.length);
  }
  return keys.isKey(spanMs * rate / 1000);
}

describe("ITU-T Q.23 keys", () => {
  for (const rate of RATES) {
    test(`are found at ${rate} Hz, loud or weak, and in noise`, () => {
      for (const digit of DTMF_KEYS) {
        for (const [level, twist] of [[-6, 0], [-30, 4], [-20, -8]] as const) {
          const key = dtmfTone(digit, { durationMs: 60, rate, level, twist });
          const noisy = mixed(key, whiteNoise(1, -55, key.length), 0);
          expect({ digit, level, isKey: isKeyIn(noisy, rate, 60) })
            .toEqual({ digit, level, isKey: true });
        }
      }
    });
  }

  test("are found wherever 40 ms of them lie in what is kept, and no longer", () => {
    const key = dtmfTone("5", { durationMs: 40, rate: 8000 });
    for (let end = 40; end <= 250; end += 7) {
      const sound = new Int16Array(8000);
      sound.set(key, (1000 - end) * 8);
      expect(isKeyIn(sound, 8000, 250, 160)).toBe(true);
      if (end > 120) expect(isKeyIn(sound, 8000, 80, 160)).toBe(false);
    }
  });

  test("are found whatever pieces the sound comes in", () => {
    const key = dtmfTone("#", { durationMs: 500, rate: 8000 });
    for (const frame of [1, 7, 80, 480, 4000]) expect(isKeyIn(key, 8000, 100, frame)).toBe(true);
  });
});

describe("no key", () => {
  test("is found in one tone, noise or silence", () => {
    for (const frequency of [425, 697, 941, 1209, 1477]) {
      expect(isKeyIn(tone(frequency, 8000, 4000), 8000, 250)).toBe(false);
    }
    expect(isKeyIn(whiteNoise(1, -20, 4000), 8000, 250)).toBe(false);
    expect(isKeyIn(new Int16Array(4000), 8000, 250)).toBe(false);
  });

  test("is found in speech", () => {
    const words = speech(8000);
    for (let end = 2000; end < words.length; end += 2000) {
      expect({ end, isKey: isKeyIn(words.subarray(0, end), 8000, 250) })
        .toEqual({ end, isKey: false });
    }
  });
});
