import { describe, expect, test } from "bun:test";
import { SrtpReceiver } from "../../src/rtp/srtp_receiver.ts";
import { SrtpSender } from "../../src/rtp/srtp_sender.ts";
import { SRTP_SUITES } from "../../src/rtp/srtp_suite.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { keyOf, rtcpPacket, rtpPacket, SUITES, toHex } from "./srtp_fixtures.ts";

const SUITE = "AES_CM_128_HMAC_SHA1_80";

function send(sender: SrtpSender, sequenceNumber: number, ssrc?: number): number {
  const { packet, length } = rtpPacket({ sequenceNumber, ...(ssrc !== undefined && { ssrc }) });
  return sender.protect(packet, length);
}

describe("RFC 3711 §3.3 sending", () => {
  for (const suite of SUITES) {
    test(`${suite}: adds its tag, and never more than its overhead`, () => {
      const sender = new SrtpSender(keyOf(suite), srtpCrypto);
      const { tagBytes, rtcpTagBytes } = SRTP_SUITES[suite];
      expect(send(sender, 1)).toBe(172 + tagBytes);
      const { packet, length } = rtcpPacket();
      expect(sender.protectRtcp(packet, length)).toBe(length + rtcpTagBytes + 4);
      expect(sender.overhead).toBe(rtcpTagBytes + 4);
    });
  }

  test("the same audio at two sequence numbers is encrypted differently", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const [one, two] = [1, 2].map((sequenceNumber) => {
      const { packet, length } = rtpPacket({ sequenceNumber });
      sender.protect(packet, length);
      return toHex(packet.subarray(12, length));
    });
    expect(one).not.toBe(two);
  });

  test("a sequence number that comes again after a wrap has another keystream", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const payloads = [5, 30000, 60000, 5].map((sequenceNumber) => {
      const { packet, length } = rtpPacket({ sequenceNumber });
      expect(sender.protect(packet, length)).toBe(length + 10);
      return toHex(packet.subarray(12, length));
    });
    expect(payloads[3]).not.toBe(payloads[0]);
  });

  test("refuses what would repeat a keystream, and leaves the packet alone", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    expect(send(sender, 100)).toBe(182);
    const { packet, length } = rtpPacket({ sequenceNumber: 100 });
    const before = toHex(packet);
    expect(sender.protect(packet, length)).toBe(-1);
    expect(toHex(packet)).toBe(before);
    expect(send(sender, 99)).toBe(-1);
    expect(send(sender, 101)).toBe(182);
  });

  test("each SSRC has its own index, which is kept while another one sends", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const receiver = new SrtpReceiver(keyOf(SUITE), srtpCrypto);
    const exchange = (sequenceNumber: number, ssrc: number) => {
      const { packet, length } = rtpPacket({ sequenceNumber, ssrc });
      return receiver.unprotect(packet, sender.protect(packet, length));
    };
    // The first one wraps; then the second one must not.
    for (const sequenceNumber of [30000, 60000, 100]) expect(exchange(sequenceNumber, 1)).toBe(172);
    for (const sequenceNumber of [60000, 60001]) expect(exchange(sequenceNumber, 2)).toBe(172);
    expect(exchange(101, 1)).toBe(172);
    expect(send(sender, 100, 1)).toBe(-1);
  });

  test("refuses more SSRCs than it can remember", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const lengths = Array.from({ length: 100 }, (_, ssrc) => send(sender, 1, ssrc));
    const refused = lengths.indexOf(-1);
    expect(refused).toBeGreaterThan(8);
    expect(lengths.slice(refused).every((length) => length === -1)).toBe(true);
    expect(send(sender, 2, 0)).toBe(182);
    expect(send(sender, 1, 0)).toBe(-1);
  });

  test("what is no packet, or has no room behind it, is the caller's fault", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const { packet, length } = rtpPacket({ sequenceNumber: 1 });
    expect(() => sender.protect(packet.subarray(0, length + 9), length)).toThrow(RangeError);
    expect(() => sender.protect(packet, 11)).toThrow(RangeError);
    expect(() => sender.protect(new Uint8Array(200), 172)).toThrow(RangeError);
    expect(() => sender.protectRtcp(packet, 7)).toThrow(RangeError);
    expect(() => sender.protectRtcp(packet.subarray(0, length), length)).toThrow(RangeError);
    expect(sender.protect(packet, length)).toBe(182);
  });
});

describe("RFC 3711 §3.4 sending RTCP", () => {
  test("sets the E flag and counts from zero, over all SSRCs", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const words = [1, 1, 2].map((ssrc) => {
      const { packet, length } = rtcpPacket(ssrc);
      sender.protectRtcp(packet, length);
      return toHex(packet.subarray(length, length + 4));
    });
    expect(words).toEqual(["80000000", "80000001", "80000002"]);
  });

  test("leaves header and SSRC in the clear alone", () => {
    const sender = new SrtpSender(keyOf(SUITE), srtpCrypto);
    const { packet, length } = rtcpPacket();
    const before = toHex(packet.subarray(0, length));
    sender.protectRtcp(packet, length);
    expect(toHex(packet.subarray(0, 8))).toBe(before.slice(0, 16));
    expect(toHex(packet.subarray(8, length))).not.toBe(before.slice(16));
  });
});
