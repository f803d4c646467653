import { afterAll, describe, expect, test } from "bun:test";
import type { HandlerCommand, HandlerEvent, StartEvent } from "../../src/call/handler_message.ts";
import { Announcer, WAITING_MAX } from "../../src/handler/announcer.ts";
import { ClipStore } from "../../src/handler/builtin/clip_store.ts";
import type { Handler, HandlerHost } from "../../src/handler/handler.ts";
import { createSound, type SoundContext } from "../../src/handler/sound/create_sound.ts";
import { END, RecordingHost, START } from "./recording_host.ts";
import { ramp, runtime, speaker, WavFolder } from "./sound/sound_fixture.ts";

const folder = new WavFolder();
afterAll(() => folder.remove());

/** 2,000 samples that begin at 10,000. */
const FILE = folder.write("announcement.wav", ramp(2_000, 10_000));
const PLAY: HandlerCommand = { command: "play", file: FILE, loop: 1 };
const FOREVER: HandlerCommand = { command: "play", file: FILE, loop: Infinity };

/** A handler that is told what to do, as a program far away would tell it. */
class FarSide implements Handler {
  readonly events: HandlerEvent[] = [];
  readonly calls: string[] = [];
  audioBytes = 0;
  host: HandlerHost | undefined;

  start(event: StartEvent): void {
    this.calls.push(event.event);
    this.host?.started();
  }

  receiveAudio(pcm: Uint8Array): void {
    this.audioBytes += pcm.length;
  }

  receiveEvent(event: HandlerEvent): void {
    this.events.push(event);
  }

  resumeAudio(): void {
    this.calls.push("resumeAudio");
  }

  discardAudio(): void {
    this.calls.push("discardAudio");
  }

  stop(event: HandlerEvent): void {
    this.calls.push(event.event);
    this.host?.ended({ type: "stopped" });
  }

  kill(): void {
    this.calls.push("kill");
    this.host?.ended({ type: "stopped" });
  }
}

/** A call, the announcer, and the handler behind it. */
class Fixture {
  readonly call = new RecordingHost();
  readonly far = new FarSide();
  readonly announcer: Announcer;
  /** What the handler sees of its call. */
  readonly host: HandlerHost;

  constructor(options: Partial<SoundContext> = {}) {
    this.call.keep = true;
    const context: SoundContext = {
      runtime,
      rate: 8000,
      environment: { PATH: process.env["PATH"] ?? "" },
      clips: new ClipStore(runtime),
      log: (line) => this.call.log(line),
      ...options,
    };
    this.announcer = new Announcer({
      host: this.call,
      rate: 8000,
      handler: (host) => {
        this.far.host = host;
        return this.far;
      },
      createSound: (spec, sink) => createSound(spec, context, sink),
    });
    this.host = this.announcer;
    this.announcer.start(START);
  }

  /** Writes samples that begin at this value. */
  write(from: number, count = 100): boolean {
    return this.host.audio(new Uint8Array(ramp(count, from).buffer));
  }

  mark(name: string): void {
    this.host.command({ command: "mark", name });
  }

  /** Where each piece of a ramp that the call got begins, and how long it is. */
  get heard(): readonly (readonly [from: number, count: number])[] {
    const pieces: [number, number][] = [];
    for (const sample of new Int16Array(this.call.pcm.buffer)) {
      const last = pieces.at(-1);
      if (last !== undefined && sample === last[0] + last[1]) last[1]++;
      else pieces.push([sample, 1]);
    }
    return pieces;
  }

  get marks(): readonly string[] {
    return this.call.of("command").flatMap(({ command }) =>
      command.command === "mark" ? [command.name] : []
    );
  }

  async untilMark(name: string): Promise<void> {
    await this.call.until(() => this.marks.includes(name));
  }
}

