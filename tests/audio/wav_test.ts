import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import {
  parseWav,
  serializeWav,
  WAV_DATA_BYTES_MAX,
  WAV_HEADER_BYTES,
  WavError,
  writeWavHeader,
} from "../../src/audio/wav.ts";

interface WavOptions {
  readonly tag: number;
  readonly bits: number;
  readonly data: readonly number[];
  readonly channels?: number;
  readonly rate?: number;
  /** Overrides the length that the data chunk tells. */
  readonly told?: number;
  readonly extensible?: boolean;
  /** Chunks before and after the data, as bytes. */
  readonly before?: readonly number[];
  readonly after?: readonly number[];
}

function le(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** index) & 0xff);
}

function ascii(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}

function wav(options: WavOptions): Uint8Array {
  const { tag, bits, data, channels = 1, rate = 8000, extensible = false } = options;
  const block = channels * (bits / 8);
  const format = [
    ...le(extensible ? 0xfffe : tag, 2),
    ...le(channels, 2),
    ...le(rate, 4),
    ...le(rate * block, 4),
    ...le(block, 2),
    ...le(bits, 2),
    ...(extensible ? [...le(22, 2), ...le(bits, 2), ...le(4, 4), ...le(tag, 2), ...le(0, 14)] : []),
  ];
  const body = [
    ...ascii("WAVEfmt "),
    ...le(format.length, 4),
    ...format,
    ...(options.before ?? []),
    ...ascii("data"),
    ...le(options.told ?? data.length, 4),
    ...data,
    ...(options.after ?? []),
  ];
  return new Uint8Array([...ascii("RIFF"), ...le(body.length, 4), ...body]);
}

function samplesOf(options: WavOptions): number[] {
  return [...parseWav(wav(options)).samples];
}

