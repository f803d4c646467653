import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Millis } from "../../../src/base/units.ts";
import { AudiosocketHandler } from "../../../src/handler/audiosocket/audiosocket_handler.ts";
import type { AudiosocketSpec } from "../../../src/route/route.ts";
import type { ServerAddress, TcpEvents, TcpSocket } from "../../../src/runtime/client_ports.ts";
import type { Runtime } from "../../../src/runtime/ports.ts";
import { dtmf, RecordingHost, START } from "../recording_host.ts";

/** A server and its clock, that do what a test says. */
class Server implements TcpSocket {
  readonly written: number[][] = [];
  queuedBytes = 0;
  isPaused = false;
  isClosed = false;
  isDestroyed = false;
  now: Millis = 0;
  events: TcpEvents | undefined;
  to: ServerAddress | undefined;
  #timers: { at: Millis; callback: () => void }[] = [];

  readonly runtime = {
    now: () => this.now,
    setTimer: (callback: () => void, delay: Millis) => {
      const timer = { at: this.now + delay, callback };
      this.#timers.push(timer);
      return {
        cancel: () => {
          this.#timers = this.#timers.filter((each) => each !== timer);
        },
      };
    },
    connectTcp: (to: ServerAddress, _options: unknown, events: TcpEvents): TcpSocket => {
      this.to = to;
      this.events = events;
      return this;
    },
  } as unknown as Runtime;

  get timers(): number {
    return this.#timers.length;
  }

