import { describe, expect, test } from "bun:test";
import { createCodec } from "../../src/audio/codec_table.ts";
import { G722Codec } from "../../src/audio/g722.ts";
import { BAND_BLOCK, G722Analysis } from "../../src/audio/g722_filter.ts";
import { OVERLOADS, randomCodes, SIGNALS, voice } from "./g722_signals.ts";
import { speech } from "./sounds.ts";

const FRAME = 320;
/** Both filters together, in samples. */
const DELAY = 22;

/** What two other programs, ffmpeg and spandsp, make of the signals: CRC-32 of codes and samples. */
const REFERENCE: readonly (readonly [name: string, codes: number, samples: number])[] = [
  ["silence", 0xc4f9c452, 0xdd1d8752],
  ["triangle of 300 Hz", 0x5b683b79, 0x65677d81],
  ["triangle of 1 kHz", 0xf9ad8f3b, 0x86ad1a17],
  ["alternating, 6 kHz", 0x65535ff2, 0x023f66fb],
  ["rising triangle", 0x265b36a9, 0xde100649],
  ["noise", 0x994233a2, 0xf8341efd],
  ["faint noise", 0x794d7aa0, 0xd9123bf7],
  ["loud noise", 0x0919107f, 0xdf7778a6],
  ["impulses", 0xb5d296d8, 0xf0c830c1],
  ["voice, then silence", 0x19866fb1, 0xd36df4d3],
];

/** Where those two do not limit the bands to 15 bits, and ffmpeg still agrees on the decoding. */
const OVERLOAD_REFERENCE: typeof REFERENCE = [
  ["square of 500 Hz", 0x07538ce8, 0x09581716],
  ["square of 2 kHz", 0xae1e3770, 0x3930f2ae],
];

function encode(samples: Int16Array, codec = new G722Codec()): Uint8Array {
  const out = new Uint8Array(samples.length);
  return out.slice(0, codec.encode(samples, 0, samples.length, out, 0));
}

