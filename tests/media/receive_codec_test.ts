import { describe, expect, test } from "bun:test";
import { G722Codec } from "../../src/audio/g722.ts";
import { L16_16000 } from "../../src/audio/l16.ts";
import { levelOf } from "../../src/audio/tone.ts";
import type { Millis } from "../../src/base/units.ts";
import { speech } from "../audio/sounds.ts";
import { CONCEALED_LEVEL, LevelCodec } from "./level_codec.ts";
import { framePacket, ReceiveHarness, receiveOptions, toneFrame } from "./receive_harness.ts";
import { keyPacket, rtp } from "./session_harness.ts";

const LEVEL = 9000;

/** Feeds frames of {@linkcode LEVEL} from `first` up to, not including, `end`. */
function talk(
  harness: ReceiveHarness,
  range: readonly [number, number],
  options: { codec: LevelCodec; payloadType?: number; level?: number },
): void {
  const samples = new Int16Array([options.level ?? LEVEL]);
  for (let index = range[0]; index < range[1]; index++) {
    harness.receiveAt(20 + index * 20, framePacket(index, samples, options));
  }
}

/** Median of each 20 ms that was heard. */
function levelsHeard(harness: ReceiveHarness): number[] {
  const frame = harness.rate / 50;
  const heard = harness.heard;
  const levels: number[] = [];
  for (let at = 0; at + frame <= heard.length; at += frame) {
    levels.push([...heard.subarray(at, at + frame)].sort((a, b) => a - b)[frame / 2] as number);
  }
  return levels;
}

function near(level: number | undefined, expected: number): boolean {
  return Math.abs((level ?? NaN) - expected) < 200;
}

describe("receive path: the handler's rate", () => {
  const rates: [number, number, number][] = [
    [8000, 8000, 16_000],
    [16_000, 8000, 8000],
    [16_000, 8000, 16_000],
    [48_000, 48_000, 8000],
    [8000, 48_000, 24_000],
    [44_100, 44_100, 8000],
    [8000, 8000, 48_000],
  ];
  for (const [sampleRate, clockRate, rate] of rates) {
    test(`${sampleRate} Hz with a clock of ${clockRate} is heard at ${rate} Hz, second by second`, () => {
      const codec = new LevelCodec({ sampleRate, clockRate });
      const harness = new ReceiveHarness({ codec, rate });
      talk(harness, [0, 50], { codec });
      expect(harness.samples).toBe(rate);
      expect(harness.pieces.every((piece) => piece.length === rate / 50)).toBe(true);
      expect(levelsHeard(harness).slice(1).every((level) => near(level, LEVEL))).toBe(true);
      expect(harness.path.statistics()).toMatchObject({ silence_ms: 0, concealed_ms: 0 });
      harness.runUntil(2000);
      harness.path.stop(2000);
      expect(harness.samples).toBe(2 * rate);
    });
  }

  test("G.711 at 16 kHz: a tone is that tone, and lost frames are made up for at 16 kHz", () => {
    const harness = new ReceiveHarness({ rate: 16_000 });
    for (let index = 0; index < 20; index++) {
      if (index === 10) continue;
      const samples = toneFrame(index, { rate: 8000, hertz: 400 });
      harness.receiveAt(20 + index * 20, framePacket(index, samples));
    }
    harness.runUntil(420);
    expect(harness.samples).toBe(20 * 320);
    for (let frame = 1; frame < 20; frame++) {
      const level = levelOf(harness.heard.slice(frame * 320, (frame + 1) * 320));
      expect([frame, level > -20]).toEqual([frame, true]);
    }
    expect(harness.path.statistics()).toMatchObject({ concealed_ms: 20, silence_ms: 0 });
  });

  test("a payload that is none of the codec is as good as lost", () => {
    const codec = new LevelCodec({ sampleRate: 16_000, clockRate: 48_000 });
    const harness = new ReceiveHarness({ codec, rate: 16_000 });
    talk(harness, [0, 10], { codec });
    const timestamp = 0xffff_0000 + 10 * 960;
    harness.receiveAt(
      220,
      rtp({ sequence: 65_510, timestamp, payload: new Uint8Array(1), ssrc: 1 }),
    );
    talk(harness, [11, 20], { codec });
    expect(harness.samples).toBe(20 * 320);
    expect(harness.path.statistics()).toMatchObject({ concealed_ms: 20, packets_lost: 0 });
  });
});

