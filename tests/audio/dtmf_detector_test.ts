import { describe, expect, test } from "bun:test";
import { DIGIT_MS_MAX, DtmfDetector } from "../../src/audio/dtmf_detector.ts";
import { DTMF_KEYS, dtmfTone, type DtmfToneOptions } from "../../src/audio/dtmf_tone.ts";
import { PCMA, PCMU } from "../../src/audio/g711.ts";
import { tone } from "../../src/audio/tone.ts";

const RATES = [8000, 16_000, 24_000, 32_000, 44_100, 48_000];
/** Instants within a step of the detector at which a key may be pressed. */
const STARTS_MS = [20, 21.3, 22.5, 23.9, 25.1];

type Sound = Int16Array<ArrayBuffer>;

function silence(durationMs: number, rate = 8000): Sound {
  return new Int16Array(Math.round((durationMs * rate) / 1000));
}

function joined(...sounds: readonly Sound[]): Sound {
  const out = new Int16Array(sounds.reduce((sum, sound) => sum + sound.length, 0));
  let at = 0;
  for (const sound of sounds) {
    out.set(sound, at);
    at += sound.length;
  }
  return out;
}

function mixed(...sounds: readonly Sound[]): Sound {
  const length = Math.max(...sounds.map((sound) => sound.length));
  return Int16Array.from({ length }, (_, at) => {
    const sum = sounds.reduce((total, sound) => total + (sound[at] ?? 0), 0);
    return Math.max(-32_768, Math.min(32_767, sum));
  });
}

/** White noise that is the same each time, so many dB below the key. */
function noisy(key: Sound, belowDb: number, pad: number): Sound {
  let power = 0;
  for (const sample of key) power += sample * sample;
  const amplitude = Math.sqrt((3 * power) / key.length / 10 ** (belowDb / 10));
  let state = key.length + pad;
  const noise = Int16Array.from({ length: key.length + 2 * pad }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round(amplitude * (state / 2 ** 31 - 1));
  });
  return mixed(noise, joined(new Int16Array(pad), key));
}

function viaG711(sound: Sound, codec: typeof PCMU): Sound {
  const codes = new Uint8Array(sound.length);
  codec.encode(sound, 0, sound.length, codes, 0);
  const out = new Int16Array(sound.length);
  codec.decode(codes, 0, codes.length, out);
  return out;
}

/** What is found in a sound that comes in frames. */
function found(sound: Sound, rate = 8000, frame = rate / 50) {
  const detector = new DtmfDetector(rate);
  const digits = [];
  for (let at = 0; at < sound.length; at += frame) {
    const digit = detector.receive(sound, at, Math.min(frame, sound.length - at));
    if (digit !== undefined) digits.push(digit);
  }
  for (let digit = detector.finish(); digit !== undefined; digit = detector.finish()) {
    digits.push(digit);
  }
  return digits;
}

function keysIn(sound: Sound, rate = 8000, frame = rate / 50): string {
  return found(sound, rate, frame).map(({ digit }) => digit).join("");
}

/** Presses every key at every start, and tells which of the presses were not found as they are. */
function missed(options: Partial<DtmfToneOptions>, change = (key: Sound): Sound => key) {
  return pressed(options, change).filter(({ key, heard }) => heard !== key);
}

function pressed(options: Partial<DtmfToneOptions>, change = (key: Sound): Sound => key) {
  const { rate = 8000, durationMs = 40 } = options;
  return [...DTMF_KEYS].flatMap((key) =>
    STARTS_MS.map((start) => {
      const sound = change(dtmfTone(key, { ...options, rate, durationMs }));
      const heard = keysIn(joined(silence(start, rate), sound, silence(60, rate)), rate);
      return { key, start, heard };
    })
  );
}

/** How many presses of all keys were found as anything. */
function heardOf(options: Partial<DtmfToneOptions>): number {
  return pressed(options).filter(({ heard }) => heard !== "").length;
}

