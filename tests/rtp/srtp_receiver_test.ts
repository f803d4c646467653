import { describe, expect, test } from "bun:test";
import { NOT_AUTHENTIC, REPLAYED, SrtpReceiver } from "../../src/rtp/srtp_receiver.ts";
import { SrtpSender } from "../../src/rtp/srtp_sender.ts";
import type { SrtpSuite } from "../../src/rtp/srtp_suite.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { keyOf, rtcpPacket, rtpPacket, SUITES, toHex } from "./srtp_fixtures.ts";

const SUITE = "AES_CM_128_HMAC_SHA1_80";

/** A sender and a receiver with one key, and packets between them. */
function joined(suite: SrtpSuite = SUITE) {
  const sender = new SrtpSender(keyOf(suite), srtpCrypto);
  const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
  return {
    sender,
    receiver,
    /** Protects a packet. */
    make(sequenceNumber: number, ssrc = 1): Uint8Array {
      const { packet, length } = rtpPacket({ sequenceNumber, ssrc });
      return packet.slice(0, sender.protect(packet, length));
    },
    makeRtcp(ssrc = 1): Uint8Array {
      const { packet, length } = rtcpPacket(ssrc);
      return packet.slice(0, sender.protectRtcp(packet, length));
    },
    /** Receives a copy. */
    take: (packet: Uint8Array) => receiver.unprotect(packet.slice()),
    takeRtcp: (packet: Uint8Array) => receiver.unprotectRtcp(packet.slice()),
  };
}

describe("RFC 3711 §3.3 receiving", () => {
  for (const suite of SUITES) {
    test(`${suite}: a change of any byte is noticed`, () => {
      const { make, take, makeRtcp, takeRtcp } = joined(suite);
      const packet = make(1000);
      for (let at = 0; at < packet.length; at += 1) {
        const changed = packet.slice();
        changed[at] = changed[at]! ^ 0x10;
        expect(take(changed)).toBeLessThan(0);
      }
      expect(take(packet)).toBe(172);
      const report = makeRtcp();
      // The first four bytes are no less authentic than the rest.
      for (let at = 0; at < report.length; at++) {
        const changed = report.slice();
        changed[at] = changed[at]! ^ 0x10;
        expect(takeRtcp(changed)).toBe(NOT_AUTHENTIC);
      }
      expect(takeRtcp(report)).toBe(28);
    });

    test(`${suite}: packets that were cut short or are none are not authentic`, () => {
      const { make, take, makeRtcp, takeRtcp, receiver } = joined(suite);
      const [packet, report] = [make(1000), makeRtcp()];
      for (let length = 0; length < packet.length; length++) {
        expect(take(packet.subarray(0, length))).toBe(NOT_AUTHENTIC);
        expect(receiver.unprotect(packet.slice(), length)).toBe(NOT_AUTHENTIC);
      }
      for (let length = 0; length < report.length; length++) {
        expect(takeRtcp(report.subarray(0, length))).toBe(NOT_AUTHENTIC);
      }
      expect(receiver.unprotect(packet.slice(), packet.length + 1)).toBe(NOT_AUTHENTIC);
      expect(receiver.unprotectRtcp(report.slice(), report.length + 1)).toBe(NOT_AUTHENTIC);
      const allOnes = new Uint8Array(200).fill(0xff);
      expect(take(allOnes)).toBe(NOT_AUTHENTIC);
      const endlessExtension = packet.slice();
      endlessExtension[0] = 0x90;
      expect(take(endlessExtension)).toBe(NOT_AUTHENTIC);
    });
  }

  test("another key opens nothing", () => {
    const { make, makeRtcp } = joined();
    const receiver = new SrtpReceiver(keyOf(SUITE, 0x12), srtpCrypto);
    expect(receiver.unprotect(make(1))).toBe(NOT_AUTHENTIC);
    expect(receiver.unprotectRtcp(makeRtcp())).toBe(NOT_AUTHENTIC);
  });

  test("what comes in a buffer with more behind it is opened by its length", () => {
    const { make, receiver } = joined();
    const packet = make(1);
    const buffer = new Uint8Array(1500).fill(9);
    buffer.set(packet);
    expect(receiver.unprotect(buffer, packet.length)).toBe(172);
    expect(toHex(buffer.subarray(12, 172))).toBe("ab".repeat(160));
  });
});