  pass(time: Millis): void {
    const end = this.now + time;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== due);
      this.now = due.at;
      due.callback();
    }
    this.now = end;
  }

  write(data: Uint8Array): void {
    this.written.push([...data]);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {
    this.isClosed = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  says(...bytes: readonly number[]): void {
    this.events?.data(Uint8Array.from(bytes));
  }
}

function rig(spec: Partial<AudiosocketSpec> = {}, rate = 8000) {
  const server = new Server();
  const host = new RecordingHost();
  const outcomes: string[] = [];
  const handler = new AudiosocketHandler({
    spec: { type: "audiosocket", url: "tcp://127.0.0.1:9092", timeout: 2000, idle: 0, ...spec },
    context: {
      runtime: server.runtime,
      rate,
      targets: {
        refuse: () => undefined,
        succeeded: () => void outcomes.push("succeeded"),
        failed: () => void outcomes.push("failed"),
        abandoned: () => void outcomes.push("abandoned"),
      },
    },
    host,
  });
  const open = () => {
    handler.start(START);
    server.events?.opened({ address: "127.0.0.1", port: 9092 });
  };
  const reason = () => host.end?.type === "failed" ? host.end.reason : `${host.end?.type}`;
  return { server, host, handler, open, outcomes, reason };
}

const FRAME = [0x10, 0, 4, 1, 2, 3, 4];

describe("an AudioSocket server", () => {
  test("is told the UUID of the call before all else, and the call may be answered", () => {
    const { server, host, open } = rig();
    open();
    expect(server.to).toEqual({ host: "127.0.0.1", port: 9092 });
    expect(server.written).toHaveLength(1);
    expect(server.written[0]?.slice(0, 3)).toEqual([1, 0, 16]);
    expect(host.heard).toEqual([{ type: "started" }]);
  });

  for (
    const [url, to] of [
      ["tcp://[::1]:9092", { host: "::1", port: 9092 }],
      ["tcp://bot.example.com:80", { host: "bot.example.com", port: 80 }],
    ] as const
  ) {
    test(`is found at ${url}`, () => {
      const { server, handler } = rig({ url });
      handler.start(START);
      expect(server.to).toEqual(to);
    });
  }

  test("gets each frame in one write, of the kind of the route's rate", () => {
    const { server, handler, open } = rig({}, 16_000);
    open();
    handler.receiveAudio(new Uint8Array(640));
    handler.receiveAudio(new Uint8Array(640));
    expect(server.written.slice(1).map((frame) => [frame.length, ...frame.slice(0, 3)]))
      .toEqual([[643, 0x12, 2, 128], [643, 0x12, 2, 128]]);
  });

  test("gets keys, but for those that there are no letters for", () => {
    const { server, handler, open } = rig();
    open();
    handler.receiveEvent(dtmf("#"));
    handler.receiveEvent(dtmf("flash"));
    handler.receiveEvent({ event: "hold" });
    expect(server.written.slice(1)).toEqual([[3, 0, 1, 0x23]]);
  });

  test("gets keys that were pressed while it was being connected to", () => {
    const { server, handler } = rig();
    handler.start(START);
    handler.receiveEvent(dtmf("1"));
    handler.receiveEvent(dtmf("flash"));
    handler.receiveEvent(dtmf("2"));
    server.events?.opened({ address: "127.0.0.1", port: 9092 });
    expect(server.written.slice(1)).toEqual([[3, 0, 1, 0x31], [3, 0, 1, 0x32]]);
  });

  test("that does not read loses the oldest frames, and never a part of one", () => {
    const { server, host, handler, open } = rig();
    open();
    server.queuedBytes = 1;
    for (let frame = 0; frame < 60; frame++) handler.receiveAudio(new Uint8Array(320).fill(frame));
    expect(server.written).toHaveLength(1);
    expect(host.droppedBytes).toBe(10 * 320);
    server.queuedBytes = 0;
    server.events?.drained();
    expect(server.written).toHaveLength(51);
    expect(server.written[1]?.[3]).toBe(10);
  });

  test("is heard, and not read while the call has no room", () => {
    const { server, host, handler, open } = rig();
    host.queueBytesMax = 8;
    open();
    server.says(...FRAME, ...FRAME.slice(0, 3));
    expect(server.isPaused).toBe(false);
    server.says(...FRAME.slice(3));
    expect(host.audioBytes).toBe(8);
    expect(server.isPaused).toBe(true);
    handler.resumeAudio();
    expect(server.isPaused).toBe(false);
  });

  test("is heard alike, however the stream is cut", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(sizes, fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
      const { server, host, open } = rig();
      host.keep = true;
      open();
      const pcm = frames.map((samples, index) => new Array<number>(samples * 2).fill(index));
      const stream = [
        ...pcm.flatMap((each) => [0x10, each.length >> 8, each.length & 0xff, ...each]),
        ...[0, 0, 0],
      ];
      const places = [0, ...cuts.map((cut) => cut % stream.length), stream.length]
        .sort((one, other) => one - other);
      for (const [index, end] of places.slice(1).entries()) {
        server.says(...stream.slice(places[index], end));
      }
      expect([...host.pcm]).toEqual(pcm.flat());
      expect(host.end).toEqual({ type: "completed" });
    }));
  });

  test("hangs up: what it said is played", () => {
    for (const end of ["frame", "close"]) {
      const { server, host, open } = rig();
      open();
      server.says(...FRAME);
      if (end === "frame") server.says(0, 0, 0);
      else server.events?.closed(undefined);
      expect(host.end).toEqual({ type: "completed" });
      expect(server.timers).toBe(0);
    }
  });

  test("fails where it cannot be reached, and where it breaks off", () => {
    const unreached = rig();
    unreached.handler.start(START);
    unreached.server.events?.failed("nothing listens there");
    expect(unreached.reason()).toBe("tcp://127.0.0.1:9092: nothing listens there");
    expect(unreached.outcomes).toEqual(["failed"]);
    const broken = rig();
    broken.open();
    broken.server.events?.closed("it closed the connection");
    expect(broken.reason()).toContain("it closed the connection");
    const cut = rig();
    cut.open();
    cut.server.says(...FRAME.slice(0, 5));
    cut.server.events?.closed(undefined);
    expect(cut.reason()).toContain("in the middle of a frame");
    expect(cut.outcomes).toEqual(["succeeded"]);
  });

  const nonsense: readonly (readonly [string, readonly number[], string])[] = [
    ["an error", [0xff, 0, 1, 4], "there is no memory left"],
    ["audio at another rate", [0x12, 0, 2, 0, 0], "audio at 16000 Hz, but the route has 8000"],
    ["an unknown kind", [0x42, 0, 0], "unknown kind 0x42"],
    ["a UUID of its own", [1, 0, 0], "unknown kind 0x01"],
    ["half a sample", [0x10, 0, 3, 1, 2, 3], "3 bytes of audio"],
    ["an error that announces more than comes", [0xff, 0xff, 0xff], "reports an error"],
  ];
  for (const [what, bytes, message] of nonsense) {
    test(`fails with ${what}`, () => {
      const { server, host, open, reason } = rig();
      open();
      server.says(...bytes, ...FRAME);
      expect(reason()).toContain(message);
      expect(host.audioBytes).toBe(0);
      expect(server.isDestroyed).toBe(true);
    });
  }

  test("hangs up by the kind of the frame alone, as with Asterisk", () => {
    const { server, host, open } = rig();
    open();
    server.says(0, 0xff);
    expect(host.end).toBeUndefined();
    server.says(0xff);
    expect(host.end).toEqual({ type: "completed" });
  });

  test("tells an error byte by byte", () => {
    const { server, host, open, reason } = rig();
    open();
    for (const byte of [0xff, 0, 1]) server.says(byte);
    expect(host.end).toBeUndefined();
    server.says(4);
    expect(reason()).toContain("there is no memory left");
  });

  test("may send audio of no length", () => {
    const { server, host, open } = rig();
    open();
    server.says(0x10, 0, 0);
    expect(host.end).toBeUndefined();
  });

  test("that says nothing for too long is given up; one that is not read is not", () => {
    const { server, host, handler, open, reason } = rig({ idle: 1000 });
    host.queueBytesMax = 4;
    open();
    server.pass(900);
    server.says(...FRAME);
    server.pass(5000);
    expect(host.end).toBeUndefined();
    handler.resumeAudio();
    server.pass(999);
    expect(host.end).toBeUndefined();
    server.pass(1001);
    expect(reason()).toContain("it sent nothing for 1 s");
  });

  test("is told of the end, and given two seconds to close", () => {
    const { server, host, handler, open } = rig();
    open();
    handler.stop();
    handler.stop();
    expect(server.written.at(-1)).toEqual([0, 0, 0]);
    expect(server.isClosed).toBe(true);
    server.says(...FRAME);
    expect(host.audioBytes).toBe(0);
    server.pass(1999);
    expect(host.end).toBeUndefined();
    server.pass(1);
    expect(host.end).toEqual({ type: "stopped" });
    expect(server.timers).toBe(0);
  });

  test("that was not reached yet when the call ends is left alone", () => {
    const { server, host, handler, outcomes } = rig();
    handler.start(START);
    handler.stop();
    expect(host.end).toEqual({ type: "stopped" });
    expect(server.isDestroyed).toBe(true);
    expect(outcomes).toEqual(["abandoned"]);
  });
});

