import { afterEach, describe, expect, test } from "bun:test";
import type { OpusWishes } from "../../src/audio/audio_libraries.ts";
import type { AudioCodec } from "../../src/audio/codec.ts";
import { createOpus } from "../../src/audio/opus.ts";
import { carriesRedundancy } from "../../src/audio/opus_packet.ts";
import { findSound, levelDbfs } from "../../src/audio/similarity.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { tone } from "../../src/audio/tone.ts";
import { pseudoRandom, speech, whiteNoise } from "./sounds.ts";

const libraries = await loadAudioLibraries({ opus: true, voiceDetector: false });

const RATES = [8000, 12_000, 16_000, 24_000, 48_000];
const RATE = 16_000;
const FRAME = RATE / 50;

type Packet = Uint8Array<ArrayBuffer>;
type Sound = Int16Array<ArrayBuffer>;

const opened: AudioCodec[] = [];

function opus(rate: number): AudioCodec {
  const codec = createOpus({ rate, libraries });
  opened.push(codec);
  return codec;
}

afterEach(() => {
  for (const codec of opened.splice(0)) codec.close();
});

/** The packets of a sound; empty where nothing need be sent. */
function packetsOf(codec: AudioCodec, sound: Int16Array, frame: number): readonly Packet[] {
  const out = new Uint8Array(1500);
  const packets: Packet[] = [];
  for (let at = 0; at + frame <= sound.length; at += frame) {
    packets.push(out.slice(0, codec.encode(sound, at, frame, out, 0)));
  }
  return packets;
}

function decode(codec: AudioCodec, packet: Uint8Array): Sound {
  const out = new Int16Array(codec.samplesMax(packet.length));
  return out.slice(0, codec.decode(packet, 0, packet.length, out));
}

function joined(parts: readonly Int16Array[]): Sound {
  return Int16Array.from(parts.flatMap((part) => [...part]));
}

/** Of the difference between two sounds, against the first, in dB. */
function errorDb(expected: Int16Array, actual: Int16Array): number {
  let error = 0;
  let signal = 0;
  for (const [index, sample] of expected.entries()) {
    error += (sample - (actual[index] as number)) ** 2;
    signal += sample ** 2;
  }
  return 10 * Math.log10(error / signal);
}

