import { describe, expect, test } from "bun:test";
import { emptyRtpHeader } from "../../src/rtp/packet.ts";
import {
  REORDER_MS_MAX,
  REORDER_MS_MIN,
  REORDER_PACKETS_MAX,
  ReorderWindow,
} from "../../src/rtp/reorder_window.ts";
import type { Placement } from "../../src/rtp/reorder_window.ts";

const PACKET = new Uint8Array(172);

function place(window: ReorderWindow, sequence: number, now = 0): Placement {
  const header = {
    ...emptyRtpHeader(),
    sequenceNumber: sequence & 0xffff,
    timestamp: sequence,
    payloadOffset: 12,
    payloadLength: 160,
  };
  return window.place(header, PACKET, now);
}

function windowAt(sequence: number): ReorderWindow {
  const window = new ReorderWindow();
  window.restart(sequence);
  return window;
}

function drain(window: ReorderWindow): number[] {
  const timestamps: number[] = [];
  for (let held = window.takeNext(); held !== undefined; held = window.takeNext()) {
    timestamps.push(held.timestamp);
  }
  return timestamps;
}

describe("RFC 3550 §A.1 reorder window", () => {
  test("lets packets in order through at once, over the wrap", () => {
    const window = windowAt(65534);
    for (let index = 0; index < 5; index++) expect(place(window, 65534 + index)).toBe("next");
    expect(window.heldPackets).toBe(0);
    expect(window.deadline).toBe(Infinity);
  });

  test("holds packets behind a gap and releases them in order when it closes", () => {
    const window = windowAt(65535);
    expect(place(window, 65535)).toBe("next");
    expect(place(window, 65538, 10)).toBe("held");
    expect(place(window, 65537, 12)).toBe("held");
    expect(window.deadline).toBe(10 + window.window);
    expect(place(window, 65536, 14)).toBe("next");
    expect(drain(window)).toEqual([65537, 65538]);
    expect(window.deadline).toBe(Infinity);
  });

  test("tells duplicates from stragglers", () => {
    const window = windowAt(10);
    place(window, 10);
    place(window, 12);
    expect(place(window, 10)).toBe("duplicate");
    expect(place(window, 12)).toBe("duplicate");
    expect(window.skipGap()).toBe(1);
    expect(drain(window)).toEqual([12]);
    expect(place(window, 11)).toBe("late");
    expect(place(window, 11)).toBe("duplicate");
  });

  test("waits for a second gap from the arrival of the packet behind it", () => {
    const window = windowAt(0);
    place(window, 0, 0);
    place(window, 2, 20);
    place(window, 4, 60);
    expect(window.skipGap()).toBe(1);
    expect(drain(window)).toEqual([2]);
    expect(window.deadline).toBe(60 + window.window);
  });

  test("a straggler behind makes no mischief with the packets held ahead", () => {
    const window = windowAt(1000);
    for (let index = 0; index < 95; index++) place(window, 1000 + index);
    // 1124 and 996 have the same low seven bits.
    place(window, 1124);
    place(window, 1096);
    expect(place(window, 996)).toBe("late");
    expect(window.skipGap()).toBe(1);
    expect(drain(window)).toEqual([1096]);
    expect(window.skipGap()).toBe(27);
    expect(drain(window)).toEqual([1124]);
  });

  test("says when a packet is too far ahead to be held", () => {
    const window = windowAt(0);
    place(window, 0);
    expect(place(window, REORDER_PACKETS_MAX)).toBe("held");
    expect(place(window, REORDER_PACKETS_MAX + 1)).toBe("far");
  });

  test("believes in a restart only after two packets in a row", () => {
    const window = windowAt(0);
    place(window, 0);
    expect(place(window, 20000)).toBe("stray");
    expect(place(window, 1)).toBe("next");
    expect(place(window, 20001)).toBe("stray");
    expect(place(window, 20002)).toBe("restart");
  });

  test("widens for stragglers up to its bound, and shrinks again", () => {
    const window = windowAt(0);
    place(window, 0, 0);
    place(window, 2, 20);
    place(window, 1, 100);
    drain(window);
    expect(window.window).toBe(120);
    place(window, 4, 100);
    place(window, 3, 5000);
    drain(window);
    expect(window.window).toBe(REORDER_MS_MAX);
    for (let index = 0; index < 10_000; index++) window.settle(0);
    expect(window.window < REORDER_MS_MIN + 1).toBe(true);
    window.settle(50);
    expect(window.window).toBe(150);
  });
});
