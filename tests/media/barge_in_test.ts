import { describe, expect, test } from "bun:test";
import type { VoiceDetectorLibrary } from "../../src/audio/audio_libraries.ts";
import { dtmfTone } from "../../src/audio/dtmf_tone.ts";
import { PCMU } from "../../src/audio/g711.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { speech, whiteNoise } from "../audio/sounds.ts";
import {
  atLevel,
  type EchoCall,
  listen,
  pathOf,
  RATE,
  type ToldChange,
} from "../support/echo_line.ts";
import { keysPressed } from "../support/prompts.ts";
import { Harness, keyPacket, rtp } from "./session_harness.ts";

const libraries = await loadAudioLibraries({ opus: false, voiceDetector: true });
const library = libraries.voiceDetector as VoiceDetectorLibrary;

const PROMPT = atLevel(speech(RATE).slice().reverse(), -26);
const WORDS = atLevel(speech(RATE), -26).subarray(0, 1.5 * RATE);
const SILENCE = new Int16Array(6 * RATE);
/** Nothing is played. */
const NOTHING = new Int16Array(0);
const ms = (count: number) => count * RATE / 1000;

/** A sound that begins so much later. */
function late(sound: Int16Array, byMs: number): Int16Array {
  const delayed = new Int16Array(sound.length + ms(byMs));
  delayed.set(sound, ms(byMs));
  return delayed;
}

const changesIn = (call: Partial<EchoCall>) => listen({ library, prompt: NOTHING, ...call });
const speechIn = (call: Partial<EchoCall>) =>
  changesIn(call).filter(({ type }) => type === "speech");
const bargeInsIn = (call: Partial<EchoCall>) =>
  changesIn(call).filter(({ type }) => type === "bargeIn").map(({ toldMs }) => toldMs);

describe("a caller who speaks while nothing is played", () => {
  const changes = changesIn({ caller: late(WORDS, 1000) });

  test("is told of at once, with the place where the speech began", () => {
    const [started] = changes as [ToldChange & { atMs: number }];
    expect(started).toMatchObject({ type: "speech", state: "started" });
    expect(Math.abs(started.atMs - 1000)).toBeLessThanOrEqual(20);
    expect(started.toldMs).toBeLessThanOrEqual(1100);
  });

  test("is told of again at the end, and interrupts nothing", () => {
    expect(changes.map((change) => change.type === "speech" ? change.state : change.type))
      .toEqual(["started", "stopped"]);
  });
});

describe("a caller who speaks over our sound", () => {
  for (const after of [200, 300, 600, 1000]) {
    test(`interrupts it after ${after} ms of speech`, () => {
      const [told] = bargeInsIn({ prompt: PROMPT, caller: late(WORDS, 2000), after });
      const delay = (told ?? NaN) - 2000;
      expect(delay).toBeGreaterThanOrEqual(after - 20);
      // Below the time that it takes to know the voice from an echo, that is what it takes
      expect(delay).toBeLessThanOrEqual(Math.max(after, 240) + 60);
    });
  }

  test("is told of before that", () => {
    const [started, interrupted] = changesIn({ prompt: PROMPT, caller: late(WORDS, 2000) });
    expect(started).toMatchObject({ type: "speech", state: "started" });
    expect(interrupted?.type).toBe("bargeIn");
    expect(started?.toldMs ?? 0).toBeLessThan(interrupted?.toldMs ?? 0);
  });

  test("interrupts it as well where the line has an echo, at any delay", () => {
    for (let index = 0; index < 8; index++) {
      const echo = pathOf(index, 20);
      const [told] = bargeInsIn({ prompt: PROMPT, caller: late(WORDS, 2000), echo });
      const delay = (told ?? NaN) - 2000;
      expect(delay).toBeGreaterThan(200);
      expect(delay).toBeLessThanOrEqual(360);
    }
  });

  test("interrupts it once for each speech", () => {
    const caller = late(new Int16Array([...WORDS, ...new Int16Array(RATE), ...WORDS]), 500);
    const told = bargeInsIn({ prompt: PROMPT, caller, goesOn: true });
    expect(told.length).toBe(2);
    expect(Math.abs((told[1] ?? 0) - (told[0] ?? 0) - 2500)).toBeLessThanOrEqual(60);
  });

  test("interrupts nothing where the handler is only to be told", () => {
    const changes = changesIn({ prompt: PROMPT, caller: late(WORDS, 2000), mode: "notify" });
    expect(changes.map((change) => change.type === "speech" ? change.state : change.type))
      .toEqual(["started", "stopped"]);
  });

  test("interrupts a pause of ours while more of it waits", () => {
    const prompt = new Int16Array([...PROMPT.subarray(0, RATE), ...SILENCE, ...PROMPT]);
    const [told] = bargeInsIn({ prompt, caller: late(WORDS, 4000) });
    expect(Math.abs((told ?? NaN) - 4300)).toBeLessThanOrEqual(60);
  });

  test("interrupts what begins while he speaks, once it has been heard for as long", () => {
    const beginsAt = 1600;
    const call = { prompt: PROMPT, beginsAt, caller: late(WORDS, 1000) };
    const [told] = bargeInsIn(call);
    expect(told ?? NaN).toBeGreaterThanOrEqual(beginsAt + 300);
    expect(told ?? NaN).toBeLessThanOrEqual(beginsAt + 460);
    // But not when it is heard through an echo alone
    const words = WORDS.subarray(0, RATE / 2);
    for (let index = 0; index < 8; index++) {
      expect(bargeInsIn({ ...call, caller: late(words, 1000), echo: pathOf(index, 20) })).toEqual(
        [],
      );
    }
  });

  test("does not interrupt with a short sound", () => {
    const cough = whiteNoise(3, -20, ms(80));
    expect(bargeInsIn({ prompt: PROMPT, caller: late(cough, 2000) })).toEqual([]);
  });
});

