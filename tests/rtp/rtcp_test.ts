import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { parseRtcp, type ReportBlock, type RtcpPacket, serializeRtcp } from "../../src/rtp/rtcp.ts";

const REPORT: ReportBlock = {
  ssrc: 0xdeadbeef,
  fractionLost: 12,
  cumulativeLost: -3,
  highestSequence: 0x1_ffff,
  jitter: 33,
  lastSenderReport: 0xfedc_ba98,
  delaySinceLast: 65_536,
};

const COMPOUND: readonly RtcpPacket[] = [
  {
    type: "senderReport",
    ssrc: 0x0102_0304,
    ntp: { seconds: 0xe000_0001, fraction: 0x8000_0000 },
    rtpTimestamp: 0xffff_fff0,
    packets: 1000,
    octets: 160_000,
    reports: [REPORT],
  },
  { type: "sourceDescription", ssrc: 0x0102_0304, cname: "abc" },
  {
    type: "extendedReport",
    ssrc: 0x0102_0304,
    referenceTime: { seconds: 5, fraction: 6 },
    delays: [{ ssrc: 7, lastReference: 8, delaySinceLast: 9 }],
    voip: {
      ssrc: 0xdeadbeef,
      lossRate: 1,
      discardRate: 2,
      burstDensity: 3,
      gapDensity: 4,
      burstDuration: 500,
      gapDuration: 6000,
      roundTripDelay: 70,
      endSystemDelay: 80,
      rFactor: 93,
      mosListening: 44,
      mosConversational: 43,
      bufferNominal: 20,
      bufferMax: 200,
    },
  },
  { type: "goodbye", ssrcs: [0x0102_0304], reason: "done" },
];

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(
    hex.replaceAll(/\s/g, "").match(/../g) ?? [],
    (pair) => parseInt(pair, 16),
  );
}

