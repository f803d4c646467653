import { describe, expect, test } from "bun:test";
import { HandlerQueue } from "../../src/media/handler_queue.ts";
import { pcmOf } from "./session_harness.ts";

describe("the queue of a handler's audio", () => {
  test("holds whole samples after a clear at a rate that has none in each millisecond", () => {
    const queue = new HandlerQueue({ rate: 44_100 });
    queue.append(pcmOf(2000));
    queue.clear(5);
    expect([queue.length, queue.fading]).toEqual([220, 220]);
    queue.append(pcmOf(882, 5));
    const out = new Int16Array(882);
    expect(queue.take(882, out, true)).toBe(882);
    // The fade-out ends where the new audio begins
    expect([out[219], out[220]]).toEqual([Math.round(1000 / 221), 5]);
    expect(queue.length).toBe(220);
  });
});
