import { describe, expect, test } from "bun:test";
import type { VoiceDetectorLibrary } from "../../src/audio/audio_libraries.ts";
import { detectorRate, SpeechDetector } from "../../src/audio/speech_detector.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { mixed, speech, tone, whiteNoise } from "./sounds.ts";

const { voiceDetector } = await loadAudioLibraries({ opus: false, voiceDetector: true });
const library = voiceDetector as VoiceDetectorLibrary;

const RATES = [8000, 16_000, 24_000, 48_000];

interface Change {
  readonly type: "started" | "stopped";
  /** Where the detector says it was. */
  readonly atMs: number;
  /** How much had been received. */
  readonly toldMs: number;
}

/** What a detector says of a sound that comes in pieces of so many samples. */
function changesIn(sound: Int16Array, rate: number, piece = rate / 50): readonly Change[] {
  const detector = new SpeechDetector({ rate, library });
  const changes: Change[] = [];
  for (let at = 0; at < sound.length; at += piece) {
    const length = Math.min(piece, sound.length - at);
    const type = detector.receive(sound, at, length);
    if (type === undefined) continue;
    changes.push({ type, atMs: detector.atMs, toldMs: ((at + length) * 1000) / rate });
  }
  detector.close();
  return changes;
}

/** Two seconds of noise, and speech in it from the middle of a frame after the first on. */
const SPEECH_AT_MS = 1010;
function speechInNoise(rate: number): Int16Array {
  const noise = whiteNoise(rate, -50, rate * 8);
  return mixed(noise, speech(rate, -30), (rate * SPEECH_AT_MS) / 1000);
}

describe("speech", () => {
  for (const rate of RATES) {
    test(`of -30 dBov in noise of -50 dBov is found within 100 ms at ${rate} Hz`, () => {
      const changes = changesIn(speechInNoise(rate), rate);
      expect(changes[0]?.type).toBe("started");
      expect(changes[0]?.toldMs).toBeGreaterThan(SPEECH_AT_MS);
      expect(changes[0]?.toldMs).toBeLessThanOrEqual(SPEECH_AT_MS + 100);
    });

    test(`is said to begin and end where it does at ${rate} Hz`, () => {
      const changes = changesIn(speechInNoise(rate), rate);
      expect(Math.abs((changes[0]?.atMs ?? 0) - SPEECH_AT_MS)).toBeLessThanOrEqual(40);
      const last = changes.at(-1) as Change;
      expect(last.type).toBe("stopped");
      const end = SPEECH_AT_MS + (speech(rate).length * 1000) / rate;
      expect(Math.abs(last.atMs - end)).toBeLessThanOrEqual(150);
      // The pause after which it is told
      expect(last.toldMs - last.atMs).toBe(300);
    });
  }

  test("is found as well after digital silence", () => {
    const sound = mixed(new Int16Array(8000 * 8), speech(8000, -30), 8000);
    const [started] = changesIn(sound, 8000);
    expect(started?.type).toBe("started");
    expect(Math.abs((started?.atMs ?? 0) - 1000)).toBeLessThanOrEqual(40);
  });

  test("begins and ends by turns", () => {
    const types = changesIn(speechInNoise(8000), 8000).map((change) => change.type);
    expect(types.length).toBeGreaterThanOrEqual(2);
    expect(types).toEqual(types.map((_, index) => index % 2 === 0 ? "started" : "stopped"));
  });

  test("is found at the same place whatever pieces it comes in", () => {
    const sound = speechInNoise(24_000);
    const places = (piece: number) =>
      changesIn(sound, 24_000, piece).map((change) => [change.type, change.atMs]);
    const expected = places(480);
    expect(expected.length).toBeGreaterThan(0);
    for (const piece of [1, 7, 240, 481, 1440]) expect(places(piece)).toEqual(expected);
  });

  test("has a length while it lasts, and none after", () => {
    const detector = new SpeechDetector({ rate: 8000, library });
    const sound = speechInNoise(8000);
    for (let at = 0; at < sound.length && detector.state === "silence"; at += 160) {
      expect(detector.speechMs).toBe(0);
      detector.receive(sound, at, 160);
    }
    const first = detector.speechMs;
    expect(first).toBeGreaterThanOrEqual(60);
    expect(first).toBeLessThanOrEqual(160);
    const at = (detector.atMs + first) * 8;
    for (let frame = 0; frame < 10; frame++) detector.receive(sound, at + frame * 160, 160);
    expect(detector.speechMs).toBe(first + 200);
    for (let frame = 0; frame < 50; frame++) detector.receive(new Int16Array(160), 0, 160);
    expect(detector.state).toBe("silence");
    expect(detector.speechMs).toBe(0);
    detector.close();
  });
});

