import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { parseRtcp, type RtcpPacket } from "../../src/rtp/rtcp.ts";
import { type Reception, RtcpSession } from "../../src/rtp/rtcp_session.ts";
import { RtpStats } from "../../src/rtp/rtp_stats.ts";

const INTERVAL = 5000;
const CYCLE = 0x1_0000;

function session(ssrc: number, options: { extendedReports?: boolean; wallClock?: number } = {}) {
  return new RtcpSession({
    ssrc,
    cname: `name-${ssrc}`,
    random: new SeededRandom(ssrc),
    interval: INTERVAL,
    wallClock: 1_700_000_000_000,
    extendedReports: false,
    clockRate: 8000,
    ...options,
  }, 0);
}

function typed<Type extends RtcpPacket["type"]>(bytes: Uint8Array, type: Type) {
  const found = parseRtcp(bytes)?.find((packet) => packet.type === type);
  return found as Extract<RtcpPacket, { type: Type }> | undefined;
}

/** What a stream of which some packets were lost reports. */
function receptionOf(ssrc: number, stats: RtpStats): Reception | undefined {
  const figures = stats.takeFigures();
  return figures && { ssrc, ...figures };
}

/** Everything of it, at the right time. */
function receiving(ssrc: number): Reception {
  return { ssrc, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0 };
}

describe("RFC 3550 §6.2, §6.3 when reports go out", () => {
  test("at random from a half to one and a half intervals, on the mean one interval", () => {
    const rtcp = session(1);
    expect(rtcp.deadline).toBeLessThan(INTERVAL);
    const waits: number[] = [];
    let now = rtcp.deadline;
    for (let count = 0; count < 2000; count++) {
      rtcp.report(undefined, now);
      waits.push(rtcp.deadline - now);
      now = rtcp.deadline;
    }
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(mean).toBeGreaterThan(INTERVAL * 0.97);
    expect(mean).toBeLessThan(INTERVAL * 1.03);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.5 * INTERVAL);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1.5 * INTERVAL);
  });

  test("§6.4 a sender report while we have sent within two intervals, else a receiver report", () => {
    const rtcp = session(1);
    expect(parseRtcp(rtcp.report(undefined, 100))?.[0]?.type).toBe("receiverReport");
    rtcp.sent(1000, 160, 200);
    expect(parseRtcp(rtcp.report(undefined, 10_000))?.[0]?.type).toBe("senderReport");
    expect(parseRtcp(rtcp.report(undefined, 10_201))?.[0]?.type).toBe("receiverReport");
  });

  test("§6.4.1 the timestamp of a sender report is that of its instant", () => {
    const rtcp = session(1);
    rtcp.sent(0xffff_ff00, 160, 1000);
    rtcp.sent(0xffff_ffa0, 160, 1020);
    const report = typed(rtcp.report(undefined, 1520), "senderReport");
    expect(report).toMatchObject({ packets: 2, octets: 320, rtpTimestamp: 4000 - 0x60 });
    expect(report?.ntp.seconds).toBe(1_700_000_001 + 2_208_988_800);
    expect((report?.ntp.fraction ?? 0) / 2 ** 32).toBeCloseTo(0.52, 6);
  });

  test("§6.6 the end: a report, our name, and a goodbye; nothing is due after it", () => {
    const rtcp = session(9);
    const types = parseRtcp(rtcp.goodbye(undefined, 50))?.map(({ type }) => type);
    expect(types).toEqual(["receiverReport", "sourceDescription", "goodbye"]);
    expect(rtcp.deadline).toBe(Infinity);
  });
});

