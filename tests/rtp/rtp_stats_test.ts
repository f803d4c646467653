import { describe, expect, test } from "bun:test";
import { RtpStats } from "../../src/rtp/rtp_stats.ts";

describe("RFC 3550 §A.3 loss", () => {
  test("is what was expected less what came", () => {
    const stats = new RtpStats(8000);
    for (const sequence of [100, 101, 104, 105]) stats.count(sequence);
    expect(stats.received).toBe(4);
    expect(stats.lost).toBe(2);
  });

  test("takes a straggler back", () => {
    const stats = new RtpStats(8000);
    for (const sequence of [100, 102, 101]) stats.count(sequence);
    expect(stats.lost).toBe(0);
  });

  test("goes on over a restart of the stream", () => {
    const stats = new RtpStats(8000);
    for (const sequence of [100, 102]) stats.count(sequence);
    stats.restart();
    for (const sequence of [9000, 9003]) stats.count(sequence);
    expect(stats.received).toBe(4);
    expect(stats.lost).toBe(3);
  });

  test("does not call a refused packet lost", () => {
    const stats = new RtpStats(8000);
    stats.count(100);
    stats.occupy(101);
    stats.count(102);
    expect(stats.received).toBe(2);
    expect(stats.lost).toBe(0);
  });
});

describe("RFC 3550 §A.8 interarrival jitter", () => {
  test("is zero for a steady stream, over the wrap of the timestamp too", () => {
    const stats = new RtpStats(8000);
    for (let index = 0; index < 50; index++) {
      stats.arrive((0xffffff00 + index * 160) >>> 0, 1000 + index * 20);
    }
    expect(stats.jitterMs).toBe(0);
  });

  test("moves by a sixteenth of the change of transit time", () => {
    const stats = new RtpStats(8000);
    stats.arrive(0, 0);
    stats.arrive(160, 36);
    expect(stats.jitterMs).toBe(1);
    stats.arrive(320, 56);
    expect(stats.jitterMs).toBe(15 / 16);
  });

  test("ignores a new time base of the sender", () => {
    const stats = new RtpStats(8000);
    stats.arrive(0, 0);
    stats.arrive(8_000_000, 20);
    expect(stats.jitterMs).toBe(0);
  });
});

describe("RFC 3550 §6.4.1 figures for a report", () => {
  const CYCLE = 0x1_0000;

  test("there are none before the first packet, nor after a restart", () => {
    const stats = new RtpStats(8000);
    expect(stats.takeFigures()).toBeUndefined();
    stats.count(CYCLE);
    stats.restart();
    expect(stats.takeFigures()).toBeUndefined();
  });

  test("the highest sequence number has its cycles", () => {
    const stats = new RtpStats(8000);
    for (const sequence of [65_534, 65_535, 65_536, 65_537]) stats.count(CYCLE + sequence);
    expect(stats.takeFigures()).toMatchObject({ highestSequence: 0x1_0001, cumulativeLost: 0 });
  });

  test("a straggler of the time before the last report makes no negative fraction", () => {
    const stats = new RtpStats(8000);
    for (const sequence of [0, 1, 3]) stats.count(CYCLE + sequence);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 64, cumulativeLost: 1 });
    stats.count(CYCLE + 2);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 0, cumulativeLost: 0 });
  });

  test("nothing new since the last report is no loss", () => {
    const stats = new RtpStats(8000);
    stats.count(CYCLE);
    stats.takeFigures();
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 0, cumulativeLost: 0 });
  });

  test("the cumulative loss stays within 24 bits, the fraction within 8", () => {
    const stats = new RtpStats(8000);
    stats.count(CYCLE);
    stats.takeFigures();
    stats.count(CYCLE + 0x100_0000);
    expect(stats.takeFigures()).toMatchObject({ fractionLost: 255, cumulativeLost: 0x7f_ffff });
  });

  test("jitter is in units of the timestamp", () => {
    const stats = new RtpStats(48_000);
    stats.arrive(0, 0);
    stats.arrive(960, 36);
    stats.count(CYCLE);
    expect(stats.takeFigures()?.jitter).toBe(48);
  });
});