describe("RFC 3550 §6 RTCP packets", () => {
  test("§6.1 a compound packet comes back as it was", () => {
    expect(parseRtcp(serializeRtcp(COMPOUND))).toEqual([...COMPOUND]);
  });

  test("§6.4.2 a receiver report is laid out as the RFC draws it", () => {
    const bytes = serializeRtcp([
      { type: "receiverReport", ssrc: 0x11223344, reports: [REPORT] },
    ]);
    expect([...bytes]).toEqual([...bytesOf(`
      81 c9 00 07  11 22 33 44
      de ad be ef  0c ff ff fd  00 01 ff ff  00 00 00 21  fe dc ba 98  00 01 00 00
    `)]);
  });

  test("§6.5 a name is ended by a zero, and padded to 32 bits", () => {
    for (let length = 0; length < 9; length++) {
      const cname = "x".repeat(length);
      const bytes = serializeRtcp([
        { type: "receiverReport", ssrc: 1, reports: [] },
        { type: "sourceDescription", ssrc: 1, cname },
      ]);
      expect(bytes.length % 4).toBe(0);
      expect(bytes.at(-1)).toBe(0);
      expect(parseRtcp(bytes)?.[1]).toEqual({ type: "sourceDescription", ssrc: 1, cname });
    }
  });

  test("§6.4.1 padding is cut off, and must be whole words", () => {
    const padded = (count: number) =>
      bytesOf(`a0 c9 00 02  00 00 00 01  00 00 00 ${count.toString(16).padStart(2, "0")}`);
    expect(parseRtcp(padded(4))).toEqual([{ type: "receiverReport", ssrc: 1, reports: [] }]);
    for (const count of [0, 3, 12, 200]) expect(parseRtcp(padded(count))).toBeUndefined();
  });

  test("§6.4.1 only the last packet of a compound is padded", () => {
    const description = "81 ca 00 02 00 00 00 01 00 00 00 00";
    expect(parseRtcp(bytesOf(`a0 c9 00 02 00 00 00 01 00 00 00 04 ${description}`)))
      .toBeUndefined();
    expect(parseRtcp(bytesOf("80 c9 00 01 00 00 00 01 a1 cb 00 02 00 00 00 01 00 00 00 04")))
      .toEqual([
        { type: "receiverReport", ssrc: 1, reports: [] },
        { type: "goodbye", ssrcs: [1], reason: "" },
      ]);
  });

  test("§6.4.3 what a profile appends to a report is passed over", () => {
    expect(parseRtcp(bytesOf("80 c9 00 03 00 00 00 01 de ad be ef de ad be ef")))
      .toEqual([{ type: "receiverReport", ssrc: 1, reports: [] }]);
  });

  test("§6.5 items other than the name are passed over, in several chunks", () => {
    const bytes = bytesOf(`80 c9 00 01 00 00 00 01  82 ca 00 06
      00 00 00 01 02 02 78 79 01 01 61 00  00 00 00 02 01 03 62 63 64 00 00 00`);
    expect(parseRtcp(bytes)?.slice(1)).toEqual([
      { type: "sourceDescription", ssrc: 1, cname: "a" },
      { type: "sourceDescription", ssrc: 2, cname: "bcd" },
    ]);
  });

  test("types that are not known are skipped", () => {
    const bytes = bytesOf("80 c9 00 01 00 00 00 01  80 cd 00 02 00 00 00 01 00 00 00 02");
    expect(parseRtcp(bytes)).toEqual([{ type: "receiverReport", ssrc: 1, reports: [] }]);
  });

  test.each([
    ["nothing", ""],
    ["another version", "40 c9 00 01 00 00 00 01"],
    ["no report first", "81 ca 00 01 00 00 00 01"],
    ["a length beyond the end", "80 c9 00 02 00 00 00 01"],
    ["a length before the end", "80 c9 00 00 00 00 00 01"],
    ["fewer reports than it says", "82 c9 00 01 00 00 00 01"],
    ["a goodbye of more sources than there are", "80 c9 00 01 00 00 00 01 83 cb 00 01 00 00 00 01"],
    ["an item beyond the end", "80 c9 00 01 00 00 00 01 81 ca 00 02 00 00 00 01 01 40 61 62"],
    [
      "an extended block beyond the end",
      "80 c9 00 01 00 00 00 01 80 cf 00 02 00 00 00 01 07 00 00 08",
    ],
  ])("§A.2 refuses %s", (_, hex) => {
    expect(parseRtcp(bytesOf(hex))).toBeUndefined();
  });

  test("§6.4.1 the cumulative loss has 24 bits and a sign", () => {
    for (const cumulativeLost of [-0x80_0000, -1, 0, 1, 0x7f_ffff]) {
      const report = { type: "receiverReport", ssrc: 1, reports: [{ ...REPORT, cumulativeLost }] };
      expect(parseRtcp(serializeRtcp([report as RtcpPacket]))).toEqual([report as RtcpPacket]);
    }
  });

  test("§6.5 texts are cut to 255 bytes, and no letter in two", () => {
    const sourceDescription = {
      type: "sourceDescription",
      ssrc: 1,
      cname: "é".repeat(200),
    } as const;
    const empty = { type: "receiverReport", ssrc: 1, reports: [] } as const;
    expect(parseRtcp(serializeRtcp([empty, sourceDescription]))?.[1])
      .toEqual({ ...sourceDescription, cname: "é".repeat(127) });
  });

  test("what a compound cannot hold is refused", () => {
    const report = (count: number): RtcpPacket => ({
      type: "receiverReport",
      ssrc: 1,
      reports: Array.from({ length: count }, () => REPORT),
    });
    expect(parseRtcp(serializeRtcp([report(31)]))).toEqual([report(31)]);
    expect(() => serializeRtcp([report(32)])).toThrow(RangeError);
    const description = { type: "sourceDescription", ssrc: 1, cname: "x".repeat(255) } as const;
    expect(() => serializeRtcp([report(31), description, description])).toThrow(RangeError);
  });

  test("random compounds come back as they were", () => {
    const random = new SeededRandom(11);
    for (let round = 0; round < 300; round++) {
      const compound = randomCompound(random);
      expect(parseRtcp(serializeRtcp(compound))).toEqual([...compound]);
    }
  });

  test("a compound that is cut anywhere but between its packets is refused", () => {
    const bytes = serializeRtcp(COMPOUND);
    const ends = COMPOUND.map((_, index) => serializeRtcp(COMPOUND.slice(0, index + 1)).length);
    for (let length = 0; length < bytes.length; length++) {
      expect(parseRtcp(bytes.subarray(0, length)) !== undefined).toBe(ends.includes(length));
    }
  });

  test("a large datagram of empty packets is read to its end", () => {
    const bytes = new Uint8Array(65_504);
    bytes.set([0x80, 0xc9, 0, 1, 0, 0, 0, 1]);
    for (let at = 8; at < bytes.length; at += 4) bytes.set([0x80, 0xcd, 0, 0], at);
    expect(parseRtcp(bytes)).toEqual([{ type: "receiverReport", ssrc: 1, reports: [] }]);
  });

  test("whatever comes, reading it neither throws nor takes long", () => {
    const random = new SeededRandom(7);
    const base = serializeRtcp(COMPOUND);
    for (let round = 0; round < 3000; round++) {
      const bytes = base.slice(0, 1 + round % base.length);
      const noise = new Uint8Array(4);
      random.fill(noise);
      for (const byte of noise) bytes[byte % bytes.length] = noise[0]! ^ byte;
      const parsed = parseRtcp(bytes);
      expect(parsed === undefined || parsed.length > 0).toBe(true);
    }
  });
});

function randomCompound(random: SeededRandom): readonly RtcpPacket[] {
  const word = () => random.nextUint32();
  const upTo = (most: number) => word() % (most + 1);
  const text = (most: number) => "abcdefghijklmnopqrst".slice(0, upTo(most));
  const reports = Array.from({ length: upTo(3) }, (): ReportBlock => ({
    ssrc: word(),
    fractionLost: upTo(255),
    cumulativeLost: upTo(0xff_ffff) - 0x80_0000,
    highestSequence: word(),
    jitter: word(),
    lastSenderReport: word(),
    delaySinceLast: word(),
  }));
  const ntp = () => ({ seconds: word(), fraction: word() });
  const ssrc = word();
  const counts = { rtpTimestamp: word(), packets: word(), octets: word() };
  const packets: RtcpPacket[] = [
    upTo(1) === 0
      ? { type: "receiverReport", ssrc, reports }
      : { type: "senderReport", ssrc, ntp: ntp(), ...counts, reports },
    { type: "sourceDescription", ssrc, cname: text(20) },
  ];
  if (upTo(1) === 0) {
    const delays = Array.from({ length: upTo(2) }, () => ({
      ssrc: word(),
      lastReference: word(),
      delaySinceLast: word(),
    }));
    packets.push({ type: "extendedReport", ssrc, delays, referenceTime: ntp() });
  }
  if (upTo(1) === 0) {
    const ssrcs = Array.from({ length: upTo(4) }, word);
    packets.push({ type: "goodbye", ssrcs, reason: text(20) });
  }
  return packets;
}