describe("RFC 6716 Opus", () => {
  for (const rate of RATES) {
    test(`gives speech back at ${rate} Hz`, () => {
      const codec = opus(rate);
      const sound = speech(rate);
      const heard = joined(
        packetsOf(codec, sound, rate / 50).map((packet) => {
          const decoded = decode(codec, packet);
          return decoded.length > 0 ? decoded : new Int16Array(rate / 50);
        }),
      );
      const { correlation, delayMs } = findSound(sound.subarray(0, rate), heard, {
        rate,
        delayMax: 15,
      });
      expect(correlation).toBeGreaterThan(0.85);
      expect(delayMs).toBeLessThan(12);
      expect(Math.abs(levelDbfs(heard) - levelDbfs(sound))).toBeLessThan(1.5);
    });

    for (const ptime of [10, 20, 40, 60]) {
      test(`has frames of ${ptime} ms at ${rate} Hz`, () => {
        const codec = opus(rate);
        const frame = (rate * ptime) / 1000;
        for (const packet of packetsOf(codec, speech(rate).subarray(0, frame * 5), frame)) {
          expect(decode(codec, packet).length).toBe(frame);
        }
      });
    }
  }

  test("has no frames of 30 or 50 ms, and says so", () => {
    const codec = opus(RATE);
    for (const ptime of [30, 50, 70]) {
      const samples = new Int16Array((RATE * ptime) / 1000);
      expect(() => codec.encode(samples, 0, samples.length, new Uint8Array(1500), 0))
        .toThrow(RangeError);
    }
    expect(() => codec.encode(new Int16Array(9600), 0, 9600, new Uint8Array(1500), 0))
      .toThrow(RangeError);
  });

  test("writes where it is told, and reads from there", () => {
    const codec = opus(RATE);
    const other = opus(RATE);
    const sound = speech(RATE);
    const out = new Uint8Array(1500);
    const written = codec.encode(sound, 3200, FRAME, out, 12);
    const same = packetsOf(other, sound.subarray(3200, 3200 + FRAME), FRAME)[0] as Packet;
    expect(out.slice(12, 12 + written)).toEqual(same);
    expect(out.subarray(0, 12).every((byte) => byte === 0)).toBe(true);
    const samples = new Int16Array(codec.samplesMax(written));
    expect(codec.decode(out, 12, written, samples)).toBe(FRAME);
    expect(samples.slice(0, FRAME)).toEqual(decode(other, same));
  });

  test("needs few bits: less than G.711 at any rate", () => {
    for (const rate of RATES) {
      const sound = speech(rate).subarray(0, rate * 2);
      const bytes = packetsOf(opus(rate), sound, rate / 50)
        .reduce((sum, packet) => sum + packet.length, 0);
      expect((bytes * 8 * rate) / sound.length).toBeLessThan(48_000);
    }
  });

  test("takes no more bits than the peer wants, and spends none on what it cannot play", () => {
    const sound = speech(16_000).subarray(0, 32_000);
    const bitsASecond = (wishes: Partial<OpusWishes>) => {
      const asked = { maxPlaybackRate: 48_000, maxAverageBitrate: undefined, ...wishes };
      const codec = createOpus({
        rate: RATE,
        libraries,
        opus: { constantBitrate: false, ...asked },
      });
      opened.push(codec);
      const packets = packetsOf(codec, sound, 320);
      const sizes = new Set(packets.map(({ length }) => length));
      return { bits: packets.reduce((sum, { length }) => sum + length, 0) * 4, sizes, packets };
    };
    const free = bitsASecond({});
    expect(bitsASecond({ maxAverageBitrate: 8000 }).bits).toBeLessThan(free.bits / 2);
    expect(bitsASecond({ maxAverageBitrate: 510_000 }).bits).toBe(free.bits);
    const constant = bitsASecond({ constantBitrate: true, maxAverageBitrate: 16_000 });
    // Nothing is sent of silence
    expect([...constant.sizes].filter((size) => size > 0)).toEqual([40]);
    // RFC 6716 §3.1: the configuration of SILK in a narrow band is 0 to 3
    const narrow = bitsASecond({ maxPlaybackRate: 8000 });
    const bands = narrow.packets.filter(({ length }) => length > 0).map((packet) =>
      (packet[0] as number) >> 3
    );
    expect(bands.every((configuration) => configuration <= 3)).toBe(true);
    expect(free.packets.some((packet) => (packet[0] as number) >> 3 > 3)).toBe(true);
  });

  test("makes one channel of two", () => {
    // One frame of 20 ms in SILK, wideband, stereo: what is in it does not matter
    const packet = Uint8Array.from({ length: 60 }, (_, index) => index === 0 ? 0x4c : index * 37);
    expect(decode(opus(RATE), packet).length).toBe(FRAME);
  });

  test("has room for the longest packet: 120 ms", () => {
    for (const rate of RATES) {
      const codec = opus(rate);
      expect(codec.samplesMax(1)).toBe(rate * 0.12);
      // RFC 6716 §3.2.5: six empty frames of 20 ms
      expect(decode(codec, Uint8Array.of(0x0b, 6)).length).toBe(rate * 0.12);
    }
  });
});

describe("RFC 7587 Opus in RTP", () => {
  test("has a timestamp of 48 kHz at every rate of the sound", () => {
    expect(RATES.map((rate) => opus(rate).clockRate)).toEqual(RATES.map(() => 48_000));
    expect(RATES.map((rate) => opus(rate).sampleRate)).toEqual(RATES);
  });

  test("comes at 48 kHz where Opus does not have the rate", () => {
    expect([11_025, 32_000, 44_100].map((rate) => opus(rate).sampleRate))
      .toEqual([48_000, 48_000, 48_000]);
  });

  test("is not there without its library", () => {
    expect(() => createOpus({ rate: RATE, libraries: {} })).toThrow(RangeError);
  });
});

describe("DTX", () => {
  for (const rate of RATES) {
    test(`sends next to nothing in silence, and then speech again, at ${rate} Hz`, () => {
      const codec = opus(rate);
      packetsOf(codec, speech(rate).subarray(0, rate), rate / 50);
      const silent = packetsOf(codec, new Int16Array(rate * 4), rate / 50);
      const sent = silent.slice(50).filter((packet) => packet.length > 0);
      expect(sent.length).toBeLessThan(20);
      expect(sent.every((packet) => packet.length > 2)).toBe(true);
      const [first] = packetsOf(codec, speech(rate).subarray(0, rate / 50), rate / 50);
      expect(first?.length).toBeGreaterThan(10);
    });
  }

  test("sends every frame of speech", () => {
    const packets = packetsOf(opus(RATE), speech(RATE).subarray(0, RATE), FRAME);
    expect(packets.every((packet) => packet.length > 2)).toBe(true);
  });

  test("sends every frame of a tone, which is no speech, but no silence either", () => {
    const packets = packetsOf(opus(RATE), tone(440, 4000, RATE, -25), FRAME);
    expect(packets).toHaveLength(200);
    expect(packets.filter((packet) => packet.length === 0)).toHaveLength(0);
  });

  test("of the peer is heard as a frame: a packet of one byte", () => {
    const codec = opus(RATE);
    const [packet] = packetsOf(codec, speech(RATE), FRAME);
    decode(codec, packet as Uint8Array);
    expect(decode(codec, Uint8Array.of(0x48)).length).toBe(FRAME);
  });
});