describe("ITU-T Q.23 keys", () => {
  for (const rate of RATES) {
    test(`all are told at ${rate} Hz, with how long they were pressed`, () => {
      const keys = [...DTMF_KEYS].flatMap((key) => [
        dtmfTone(key, { durationMs: 70, rate }),
        silence(50, rate),
      ]);
      const digits = found(joined(...keys), rate);
      expect(digits.map(({ digit }) => digit).join("")).toBe(DTMF_KEYS);
      for (const { durationMs } of digits) expect(Math.abs(durationMs - 70)).toBeLessThan(4);
    });
  }

  test("are told however the sound is cut into frames", () => {
    const sound = joined(
      ...[..."19*D"].flatMap((key) => [dtmfTone(key, { durationMs: 45, rate: 8000 }), silence(45)]),
    );
    const whole = found(sound, 8000, 160);
    for (const frame of [1, 37, 80, 240, 480]) expect(found(sound, 8000, frame)).toEqual(whole);
    // All of them were in one piece: they come one by one.
    expect(found(sound, 8000, sound.length)).toEqual(whole);
  });

  test("samples are taken from the offset on, and no further", () => {
    const sound = joined(silence(20), dtmfTone("5", { durationMs: 60, rate: 8000 }), silence(60));
    const detector = new DtmfDetector(8000);
    expect(detector.receive(sound, 0, 160 + 240)).toBeUndefined();
    expect(detector.receive(sound, 400, sound.length - 400)?.digit).toBe("5");
    expect(detector.finish()).toBeUndefined();
  });

  test("there are no others to make", () => {
    expect(() => dtmfTone("E", { durationMs: 40, rate: 8000 })).toThrow(RangeError);
    expect(() => dtmfTone("12", { durationMs: 40, rate: 8000 })).toThrow('no key "12"');
  });
});

describe("ITU-T Q.24 reception of keys", () => {
  for (const level of [0, -3, -10, -25, -36]) {
    test(`takes tones of ${level} dBm0`, () => expect(missed({ level })).toEqual([]));
  }

  test("refuses tones of -42 dBm0", () => expect(heardOf({ level: -42 })).toBe(0));

  for (const [twist, level] of [[4, -10], [-8, -10], [4, -36], [-8, -28]] as const) {
    test(`takes a twist of ${twist} dB at ${level} dBm0`, () => {
      expect(missed({ twist, level })).toEqual([]);
    });
  }

  test("refuses a twist of 7 and of -11 dB", () => {
    expect(heardOf({ twist: 7, durationMs: 100 })).toBe(0);
    expect(heardOf({ twist: -11, durationMs: 100 })).toBe(0);
  });

  for (const deviation of [-0.015, 0.015]) {
    test(`takes frequencies that are ${100 * deviation} % off, with any twist`, () => {
      for (const twist of [-8, 0, 4]) expect(missed({ deviation, twist })).toEqual([]);
    });
  }

  test("refuses frequencies that are 3.5 % off", () => {
    for (const deviation of [-0.035, 0.035]) {
      for (const durationMs of [40, 150]) expect(heardOf({ deviation, durationMs })).toBe(0);
    }
  });

  test("refuses what is shorter than 23 ms", () => {
    for (const durationMs of [5, 10, 15, 20, 23]) expect(heardOf({ durationMs })).toBe(0);
  });

  test("tells equal keys apart by a pause of 40 ms, and bridges drop-outs of 10 ms", () => {
    for (const key of DTMF_KEYS) {
      for (const start of STARTS_MS) {
        const one = dtmfTone(key, { durationMs: 45, rate: 8000 });
        const after = silence(60);
        expect(keysIn(joined(silence(start), one, silence(40), one, after))).toBe(key + key);
        expect(keysIn(joined(silence(start), one, silence(10), one, after))).toBe(key);
      }
    }
  });

  test("a bridged drop-out counts as pressed", () => {
    const one = dtmfTone("7", { durationMs: 45, rate: 8000 });
    const digits = found(joined(silence(20), one, silence(8), one, silence(60)));
    expect(Math.abs((digits[0]?.durationMs ?? 0) - 98)).toBeLessThan(4);
  });

  test("keys that follow each other without a pause are told apart", () => {
    const keys = [..."147*0258"].map((key) => dtmfTone(key, { durationMs: 60, rate: 8000 }));
    expect(keysIn(joined(...keys))).toBe("147*0258");
  });

  test("hears keys through noise 15 dB below them", () => {
    const through = (key: Sound): Sound => noisy(key, 15, 400);
    expect(missed({}, through)).toEqual([]);
    expect(missed({ deviation: 0.015, twist: 4 }, through)).toEqual([]);
    expect(missed({ rate: 16_000 }, through)).toEqual([]);
  });

  for (const codec of [PCMU, PCMA]) {
    test(`hears keys through ${codec.name}, loud and soft`, () => {
      for (const level of [0, -20, -36]) {
        expect(missed({ level, twist: level === 0 ? -4 : 2 }, (key) => viaG711(key, codec)))
          .toEqual([]);
      }
    });
  }

  test("hears keys on a line with a direct current", () => {
    const shifted = (key: Sound): Sound => key.map((sample) => sample + 3000);
    expect(missed({}, shifted)).toEqual([]);
  });

  test("reports a key that is held at its bound, once", () => {
    const detector = new DtmfDetector(8000);
    const held = dtmfTone("9", { durationMs: DIGIT_MS_MAX + 1000, rate: 8000 });
    const digits = [];
    for (let at = 0; at < held.length; at += 160) {
      const digit = detector.receive(held, at, 160);
      if (digit !== undefined) digits.push({ ...digit, at: at / 8 });
    }
    expect(digits).toHaveLength(1);
    expect(digits[0]?.durationMs).toBe(DIGIT_MS_MAX);
    expect(Math.abs((digits[0]?.at ?? 0) - DIGIT_MS_MAX)).toBeLessThan(40);
    expect(detector.finish()).toBeUndefined();
    // The next press is heard again.
    const next = joined(silence(60), dtmfTone("9", { durationMs: 50, rate: 8000 }), silence(60));
    expect(detector.receive(next, 0, next.length)?.digit).toBe("9");
  });

  test("the end of the stream releases the key", () => {
    const detector = new DtmfDetector(8000);
    const key = dtmfTone("3", { durationMs: 80, rate: 8000 });
    expect(detector.receive(key, 0, key.length)).toBeUndefined();
    expect(detector.finish()?.digit).toBe("3");
    expect(detector.finish()).toBeUndefined();
  });
});