describe("no speech", () => {
  for (const rate of RATES) {
    test(`is raised by a minute of white noise at -50 dBov at ${rate} Hz`, () => {
      const second = whiteNoise(7, -50, rate);
      const detector = new SpeechDetector({ rate, library });
      const changes = Array.from({ length: 60 }, (_, index) =>
        // Not twice from the same place
        detector.receive(second, index, rate - index));
      detector.close();
      expect(changes.filter((change) => change !== undefined)).toEqual([]);
    });
  }

  test("is raised by silence", () => {
    expect(changesIn(new Int16Array(8000 * 60), 8000)).toEqual([]);
  });

  test("is raised by noise that begins after silence", () => {
    const sound = mixed(new Int16Array(8000 * 12), whiteNoise(3, -50, 8000 * 10), 16_050);
    expect(changesIn(sound, 8000)).toEqual([]);
  });

  test("is raised by a tone, of the telephone network or a machine", () => {
    for (const rate of RATES) {
      for (const frequency of [350, 425, 440, 1000, 1400, 2100]) {
        expect(changesIn(tone(frequency, rate, rate * 3), rate)).toEqual([]);
      }
    }
  });
});

describe("loudness", () => {
  test("is 0 dBov for a full-scale square wave, and -50 for noise of that level", () => {
    const detector = new SpeechDetector({ rate: 8000, library });
    const square = Int16Array.from({ length: 8000 }, (_, at) => at % 16 < 8 ? 32_767 : -32_768);
    detector.receive(square, 0, square.length);
    expect(detector.loudness).toBeCloseTo(0, 1);
    detector.receive(whiteNoise(1, -50, 8000), 0, 8000);
    expect(Math.abs(detector.loudness + 50)).toBeLessThan(1);
    detector.close();
  });

  test("is that of digital silence at the start", () => {
    const detector = new SpeechDetector({ rate: 8000, library });
    expect(detector.loudness).toBe(-96);
    detector.close();
  });
});

describe("a detector of speech", () => {
  test("begins anew after a reset", () => {
    const detector = new SpeechDetector({ rate: 8000, library });
    const sound = speechInNoise(8000);
    const changesNow = () => {
      const changes: unknown[] = [];
      for (let at = 0; at < sound.length; at += 160) {
        const change = detector.receive(sound, at, 160);
        if (change !== undefined) changes.push([change, detector.atMs]);
      }
      return changes;
    };
    const first = changesNow();
    detector.receive(sound, 0, 12_345);
    detector.reset();
    expect([detector.state, detector.atMs, detector.loudness]).toEqual(["silence", 0, -96]);
    expect(changesNow()).toEqual(first);
    detector.close();
  });

  test("uses the rate of the samples where it can, and 8000 Hz where not", () => {
    const rates = [8000, 11_025, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000];
    expect(rates.map(detectorRate)).toEqual(
      [8000, 8000, 8000, 16_000, 8000, 32_000, 8000, 48_000],
    );
  });

  test("refuses rates below that of a telephone", () => {
    expect(() => new SpeechDetector({ rate: 4000, library })).toThrow(RangeError);
  });

  test("can be closed twice, and hears nothing after", () => {
    const detector = new SpeechDetector({ rate: 8000, library });
    detector.close();
    detector.close();
    expect(() => detector.receive(new Int16Array(160), 0, 160)).toThrow(RangeError);
  });
});
