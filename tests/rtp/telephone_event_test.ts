import { describe, expect, test } from "bun:test";
import {
  EVENT_DURATION_MAX,
  eventCodeOf,
  TelephoneEventReceiver,
  writeTelephoneEvent,
} from "../../src/rtp/telephone_event.ts";
import type { ReceivedDigit } from "../../src/rtp/telephone_event.ts";

function receive(
  receiver: TelephoneEventReceiver,
  event: { code: number; duration: number; end?: boolean; timestamp: number },
  now: number,
): ReceivedDigit | undefined {
  const payload = new Uint8Array(4);
  writeTelephoneEvent(payload, 0, { end: false, ...event });
  return receiver.receive(payload, 0, 4, event.timestamp, now);
}

describe("RFC 4733 §2.5.2 receiving telephone-events", () => {
  test("reports a key once, at the first end bit", () => {
    const receiver = new TelephoneEventReceiver(8000);
    const timestamp = 5000;
    expect(receive(receiver, { code: 5, duration: 160, timestamp }, 0)).toBeUndefined();
    expect(receive(receiver, { code: 5, duration: 800, end: true, timestamp }, 80)).toEqual({
      digit: "5",
      durationMs: 100,
    });
    for (const now of [100, 120]) {
      expect(receive(receiver, { code: 5, duration: 800, end: true, timestamp }, now))
        .toBeUndefined();
    }
    expect(receiver.deadline).toBe(Infinity);
  });

  test("reports a key of which only an end packet came", () => {
    const receiver = new TelephoneEventReceiver(8000);
    expect(receive(receiver, { code: 11, duration: 640, end: true, timestamp: 1 }, 0)).toEqual({
      digit: "#",
      durationMs: 80,
    });
  });

  test("reports a key on time-out when all its ends are lost", () => {
    const receiver = new TelephoneEventReceiver(8000);
    receive(receiver, { code: 1, duration: 480, timestamp: 1 }, 40);
    expect(receiver.timeout(239)).toBeUndefined();
    expect(receiver.deadline).toBe(240);
    expect(receiver.timeout(240)).toEqual({ digit: "1", durationMs: 60 });
    expect(receive(receiver, { code: 1, duration: 800, end: true, timestamp: 1 }, 260))
      .toBeUndefined();
  });

  test("reports a key at the next one when all its ends are lost", () => {
    const receiver = new TelephoneEventReceiver(8000);
    receive(receiver, { code: 1, duration: 480, timestamp: 1000 }, 40);
    expect(receive(receiver, { code: 1, duration: 160, timestamp: 2000 }, 120)?.digit).toBe("1");
    expect(receive(receiver, { code: 1, duration: 480, end: true, timestamp: 2000 }, 160)?.digit)
      .toBe("1");
  });

  test("reports both keys when one lost its ends and the other all but its ends", () => {
    const receiver = new TelephoneEventReceiver(8000);
    receive(receiver, { code: 1, duration: 480, timestamp: 1000 }, 40);
    const end = { code: 2, duration: 480, end: true, timestamp: 2000 };
    expect(receive(receiver, end, 160)?.digit).toBe("1");
    expect(receive(receiver, end, 180)?.digit).toBe("2");
    expect(receive(receiver, end, 200)).toBeUndefined();
  });

  test("ignores packets of an earlier key that come late", () => {
    const receiver = new TelephoneEventReceiver(8000);
    receive(receiver, { code: 1, duration: 800, end: true, timestamp: 1000 }, 0);
    receive(receiver, { code: 2, duration: 160, timestamp: 2000 }, 10);
    expect(receive(receiver, { code: 1, duration: 800, end: true, timestamp: 1000 }, 20))
      .toBeUndefined();
    expect(receive(receiver, { code: 2, duration: 800, end: true, timestamp: 2000 }, 30)?.digit)
      .toBe("2");
  });

  test("adds up the segments of a long event (§2.5.1.3)", () => {
    const receiver = new TelephoneEventReceiver(8000);
    receive(receiver, { code: 3, duration: EVENT_DURATION_MAX, timestamp: 1000 }, 0);
    const timestamp = 1000 + EVENT_DURATION_MAX;
    expect(receive(receiver, { code: 3, duration: 160, timestamp }, 20)).toBeUndefined();
    expect(receive(receiver, { code: 3, duration: 465, end: true, timestamp }, 40)).toEqual({
      digit: "3",
      durationMs: 8250,
    });
  });

  test("ignores short payloads and events that are no keys", () => {
    const receiver = new TelephoneEventReceiver(8000);
    expect(receiver.receive(new Uint8Array([1, 0x80, 0]), 0, 3, 1, 0)).toBeUndefined();
    expect(receive(receiver, { code: 70, duration: 160, end: true, timestamp: 9 }, 0))
      .toBeUndefined();
    expect(receive(receiver, { code: 16, duration: 160, end: true, timestamp: 9 }, 0)?.digit)
      .toBe("flash");
  });
});

describe("RFC 4733 §3.2 event codes", () => {
  test("gives digits in either case their codes, and nothing else one", () => {
    expect([..."0123456789*#ABCD"].map(eventCodeOf)).toEqual([...Array(16).keys()]);
    expect(eventCodeOf("d")).toBe(15);
    expect(eventCodeOf("E")).toBeUndefined();
    expect(eventCodeOf("")).toBeUndefined();
    expect(eventCodeOf("12")).toBeUndefined();
  });
});
