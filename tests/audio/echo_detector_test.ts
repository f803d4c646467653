import { describe, expect, test } from "bun:test";
import { EchoDetector, type EchoVerdict } from "../../src/audio/echo_detector.ts";
import { resample } from "../../src/audio/resampler.ts";
import { atLevel, overLine, RATE } from "../support/echo_line.ts";
import { speech, whiteNoise } from "./sounds.ts";

const prompt = atLevel(speech(RATE).slice().reverse(), -26);
const words = atLevel(speech(RATE), -26);

interface Heard {
  readonly detector: EchoDetector;
  readonly verdicts: readonly EchoVerdict[];
}

/** What is said of a sound that comes while the prompt goes out, every 100 ms. */
function judge(sound: Int16Array, rate = RATE, sent = prompt): Heard {
  const detector = new EchoDetector(rate);
  const frame = rate / 50;
  const verdicts: EchoVerdict[] = [];
  for (let at = 0; at + frame <= sound.length; at += frame) {
    if (at + frame <= sent.length) {
      detector.sent(sent.subarray(at, at + frame), frame, at * 1000 / rate);
    }
    detector.received(sound.subarray(at, at + frame), frame);
    if (at % (frame * 5) === 0) verdicts.push(detector.judge());
  }
  return { detector, verdicts };
}

function shareOf(verdicts: readonly EchoVerdict[], wanted: EchoVerdict): number {
  return verdicts.filter((verdict) => verdict === wanted).length / verdicts.length;
}

describe("our own sound", () => {
  for (const delayMs of [5, 20, 133, 250, 500]) {
    test(`is known when it comes back after ${delayMs} ms, by a hybrid and G.711`, () => {
      const path = { delayMs, lossDb: 20, law: "PCMU", seed: delayMs } as const;
      const sound = overLine({ prompt, echo: path }).subarray(0, prompt.length);
      // But for the beginning, which has no echo yet, and long pauses
      expect(shareOf(judge(sound).verdicts.slice(8), "echo")).toBeGreaterThan(0.85);
    });
  }

  for (const lossDb of [6, 12, 30]) {
    test(`is known when ${lossDb} dB of it are lost`, () => {
      const path = { delayMs: 180, lossDb, law: "PCMA", seed: 3 } as const;
      const sound = overLine({ prompt, echo: path, noiseDbov: -70 }).subarray(0, prompt.length);
      expect(shareOf(judge(sound).verdicts.slice(8), "echo")).toBeGreaterThan(0.8);
    });
  }

  for (const rate of [16_000, 24_000, 48_000]) {
    test(`is known at ${rate} Hz`, () => {
      const path = { delayMs: 90, lossDb: 18, law: "PCMU", seed: 4 } as const;
      const sound = overLine({ prompt, echo: path }).subarray(0, prompt.length);
      const up = (samples: Int16Array) => resample(samples, RATE, rate);
      const { verdicts } = judge(up(sound), rate, up(prompt));
      expect(shareOf(verdicts.slice(8), "echo")).toBeGreaterThan(0.85);
    });
  }

  test("is known again when its delay changes", () => {
    const path = { delayMs: 60, lossDb: 20, law: "PCMU", seed: 1 } as const;
    const near = overLine({ prompt, echo: path });
    const far = overLine({ prompt, echo: { ...path, delayMs: 220 } });
    const half = prompt.length / 2 - prompt.length / 2 % 160;
    const sound = near.slice(0, prompt.length);
    sound.set(far.subarray(half, prompt.length), half);
    const { verdicts } = judge(sound);
    const second = verdicts.slice(verdicts.length / 2 + 3);
    expect(shareOf(second, "echo")).toBeGreaterThan(0.85);
  });
});

describe("a voice over our own sound", () => {
  test("is not taken for it", () => {
    const { verdicts } = judge(words);
    expect(shareOf(verdicts, "echo")).toBeLessThan(0.1);
    expect(shareOf(verdicts, "voice")).toBeGreaterThan(0.7);
  });

  test("is not taken for it where the line has an echo too", () => {
    const path = { delayMs: 120, lossDb: 20, law: "PCMU", seed: 2 } as const;
    const sound = overLine({ prompt, caller: words, echo: path }).subarray(0, prompt.length);
    expect(shareOf(judge(sound).verdicts, "echo")).toBeLessThan(0.15);
  });

  test("is found where it begins", () => {
    const path = { delayMs: 120, lossDb: 20, law: "PCMU", seed: 2 } as const;
    const spoke = 2 * RATE;
    const caller = new Int16Array(prompt.length);
    caller.set(words.subarray(0, RATE), spoke);
    const line = overLine({ prompt, caller, echo: path });
    const sound = line.subarray(0, spoke + 0.18 * RATE);
    const { detector } = judge(sound);
    expect(detector.judge()).toBe("voice");
    expect(Math.abs((detector.voiceMs() ?? NaN) - 180)).toBeLessThanOrEqual(20);
  });
});

describe("what cannot be told", () => {
  test("is unsure before a window is full", () => {
    const detector = new EchoDetector(RATE);
    detector.sent(prompt, 1600, 0);
    detector.received(words, 1600);
    expect(detector.judge()).toBe("unsure");
    expect(detector.voiceMs()).toBeUndefined();
  });

  test("is a voice when nothing was sent", () => {
    const { verdicts } = judge(words, RATE, new Int16Array(prompt.length));
    expect(shareOf(verdicts.slice(3), "voice")).toBe(1);
  });

  test("is weak when it is much weaker than what was sent, and unlike it", () => {
    const { verdicts } = judge(whiteNoise(2, -50, prompt.length));
    expect(shareOf(verdicts.slice(3), "weak")).toBeGreaterThan(0.9);
    expect(shareOf(verdicts, "echo")).toBe(0);
  });
});
