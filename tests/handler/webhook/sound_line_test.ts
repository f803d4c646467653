import { beforeEach, describe, expect, test } from "bun:test";
import type { HandlerCommand } from "../../../src/call/handler_message.ts";
import type { SoundSink } from "../../../src/handler/sound/sound.ts";
import { OWN_MARK, SoundLine } from "../../../src/handler/webhook/sound_line.ts";
import { RecordingHost } from "../recording_host.ts";

const PCM = new Uint8Array(320);

/** A line whose sounds are given by the test, on a call that plays when the test says so. */
class Bench {
  readonly host = new RecordingHost();
  readonly sinks: SoundSink[] = [];
  readonly told: string[] = [];
  readonly waits: boolean[] = [];
  readonly line = new SoundLine({
    host: this.host,
    makeSound: (_spec, sink) => {
      this.sinks.push(sink);
      return {
        start: () => this.told.push("start"),
        resume: () => this.told.push("resume"),
        stop: () => this.told.push("stop"),
      };
    },
    later: (callback) => callback(),
    drain: (drained) => drained(),
    waiting: (isWaiting) => void this.waits.push(isWaiting),
  });

  play(name = "a"): SoundSink {
    this.line.play({ type: "beep" }, {
      handedOver: () => this.told.push(`${name} handed over`),
      failed: (reason) => this.told.push(`${name} failed: ${reason}`),
    });
    return this.sinks.at(-1) as SoundSink;
  }

  /** The call has played everything. */
  played(): void {
    for (const name of this.marks) {
      this.line.receiveEvent({ event: "mark", name, played_ms: 0 });
    }
  }

  get marks(): readonly string[] {
    const commands = this.host.of("command").map((heard) => heard.command);
    return commands.flatMap((each) => each.command === "mark" ? [each.name] : []);
  }

  get commands(): readonly HandlerCommand["command"][] {
    return this.host.of("command").map(({ command }) => command.command);
  }
}

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

describe("a sound that is not there yet", () => {
  test("is waited for until it begins", () => {
    const sink = bench.play();
    expect(bench.waits).toEqual([true]);
    sink.audio(PCM);
    expect(bench.waits.at(-1)).toBe(false);
    sink.audio(PCM);
    expect(bench.waits.filter((isWaiting) => isWaiting)).toHaveLength(1);
  });

  test("is waited for no longer when it fails, is cleared or skipped, or the call is over", () => {
    const ends: readonly ((sink: SoundSink) => void)[] = [
      (sink) => sink.failed("gone"),
      () => bench.line.clear(),
      () => bench.line.clearAsAsked(),
      () => bench.line.discard(),
      () => bench.line.stop(),
    ];
    for (const end of ends) {
      bench = new Bench();
      end(bench.play());
      expect(bench.waits).toEqual([true, false]);
    }
  });
});

describe("a line of sounds", () => {
  test("gives a sound to the caller, and is free for the next when all of it was given", () => {
    const sink = bench.play();
    expect(sink.audio(PCM)).toBe(true);
    expect(bench.line.isPlaying).toBe(true);
    sink.ended();
    expect(bench.told).toEqual(["start", "a handed over"]);
    expect(bench.line.isPlaying).toBe(false);
    expect(bench.host.audioBytes).toBe(320);
  });

  test("tells when the caller has heard it: at the mark behind it", () => {
    const sink = bench.play();
    sink.audio(PCM);
    sink.ended();
    bench.line.whenPlayed(() => bench.told.push("heard"));
    expect(bench.told.at(-1)).toBe("a handed over");
    expect(bench.line.isBusy).toBe(true);
    bench.played();
    expect(bench.told.at(-1)).toBe("heard");
    expect(bench.line.isBusy).toBe(false);
  });

  test("tells at once where nothing was given", () => {
    bench.line.whenPlayed(() => bench.told.push("heard"));
    expect(bench.told).toEqual(["heard"]);
    expect(bench.marks).toEqual([]);
  });

  test("waits for the end of audio that came from elsewhere too", () => {
    bench.line.write(PCM);
    bench.line.whenPlayed(() => bench.told.push("heard"));
    expect(bench.told).toEqual([]);
    bench.played();
    expect(bench.told).toEqual(["heard"]);
  });

  test("forgets who no longer waits", () => {
    bench.line.write(PCM);
    const forget = bench.line.whenPlayed(() => bench.told.push("heard"));
    forget();
    bench.played();
    expect(bench.told).toEqual([]);
  });

  test("tells of a sound that fails, once", () => {
    const sink = bench.play();
    sink.failed("it is not there");
    sink.ended();
    expect(bench.told).toEqual(["start", "a failed: it is not there"]);
  });

  test("keeps marks of its own to itself, and lets others pass", () => {
    const own = { event: "mark", name: `${OWN_MARK}1`, played_ms: 0 } as const;
    expect(bench.line.receiveEvent(own)).toBe(true);
    expect(bench.line.receiveEvent({ event: "mark", name: "mine", played_ms: 0 })).toBe(false);
  });
});

describe("a clear", () => {
  test("ends the sound in two steps, and nothing of it is told any more", () => {
    const sink = bench.play();
    sink.audio(PCM);
    bench.line.clear();
    expect(bench.told).toEqual(["start", "stop"]);
    expect(bench.host.heard.map(({ type }) => type)).toEqual(["audio", "clearAudio", "command"]);
    sink.audio(PCM);
    sink.ended();
    expect(bench.host.audioBytes).toBe(320);
    expect(bench.told).toEqual(["start", "stop"]);
  });

  test("has its event swallowed, unless the web server asked for it", () => {
    const cleared = { event: "cleared", reason: "command", played_ms: 0, dropped_ms: 0 } as const;
    bench.line.write(PCM);
    bench.line.clear();
    expect(bench.line.receiveEvent(cleared)).toBe(true);
    bench.line.clearAsAsked();
    expect(bench.line.receiveEvent(cleared)).toBe(false);
    expect(bench.line.receiveEvent({ ...cleared, reason: "barge_in" })).toBe(false);
  });

  test("is not needed where there is silence", () => {
    bench.line.clear();
    expect(bench.commands).toEqual([]);
  });

  test("lets what waited for the caller's ears go on", () => {
    bench.line.write(PCM);
    bench.line.whenPlayed(() => bench.told.push("heard"));
    bench.line.clear();
    expect(bench.told).toEqual(["heard"]);
  });

  test("of the call itself is answered before the next sound is given, or that would be lost", () => {
    const sink = bench.play();
    sink.audio(PCM);
    bench.line.discard();
    expect(bench.host.heard.at(-1)?.type).toBe("audioDiscarded");
    expect(bench.told).toEqual(["start", "stop", "a handed over"]);
    expect(bench.line.isBusy).toBe(false);
  });
});