describe("receive path: lost frames by the codec's own means", () => {
  function opus(): LevelCodec {
    return new LevelCodec({ sampleRate: 16_000, clockRate: 48_000, means: true });
  }

  /** A frame whose payload also has the level of the frame before. */
  function withRecovery(index: number, before: number): Uint8Array {
    return rtp({
      sequence: 65_500 + index,
      timestamp: 0xffff_0000 + index * 960,
      payload: new Uint8Array([LEVEL >> 8, LEVEL & 0xff, before >> 8, before & 0xff]),
      ssrc: 1,
    });
  }

  test("the last lost frame is taken from the packet after it, those before are made up", () => {
    const codec = opus();
    const harness = new ReceiveHarness({ codec, rate: 8000 });
    talk(harness, [0, 10], { codec });
    harness.receiveAt(260, withRecovery(12, 6000));
    harness.runUntil(320);
    const levels = levelsHeard(harness);
    expect(levels).toHaveLength(13);
    expect((levels[10] as number) > 0 && (levels[10] as number) < CONCEALED_LEVEL).toBe(true);
    expect(near(levels[11], 6000)).toBe(true);
    expect(near(levels[12], LEVEL)).toBe(true);
    expect(harness.path.statistics()).toMatchObject({ concealed_ms: 20, recovered_ms: 20 });
  });

  test("fade to silence by 60 ms, and what follows rises within 5 ms", () => {
    const codec = opus();
    const harness = new ReceiveHarness({ codec, rate: 16_000 });
    talk(harness, [0, 10], { codec });
    talk(harness, [16, 20], { codec });
    harness.path.stop(400);
    const levels = levelsHeard(harness);
    const made = levels.slice(10, 13);
    expect(made[0] as number > (made[1] as number)).toBe(true);
    expect(made[1] as number > (made[2] as number)).toBe(true);
    expect(levels.filter((level) => level === 0).length).toBeGreaterThan(1);
    expect(levels.slice(-4).every((level) => near(level, LEVEL))).toBe(true);
    const { concealed_ms, silence_ms, recovered_ms } = harness.path.statistics();
    expect([concealed_ms, recovered_ms]).toEqual([60, 0]);
    expect(silence_ms).toBe(60);
    const heard = harness.heard;
    let step = 0;
    for (let at = 13 * 320 + 1; at < heard.length; at++) {
      step = Math.max(step, Math.abs((heard[at] as number) - (heard[at - 1] as number)));
    }
    expect(step < LEVEL / 20).toBe(true);
  });

  test("a handler that ends the call while it hears them: the closed codec is left alone", () => {
    for (const lost of [1, 2, 5, 8]) {
      const codec = opus();
      const harness = new ReceiveHarness({ codec, rate: 8000 });
      talk(harness, [0, 10], { codec });
      harness.onAudio = () => {
        harness.onAudio = () => {};
        harness.path.stop(harness.now);
        codec.close();
      };
      talk(harness, [10 + lost, 12 + lost], { codec });
      harness.runUntil(1000);
      expect(codec.isClosed).toBe(true);
      const samples = harness.samples;
      harness.path.timeout(2000);
      expect(harness.samples).toBe(samples);
    }
  });

  test("the decoder begins anew with a new SSRC", () => {
    const codec = opus();
    const harness = new ReceiveHarness({ codec, rate: 16_000 });
    talk(harness, [0, 3], { codec });
    const before = codec.resets;
    harness.receiveAt(80, framePacket(3, new Int16Array([LEVEL]), { codec, ssrc: 9 }));
    expect(codec.resets).toBe(before + 1);
  });
});

