import { describe, expect, test } from "bun:test";
import type { CodecName } from "../../src/audio/codec.ts";
import { createCodec } from "../../src/audio/codec_table.ts";
import { L16_16000, L16_44100, L16_8000 } from "../../src/audio/l16.ts";

function decode(bytes: readonly number[]): number[] {
  const out = new Int16Array(L16_8000.samplesMax(bytes.length));
  const count = L16_8000.decode(new Uint8Array(bytes), 0, bytes.length, out);
  return [...out.subarray(0, count)];
}

describe("RFC 3551 §4.5.11 L16", () => {
  for (const rate of [8000, 16_000, 44_100]) {
    test(`${rate} Hz is the rate of the samples and of the RTP clock`, () => {
      const name = `L16/${rate}` as CodecName;
      const codec = createCodec(name, { rate: 8000, libraries: {} });
      expect([codec.name, codec.sampleRate, codec.clockRate]).toEqual([name, rate, rate]);
    });
  }

  test("has no state, so that one object serves all calls", () => {
    const options = { rate: 8000, libraries: {} };
    expect(createCodec("L16/8000", options)).toBe(L16_8000);
    expect(createCodec("L16/16000", options)).toBe(L16_16000);
    expect(createCodec("L16/44100", options)).toBe(L16_44100);
  });

  test("the most significant byte comes first, in two's complement", () => {
    expect(decode([0, 0, 0, 1, 0x7f, 0xff, 0x80, 0, 0xff, 0xff, 0x12, 0x34]))
      .toEqual([0, 1, 32_767, -32_768, -1, 0x1234]);
    const out = new Uint8Array(6);
    expect(L16_8000.encode(Int16Array.of(0x1234, -2, -32_768), 0, 3, out, 0)).toBe(6);
    expect([...out]).toEqual([0x12, 0x34, 0xff, 0xfe, 0x80, 0]);
  });

  test("an odd last byte is ignored", () => {
    expect(decode([0x12, 0x34, 0x56])).toEqual([0x1234]);
    expect(decode([0x12])).toEqual([]);
    expect(decode([])).toEqual([]);
    expect(L16_8000.samplesMax(3)).toBe(1);
  });

  test("every sample comes back as it was", () => {
    const samples = Int16Array.from({ length: 65_536 }, (_, index) => index - 32_768);
    const bytes = new Uint8Array(samples.length * 2);
    const back = new Int16Array(samples.length);
    expect(L16_44100.encode(samples, 0, samples.length, bytes, 0)).toBe(bytes.length);
    expect(L16_44100.decode(bytes, 0, bytes.length, back)).toBe(samples.length);
    expect(back.every((sample, index) => sample === samples[index])).toBe(true);
  });

  test("reads from and writes to where it is told", () => {
    const bytes = new Uint8Array(8).fill(0xee);
    expect(L16_8000.encode(Int16Array.of(9, 0x0102, 0x0304, 9), 1, 2, bytes, 2)).toBe(4);
    expect([...bytes]).toEqual([0xee, 0xee, 1, 2, 3, 4, 0xee, 0xee]);
    const samples = new Int16Array(3).fill(99);
    expect(L16_8000.decode(bytes, 2, 4, samples)).toBe(2);
    expect([...samples]).toEqual([0x0102, 0x0304, 99]);
  });
});
