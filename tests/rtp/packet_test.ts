import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { emptyRtpHeader, isRtcp, parseRtp, writeRtpHeader } from "../../src/rtp/packet.ts";

function packet(first: number, rest: readonly number[]): Uint8Array {
  return new Uint8Array([first, 0x80, 0xff, 0xfe, 1, 2, 3, 4, 0xf0, 0, 0, 1, ...rest]);
}

describe("RFC 3550 §5.1 RTP fixed header", () => {
  test("reads every field, unsigned", () => {
    const header = emptyRtpHeader();
    expect(parseRtp(packet(0x80, [9, 9]), header)).toBe(true);
    expect(header).toEqual({
      marker: true,
      payloadType: 0,
      sequenceNumber: 0xfffe,
      timestamp: 0x01020304,
      ssrc: 0xf0000001,
      payloadOffset: 12,
      payloadLength: 2,
    });
  });

  test("reads back what it writes", () => {
    const bytes = new Uint8Array(14);
    const written = {
      marker: false,
      payloadType: 101,
      sequenceNumber: 65535,
      timestamp: 0xffffffff,
      ssrc: 0x80000000,
      payloadOffset: 12,
      payloadLength: 2,
    };
    writeRtpHeader(bytes, written);
    const header = emptyRtpHeader();
    expect(parseRtp(bytes, header)).toBe(true);
    expect(header).toEqual(written);
  });

  test("skips CSRCs and the header extension of §5.3.1", () => {
    const header = emptyRtpHeader();
    const bytes = packet(0x92, [...new Array(8).fill(0), 0xbe, 0xde, 0, 1, 1, 1, 1, 1, 7, 7, 7]);
    expect(parseRtp(bytes, header)).toBe(true);
    expect(header.payloadOffset).toBe(28);
    expect(header.payloadLength).toBe(3);
  });

  test("cuts off padding", () => {
    const header = emptyRtpHeader();
    expect(parseRtp(packet(0xa0, [5, 5, 0, 0, 3]), header)).toBe(true);
    expect(header.payloadLength).toBe(2);
  });

  test("refuses what cannot be RTP", () => {
    const header = emptyRtpHeader();
    expect(parseRtp(new Uint8Array(0), header)).toBe(false);
    expect(parseRtp(packet(0x80, []).subarray(0, 11), header)).toBe(false);
    expect(parseRtp(packet(0x40, [1]), header)).toBe(false);
    expect(parseRtp(packet(0x8f, [1, 2, 3]), header)).toBe(false);
    expect(parseRtp(packet(0x90, [0, 0]), header)).toBe(false);
    expect(parseRtp(packet(0x90, [0, 0, 0xff, 0xff, 1]), header)).toBe(false);
    expect(parseRtp(packet(0xa0, [1, 2, 0]), header)).toBe(false);
    expect(parseRtp(packet(0xa0, [1, 2, 200]), header)).toBe(false);
  });

  test("never points outside the packet, whatever the bytes", () => {
    const random = new SeededRandom(7);
    const header = emptyRtpHeader();
    for (let round = 0; round < 5000; round++) {
      const bytes = new Uint8Array(random.nextUint32() % 60);
      random.fill(bytes);
      if (bytes.length > 0) bytes[0] = 0x80 | ((bytes[0] as number) & 0x3f);
      if (!parseRtp(bytes, header)) continue;
      expect(header.payloadOffset + header.payloadLength <= bytes.length).toBe(true);
      expect(header.payloadLength >= 0).toBe(true);
    }
  });
});

describe("RFC 5761 §4 RTCP on an RTP port", () => {
  test("knows sender and receiver reports from RTP with a marker", () => {
    expect(isRtcp(new Uint8Array([0x80, 200, 0, 6]))).toBe(true);
    expect(isRtcp(new Uint8Array([0x81, 201, 0, 7]))).toBe(true);
    expect(isRtcp(new Uint8Array([0x80, 0x80, 0, 6]))).toBe(false);
    expect(isRtcp(new Uint8Array([0x80, 0x80 | 101, 0, 6]))).toBe(false);
    expect(isRtcp(new Uint8Array([0x80]))).toBe(false);
  });
});