describe("receive path: another codec in mid-call", () => {
  const wide = (): LevelCodec => new LevelCodec({ sampleRate: 16_000, clockRate: 48_000 });
  const narrow = (): LevelCodec => new LevelCodec({ sampleRate: 8000, clockRate: 8000 });

  test("the timeline goes on, and its first packets play", () => {
    const before = narrow();
    const harness = new ReceiveHarness({ codec: before, rate: 16_000 });
    talk(harness, [0, 10], { codec: before });
    const after = wide();
    harness.path.renegotiate(receiveOptions({ codec: after, payloadType: 96 }));
    before.close();
    talk(harness, [10, 20], { codec: after, payloadType: 96, level: 5000 });
    const levels = levelsHeard(harness);
    expect(levels).toHaveLength(20);
    expect(levels.slice(1, 10).every((level) => near(level, LEVEL))).toBe(true);
    expect(levels.slice(11).every((level) => near(level, 5000))).toBe(true);
    expect(harness.path.statistics()).toMatchObject({
      packets_received: 20,
      packets_lost: 0,
      packets_late: 0,
      silence_ms: 0,
    });
  });

  test("what was held is decoded by the codec that it was sent with", () => {
    const before = narrow();
    const harness = new ReceiveHarness({ codec: before });
    talk(harness, [0, 5], { codec: before });
    talk(harness, [6, 7], { codec: before });
    expect(harness.samples).toBe(5 * 160);
    const after = wide();
    harness.path.renegotiate(receiveOptions({ codec: after, payloadType: 96 }));
    before.close();
    expect(harness.samples).toBe(7 * 160);
    talk(harness, [7, 10], { codec: after, payloadType: 96 });
    expect(harness.samples).toBe(10 * 160);
  });

  test("late packets of the old payload type are no loss, and do no harm", () => {
    const before = narrow();
    const harness = new ReceiveHarness({ codec: before });
    talk(harness, [0, 5], { codec: before });
    const after = wide();
    harness.path.renegotiate(receiveOptions({ codec: after, payloadType: 96 }));
    before.close();
    talk(harness, [5, 7], { codec: before });
    talk(harness, [7, 12], { codec: after, payloadType: 96, level: 5000 });
    harness.path.stop(260);
    expect(harness.samples).toBe(260 * 8);
    expect(levelsHeard(harness).filter((level) => near(level, 5000))).toHaveLength(5);
    expect(harness.path.statistics()).toMatchObject({ packets_lost: 0, concealed_ms: 0 });
  });

  test("from inside the audio that is made up: nothing is decoded by the wrong codec", () => {
    const before = narrow();
    const harness = new ReceiveHarness({ codec: before });
    talk(harness, [0, 5], { codec: before });
    const after = wide();
    harness.onAudio = () => {
      harness.onAudio = () => {};
      harness.path.renegotiate(receiveOptions({ codec: after, payloadType: 96 }));
      before.close();
    };
    talk(harness, [6, 8], { codec: before });
    harness.runUntil(300);
    talk(harness, [14, 20], { codec: after, payloadType: 96, level: 5000 });
    expect(levelsHeard(harness).filter((level) => near(level, 5000))).toHaveLength(6);
  });

  test("changes nothing when the codec is the same object, gaps included", () => {
    const codec = narrow();
    const harness = new ReceiveHarness({ codec });
    talk(harness, [0, 5], { codec });
    talk(harness, [6, 7], { codec });
    harness.path.renegotiate(receiveOptions({ codec }));
    expect(harness.samples).toBe(5 * 160);
    harness.receiveAt(145, framePacket(5, new Int16Array([LEVEL]), { codec }));
    expect(harness.samples).toBe(7 * 160);
    expect(harness.path.statistics().concealed_ms).toBe(0);
  });

  test("jitter and keys are told by the new clock rate, counts go on", () => {
    const harness = new ReceiveHarness({ codec: narrow() });
    talk(harness, [0, 5], { codec: narrow() });
    const after = wide();
    harness.path.renegotiate(
      receiveOptions({ codec: after, payloadType: 96, telephoneEventClockRate: 48_000 }),
    );
    talk(harness, [5, 30], { codec: after, payloadType: 96 });
    expect(harness.path.statistics()).toMatchObject({ packets_received: 30, jitter_ms: 0 });
    const key = { sequence: 65_530, timestamp: 77, code: 5, duration: 4800, end: true };
    harness.receiveAt(640, withSsrc(keyPacket(key)));
    expect(harness.events).toMatchObject([{ type: "dtmf", digit: "5", durationMs: 100 }]);
  });
});

describe("RFC 4733 §2.1 receive path: telephone-events with a clock of their own", () => {
  test("are measured by it and not by the codec's", () => {
    const codec = new LevelCodec({ sampleRate: 16_000, clockRate: 48_000 });
    const harness = new ReceiveHarness({ codec, telephoneEventClockRate: 8000 });
    const key = { sequence: 5, timestamp: 77, code: 11, duration: 800, end: true };
    harness.receiveAt(20, keyPacket(key));
    expect(harness.events).toMatchObject([{ type: "dtmf", digit: "#", durationMs: 100 }]);
  });
});

