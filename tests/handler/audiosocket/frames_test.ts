import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  audioKind,
  describeError,
  FrameReader,
  FrameWriter,
  KIND,
  rateOfKind,
  uuidBytes,
} from "../../../src/handler/audiosocket/frames.ts";

interface Frame {
  readonly kind: number;
  readonly payload: readonly number[];
}

function read(pieces: readonly Uint8Array[]): { frames: Frame[]; isWithin: boolean } {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (const piece of pieces) {
    reader.receive(piece, (kind, payload) => {
      frames.push({ kind, payload: [...payload] });
      return true;
    });
  }
  return { frames, isWithin: reader.isWithin };
}

describe("AudioSocket frames", () => {
  test("are kind, length and payload", () => {
    const writer = new FrameWriter();
    expect([...writer.frame(KIND.dtmf, Uint8Array.of(0x35))]).toEqual([0x03, 0, 1, 0x35]);
    expect([...writer.frame(KIND.hangUp, new Uint8Array(0))]).toEqual([0, 0, 0]);
    const long = writer.frame(audioKind(48_000), new Uint8Array(1920).fill(7));
    expect([...long.subarray(0, 4)]).toEqual([0x16, 0x07, 0x80, 7]);
    expect(long).toHaveLength(1923);
  });

  test("come out whole, however the stream is cut", () => {
    const frame = fc.record({
      kind: fc.integer({ min: 0, max: 255 }),
      payload: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 700 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 10 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (frames, cuts) => {
          const writer = new FrameWriter();
          const stream = frames.flatMap(({ kind, payload }) => [
            ...writer.frame(kind, Uint8Array.from(payload)),
          ]);
          const places = [...cuts.map((cut) => cut % (stream.length + 1)), 0, stream.length]
            .sort((one, other) => one - other);
          const pieces = places.slice(1).map((end, index) =>
            Uint8Array.from(stream.slice(places[index], end))
          );
          expect(read(pieces)).toEqual({ frames, isWithin: false });
        },
      ),
    );
  });

  test("that are cut off are known to be", () => {
    expect(read([Uint8Array.of(0x10, 0, 2, 1)]).isWithin).toBe(true);
    expect(read([Uint8Array.of(0x10)]).isWithin).toBe(true);
  });

  test("tell their kind before they are whole", () => {
    const reader = new FrameReader();
    reader.receive(Uint8Array.of(0x10, 0, 1, 7, 0x77), () => true);
    expect(reader.kindWithin).toBe(0x77);
    reader.receive(Uint8Array.of(0, 0), () => true);
    expect(reader.kindWithin).toBeUndefined();
  });

  test("are read no further than they are wanted", () => {
    const reader = new FrameReader();
    let count = 0;
    reader.receive(Uint8Array.of(0, 0, 0, 0, 0, 0), () => {
      count++;
      return false;
    });
    expect(count).toBe(1);
  });

  test("carry audio at each rate of Asterisk's", () => {
    const rates = [8000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];
    expect(rates.map(audioKind)).toEqual([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
    expect(rates.map((rate) => rateOfKind(audioKind(rate)))).toEqual(rates);
    expect(rateOfKind(0x19)).toBeUndefined();
    expect(() => audioKind(11_025)).toThrow(RangeError);
  });

  test("say what went wrong", () => {
    expect(describeError(Uint8Array.of(2))).toContain("a frame could not be forwarded");
    expect(describeError(Uint8Array.of(9))).toBe("the server reports error 9");
    expect(describeError(new Uint8Array(0))).toBe("the server reports an error");
  });

  test("have the call's UUID as 16 bytes", () => {
    expect([...uuidBytes("0189a1b2-c3d4-7e5f-8091-a2b3c4d5e6f7")]).toEqual([
      ...[0x01, 0x89, 0xa1, 0xb2, 0xc3, 0xd4, 0x7e, 0x5f],
      ...[0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7],
    ]);
  });
});