describe("concealment", () => {
  test("goes on with the sound, and fades by itself", () => {
    const codec = opus(RATE);
    let before = -Infinity;
    for (const packet of packetsOf(codec, speech(RATE), FRAME)) {
      before = levelDbfs(decode(codec, packet));
      if (before > -20) break;
    }
    const out = new Int16Array(RATE);
    const levels = Array.from({ length: 20 }, () => {
      expect(codec.conceal?.(out, FRAME)).toBe(FRAME);
      return levelDbfs(out.subarray(0, FRAME));
    });
    expect(Math.abs((levels[0] ?? 0) - before)).toBeLessThan(6);
    expect((levels[0] ?? 0) - (levels[10] ?? 0)).toBeGreaterThan(20);
    expect((levels[0] ?? 0) - (levels[19] ?? 0)).toBeGreaterThan(20);
  });

  test("makes as much as is asked for, to the sample", () => {
    const codec = opus(RATE);
    for (const packet of packetsOf(codec, speech(RATE).subarray(0, RATE), FRAME)) {
      decode(codec, packet);
    }
    for (const count of [1, 39, 41, 160, 333, FRAME, 1920, 5000]) {
      const out = new Int16Array(count + 10).fill(77);
      expect(codec.conceal?.(out, count)).toBe(count);
      expect(out.slice(count)).toEqual(new Int16Array(10).fill(77));
    }
  });

  test("is silence before anything was heard", () => {
    const out = new Int16Array(FRAME).fill(5);
    expect(opus(RATE).conceal?.(out, FRAME)).toBe(FRAME);
    expect(out.every((sample) => sample === 0)).toBe(true);
  });
});

describe("in-band FEC", () => {
  const sound = speech(RATE);

  test("is in packets of speech, and known without decoding", () => {
    const packets = packetsOf(opus(RATE), sound, FRAME).filter((packet) => packet.length > 0);
    const carriers = packets.filter((packet) => carriesRedundancy(packet, 0, packet.length));
    expect(carriers.length).toBeGreaterThan(packets.length / 2);
    expect(carriers.length).toBeLessThan(packets.length);
  });

  /** Error of the frames that were lost, one in seven, against what would have been heard. */
  function errorOfLost(rate: number, means: "recover" | "conceal"): number {
    const packets = packetsOf(opus(rate), speech(rate), rate / 50);
    const whole = opus(rate);
    const lossy = opus(rate);
    const expected: Int16Array[] = [];
    const made: Int16Array[] = [];
    for (const [index, packet] of packets.entries()) {
      const heard = decode(whole, packet);
      const next = packets[index + 1];
      const isLost = index % 7 === 3 && next !== undefined &&
        carriesRedundancy(next, 0, next.length);
      if (!isLost) {
        decode(lossy, packet);
        continue;
      }
      const out = new Int16Array(heard.length);
      const count = means === "recover"
        ? lossy.recover?.(next, 0, next.length, out, out.length)
        : lossy.conceal?.(out, out.length);
      expect(count).toBe(heard.length);
      expected.push(heard);
      made.push(out);
    }
    expect(expected.length).toBeGreaterThan(10);
    return errorDb(joined(expected), joined(made));
  }

  for (const rate of RATES) {
    test(`recovers lost frames better than concealment makes them up at ${rate} Hz`, () => {
      expect(errorOfLost(rate, "recover")).toBeLessThan(errorOfLost(rate, "conceal") - 3);
    });
  }

  test("recovers the last of several lost frames; those before it are concealed", () => {
    const packets = packetsOf(opus(RATE), sound, FRAME);
    const at = packets.findIndex((packet, index) =>
      index > 20 && carriesRedundancy(packet, 0, packet.length)
    );
    const codec = opus(RATE);
    const one = opus(RATE);
    for (const packet of packets.slice(0, at - 3)) {
      decode(codec, packet);
      decode(one, packet);
    }
    const packet = packets[at] as Packet;
    const three = new Int16Array(FRAME * 3);
    expect(codec.recover?.(packet, 0, packet.length, three, FRAME * 3)).toBe(FRAME * 3);
    const first = new Int16Array(FRAME * 2);
    one.conceal?.(first, FRAME * 2);
    const last = new Int16Array(FRAME);
    one.recover?.(packet, 0, packet.length, last, FRAME);
    expect(three).toEqual(joined([first, last]));
  });

  test("recovers less than a frame: the end of it", () => {
    const packets = packetsOf(opus(RATE), sound, FRAME);
    const at = packets.findIndex((packet, index) =>
      index > 20 && carriesRedundancy(packet, 0, packet.length)
    );
    const packet = packets[at] as Packet;
    const [whole, part] = [FRAME, 100].map((count) => {
      const codec = opus(RATE);
      for (const before of packets.slice(0, at - 1)) decode(codec, before);
      const out = new Int16Array(count);
      expect(codec.recover?.(packet, 0, packet.length, out, count)).toBe(count);
      return out;
    });
    expect(part).toEqual(whole?.subarray(FRAME - 100));
  });

  test("gives nothing where a packet carries nothing", () => {
    const codec = opus(RATE);
    const out = new Int16Array(FRAME).fill(9);
    // RFC 6716 §3.1: CELT has none; the first packet of all has none
    const celt = Uint8Array.from({ length: 60 }, (_, index) => index === 0 ? 0xd8 : 0xff);
    expect(codec.recover?.(celt, 0, celt.length, out, FRAME)).toBe(0);
    const [first] = packetsOf(codec, sound, FRAME) as [Packet];
    expect(codec.recover?.(first, 0, first.length, out, FRAME)).toBe(0);
    expect(codec.recover?.(first, 0, 0, out, FRAME)).toBe(0);
    expect(out.every((sample) => sample === 9)).toBe(true);
  });
});

