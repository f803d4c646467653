import { describe, expect, test } from "bun:test";
import { createCodec } from "../../src/audio/codec_table.ts";
import type { AudioCodec } from "../../src/audio/codec.ts";
import { PCMA, PCMU } from "../../src/audio/g711.ts";

function decode(codec: AudioCodec, codes: readonly number[]): number[] {
  const out = new Int16Array(codes.length);
  expect(codec.decode(new Uint8Array(codes), 0, codes.length, out)).toBe(codes.length);
  return [...out];
}

function encode(codec: AudioCodec, samples: readonly number[]): number[] {
  const out = new Uint8Array(samples.length);
  codec.encode(new Int16Array(samples), 0, samples.length, out, 0);
  return [...out];
}

/** ITU-T G.711 table 2: value = sign (2 mantissa + 33) 2^segment - 33, in 14 bits. */
function mulawByFormula(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((2 * (bits & 0x0f) + 33) << ((bits >> 4) & 7)) - 33;
  return (bits & 0x80 ? -magnitude : magnitude) * 4 || 0;
}

/** ITU-T G.711 table 1, in 13 bits. */
function alawByFormula(code: number): number {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const step = 2 * (bits & 0x0f) + 1;
  const magnitude = segment === 0 ? step : (step + 32) << (segment - 1);
  return (bits & 0x80 ? magnitude : -magnitude) * 8;
}

describe("ITU-T G.711", () => {
  test("mu-law has the published sign and level", () => {
    expect(decode(PCMU, [0xff, 0x7f, 0x80, 0x00, 0xfe, 0x7e])).toEqual([
      0,
      0,
      32124,
      -32124,
      8,
      -8,
    ]);
  });

  test("A-law has the published sign and level", () => {
    expect(decode(PCMA, [0xd5, 0x55, 0xaa, 0x2a])).toEqual([8, -8, 32256, -32256]);
  });

  test("all 256 codes of both laws agree with the recommendation's formula", () => {
    for (let code = 0; code < 256; code++) {
      expect(decode(PCMU, [code])).toEqual([mulawByFormula(code)]);
      expect(decode(PCMA, [code])).toEqual([alawByFormula(code)]);
    }
  });

  test("all codes survive decoding and encoding, but for the mu-law's negative zero", () => {
    for (let code = 0; code < 256; code++) {
      expect(encode(PCMU, decode(PCMU, [code]))).toEqual([code === 0x7f ? 0xff : code]);
      expect(encode(PCMA, decode(PCMA, [code]))).toEqual([code]);
    }
  });

  test("samples are encoded in order, with an error of at most half a step of their segment", () => {
    for (const codec of [PCMU, PCMA]) {
      let last = -Infinity;
      for (let sample = -32768; sample < 32768; sample += 3) {
        const value = decode(codec, encode(codec, [sample]))[0] as number;
        expect(value >= last).toBe(true);
        expect(Math.abs(value - sample) <= 16 + Math.abs(sample) / 31).toBe(true);
        last = value;
      }
    }
  });

  test("works at offsets, and one byte is one sample", () => {
    const out = new Int16Array(2);
    PCMU.decode(new Uint8Array([1, 0x80, 0xff, 1]), 1, 2, out);
    expect([...out]).toEqual([32124, 0]);
    const bytes = new Uint8Array(4).fill(9);
    expect(PCMU.encode(new Int16Array([5, 0, 32124]), 1, 2, bytes, 1)).toBe(2);
    expect([...bytes]).toEqual([9, 0xff, 0x80, 9]);
    expect(PCMU.samplesMax(160)).toBe(160);
  });

  test("is found by its SDP name", () => {
    const options = { rate: 8000, libraries: {} };
    expect(createCodec("PCMU", options)).toBe(PCMU);
    expect(createCodec("PCMA", options).name).toBe("PCMA");
  });
});