function withSsrc(packet: Uint8Array): Uint8Array {
  new DataView(packet.buffer).setUint32(8, 1);
  return packet;
}

describe("RFC 3389 receive path: comfort noise", () => {
  /** A description of the noise: its level in -dBov. */
  function describeNoise(index: number, level: number): Uint8Array {
    return rtp({
      sequence: 65_500 + index,
      timestamp: 0xffff_0000 + index * 160,
      payload: new Uint8Array([level]),
      payloadType: 13,
      ssrc: 1,
    });
  }

  function levelBetween(harness: ReceiveHarness, from: Millis, to: Millis): number {
    return levelOf(harness.heard.slice(from * 8, to * 8));
  }

  test("fills the pause that it announces, in real time, until audio goes on", () => {
    const harness = new ReceiveHarness();
    const samples = toneFrame(0, { rate: 8000, hertz: 200 });
    for (let index = 0; index < 10; index++) {
      harness.receiveAt(20 + index * 20, framePacket(index, samples));
    }
    harness.receiveAt(220, describeNoise(10, 50));
    harness.runUntil(1200);
    const noise = levelBetween(harness, 220, 1000);
    expect(noise > -60 && noise < -40).toBe(true);
    expect(harness.lag <= 140).toBe(true);
    // One number later, 50 frames later by the clock
    harness.receiveAt(1220, framePacket(11, samples, { shift: 49 * 160 }));
    for (let index = 12; index < 20; index++) {
      harness.receiveAt(1000 + index * 20, framePacket(index, samples, { shift: 49 * 160 }));
    }
    const { silence_ms, packets_lost, concealed_ms } = harness.path.statistics();
    expect([packets_lost, concealed_ms]).toEqual([0, 0]);
    expect(silence_ms > 800).toBe(true);
    harness.runUntil(3000);
    expect(levelBetween(harness, 2000, 2800)).toBe(-Infinity);
  });

  test("follows a new description, and ends with the hold", () => {
    const harness = new ReceiveHarness();
    harness.receiveAt(20, describeNoise(0, 40));
    harness.runUntil(1000);
    harness.receiveAt(1000, describeNoise(1, 70));
    harness.runUntil(2000);
    expect(levelBetween(harness, 0, 800) - levelBetween(harness, 1000, 1800) > 20).toBe(true);
    harness.path.renegotiate(receiveOptions({ listening: false }));
    const before = harness.samples / 8;
    harness.runUntil(3000);
    expect(levelBetween(harness, before, 2800)).toBe(-Infinity);
  });
});

describe("receive path: a decoder with a memory", () => {
  test("after a hole that silence has filled, nothing of before it is heard again", () => {
    const harness = new ReceiveHarness({ codec: L16_16000, rate: 8000 });
    const loud = new Int16Array(320).fill(20_000);
    for (let index = 0; index < 10; index++) {
      harness.receiveAt(20 + index * 20, framePacket(index, loud, { codec: L16_16000 }));
    }
    const quiet = new Int16Array(320);
    for (let index = 15; index < 18; index++) {
      harness.receiveAt(20 + index * 20, framePacket(index, quiet, { codec: L16_16000 }));
    }
    harness.path.stop(360);
    const { concealed_ms, silence_ms } = harness.path.statistics();
    expect({ concealed_ms, silence_ms }).toEqual({ concealed_ms: 60, silence_ms: 40 });
    expect(peakOf(harness.heard.slice(15 * 160))).toBe(0);
  });

  test("after losses that silence took the place of, G.722 does not burst out", () => {
    const sound = speech(16_000);
    const frames = Math.floor(sound.length / 320);
    const codec = new G722Codec();
    const packets = Array.from(
      { length: frames },
      (_, index) => framePacket(index, sound.slice(index * 320, index * 320 + 320), { codec }),
    );
    for (let from = 20; from + 28 < frames; from += 3) {
      const harness = new ReceiveHarness({ codec: new G722Codec(), rate: 16_000 });
      for (const [index, packet] of packets.slice(0, from + 28).entries()) {
        if (index < from || index >= from + 20) harness.receiveAt(20 + index * 20, packet);
      }
      const real = peakOf(sound.subarray((from + 20) * 320, (from + 28) * 320));
      const heard = peakOf(harness.heard.slice(-8 * 320));
      expect([from, heard < Math.max(1500, real) * 2]).toEqual([from, true]);
    }
  });
});

function peakOf(samples: Int16Array): number {
  return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}
