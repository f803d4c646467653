import { describe, expect, test } from "bun:test";
import { carriesRedundancy } from "../../src/audio/opus_packet.ts";
import { pseudoRandom } from "./sounds.ts";

describe("RFC 6716 §4.2.3 LBRR flag", () => {
  const cases: readonly (readonly [string, readonly number[], boolean])[] = [
    ["one frame of 20 ms, with", [0x08, 0b0100_0000], true],
    ["one frame of 20 ms, without", [0x08, 0b1011_1111], false],
    ["one frame of 10 ms, with", [0x00, 0b0100_0000], true],
    ["40 ms, two VAD flags before it", [0x10, 0b0010_0000], true],
    ["40 ms, a VAD flag only", [0x10, 0b0100_0000], false],
    ["60 ms, three VAD flags before it", [0x18, 0b0001_0000], true],
    ["60 ms, VAD flags only", [0x18, 0b1110_1111], false],
    ["hybrid, 20 ms, with", [0x68, 0b0100_0000], true],
    ["CELT", [0x80, 0xff, 0xff], false],
    ["stereo, of the side only", [0x0c, 0b0001_0000], true],
    ["stereo of 60 ms, of the side only", [0x1c, 0b0000_0001], true],
    ["two frames of one length", [0x09, 0x40, 0x00], true],
    ["two frames with a length before them", [0x0a, 1, 0x40, 0x00], true],
    ["two frames, the first one empty", [0x0a, 0, 0x40, 0x00], false],
    ["two frames with a length of two bytes", [0x0a, 252, 0, 0x40, ...Array(252).fill(0)], true],
    ["three frames of one length", [0x0b, 3, 0x40, 0, 0], true],
    ["frames of one length behind padding", [0x0b, 0x42, 1, 0x40, 0, 0], true],
    ["frames with lengths", [0x0b, 0x83, 1, 1, 0x40, 0, 0], true],
    ["no frames", [0x0b, 0, 0x40], false],
    ["a length of padding that does not end", [0x0b, 0x41, 255, 255, 255], false],
    ["more padding than packet", [0x0b, 0x41, 4, 0x40, 0, 0], false],
    ["nothing but a first byte", [0x08], false],
    ["nothing", [], false],
  ];
  for (const [name, bytes, expected] of cases) {
    test(`${name}: ${expected}`, () => {
      const packet = Uint8Array.from([0xff, ...bytes, 0xff]);
      expect(carriesRedundancy(packet, 1, bytes.length)).toBe(expected);
    });
  }
});

describe("hostile packets", () => {
  test("are looked at no further than they go", () => {
    const next = pseudoRandom(3);
    for (let round = 0; round < 20_000; round++) {
      const length = Math.floor(next() ** 3 * 300);
      const bytes = Uint8Array.from({ length }, () => next() < 0.3 ? 255 : next() * 256);
      // What stands behind a packet is not of it
      const [zeros, ones] = [0, 255].map((filler) => {
        const room = new Uint8Array(length + 300).fill(filler);
        room.set(bytes);
        return carriesRedundancy(room, 0, length);
      });
      expect([zeros, ones]).toEqual([ones, carriesRedundancy(bytes, 0, length)]);
    }
  });
});
