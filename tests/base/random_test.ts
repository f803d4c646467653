import { describe, expect, test } from "bun:test";
import { randomHex, randomUint16, randomUint32, SeededRandom } from "../../src/base/random.ts";

describe("random values", () => {
  test("are written as lower-case hexadecimal, two digits a byte", () => {
    const fixed = { fill: (buffer: Uint8Array) => buffer.set([0, 9, 0xab, 0xff]) };
    expect(randomHex(fixed, 4)).toBe("0009abff");
  });

  test("of 16 and 32 bits use all their bits", () => {
    const random = new SeededRandom(5);
    let all32 = 0;
    let all16 = 0;
    for (let round = 0; round < 200; round++) {
      all32 |= randomUint32(random);
      all16 |= randomUint16(random);
    }
    expect(all32 >>> 0).toBe(0xffff_ffff);
    expect(all16).toBe(0xffff);
  });

  test("of the same seed are the same", () => {
    expect(randomHex(new SeededRandom(7), 16)).toBe(randomHex(new SeededRandom(7), 16));
    expect(randomHex(new SeededRandom(7), 16)).not.toBe(randomHex(new SeededRandom(8), 16));
  });
});