describe("reading WAV files", () => {
  test("16 bits", () => {
    const audio = parseWav(wav({ tag: 1, bits: 16, data: [0, 128, 255, 127], rate: 16000 }));
    expect([...audio.samples]).toEqual([-32768, 32767]);
    expect(audio.sampleRate).toBe(16000);
    expect(audio.channels).toBe(1);
  });

  test("8, 24 and 32 bits, at their levels", () => {
    expect(samplesOf({ tag: 1, bits: 8, data: [0, 128, 255] })).toEqual([-32768, 0, 32512]);
    expect(samplesOf({ tag: 1, bits: 24, data: [0, 0, 128, 0, 1, 0] })).toEqual([-32768, 1]);
    expect(samplesOf({ tag: 1, bits: 32, data: [0, 0, 0, 128, 0, 0, 2, 0] })).toEqual([-32768, 2]);
  });

  test("32-bit float, clipped, without NaN", () => {
    const floats = new Uint8Array(new Float32Array([0.5, -1, 2, NaN]).buffer);
    expect(samplesOf({ tag: 3, bits: 32, data: [...floats] })).toEqual([16384, -32768, 32767, 0]);
  });

  test("A-law and mu-law", () => {
    expect(samplesOf({ tag: 6, bits: 8, data: [0xd5, 0x2a] })).toEqual([8, -32256]);
    expect(samplesOf({ tag: 7, bits: 8, data: [0xff, 0x80] })).toEqual([0, 32124]);
  });

  test("mixes channels to their mean", () => {
    const data = [...le(100, 2), ...le(300, 2), ...le(1000, 2), ...le(64536, 2)];
    const audio = parseWav(wav({ tag: 1, bits: 16, data, channels: 2 }));
    expect([...audio.samples]).toEqual([200, 0]);
    expect(audio.channels).toBe(2);
  });

  test("extensible formats, by their sub-format", () => {
    expect(samplesOf({ tag: 1, bits: 16, data: [7, 0], extensible: true })).toEqual([7]);
    expect(samplesOf({ tag: 7, bits: 8, data: [0x80], extensible: true })).toEqual([32124]);
  });

  test("other chunks around, of odd length too", () => {
    const before = [...ascii("LIST"), ...le(3, 4), 1, 2, 3, 0];
    const after = [...ascii("junk"), ...le(1, 4), 1, 0];
    expect(samplesOf({ tag: 1, bits: 16, data: [7, 0], before, after })).toEqual([7]);
  });

  test("streams whose header tells no length, or one too large", () => {
    for (const told of [0, 0xffffffff, 1000]) {
      expect(samplesOf({ tag: 1, bits: 16, data: [7, 0, 8, 0], told })).toEqual([7, 8]);
    }
  });

  test("a sample cut in half at the end is left out", () => {
    expect(samplesOf({ tag: 1, bits: 16, data: [7, 0, 8] })).toEqual([7]);
  });

  test("bytes that are a view into a larger buffer", () => {
    const file = wav({ tag: 1, bits: 16, data: [7, 0] });
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    expect([...parseWav(larger.subarray(3)).samples]).toEqual([7]);
  });

  test("says what is wrong with what it cannot read", () => {
    expect(() => parseWav(new Uint8Array(ascii("ID3 is not a wave")))).toThrow("not a WAV file");
    expect(() => parseWav(wav({ tag: 2, bits: 4, data: [1] }))).toThrow("convert it to 16-bit PCM");
    expect(() => parseWav(wav({ tag: 1, bits: 16, data: [], channels: 0 }))).toThrow("0 channels");
    expect(() => parseWav(wav({ tag: 1, bits: 16, data: [], rate: 0 }))).toThrow("0 Hz");
    expect(() => parseWav(wav({ tag: 1, bits: 16, data: [] }).subarray(0, 30))).toThrow("cut off");
    expect(() => parseWav(wav({ tag: 1, bits: 16, data: [] }).subarray(0, 36))).toThrow(
      'no "data"',
    );
  });

  test("throws only its own error, whatever the bytes", () => {
    const random = new SeededRandom(3);
    const file = wav({ tag: 1, bits: 16, data: [1, 2, 3, 4, 5, 6, 7, 8] });
    for (let round = 0; round < 3000; round++) {
      const bytes = file.slice(0, random.nextUint32() % (file.length + 1));
      for (let hit = 0; hit < 3 && bytes.length > 0; hit++) {
        bytes[random.nextUint32() % bytes.length] = random.nextUint32() & 0xff;
      }
      try {
        parseWav(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(WavError);
      }
    }
  });
});

describe("writing WAV files", () => {
  test("what is written is read back", () => {
    const samples = new Int16Array([0, -1, 32767, -32768]);
    const bytes = serializeWav(samples, 16000);
    expect(bytes).toHaveLength(52);
    expect(parseWav(bytes)).toEqual({ sampleRate: 16000, channels: 1, samples });
  });

  test("two channels in turn behind a header", () => {
    const file = new Uint8Array(WAV_HEADER_BYTES + 8);
    writeWavHeader(file, { rate: 48_000, channels: 2, dataBytes: 8 });
    expect([...file.subarray(0, WAV_HEADER_BYTES)]).toEqual([
      ...ascii("RIFF"),
      ...le(44, 4),
      ...ascii("WAVEfmt "),
      ...le(16, 4),
      ...le(1, 2),
      ...le(2, 2),
      ...le(48_000, 4),
      ...le(192_000, 4),
      ...le(4, 2),
      ...le(16, 2),
      ...ascii("data"),
      ...le(8, 4),
    ]);
    file.set([2, 0, 4, 0, 251, 255, 251, 255], WAV_HEADER_BYTES);
    const samples = new Int16Array([3, -5]);
    expect(parseWav(file)).toEqual({ sampleRate: 48_000, channels: 2, samples });
  });

  test("as many bytes as 32 bits can tell of", () => {
    const header = new Uint8Array(WAV_HEADER_BYTES);
    writeWavHeader(header, { rate: 8000, channels: 2, dataBytes: WAV_DATA_BYTES_MAX });
    expect([...header.subarray(4, 8)]).toEqual([255, 255, 255, 255]);
    expect([...header.subarray(40)]).toEqual(le(2 ** 32 - 37, 4));
  });
});