describe("a barge-in over an AudioSocket server", () => {
  test("in the middle of a frame: the rest of that frame is old too", () => {
    const { server, host, handler, open } = rig();
    open();
    server.says(...FRAME.slice(0, 5));
    handler.discardAudio();
    server.says(...FRAME.slice(5), ...FRAME);
    expect(host.audioBytes).toBe(4);
  });

  test("that has sent ahead a part of a frame: its rest is old too", () => {
    const { server, host, handler, open } = rig();
    host.queueBytesMax = 4;
    open();
    server.says(...FRAME);
    handler.discardAudio();
    server.says(...FRAME, ...FRAME.slice(0, 4));
    server.pass(10);
    expect(host.heard.at(-1)).toEqual({ type: "audioDiscarded" });
    server.says(...FRAME.slice(4), ...FRAME);
    expect(host.audioBytes).toBe(8);
  });

  test("that keeps pace: what it says next is new", () => {
    const { server, host, handler, open } = rig();
    open();
    server.says(...FRAME);
    handler.discardAudio();
    expect(host.heard.at(-1)).toEqual({ type: "audioDiscarded" });
    server.says(...FRAME);
    expect(host.audioBytes).toBe(8);
  });

  test("that has sent ahead: all of that is read and dropped", () => {
    const { server, host, handler, open } = rig();
    host.queueBytesMax = 4;
    open();
    server.says(...FRAME);
    handler.discardAudio();
    expect(server.isPaused).toBe(false);
    for (let piece = 0; piece < 5; piece++) {
      server.says(...FRAME);
      server.pass(5);
    }
    expect(host.audioBytes).toBe(4);
    server.pass(10);
    expect(host.heard.at(-1)).toEqual({ type: "audioDiscarded" });
    server.says(...FRAME);
    expect(host.audioBytes).toBe(8);
  });

  test("that never stops is heard again after half a second", () => {
    const { server, host, handler, open } = rig();
    host.queueBytesMax = 4;
    open();
    server.says(...FRAME);
    handler.discardAudio();
    for (let piece = 0; piece < 101; piece++) {
      server.pass(5);
      server.says(...FRAME);
    }
    server.pass(5);
    expect(host.heard.filter(({ type }) => type === "audioDiscarded")).toHaveLength(1);
  });
});