describe("RFC 3711 §3.3.1 the roll-over counter", () => {
  test("follows wraps, with packets lost and out of order around them", () => {
    const { make, take } = joined();
    const packets = [65000, 65534, 65535, 0, 1, 2].map((number) => make(number));
    const [first, second, third, fourth, fifth, sixth] = packets as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const packet of [first, third, fifth, second, fourth, sixth]) {
      expect(take(packet)).toBe(172);
    }
    for (let wraps = 0; wraps < 3; wraps++) {
      for (const number of [20000, 40000, 60000, 14464]) expect(take(make(number))).toBe(172);
    }
  });

  test("finds a source whose first packets, before a wrap, were lost", () => {
    const { make, take } = joined();
    make(65530);
    expect(take(make(3))).toBe(172);
    expect(take(make(4))).toBe(172);
  });

  test("goes on under a new key, or begins anew, as its sender has it", () => {
    for (const isKept of [true, false]) {
      const former = joined();
      // Two wraps: no guess would find that
      for (const number of [30000, 60000, 20000, 50000, 10000]) {
        expect(former.take(former.make(number))).toBe(172);
      }
      const key = keyOf(SUITE, 0x40);
      const receiver = new SrtpReceiver(key, srtpCrypto, former.receiver);
      const sender = new SrtpSender(key, srtpCrypto);
      const numbers = isKept ? [30000, 60000, 20000, 50000, 10000, 20000] : [20000];
      const packets = numbers.map((sequenceNumber) => {
        const { packet, length } = rtpPacket({ sequenceNumber, ssrc: 1 });
        return packet.slice(0, sender.protect(packet, length));
      });
      expect(receiver.unprotect(packets.at(-1)!.slice())).toBe(172);
      expect(receiver.unprotect(packets.at(-1)!.slice())).toBe(REPLAYED);
    }
  });

  test("is not moved by packets that are not authentic", () => {
    const { make, take } = joined();
    expect(take(make(100))).toBe(172);
    const forged = make(101);
    const next = forged.slice();
    forged[2] = 0x7f;
    for (let times = 0; times < 4; times++) expect(take(forged)).toBe(NOT_AUTHENTIC);
    expect(take(next)).toBe(172);
  });

  test("is kept for each of the sources that were heard last", () => {
    const { make, take } = joined();
    // Two wraps: no guess would find that.
    const wrapTwice = [30000, 60000, 20000, 50000, 10000];
    for (const number of wrapTwice) expect(take(make(number, 1))).toBe(172);
    for (let ssrc = 2; ssrc <= 8; ssrc++) expect(take(make(7, ssrc))).toBe(172);
    expect(take(make(10001, 1))).toBe(172);
  });

  test("is forgotten for the source that has been silent longest", () => {
    const { make, take } = joined();
    const wrapTwice = [30000, 60000, 20000, 50000, 10000];
    for (const ssrc of [1, 2]) for (const number of wrapTwice) take(make(number, ssrc));
    take(make(10001, 1));
    for (let ssrc = 3; ssrc <= 9; ssrc++) expect(take(make(7, ssrc))).toBe(172);
    expect(take(make(10002, 1))).toBe(172);
    expect(take(make(10002, 2))).toBe(NOT_AUTHENTIC);
  });

  test("forged sources displace none", () => {
    const { make, take } = joined();
    const wrapTwice = [30000, 60000, 20000, 50000, 10000];
    for (const number of wrapTwice) take(make(number));
    const forged = make(10001);
    const real = forged.slice();
    for (let ssrc = 100; ssrc < 200; ssrc++) {
      forged[11] = ssrc;
      expect(take(forged)).toBe(NOT_AUTHENTIC);
    }
    expect(take(real)).toBe(172);
  });
});

