import { beforeEach, describe, expect, test } from "bun:test";
import { AudioStream } from "../../../src/handler/webhook/audio_stream.ts";
import type { HttpEvents } from "../../../src/runtime/client_ports.ts";

const FRAME = new Uint8Array(320).fill(1);

/** A stream whose server and clock are the test's. */
class Bench {
  readonly told: string[] = [];
  now = 0;
  hasRoom = true;
  server: HttpEvents | undefined;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];
  readonly stream = new AudioStream({
    rate: 8000,
    timeout: 1000,
    request: () => ({ url: "http://a/", headers: {}, timeout: 1000 }),
    runtime: {
      now: () => this.now,
      setTimer: (callback, delay) => {
        const timer = { at: this.now + delay, callback };
        this.#timers.push(timer);
        return {
          cancel: () => void (this.#timers = this.#timers.filter((each) => each !== timer)),
        };
      },
      requestHttp: (_request, events) => {
        this.server = events;
        return {
          queuedBytes: 0,
          write: () => {},
          end: () => {},
          abort: () => void this.told.push("aborted"),
          pause: () => void this.told.push("paused"),
          resume: () => void this.told.push("resumed"),
        };
      },
    },
    events: {
      audio: (pcm) => {
        this.told.push(`audio ${pcm.length}`);
        return this.hasRoom;
      },
      waiting: (isWaiting) => void this.told.push(isWaiting ? "waits" : "waits no more"),
      dropped: () => {},
      ended: () => void this.told.push("ended"),
      failed: (why) => void this.told.push(`failed: ${why}`),
    },
  });

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.now = next.at;
      next.callback();
    }
    this.now = until;
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
  bench.stream.start();
});

/** The server has sent more than there is room for. */
function sendAhead(): void {
  bench.server?.head(200, {});
  bench.hasRoom = false;
  bench.server?.data(FRAME);
  bench.take();
}

describe("a stream of audio", () => {
  test("is waited for until its head is there, or will not come", () => {
    expect(bench.take()).toEqual(["waits"]);
    bench.server?.head(200, {});
    expect(bench.take()).toEqual(["waits no more"]);
    const other = new Bench();
    other.stream.start();
    other.pass(1000);
    expect(other.take().slice(0, 3)).toEqual(["waits", "waits no more", "aborted"]);
  });

  test("is not read while there is no room", () => {
    bench.server?.head(200, {});
    bench.take();
    bench.hasRoom = false;
    bench.server?.data(FRAME);
    expect(bench.take()).toEqual(["audio 320", "paused"]);
  });
});

describe("what a server has sent ahead", () => {
  test("is all taken before it is told that nothing old comes", () => {
    sendAhead();
    bench.stream.discard(() => bench.told.push("discarded"));
    bench.server?.data(FRAME);
    bench.pass(20);
    bench.server?.data(FRAME);
    expect(bench.take()).toEqual(["resumed", "audio 320", "audio 320"]);
    bench.pass(100);
    expect(bench.take()).toEqual(["discarded"]);
    bench.server?.data(FRAME);
    expect(bench.take()).toEqual(["audio 320", "paused"]);
  });

  test("is nothing where all was read", () => {
    bench.server?.head(200, {});
    bench.take();
    bench.stream.discard(() => bench.told.push("discarded"));
    expect(bench.take()).toEqual(["discarded"]);
  });

  test("ends, from a server that never stops", () => {
    sendAhead();
    bench.stream.discard(() => bench.told.push("discarded"));
    for (let frame = 0; frame < 50; frame++) {
      bench.server?.data(FRAME);
      bench.pass(20);
    }
    const told = bench.take();
    expect(told.filter((each) => each === "discarded")).toHaveLength(1);
    expect(told.indexOf("discarded")).toBeLessThan(25);
  });

  test("is waited for no longer when the stream is over", () => {
    sendAhead();
    bench.stream.discard(() => bench.told.push("one"));
    bench.stream.discard(() => bench.told.push("another"));
    bench.stream.stop();
    expect(bench.take()).toEqual(["resumed", "one", "another", "aborted"]);
    bench.pass(1000);
    expect(bench.take()).toEqual([]);
  });
});