function decode(codes: Uint8Array, codec = new G722Codec()): Int16Array<ArrayBuffer> {
  const out = new Int16Array(codec.samplesMax(codes.length));
  return out.slice(0, codec.decode(codes, 0, codes.length, out));
}

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function crcOf(samples: Int16Array): number {
  return crc32(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
}

/** Signal to noise in dB, the delay taken out. */
function snrOf(samples: Int16Array, heard: Int16Array): number {
  let signal = 0;
  let noise = 0;
  for (let at = 0; at + DELAY < samples.length; at++) {
    const sample = samples[at] as number;
    signal += sample ** 2;
    noise += (sample - (heard[at + DELAY] as number)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

function sine(frequency: number, amplitude: number): Int16Array {
  const step = 2 * Math.PI * frequency / 16_000;
  return Int16Array.from({ length: 8000 }, (_, at) => Math.round(amplitude * Math.sin(step * at)));
}

describe("RFC 3551 §4.5.2 G722", () => {
  test("has samples at 16 kHz, an RTP clock of 8 kHz, and two samples in a byte", () => {
    const codec = createCodec("G722", { rate: 16_000, libraries: {} });
    expect(codec.name).toBe("G722");
    expect(codec.sampleRate).toBe(16_000);
    expect(codec.clockRate).toBe(8000);
    expect(codec.samplesMax(160)).toBe(FRAME);
    expect(codec.encode(new Int16Array(FRAME), 0, FRAME, new Uint8Array(160), 0)).toBe(160);
    expect(codec.decode(new Uint8Array(160), 0, 160, new Int16Array(FRAME))).toBe(FRAME);
  });

  test("each call has a codec of its own, whose two directions know nothing of each other", () => {
    const codec = createCodec("G722", { rate: 16_000, libraries: {} });
    expect(codec === createCodec("G722", { rate: 16_000, libraries: {} })).toBe(false);
    const samples = SIGNALS["noise"] as Int16Array;
    const both = new G722Codec();
    const codes = new Uint8Array(samples.length / 2);
    for (let at = 0; at < samples.length; at += FRAME) {
      both.encode(samples, at, FRAME, codes, at / 2);
      both.decode(randomCodes(160), 0, 160, new Int16Array(FRAME));
    }
    expect(crc32(codes)).toBe(crc32(encode(samples)));
  });
});

describe("ITU-T G.722 mode 1", () => {
  for (const [name, codes, samples] of REFERENCE) {
    test(`encodes and decodes ${name} as other programs do, bit by bit`, () => {
      const encoded = encode(SIGNALS[name] as Int16Array);
      expect(crc32(encoded)).toBe(codes);
      expect(crcOf(decode(encoded))).toBe(samples);
    });
  }

  test("decodes codes without sense as other programs do, bit by bit", () => {
    expect(crcOf(decode(randomCodes(16_000)))).toBe(0x9235fac8);
  });

  for (const [name, codes, samples] of OVERLOAD_REFERENCE) {
    test(`§5.2 LOWT and HIGHT limit the bands: full-scale ${name}`, () => {
      const signal = OVERLOADS[name] as Int16Array;
      const encoded = encode(signal);
      expect(crc32(encoded)).toBe(codes);
      expect(crcOf(decode(encoded))).toBe(samples);
    });
  }

  test("§5.2 LOWT: a band is 15 bits wide, whatever comes in", () => {
    const analysis = new G722Analysis();
    const signal = OVERLOADS["square of 500 Hz"] as Int16Array;
    analysis.process(signal, 0, BAND_BLOCK);
    const low = [...analysis.low];
    expect(Math.max(...low)).toBe(16_383);
    expect(Math.min(...low)).toBe(-16_384);
  });

  test("keeps tones of both bands, and gives them back after 22 samples", () => {
    const snr = (samples: Int16Array): number => snrOf(samples, decode(encode(samples)));
    expect(snr(sine(1000, 12_000)) > 30).toBe(true);
    expect(snr(sine(300, 300)) > 35).toBe(true);
    expect(snr(sine(6100, 12_000)) > 20).toBe(true);
  });

  test("speech comes back with 20 dB between it and the noise", () => {
    const samples = speech(16_000);
    expect(snrOf(samples, decode(encode(samples))) > 20).toBe(true);
  });

  test("the same comes out for pieces of any size, odd ones too", () => {
    const samples = SIGNALS["voice, then silence"] as Int16Array;
    const codes = encode(samples);
    const codec = new G722Codec();
    const pieces = new Uint8Array(codes.length);
    const heard = new Int16Array(samples.length);
    const room = new Int16Array(2000);
    const sizes = [1, 1, 3, 320, 7, 0, 641, 2, 999, 160];
    let written = 0;
    let decoded = 0;
    for (let at = 0, turn = 0; at < samples.length; turn++) {
      const size = Math.min(sizes[turn % sizes.length] as number, samples.length - at);
      written += codec.encode(samples, at, size, pieces, written);
      at += size;
      const count = codec.decode(pieces, decoded / 2, written - decoded / 2, room);
      heard.set(room.subarray(0, count), decoded);
      decoded += count;
    }
    expect(written).toBe(codes.length);
    expect(crc32(pieces)).toBe(crc32(codes));
    expect(crcOf(heard)).toBe(crcOf(decode(codes)));
  });

  test("writes where it is told to, and nowhere else", () => {
    const codec = new G722Codec();
    const out = new Uint8Array(10).fill(0xee);
    expect(codec.encode(SIGNALS["noise"] as Int16Array, 100, 8, out, 3)).toBe(4);
    expect([...out.subarray(0, 3), ...out.subarray(7)]).toEqual(new Array(6).fill(0xee));
    const samples = new Int16Array(10).fill(99);
    expect(codec.decode(out, 3, 4, samples)).toBe(8);
    expect([...samples.subarray(8)]).toEqual([99, 99]);
    expect(codec.decode(out, 3, 0, samples)).toBe(0);
  });

  test("a reset forgets, for each direction by itself", () => {
    const codec = new G722Codec();
    const samples = SIGNALS["noise"] as Int16Array;
    const codes = encode(samples, codec);
    const heard = decode(codes, codec);
    encode(samples.subarray(0, 3), codec);
    codec.resetEncoder();
    expect(crc32(encode(samples, codec))).toBe(crc32(codes));
    codec.conceal(new Int16Array(FRAME), FRAME);
    codec.resetDecoder();
    codec.close();
    // The first of it rises from silence.
    const again = decode(codes, codec);
    expect(crcOf(again.slice(FRAME))).toBe(crcOf(heard.slice(FRAME)));
  });
});

describe("G.722 concealment", () => {
  function concealed(codec: G722Codec, count: number): Int16Array {
    const out = new Int16Array(count).fill(1);
    return out.slice(0, codec.conceal(out, count));
  }

  function power(samples: Int16Array): number {
    return samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length;
  }

  test("goes on with the voice that was, fades, and ends after 60 ms", () => {
    const codec = new G722Codec();
    const before = decode(
      encode((SIGNALS["triangle of 300 Hz"] as Int16Array).slice(0, 6400)),
      codec,
    );
    const made = [1, 2, 3].map(() => concealed(codec, FRAME));
    const powers = [before.slice(-FRAME), ...made].map(power);
    for (let index = 1; index < powers.length; index++) {
      expect((powers[index] as number) < (powers[index - 1] as number)).toBe(true);
    }
    expect((powers[1] as number) > (powers[0] as number) / 4).toBe(true);
    expect(made.map((samples) => samples.length)).toEqual([FRAME, FRAME, FRAME]);
    expect(concealed(codec, FRAME).length).toBe(0);
  });

  test("has nothing to go on with before anything was heard", () => {
    const out = new Int16Array(FRAME).fill(1);
    const made = new G722Codec().conceal(out, FRAME);
    expect(out.subarray(0, made).every((sample) => sample === 0)).toBe(true);
  });

  /**
   * Loses frames here and there, and compares what is heard after them with what is heard without
   * loss: signal to noise in dB of the next three frames, and how many of the first are louder by
   * half.
   */
  function afterLosses(lost: number, isConcealed: boolean): { snr: number; bursts: number } {
    const samples = speech(16_000, -20);
    const codes = encode(samples);
    const clean = decode(codes);
    const codec = new G722Codec();
    const room = new Int16Array(FRAME);
    let signal = 0;
    let noise = 0;
    let bursts = 0;
    for (let frame = 0, at = 0; at + 160 <= codes.length; frame++, at += 160) {
      const place = frame % (lost + 8);
      if (place < lost) {
        if (isConcealed) codec.conceal(room, FRAME);
        continue;
      }
      codec.decode(codes, at, 160, room);
      const real = clean.subarray(2 * at, 2 * at + FRAME);
      if (place >= lost + 3) continue;
      signal += power(real);
      noise += power(real.map((sample, index) => sample - (room[index] as number)));
      if (place === lost && power(room) > 1.5 * power(real)) bursts++;
    }
    return { snr: 10 * Math.log10(signal / noise), bursts };
  }

  test("the sound after a loss is nearer to what was sent, and bursts less often", () => {
    for (const [lost, gain] of [[1, 1.5], [2, 1.2], [4, 0.8]] as const) {
      const without = afterLosses(lost, false);
      const made = afterLosses(lost, true);
      expect([lost, made.snr > without.snr + gain]).toEqual([lost, true]);
      expect([lost, made.bursts < without.bursts]).toEqual([lost, true]);
    }
  });

  test("is of use for a vowel: 20 ms of it are guessed", () => {
    const samples = Int16Array.from({ length: 16_000 }, (_, at) => 3 * (voice(at % 1280) | 0));
    const codes = encode(samples);
    const clean = decode(codes);
    const codec = new G722Codec();
    decode(codes.slice(0, 4800), codec);
    const guess = concealed(codec, 160);
    const real = clean.subarray(9600, 9600 + 160);
    const error = real.map((sample, index) => sample - (guess[index] as number));
    expect(power(error) < power(real) / 2).toBe(true);
  });
});