describe("an announcement", () => {
  test("has its place in the handler's audio, and so have marks", async () => {
    const fixture = new Fixture();
    fixture.write(100);
    fixture.mark("before");
    fixture.host.command(PLAY);
    fixture.mark("behind");
    fixture.write(200);
    fixture.host.command(PLAY);
    fixture.write(300);
    fixture.mark("last");
    expect(fixture.marks).toEqual(["before"]);
    await fixture.untilMark("last");
    expect(fixture.heard).toEqual([
      [100, 100],
      [10_000, 2_000],
      [200, 100],
      [10_000, 2_000],
      [300, 100],
    ]);
    expect(fixture.marks).toEqual(["before", "behind", "last"]);
    const order = fixture.call.heard.map((each) =>
      each.type === "audio" ? each.bytes : each.type === "command" ? "mark" : each.type
    );
    expect(order).toEqual(["started", 200, "mark", 4_000, "mark", 4_400, "mark"]);
  });

  test("costs nothing while there is none: all passes as it is, and at once", () => {
    const fixture = new Fixture();
    const pcm = new Uint8Array(320);
    fixture.call.queueBytesMax = 100;
    expect(fixture.host.audio(pcm)).toBe(false);
    fixture.announcer.resumeAudio();
    expect(fixture.far.calls).toEqual(["start", "resumeAudio"]);
    fixture.host.command({ command: "hangup" });
    fixture.host.waiting(true);
    expect(fixture.call.isWaiting).toBe(true);
    fixture.host.refused("odd", "x");
    fixture.host.log("line");
    fixture.host.audioDropped(7);
    fixture.announcer.receiveAudio(pcm);
    fixture.announcer.receiveEvent({ event: "hold" });
    expect(fixture.call.droppedBytes).toBe(7);
    expect(fixture.call.logged).toEqual(["line"]);
    expect(fixture.far.audioBytes).toBe(320);
    expect(fixture.far.events).toEqual([{ event: "hold" }]);
    fixture.host.ended({ type: "completed" });
    expect(fixture.call.end).toEqual({ type: "completed" });
  });

  test("of a text is what the program speaks", async () => {
    const fixture = new Fixture(speaker(`cat ${FILE}`));
    fixture.host.command({ command: "say", text: "Hello" });
    fixture.mark("said");
    await fixture.untilMark("said");
    expect(fixture.heard).toEqual([[10_000, 2_000]]);
  });

  test("waits while the call has no room, and holds the handler back", async () => {
    const fixture = new Fixture();
    fixture.call.queueBytesMax = 1;
    fixture.host.command(PLAY);
    expect(fixture.write(1, 4_000)).toBe(true);
    expect(fixture.write(4_001, 4_000)).toBe(false);
    await fixture.call.until(() => fixture.call.audioBytes > 0);
    expect(fixture.call.audioBytes).toBe(3_200);
    fixture.announcer.resumeAudio();
    expect(fixture.call.audioBytes).toBe(4_000);
    expect(fixture.far.calls).toEqual(["start"]);
    fixture.call.queueBytesMax = Infinity;
    fixture.announcer.resumeAudio();
    expect(fixture.heard).toEqual([[10_000, 2_000], [1, 8_000]]);
    expect(fixture.far.calls).toEqual(["start", "resumeAudio"]);
  });

  test("that fails is an error event, and the rest goes on", async () => {
    const fixture = new Fixture();
    fixture.host.command({ command: "play", file: `${folder.path}/none.wav`, loop: 1 });
    fixture.host.command({ command: "say", text: "Hello" });
    fixture.write(5);
    fixture.mark("end");
    await fixture.untilMark("end");
    expect(fixture.heard).toEqual([[5, 100]]);
    const errors = fixture.far.events.map((event) =>
      event.event === "error" ? [event.command, event.message.slice(0, 14)] : []
    );
    expect(errors).toEqual([["play", 'Cannot read "/'], ["say", "Nothing speaks"]]);
    expect(fixture.call.logged).toHaveLength(2);
    expect(fixture.call.end).toBeUndefined();
  });

  test("is bounded in number, and so is the audio behind it", () => {
    const fixture = new Fixture();
    fixture.host.command(FOREVER);
    for (let count = 0; count < WAITING_MAX + 3; count++) fixture.mark(`${count}`);
    expect(fixture.call.of("refused")).toHaveLength(3);
    const second = new Uint8Array(16_000);
    for (let count = 0; count < 100; count++) expect(fixture.host.audio(second)).toBe(false);
    expect(fixture.call.logged).toHaveLength(1);
    fixture.announcer.kill();
  });
});