describe("RFC 3550 §6.4.1 two that report to one another", () => {
  test("learn the round trip to the millisecond, whatever their wall clocks", () => {
    const near = session(1, { wallClock: 1_700_000_000_000 });
    const far = session(2, { wallClock: 123_456 });
    near.sent(0, 160, 1000);
    const there = near.report(undefined, 1000);
    far.receive(there, 1040);
    far.sent(0, 160, 1500);
    const back = far.report({
      ssrc: 1,
      fractionLost: 0,
      cumulativeLost: 0,
      highestSequence: 0,
      jitter: 80,
    }, 1540);
    near.receive(back, 1600);
    expect(near.quality().roundTripMs).toBeCloseTo(100, 0);
    expect(near.quality().remoteJitterMs).toBe(10);
    expect(far.quality().roundTripMs).toBeUndefined();
  });

  test("learn how much of theirs was lost, exactly", () => {
    const near = session(1);
    const far = session(2);
    const stats = new RtpStats(8000);
    for (let index = 0; index < 1000; index++) {
      near.sent(index * 160, 160, index * 20);
      if (index % 10 !== 3) stats.count(CYCLE + 65_000 + index);
    }
    far.receive(near.report(undefined, 20_000), 20_000);
    const back = far.report(receptionOf(1, stats), 20_100);
    expect(typed(back, "receiverReport")?.reports).toMatchObject([
      { ssrc: 1, cumulativeLost: 100, fractionLost: 25, highestSequence: 65_999 },
    ]);
    near.receive(back, 20_200);
    expect(near.quality().remoteLoss).toBe(0.1);
  });

  test("the fraction is that of the time since the last report", () => {
    const stats = new RtpStats(8000);
    for (let index = 0; index < 100; index++) if (index % 2 === 0) stats.count(CYCLE + index);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 126, cumulativeLost: 49 });
    for (let index = 100; index < 200; index++) stats.count(CYCLE + index);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 2, cumulativeLost: 50 });
    for (let index = 200; index < 300; index++) stats.count(CYCLE + index);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 0, cumulativeLost: 50 });
  });

  test("reports about somebody else, and absurd round trips, are nothing of ours", () => {
    const near = session(1);
    const far = session(2);
    near.sent(0, 160, 0);
    far.receive(near.report(undefined, 0), 10);
    const other = { ssrc: 77, fractionLost: 0, cumulativeLost: 5, highestSequence: 0, jitter: 0 };
    near.receive(far.report(other, 20), 30);
    expect(near.quality()).toMatchObject({ remoteLoss: undefined, roundTripMs: undefined });
    near.receive(far.report({ ...other, ssrc: 1 }, 40), 100_000);
    expect(near.quality().roundTripMs).toBeUndefined();
  });

  test("know the least, the most and the mean of the round trips", () => {
    const near = session(1);
    const far = session(2);
    for (const [index, delay] of [30, 10, 50].entries()) {
      const now = index * 1000;
      near.sent(0, 160, now);
      far.receive(near.report(undefined, now), now + delay);
      near.receive(far.report(receiving(1), now + 500), now + 500 + delay);
    }
    const { roundTripMs, roundTripMsMin, roundTripMsMean, roundTripMsMax } = near.quality();
    expect(roundTripMs).toBeCloseTo(100, 0);
    expect(roundTripMsMin).toBeCloseTo(20, 0);
    expect(roundTripMsMean).toBeCloseTo(60, 0);
    expect(roundTripMsMax).toBeCloseTo(100, 0);
  });

  test("do not take a round trip of less than nothing", () => {
    const near = session(1);
    const forger = session(2, { wallClock: 0 });
    near.sent(0, 160, 0);
    forger.receive(near.report(undefined, 0), 0);
    // It says that it had the report for longer than we have it out
    near.receive(forger.report(receiving(1), 3000), 2000);
    expect(near.quality()).toMatchObject({ roundTripMs: undefined, remoteLoss: 0 });
  });

  test("take a clock of ten milliseconds for what it is", () => {
    const near = session(1);
    const coarse = session(2);
    near.sent(0, 160, 0);
    coarse.receive(near.report(undefined, 0), 0);
    near.receive(coarse.report(receiving(1), 1010), 1000);
    expect(near.quality().roundTripMs).toBe(0);
  });

  test("learn nothing from their own reports that come back", () => {
    const near = session(1);
    near.sent(0, 160, 0);
    expect(near.receive(near.report(receiving(1), 0), 40)).toBeUndefined();
    expect(near.quality()).toMatchObject({ reportsReceived: 0, remoteLoss: undefined });
  });

  test("hand back no stamp of a source that has gone", () => {
    const near = session(1);
    const first = session(2);
    first.sent(0, 160, 0);
    near.receive(first.report(undefined, 0), 10);
    expect(typed(near.report(receiving(2), 20), "receiverReport")?.reports[0]?.lastSenderReport)
      .toBeGreaterThan(0);
    near.receive(session(3).report(undefined, 30), 40);
    expect(typed(near.report(receiving(3), 50), "receiverReport")?.reports[0])
      .toMatchObject({ lastSenderReport: 0, delaySinceLast: 0 });
  });

  test("a share that was lost stays as it was reported while we send on", () => {
    const near = session(1);
    for (let index = 0; index < 100; index++) near.sent(index * 160, 160, index * 20);
    near.receive(
      session(2).report({ ...receiving(1), cumulativeLost: 25, fractionLost: 64 }, 2000),
      2000,
    );
    for (let index = 100; index < 200; index++) near.sent(index * 160, 160, index * 20);
    expect(near.quality()).toMatchObject({ remoteLoss: 0.25, remoteLossLast: 0.25 });
  });

  test("what is no RTCP is not counted", () => {
    const near = session(1);
    expect(near.receive(new Uint8Array([0x80, 0xc9, 0]), 0)).toBeUndefined();
    expect(near.quality().reportsReceived).toBe(0);
  });

  test("a goodbye is told", () => {
    const near = session(1);
    expect(near.receive(session(2).goodbye(undefined, 5), 6))
      .toEqual({ type: "goodbye", ssrcs: [2], reason: "" });
  });
});

