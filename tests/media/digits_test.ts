import { describe, expect, test } from "bun:test";
import { Harness } from "./session_harness.ts";
import type { SentPacket } from "./session_harness.ts";

interface KeyPacket {
  readonly at: number;
  readonly code: number;
  readonly end: boolean;
  readonly duration: number;
  readonly marker: boolean;
  readonly timestamp: number;
}

function keysOf(harness: Harness): KeyPacket[] {
  return harness.sent.filter(({ header }) => header.payloadType === 101).map(read);
}

function read({ at, header, bytes }: SentPacket): KeyPacket {
  expect(bytes).toHaveLength(16);
  return {
    at,
    code: bytes[12] as number,
    end: (bytes[13] as number) >= 0x80,
    duration: ((bytes[14] as number) << 8) | (bytes[15] as number),
    marker: header.marker,
    timestamp: header.timestamp,
  };
}

describe("RFC 4733 §2.5.1 sending digits", () => {
  test("a digit is paced, grows, has one timestamp, one marker and three ends", () => {
    const harness = new Harness({}, 1000);
    harness.session.sendDigits("5", 100, 1000);
    harness.runUntil(2000);
    const keys = keysOf(harness);
    expect(keys.map(({ at }) => at - 1000)).toEqual([0, 20, 40, 60, 80, 100, 120]);
    expect(keys.map(({ duration }) => duration)).toEqual([160, 320, 480, 640, 800, 800, 800]);
    expect(keys.map(({ end }) => Number(end))).toEqual([0, 0, 0, 0, 1, 1, 1]);
    expect(keys.map(({ marker }) => Number(marker))).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(new Set(keys.map(({ timestamp }) => timestamp)).size).toBe(1);
    expect(keys.every(({ code }) => code === 5)).toBe(true);
    expect(harness.eventsOf("digitsSent")).toMatchObject([{ at: 1120 }]);
  });

  test("digits have timestamps of their own and silence between them", () => {
    const harness = new Harness();
    harness.session.sendDigits("1#", 80, 0);
    harness.runUntil(1000);
    const keys = keysOf(harness);
    const starts = keys.filter(({ marker }) => marker);
    expect(starts.map(({ code, at }) => [code, at])).toEqual([[1, 0], [11, 160]]);
    const [first, second] = starts as [KeyPacket, KeyPacket];
    expect((second.timestamp - first.timestamp) >>> 0).toBe(160 * 8);
    expect(harness.eventsOf("digitsSent")).toHaveLength(1);
  });

  test("a digit asked for later keeps its distance too", () => {
    const harness = new Harness();
    harness.session.sendDigits("1", 80, 0);
    harness.runUntil(100);
    harness.session.sendDigits("1", 80, 100);
    harness.runUntil(1000);
    expect(keysOf(harness).filter(({ marker }) => marker).map(({ at }) => at)).toEqual([0, 160]);
    expect(harness.eventsOf("digitsSent")).toHaveLength(2);
  });

  test("audio waits, and goes on after with a marker and the timestamp of the clock", () => {
    const harness = new Harness();
    harness.write(800);
    harness.runUntil(30);
    harness.session.sendDigits("0", 40, 30);
    harness.session.mark("m", 30);
    harness.runUntil(1000);
    const kinds = harness.sent.map(({ at, header }) => [at, header.payloadType]);
    expect(kinds).toEqual([
      ...[[0, 0], [20, 0]],
      ...[[40, 101], [60, 101], [80, 101], [100, 101]],
      ...[[120, 0], [140, 0], [160, 0]],
    ]);
    const base = (harness.sent[0] as SentPacket).header.timestamp;
    const after = (harness.sent[6] as SentPacket).header;
    expect((after.timestamp - base) >>> 0).toBe(120 * 8);
    expect(after.marker).toBe(true);
    expect(harness.eventsOf("mark")).toMatchObject([{ at: 160, playedMs: 100 }]);
  });

  test("finish waits for the digits", () => {
    const harness = new Harness();
    harness.session.sendDigits("9", 40, 0);
    harness.session.finish(0);
    harness.runUntil(1000);
    expect(harness.events.map(({ type }) => type)).toEqual(["digitsSent", "drained"]);
  });

  test("without a payload type, or with nothing that is a digit, there is nothing to send", () => {
    const silent = { telephoneEventPayloadType: undefined } as unknown as object;
    for (const [options, digits] of [[silent, "123"], [{}, "xyz "], [{}, ""]] as const) {
      const harness = new Harness(options);
      harness.session.sendDigits(digits, 100, 0);
      harness.runUntil(1000);
      expect(harness.sent).toHaveLength(0);
      expect(harness.eventsOf("digitsSent")).toHaveLength(1);
    }
  });

  test("lengths are kept within what one event can tell", () => {
    const harness = new Harness();
    harness.session.sendDigits("1", 1, 0);
    harness.session.sendDigits("2", 60_000, 0);
    harness.runUntil(20_000);
    const ends = keysOf(harness).filter(({ end }) => end);
    expect(ends.map(({ duration }) => duration)).toEqual([
      ...[320, 320, 320],
      ...[65535, 65535, 65535],
    ]);
  });
});
