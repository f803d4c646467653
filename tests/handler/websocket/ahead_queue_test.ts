import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { HandlerCommand } from "../../../src/call/handler_message.ts";
import {
  AHEAD_MAX,
  AheadQueue,
  WAITING_COMMANDS_MAX,
} from "../../../src/handler/websocket/ahead_queue.ts";

/** A call with room for so many bytes, which says what it got in order. */
class Call {
  readonly queue: AheadQueue;
  readonly got: string[] = [];
  bytes: number[] = [];
  room: number;
  rooms = 0;
  largest = 0;

  constructor(room: number) {
    this.room = room;
    this.queue = new AheadQueue(8000, {
      audio: (pcm) => {
        this.bytes.push(...pcm);
        this.largest = Math.max(this.largest, pcm.length);
        if (this.got.at(-1) !== "audio") this.got.push("audio");
        this.room -= pcm.length;
        return this.room > 0;
      },
      command: (command) => void this.got.push(nameOf(command)),
      room: () => void this.rooms++,
    });
  }

  give(room: number): void {
    this.room = room;
    this.queue.resume();
  }
}

function nameOf(command: HandlerCommand): string {
  return command.command === "mark" ? command.name : command.command;
}

function mark(name: string): HandlerCommand {
  return { command: "mark", name };
}

function sound(bytes: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => from + index);
}

describe("sound ahead of time", () => {
  test("passes at once while the call has room", () => {
    const call = new Call(1000);
    expect(call.queue.audio(sound(320))).toBe(true);
    expect(call.queue.command(mark("a"))).toBe(true);
    expect([call.got, call.bytes.length, call.queue.isEmpty]).toEqual([["audio", "a"], 320, true]);
  });

  test("waits in order with its marks when there is none", () => {
    const call = new Call(100);
    call.queue.audio(sound(100));
    call.queue.audio(sound(60, 100));
    call.queue.command(mark("a"));
    call.queue.audio(sound(40, 160));
    call.queue.command(mark("b"));
    expect(call.got).toEqual(["audio"]);
    call.give(60);
    // A mark needs no room
    expect(call.got).toEqual(["audio", "a"]);
    expect(call.bytes).toEqual([...sound(160)]);
    call.give(1000);
    expect(call.got).toEqual(["audio", "a", "audio", "b"]);
    expect(call.bytes).toEqual([...sound(200)]);
    expect(call.queue.isEmpty).toBe(true);
  });

  test("is given in portions, so that the call gets not much more than it has room for", () => {
    const call = new Call(10_000);
    const all = new Uint8Array(400_000).map((_, index) => index);
    call.queue.audio(all);
    expect(call.bytes.length).toBeLessThan(20_000);
    expect(call.largest).toBeLessThanOrEqual(8_000);
    while (!call.queue.isEmpty) call.give(8_000);
    expect(call.bytes.length).toBe(400_000);
    expect(call.bytes.every((byte, index) => byte === (index & 255))).toBe(true);
  });

  test("stops reading above its bound and goes on when half of it is gone", () => {
    const call = new Call(1);
    const second = new Uint8Array(16_000);
    let taken = 0;
    while (call.queue.audio(second)) taken++;
    expect(taken).toBe(AHEAD_MAX / 1000);
    expect(call.rooms).toBe(0);
    call.give(16_000 * (AHEAD_MAX / 2000 - 1));
    expect(call.rooms).toBe(0);
    call.give(48_000);
    expect(call.rooms).toBe(1);
    expect(call.queue.audio(second)).toBe(true);
  });

  test("is given all at once to a call that drops it, with its marks but not its announcements", () => {
    const call = new Call(1);
    call.queue.audio(sound(2));
    call.queue.audio(sound(50));
    call.queue.command(mark("a"));
    call.queue.command({ command: "say", text: "too late" });
    call.queue.audio(sound(50));
    call.queue.command(mark("b"));
    call.queue.flush();
    expect(call.got).toEqual(["audio", "a", "audio", "b"]);
    expect([call.bytes.length, call.queue.isEmpty]).toEqual([102, true]);
    // Nothing is held back by what the call said then
    call.room = 100;
    call.queue.audio(sound(10));
    expect(call.bytes.length).toBe(112);
  });

  test("takes no more commands than it may", () => {
    const call = new Call(1);
    call.queue.audio(sound(2));
    call.queue.audio(sound(2));
    for (let count = 0; count < WAITING_COMMANDS_MAX; count++) {
      expect(call.queue.command(mark("a"))).toBe(true);
    }
    expect(call.queue.command(mark("a"))).toBe(false);
    call.give(1000);
    expect(call.queue.command(mark("a"))).toBe(true);
  });

  test("comes out as it went in, whatever the sizes and the room", () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("audio" as const), size: fc.integer({ min: 1, max: 6_000 }) }),
      fc.record({ type: fc.constant("mark" as const), size: fc.nat(9) }),
      fc.record({ type: fc.constant("room" as const), size: fc.integer({ min: 1, max: 9_000 }) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const call = new Call(5_000);
      const expected: string[] = [];
      let written = 0;
      for (const { type, size } of steps) {
        if (type === "room") call.give(size);
        else if (type === "mark") {
          call.queue.command(mark(`${size}`));
          expected.push(`${size}`);
        } else {
          const pcm = new Uint8Array(2 * size).map((_, index) => written + index);
          call.queue.audio(pcm);
          written += pcm.length;
          if (expected.at(-1) !== "audio") expected.push("audio");
        }
      }
      call.give(Infinity);
      expect(call.got).toEqual(expected);
      expect(call.bytes.length).toBe(written);
      expect(call.bytes.every((byte, index) => byte === (index & 255))).toBe(true);
    }));
  });
});