describe("clearing announcements", () => {
  test("a clear drops what is heard and what waits, and gives marks back", async () => {
    const fixture = new Fixture();
    fixture.host.command(FOREVER);
    fixture.write(1, 50);
    fixture.mark("a");
    fixture.host.command(PLAY);
    fixture.mark("b");
    await fixture.call.until(() => fixture.call.audioBytes > 10_000);
    fixture.host.clearAudio();
    // Its audio counts as dropped, in a call that is mute
    expect(fixture.marks).toEqual(["a", "b"]);
    const { audioBytes } = fixture.call;
    fixture.host.command({ command: "clear" });
    fixture.write(500, 10);
    fixture.mark("c");
    expect(fixture.call.audioBytes).toBe(audioBytes + 20);
    expect(fixture.marks).toEqual(["a", "b", "c"]);
    const types = fixture.call.heard.map(({ type }) => type);
    expect(types.indexOf("clearAudio")).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fixture.call.audioBytes).toBe(audioBytes + 20);
  });

  test("one that comes between the two steps of a clear is old", async () => {
    const fixture = new Fixture();
    fixture.host.clearAudio();
    fixture.host.command(FOREVER);
    fixture.host.command({ command: "clear" });
    fixture.host.command(PLAY);
    fixture.mark("new");
    await fixture.untilMark("new");
    expect(fixture.heard.at(-1)).toEqual([10_000, 2_000]);
  });

  test("a barge-in drops it, and the handler goes on behind it", async () => {
    const fixture = new Fixture();
    fixture.host.command(FOREVER);
    fixture.write(1, 50);
    await fixture.call.until(() => fixture.call.audioBytes > 10_000);
    fixture.announcer.discardAudio();
    expect(fixture.far.calls).toEqual(["start", "discardAudio"]);
    fixture.host.command(FOREVER);
    fixture.host.audioDiscarded();
    const { audioBytes } = fixture.call;
    fixture.write(700, 10);
    expect(fixture.call.audioBytes).toBe(audioBytes + 20);
    expect(fixture.far.calls).toEqual(["start", "discardAudio", "resumeAudio"]);
  });

  test("stops the program that speaks", async () => {
    const fixture = new Fixture(speaker("head -c 320 /dev/zero; sleep 20"));
    fixture.host.command({ command: "say", text: "Hello" });
    await fixture.call.until(() => fixture.call.audioBytes > 0);
    fixture.host.clearAudio();
    fixture.host.command({ command: "clear" });
    fixture.mark("free");
    expect(fixture.marks).toEqual(["free"]);
  });
});

describe("the end of a handler that announces", () => {
  test("waits until all is handed over", async () => {
    const fixture = new Fixture();
    fixture.host.command(PLAY);
    fixture.write(3);
    fixture.host.ended({ type: "completed" });
    expect(fixture.call.end).toBeUndefined();
    fixture.announcer.receiveEvent({ event: "hold" });
    fixture.announcer.receiveAudio(new Uint8Array(2));
    expect(await fixture.call.untilEnded()).toEqual({ type: "completed" });
    expect(fixture.heard).toEqual([[10_000, 2_000], [3, 100]]);
    expect([fixture.far.events, fixture.far.audioBytes]).toEqual([[], 0]);
  });

  test("does not wait when it failed, or the call is over", () => {
    const failed = new Fixture();
    failed.host.command(FOREVER);
    failed.host.ended({ type: "failed", reason: "broken" });
    expect(failed.call.end).toEqual({ type: "failed", reason: "broken" });
    const stopped = new Fixture();
    stopped.host.command(FOREVER);
    stopped.host.ended({ type: "completed" });
    stopped.announcer.stop(END);
    expect(stopped.call.end).toEqual({ type: "stopped" });
    expect(stopped.far.calls).toEqual(["start"]);
    const over = new Fixture();
    over.host.command(FOREVER);
    over.announcer.stop(END);
    over.announcer.kill();
    over.host.command(PLAY);
    expect(over.call.end).toEqual({ type: "stopped" });
    expect(over.far.calls[1]).toBe("end");
  });

  test("is told at a barge-in, since nothing is left", () => {
    const fixture = new Fixture();
    fixture.host.command(FOREVER);
    fixture.host.ended({ type: "completed" });
    fixture.announcer.discardAudio();
    expect(fixture.call.end).toEqual({ type: "completed" });
    expect(fixture.call.of("audioDiscarded")).toEqual([]);
  });
});