describe("RFC 3711 §3.3.2 replay protection", () => {
  test("a packet is taken once, also out of order", () => {
    const { make, take } = joined();
    const packets = Array.from({ length: 50 }, (_, at) => make(1000 + at));
    const order = packets.map((_, at) => (at * 7) % 50);
    for (const at of order) expect(take(packets[at]!)).toBe(172);
    for (const at of order) expect(take(packets[at]!)).toBe(REPLAYED);
  });

  test("the window holds 128 packets, and older ones are replays", () => {
    const { make, take } = joined();
    const [tooOld, oldest] = [make(1000), make(1001)];
    for (let number = 1002; number < 1128; number++) make(number);
    expect(take(make(1128))).toBe(172);
    expect(take(oldest)).toBe(172);
    expect(take(oldest)).toBe(REPLAYED);
    expect(take(tooOld)).toBe(REPLAYED);
  });

  test("a jump ahead clears what it passes", () => {
    const { make, take } = joined();
    const packets = [1, 2, 100, 140, 300, 420].map((number) => make(number));
    const late = make(421);
    for (const packet of packets) expect(take(packet)).toBe(172);
    expect(take(late)).toBe(172);
    expect(take(packets[4]!)).toBe(REPLAYED);
  });

  test("a forged copy does not use up the packet's place", () => {
    const { make, take } = joined();
    const packet = make(5);
    const forged = packet.slice();
    forged[20] = forged[20]! ^ 1;
    expect(take(forged)).toBe(NOT_AUTHENTIC);
    expect(take(packet)).toBe(172);
    expect(take(forged)).toBe(REPLAYED);
  });

  test("an RTCP packet is taken once, in a window of 64", () => {
    const { makeRtcp, takeRtcp } = joined();
    const reports = Array.from({ length: 66 }, () => makeRtcp());
    expect(takeRtcp(reports[65]!)).toBe(28);
    expect(takeRtcp(reports[2]!)).toBe(28);
    expect(takeRtcp(reports[2]!)).toBe(REPLAYED);
    expect(takeRtcp(reports[1]!)).toBe(REPLAYED);
    expect(takeRtcp(reports[65]!)).toBe(REPLAYED);
  });
});

describe("RFC 3711 §3.1 the MKI", () => {
  const mki = Uint8Array.of(0, 0, 0, 1);
  const cases = SUITES.map((suite) => ({ suite, isAead: suite.startsWith("AEAD") }));

  for (const { suite, isAead } of cases) {
    test(`${suite}: the agreed one is taken out, another one is refused`, () => {
      const { make, makeRtcp } = joined(suite);
      const receiver = new SrtpReceiver({ ...keyOf(suite), mki }, srtpCrypto);
      // §3.1: before the tag, which is 4 or 10 bytes long; RFC 7714 §8.2: behind all.
      const insert = (packet: Uint8Array, tagBytes: number, value = mki) => {
        const at = packet.length - (isAead ? 0 : tagBytes);
        return Uint8Array.from([...packet.subarray(0, at), ...value, ...packet.subarray(at)]);
      };
      const rtpTagBytes = suite === "AES_CM_128_HMAC_SHA1_32" ? 4 : 10;
      const packet = make(1);
      const report = makeRtcp();
      expect(receiver.unprotect(packet.slice())).toBe(NOT_AUTHENTIC);
      expect(receiver.unprotect(insert(packet, rtpTagBytes, Uint8Array.of(0, 0, 0, 2))))
        .toBe(NOT_AUTHENTIC);
      expect(receiver.unprotect(new Uint8Array(3))).toBe(NOT_AUTHENTIC);
      expect(receiver.unprotectRtcp(report.slice())).toBe(NOT_AUTHENTIC);
      expect(receiver.unprotect(insert(packet, rtpTagBytes))).toBe(172);
      expect(receiver.unprotectRtcp(insert(report, 10))).toBe(28);
    });
  }
});