describe("a caller who is silent", () => {
  test("is not told of because of the echo of our sound", () => {
    for (let index = 0; index < 10; index++) {
      expect(bargeInsIn({ prompt: PROMPT, echo: pathOf(index, 20) })).toEqual([]);
      expect(bargeInsIn({ prompt: PROMPT, echo: pathOf(index, 20), noiseDbov: -50 })).toEqual([]);
    }
  });

  test("is not told of because of noise", () => {
    for (const prompt of [NOTHING, PROMPT]) {
      expect(changesIn({ prompt, caller: SILENCE, noiseDbov: -50 })).toEqual([]);
    }
  });

  test("is not told of because of keys in the audio, over our sound or not", () => {
    for (let index = 0; index < 16; index++) {
      for (const prompt of [NOTHING, PROMPT]) {
        expect(speechIn({ prompt, caller: keysPressed(index) })).toEqual([]);
        const echo = pathOf(index, 20);
        expect(bargeInsIn({ prompt, caller: keysPressed(index), echo })).toEqual([]);
      }
    }
  });

  test("is told of when a voice follows on a key", () => {
    const caller = new Int16Array(4 * RATE);
    caller.set(dtmfTone("7", { durationMs: 200, rate: RATE }), ms(1000));
    caller.set(WORDS, ms(1300));
    const [started] = speechIn({ caller }) as [ToldChange & { atMs: number }];
    expect(started.atMs).toBeGreaterThanOrEqual(1040);
    expect(started.toldMs).toBeLessThanOrEqual(1600);
  });
});

describe("RFC 4733 and the caller's speech", () => {
  /** Frames of a sound from a second on, as packets; and a key, whose beginning is in the audio. */
  test("a key that is sent as events is none, though its tone leaks", () => {
    const harness = new Harness({ libraries, speech: { mode: "clear", after: 300 } });
    const leak = late(dtmfTone("1", { durationMs: 60, rate: RATE }), 1000);
    const timestampOf = (packet: number) => packet * 160;
    let sequence = 0;
    for (let packet = 0; packet < 100; packet++) {
      const isEvent = packet >= 53 && packet < 63;
      const at = packet * 20;
      if (isEvent) {
        const duration = (packet - 52) * 160;
        const event = { code: 1, duration, end: packet === 62 };
        const timestamp = timestampOf(53);
        harness.receiveAt(at, keyPacket({ sequence: sequence++, timestamp, ...event }));
        continue;
      }
      const payload = new Uint8Array(160).fill(0xff);
      const frame = leak.subarray(packet * 160, packet * 160 + 160);
      if (frame.length === 160) PCMU.encode(frame, 0, 160, payload, 0);
      harness.receiveAt(at, rtp({ sequence: sequence++, timestamp: timestampOf(packet), payload }));
    }
    harness.stop();
    expect(harness.eventsOf("dtmf").map(({ digit }) => digit)).toEqual(["1"]);
    expect(harness.eventsOf("speech")).toEqual([]);
    expect(harness.eventsOf("bargeIn")).toEqual([]);
  });
});

