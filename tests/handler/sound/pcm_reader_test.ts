import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { serializeWav, WavError, writeWavHeader } from "../../../src/audio/wav.ts";
import { PcmReader } from "../../../src/handler/sound/pcm_reader.ts";
/** Samples that say where they come from. */
function ramp(length: number, from = 1): Int16Array {
  return Int16Array.from({ length }, (_, index) => from + index);
}

/** Reads bytes that come in pieces of these lengths, over and over. */
function read(bytes: Uint8Array, pieces: readonly number[], reader: PcmReader): Int16Array {
  const chunks: number[] = [];
  const take = (pcm: Uint8Array): void => {
    for (const sample of new Int16Array(pcm.slice().buffer)) chunks.push(sample);
  };
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const length = pieces[turn % pieces.length] as number;
    take(reader.receive(bytes.subarray(at, at + length)));
    at += length;
  }
  take(reader.end());
  return Int16Array.from(chunks);
}

describe("reading sound as it comes", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

  test("gives the same however a WAV file is cut", () => {
    const bytes = serializeWav(ramp(300), 8000);
    fc.assert(fc.property(cuts, (pieces) => {
      expect(read(bytes, pieces, new PcmReader({ to: 8000 }))).toEqual(ramp(300));
    }));
  });

  test("gives the same however bare samples are cut", () => {
    const bytes = new Uint8Array(ramp(300, 1).buffer);
    fc.assert(fc.property(cuts, (pieces) => {
      expect(read(bytes, pieces, new PcmReader({ bareRate: 8000, to: 8000 }))).toEqual(ramp(300));
    }));
  });

  test("mixes channels down and skips chunks in front of the samples", () => {
    const header = new Uint8Array(44);
    writeWavHeader(header, { rate: 8000, channels: 2, dataBytes: 8 });
    const junk = new TextEncoder().encode("LIST\u0003\0\0\0abc\0");
    const samples = new Uint8Array(Int16Array.of(10, 20, -4, -8).buffer);
    const bytes = new Uint8Array([
      ...header.subarray(0, 36),
      ...junk,
      ...header.subarray(36),
      ...samples,
    ]);
    expect(read(bytes, [5], new PcmReader({ to: 8000 }))).toEqual(Int16Array.of(15, -6));
  });

  test("gives the tail of the filter, so that nothing is cut off", () => {
    const bytes = serializeWav(new Int16Array(22_050), 22_050);
    const reader = new PcmReader({ to: 8000 });
    expect(reader.isInHeader).toBe(true);
    const samples = read(bytes, [1_000], reader);
    expect(samples.length).toBeGreaterThan(8_000);
    expect(samples.length).toBeLessThan(8_050);
    expect(reader.isInHeader).toBe(false);
  });

  test("takes fewer bytes than a header has for what they are", () => {
    const bytes = Uint8Array.of(1, 0, 2);
    expect(read(bytes, [3], new PcmReader({ bareRate: 8000, to: 8000 }))).toEqual(Int16Array.of(1));
    expect(() => read(bytes, [3], new PcmReader({ to: 8000 }))).toThrow(WavError);
  });

  test("refuses rates and formats that it cannot bring to the call's", () => {
    const strange = serializeWav(ramp(10), 12_345);
    expect(() => read(strange, [99], new PcmReader({ to: 8000 }))).toThrow(/12345 Hz, use 8000/);
    const coded = serializeWav(ramp(10), 8000);
    coded[20] = 85;
    expect(() => read(coded, [99], new PcmReader({ to: 8000 }))).toThrow(/format 85/);
  });

  test("refuses a header without end", () => {
    const bytes = new Uint8Array(1 << 20);
    bytes.set(new TextEncoder().encode("RIFF....WAVEjunk"));
    expect(() => read(bytes, [65_536], new PcmReader({ to: 8000 }))).toThrow(/no "data" chunk/);
  });

  test("throws nothing but its own error, whatever comes", () => {
    const head = serializeWav(ramp(4), 8000);
    const bytes = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 48 }), cuts);
    fc.assert(
      fc.property(bytes, ([noise, at, pieces]) => {
        const mixed = new Uint8Array(head.length + noise.length);
        mixed.set(head);
        mixed.set(noise.subarray(0, mixed.length - at), at);
        try {
          read(mixed, pieces, new PcmReader({ bareRate: 8000, to: 16_000 }));
        } catch (error) {
          expect(error).toBeInstanceOf(WavError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
