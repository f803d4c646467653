import { describe, expect, test } from "bun:test";
import { type DigitPacket, DigitSender } from "../../src/media/digit_sender.ts";
import { TelephoneEventReceiver, writeTelephoneEvent } from "../../src/rtp/telephone_event.ts";
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

  test("w and , are pauses between digits, also before the first", () => {
    const harness = new Harness();
    harness.session.sendDigits("1w2,3", 80, 0);
    harness.runUntil(10_000);
    const starts = keysOf(harness).filter(({ marker }) => marker);
    // 80 ms, the gap of 80 ms, and the pause
    expect(starts.map(({ code, at }) => [code, at])).toEqual([[1, 0], [2, 660], [3, 2820]]);
    expect(harness.eventsOf("digitsSent")).toHaveLength(1);
    const before = new Harness();
    before.session.sendDigits("w1", 80, 0);
    before.runUntil(10_000);
    expect(keysOf(before)[0]?.at).toBe(500);
  });

  test("one that is dropped with its payload type is reported as over", () => {
    const harness = new Harness();
    harness.session.sendDigits("123", 100, 0);
    harness.runUntil(50);
    harness.session.renegotiate({ telephoneEventPayloadType: -1 }, 50);
    harness.runUntil(1000);
    expect(keysOf(harness)).toHaveLength(3);
    expect(harness.eventsOf("digitsSent")).toMatchObject([{ at: 50 }]);
  });
});

describe("RFC 4733 §2.5.1.3 digits on other clocks", () => {
  function pressed(
    clocks: { clockRate: number; eventRate: number },
    duration: number,
  ): DigitPacket[] {
    const sender = new DigitSender(clocks);
    sender.push("5", duration);
    const packets: DigitPacket[] = [];
    for (let frame = 0; sender.active && frame < 1000; frame++) {
      const units = frame * 20 * clocks.clockRate / 1000;
      const packet = sender.next((0xffff_0000 + units) >>> 0, 20);
      if (packet !== undefined) packets.push({ ...packet });
    }
    return packets;
  }

  test("a digit that is longer than a packet can say goes on in segments, and is one press", () => {
    const packets = pressed({ clockRate: 48_000, eventRate: 48_000 }, 2000);
    expect(packets.filter(({ marker }) => marker)).toHaveLength(1);
    const segments = [...new Set(packets.map(({ timestamp }) => timestamp))];
    expect(segments).toEqual([0xffff_0000, 0xffff_0000 + 0xffff]);
    expect(packets.every(({ duration }) => duration <= 0xffff)).toBe(true);
    expect(packets.filter(({ end }) => end).map(({ duration }) => duration)).toEqual(
      Array(3).fill(96_000 - 65_535),
    );
    const receiver = new TelephoneEventReceiver(48_000);
    const payload = new Uint8Array(4);
    const heard = packets.flatMap((packet, at) => {
      writeTelephoneEvent(payload, 0, packet);
      return receiver.receive(payload, 0, 4, packet.timestamp, at * 20) ?? [];
    });
    expect(heard).toEqual([{ digit: "5", durationMs: 2000 }]);
  });

  test("durations have the clock of the events, timestamps that of the stream", () => {
    const packets = pressed({ clockRate: 48_000, eventRate: 8000 }, 100);
    expect(packets.map(({ duration }) => duration)).toEqual([160, 320, 480, 640, 800, 800, 800]);
    expect(packets.map(({ end }) => Number(end))).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });

  test("a change of the clock brings the digit to its end, not to another one", () => {
    const sender = new DigitSender({ clockRate: 8000, eventRate: 8000 });
    sender.push("57", 400);
    const packets: DigitPacket[] = [];
    let timestamp = 1000;
    for (let frame = 0; frame < 60; frame++) {
      if (frame === 5) sender.clocks = { clockRate: 48_000, eventRate: 48_000 };
      const packet = sender.next(timestamp, 20);
      if (packet !== undefined) packets.push({ ...packet });
      timestamp += frame < 5 ? 160 : 960;
    }
    const first = packets.filter(({ code }) => code === 5);
    expect(new Set(first.map((packet) => packet.timestamp)).size).toBe(1);
    expect(first.map(({ duration }) => duration)).toEqual([
      ...[160, 320, 480, 640, 800],
      ...[800, 800, 800],
    ]);
    expect(first.filter(({ end }) => end)).toHaveLength(3);
    const last = packets.at(-1) as DigitPacket;
    expect([last.code, last.duration, last.end]).toEqual([7, 400 * 48, true]);
  });
});