describe("RFC 3550 §6 a minute of two that talk over a bad link", () => {
  test.each([[1, 0.02, 0.1], [2, 0.3, 0], [3, 0, 0]])(
    "seed %d: round trip to the millisecond, loss to the packet",
    (seed, lossThere, lossBack) => {
      const call = talk({ seed, losses: [lossThere, lossBack], delays: [35, 60] });
      for (const { rtcp, lost, counted, sent } of call) {
        const quality = rtcp.quality();
        expect(quality.reportsReceived).toBeGreaterThanOrEqual(7);
        expect(quality.roundTripMsMin).toBeGreaterThan(94);
        expect(quality.roundTripMsMax).toBeLessThan(96);
        expect(Math.round((quality.remoteLoss ?? -1) * sent)).toBe(counted);
        // All that was lost, but for what no later packet has shown yet
        expect(lost - counted).toBeLessThanOrEqual(3);
        expect(counted).toBeLessThanOrEqual(lost);
      }
    },
  );
});

describe("RFC 3611 extended reports", () => {
  test("§4.4, §4.5 who only receives learns the round trip as well", () => {
    const near = session(1, { extendedReports: true });
    const far = session(2, { extendedReports: true });
    far.sent(0, 160, 0);
    far.receive(near.report(undefined, 1000), 1025);
    near.receive(far.report(undefined, 2025), 2050);
    expect(near.quality().roundTripMs).toBeCloseTo(50, 0);
  });

  test("§4.7 what the peer thinks of our sound", () => {
    const near = session(1, { extendedReports: true });
    const far = session(2, { extendedReports: true });
    const voip = {
      ssrc: 1,
      lossRate: 0,
      discardRate: 0,
      burstDensity: 0,
      gapDensity: 0,
      burstDuration: 0,
      gapDuration: 0,
      roundTripDelay: 0,
      endSystemDelay: 0,
      rFactor: 90,
      mosListening: 43,
      mosConversational: 42,
      bufferNominal: 20,
      bufferMax: 200,
    };
    const figures = { fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0 };
    near.receive(far.report({ ssrc: 1, ...figures, voip }, 10), 20);
    expect(near.quality().remoteMos).toBe(4.2);
    // §4.7.5: 127 is "not known", and below 1 there is no score
    for (const mosConversational of [127, 51, 9, 0]) {
      near.receive(
        far.report({ ssrc: 1, ...figures, voip: { ...voip, mosConversational } }, 30),
        40,
      );
      expect(near.quality().remoteMos).toBe(4.2);
    }
  });

  test("none are sent where they were not agreed on", () => {
    const rtcp = session(1);
    expect(typed(rtcp.report(undefined, 10), "extendedReport")).toBeUndefined();
  });
});

/** One side of a call, and what became of its packets by the last report about them. */
interface Talker {
  readonly rtcp: RtcpSession;
  /** Packets of ours: sent, dropped by the link, and lost by the last report of the peer. */
  readonly sent: number;
  readonly lost: number;
  readonly counted: number;
}

interface Link {
  readonly seed: number;
  /** Shares of packets, there and back; reports all arrive. */
  readonly losses: readonly [number, number];
  readonly delays: readonly [number, number];
}

/** Both send a packet each 20 ms, and reports when they are due; at the end each reports once more. */
function talk({ seed, losses, delays }: Link): readonly Talker[] {
  const random = new SeededRandom(seed);
  const sides = losses.map((loss, index) => ({
    rtcp: session(index + 1, { wallClock: 1_000_000 * (index + 1) }),
    stats: new RtpStats(8000),
    delay: delays[index] ?? 0,
    lossShare: loss,
    packets: [] as { readonly arrival: number; readonly sequence: number }[],
    reports: [] as { readonly arrival: number; readonly bytes: Uint8Array }[],
    sent: 0,
    lost: 0,
    counted: 0,
  }));
  const END = 60_000;
  for (let now = 0; now <= END + 200; now++) {
    for (const [index, side] of sides.entries()) {
      const peer = sides[1 - index]!;
      while ((side.packets[0]?.arrival ?? Infinity) <= now) {
        peer.stats.count(side.packets.shift()!.sequence);
      }
      while ((side.reports[0]?.arrival ?? Infinity) <= now) {
        peer.rtcp.receive(side.reports.shift()!.bytes, now);
      }
      if (now < END && now % 20 === 0) {
        side.rtcp.sent(now * 8, 160, now);
        const packet = { arrival: now + side.delay, sequence: CYCLE + side.sent++ };
        if (random.nextUnit() < side.lossShare) side.lost++;
        else side.packets.push(packet);
      }
      if (now === END + 100 || (now < END && now >= side.rtcp.deadline)) {
        const bytes = side.rtcp.report(receptionOf(2 - index, side.stats), now);
        side.reports.push({ arrival: now + side.delay, bytes });
        peer.counted = side.stats.lost;
      }
    }
  }
  return sides;
}
