import { describe, expect, test } from "bun:test";
import {
  advanceTimestamp,
  extendSequence,
  sequenceDelta,
  timestampDelta,
} from "../../src/rtp/sequence.ts";

describe("RFC 3550 §A.1 wrapping numbers", () => {
  test("measures sequence numbers over the wrap, both ways", () => {
    expect(sequenceDelta(2, 65534)).toBe(4);
    expect(sequenceDelta(65534, 2)).toBe(-4);
    expect(sequenceDelta(5, 5)).toBe(0);
  });

  test("measures timestamps over the wrap, both ways", () => {
    expect(timestampDelta(100, 0xffffff9c)).toBe(200);
    expect(timestampDelta(0xffffff9c, 100)).toBe(-200);
    expect(advanceTimestamp(0xffffffff, 160)).toBe(159);
    expect(advanceTimestamp(0, -1)).toBe(0xffffffff);
  });

  test("extends a sequence number to the nearest cycle", () => {
    expect(extendSequence(1, 65535)).toBe(65537);
    expect(extendSequence(65535, 65537)).toBe(65535);
    expect(extendSequence(0x1234, 5 * 65536 + 0x1233)).toBe(5 * 65536 + 0x1234);
  });
});