/** Noise with each first byte there is, or a good packet that is cut and damaged. */
function hostile(good: Packet, round: number, next: () => number): Packet {
  if (round % 2 === 0) {
    const noise = Uint8Array.from({ length: 1 + next() ** 3 * 1500 }, () => next() * 256);
    noise[0] = round >> 1;
    return noise;
  }
  const bytes = good.slice(0, Math.ceil(next() * good.length));
  bytes[Math.floor(next() * bytes.length)] = next() * 256;
  return bytes;
}

describe("hostile packets", () => {
  for (const rate of [8000, 16_000, 48_000]) {
    test(`harm neither this call nor another at ${rate} Hz`, () => {
      const frame = rate / 50;
      const codec = opus(rate);
      const other = opus(rate);
      const untouched = opus(rate);
      const sound = packetsOf(opus(rate), speech(rate), frame);
      const next = pseudoRandom(rate);
      const out = new Int16Array(codec.samplesMax(0) + 1).fill(123);
      for (let round = 0; round < 2000; round++) {
        const bytes = hostile(sound[round % 200] as Packet, round, next);
        const count = codec.decode(bytes, 0, bytes.length, out);
        expect(count >= 0 && count <= codec.samplesMax(0)).toBe(true);
        const recovered = codec.recover?.(bytes, 0, bytes.length, out, frame) ?? -1;
        expect(recovered >= 0 && recovered <= frame).toBe(true);
      }
      expect(out.at(-1)).toBe(123);
      for (const packet of sound) expect(decode(other, packet)).toEqual(decode(untouched, packet));
    });
  }

  test("that are too long or empty are none", () => {
    const codec = opus(RATE);
    const out = new Int16Array(codec.samplesMax(0));
    expect(codec.decode(new Uint8Array(60_000), 0, 60_000, out)).toBe(0);
    expect(codec.decode(new Uint8Array(10), 0, 0, out)).toBe(0);
    // RFC 6716 §3.4: code 1 with an odd number of bytes, code 3 with more than 120 ms
    expect(decode(codec, Uint8Array.of(0x09, 1, 2, 3)).length).toBe(0);
    expect(decode(codec, Uint8Array.of(0x0b, 0x3f, ...Array(70).fill(0))).length).toBe(0);
  });
});

describe("a codec", () => {
  const sound = speech(RATE);

  test("forgets on reset what it decoded, and what it encoded", () => {
    const used = opus(RATE);
    const fresh = opus(RATE);
    for (const packet of packetsOf(used, whiteNoise(2, -20, RATE), FRAME)) decode(used, packet);
    used.resetEncoder();
    used.resetDecoder();
    const packets = packetsOf(used, sound, FRAME);
    expect(packets).toEqual(packetsOf(fresh, sound, FRAME));
    for (const packet of packets) expect(decode(used, packet)).toEqual(decode(fresh, packet));
  });

  test("can be closed twice, and used no more", () => {
    const codec = opus(RATE);
    codec.close();
    codec.close();
    const out = new Int16Array(codec.samplesMax(0));
    expect(() => codec.decode(Uint8Array.of(0x08, 1), 0, 2, out)).toThrow(RangeError);
    expect(() => codec.conceal?.(out, FRAME)).toThrow(RangeError);
    expect(() => codec.encode(sound, 0, FRAME, new Uint8Array(1500), 0)).toThrow(RangeError);
  });
});