describe("a media session", () => {
  test("tells of the caller's speech, and asks for our sound to be stopped", () => {
    const harness = new Harness({ libraries, speech: { mode: "clear", after: 300 } });
    harness.session.write(new Uint8Array(PROMPT.buffer), 0);
    const caller = late(WORDS, 1000);
    let stoppedAt = NaN;
    harness.onEvent = ({ type }) => {
      if (type !== "bargeIn") return;
      harness.session.clear(harness.now);
      stoppedAt = harness.now;
    };
    for (let at = 0; at + 160 <= caller.length; at += 160) {
      const payload = new Uint8Array(160);
      PCMU.encode(caller, at, 160, payload, 0);
      harness.receiveAt(at / 8 + 20, rtp({ sequence: at / 160, timestamp: at, payload }));
    }
    harness.runUntil(4000);
    harness.stop();
    expect(harness.eventsOf("speech").map(({ state }) => state)).toEqual(["started", "stopped"]);
    expect(harness.eventsOf("bargeIn").length).toBe(1);
    // The first word begins at 1000 ms, and its first packet has come 20 ms later
    expect(stoppedAt).toBeLessThanOrEqual(1360);
    const lastSent = harness.sent.at(-1)?.at ?? NaN;
    expect(lastSent).toBeLessThanOrEqual(stoppedAt + 20);
  });

  /** Sends what the caller says, as packets, and calls `then` when it is so far. */
  function say(harness: Harness, caller: Int16Array, then: readonly [number, () => void][]): void {
    const left = [...then];
    for (let at = 0; at + 160 <= caller.length; at += 160) {
      while (left[0] !== undefined && at / 8 >= left[0][0]) left.shift()?.[1]();
      const payload = new Uint8Array(160);
      PCMU.encode(caller, at, 160, payload, 0);
      harness.receiveAt(at / 8 + 20, rtp({ sequence: at / 160, timestamp: at, payload }));
    }
  }

  test("listens from the moment on that it is asked to, with the times of the whole call", () => {
    const harness = new Harness();
    const caller = new Int16Array(ms(8000));
    for (const begin of [1000, 5000]) caller.set(WORDS, ms(begin));
    harness.session.write(new Uint8Array(atLevel(speech(RATE), -26).slice().buffer), 0);
    const prompt = new Uint8Array(PROMPT.buffer);
    say(harness, caller, [[3500, () => {
      const speech = { mode: "clear", after: 300 } as const;
      harness.session.renegotiate({ speech, libraries }, harness.now);
      harness.session.write(prompt, harness.now);
    }]]);
    const [started, ...others] = harness.eventsOf("speech");
    expect(started?.state).toBe("started");
    expect(Math.abs((started?.atMs ?? NaN) - 5000)).toBeLessThanOrEqual(60);
    expect(others.map(({ state }) => state)).toEqual(["stopped"]);
    const interrupted = harness.events.filter(({ type }) => type === "bargeIn");
    expect(interrupted).toHaveLength(1);
    expect(Math.abs((interrupted[0]?.at ?? NaN) - 5300)).toBeLessThanOrEqual(80);
  });

  test("listens no more when it is asked to, and goes on recording", () => {
    const harness = new Harness({ libraries, speech: { mode: "notify", after: 300 } });
    const recorder = harness.session.startRecording();
    say(harness, late(WORDS, 1000), [[500, () => {
      harness.session.renegotiate({ speech: undefined }, harness.now);
    }]]);
    expect(harness.eventsOf("speech")).toEqual([]);
    expect(harness.session.startRecording()).toBe(recorder);
  });

  test("says so where the detector is not there, and goes on as it was", () => {
    const harness = new Harness();
    const speech = { mode: "notify", after: 300 } as const;
    expect(() => harness.session.renegotiate({ speech }, 0)).toThrow(RangeError);
    say(harness, WORDS, []);
    expect(harness.heard.length).toBeGreaterThan(1000);
  });
});