describe("in what is no key, no key is heard", () => {
  const frequencies = [350, 425, 440, 480, 620, 697, 770, 852, 941, 1004, 1209, 1336, 1477, 1633];

  test("single tones, of the keypad and of exchanges", () => {
    for (const frequency of [...frequencies, 1100, 2100, 2130]) {
      expect(keysIn(tone(frequency, 400, 8000, -6))).toBe("");
    }
  });

  test("dial tone, ringing and busy, and two tones of one group", () => {
    for (const [low, high] of [[350, 440], [440, 480], [480, 620], [697, 852], [1209, 1477]]) {
      const pair = mixed(tone(low as number, 400, 8000), tone(high as number, 400, 8000));
      expect(keysIn(pair)).toBe("");
    }
  });

  test("keys with strong harmonics, or with a third tone", () => {
    const key = dtmfTone("6", { durationMs: 200, rate: 8000, level: -12 });
    for (const frequency of [770 * 2, 1477 * 2, 400, 2600]) {
      expect(keysIn(mixed(key, tone(frequency, 200, 8000, -14)))).toBe("");
    }
    expect(keysIn(mixed(key, dtmfTone("9", { durationMs: 200, rate: 8000, level: -12 })))).toBe("");
  });

  test("noise, at any rate", () => {
    for (const rate of RATES) {
      const hiss = noisy(silence(10, rate).fill(8000), 0, rate);
      expect(keysIn(hiss, rate)).toBe("");
    }
  });

  test("sweeps through all frequencies, in pairs too", () => {
    const sweep = (from: number, to: number): Sound => {
      let turn = 0;
      return Int16Array.from({ length: 16_000 }, (_, at) => {
        turn += (2 * Math.PI * (from + ((to - from) * at) / 16_000)) / 8000;
        return 6000 * Math.sin(turn);
      });
    };
    expect(keysIn(sweep(200, 3800))).toBe("");
    expect(keysIn(mixed(sweep(500, 1200), sweep(1000, 1900)))).toBe("");
  });

  test("chords of notes with overtones", () => {
    const note = (semitone: number): Sound => {
      const frequency = 220 * 2 ** (semitone / 12);
      return mixed(
        ...[1, 2, 3, 4].map((overtone) =>
          tone(frequency * overtone, 300, 8000, -12 - 5 * overtone)
        ),
      );
    };
    for (let root = 0; root < 24; root++) {
      for (const chord of [[0, 4, 7], [0, 3, 7], [0, 5, 9], [0, 7, 12], [0, 9]]) {
        expect(keysIn(mixed(...chord.map((step) => note(root + step))))).toBe("");
      }
    }
  });
});
