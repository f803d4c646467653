import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClipStore } from "../../../src/handler/builtin/clip_store.ts";
import { createHandler } from "../../../src/handler/create_handler.ts";
import type { Handler } from "../../../src/handler/handler.ts";
import type { HandlerSpec } from "../../../src/route/route.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { END, RecordingHost, START } from "../recording_host.ts";
import { FACTS } from "../../support/call_facts.ts";

const runtime = createRuntime();
const folder = mkdtempSync(join(tmpdir(), "voicegw-play-"));
afterAll(() => rmSync(folder, { recursive: true }));

function prepare(
  spec: HandlerSpec,
  clipStore?: ClipStore,
): { readonly handler: Handler; readonly host: RecordingHost } {
  const host = new RecordingHost();
  host.keep = true;
  const context = {
    runtime,
    facts: FACTS,
    environment: {},
    rate: 8000,
    ...(clipStore === undefined ? {} : { clipStore }),
  };
  return { handler: createHandler(spec, context, host), host };
}

/** Writes a WAV file of 16-bit samples; RIFF, fmt and data chunks alone. */
function wav(name: string, samples: readonly number[], rate = 8_000, channels = 1): string {
  const bytes = new Uint8Array(44 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, text: string): void =>
    bytes.set(new TextEncoder().encode(text), offset);
  put(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => view.setInt16(44 + index * 2, sample, true));
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const ramp = (length: number): number[] => Array.from({ length }, (_, index) => index - 500);

function samplesOf(host: RecordingHost): number[] {
  const { pcm } = host;
  const view = new DataView(pcm.buffer);
  return Array.from({ length: pcm.length / 2 }, (_, index) => view.getInt16(index * 2, true));
}

describe("echo handler", () => {
  test("gives back what it gets until it is stopped", () => {
    const { handler, host } = prepare({ type: "echo" });
    handler.start(START);
    handler.receiveAudio(new Uint8Array([1, 2, 3, 4]));
    handler.discardAudio();
    handler.stop(END);
    handler.receiveAudio(new Uint8Array([5, 6]));
    handler.kill();
    expect([...host.pcm]).toEqual([1, 2, 3, 4]);
    expect(host.heard.map((each) => each.type)).toEqual([
      "started",
      "audio",
      "audioDiscarded",
      "ended",
    ]);
    expect(host.end).toEqual({ type: "stopped" });
  });
});

describe("play handler", () => {
  test("plays a file and is completed", async () => {
    const file = wav("once.wav", ramp(5_000));
    const { handler, host } = prepare({ type: "play", file, loop: 1 });
    handler.start(START);
    expect(host.heard).toEqual([]);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.heard[0]).toEqual({ type: "started" });
    expect(samplesOf(host)).toEqual(ramp(5_000));
  });

  test("plays it as often as asked", async () => {
    const file = wav("thrice.wav", [1, 2, 3]);
    const { handler, host } = prepare({ type: "play", file, loop: 3 });
    handler.start(START);
    await host.untilEnded();
    expect(samplesOf(host)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  test("waits for room in the queue", async () => {
    const file = wav("long.wav", ramp(20_000));
    const { handler, host } = prepare({ type: "play", file, loop: 1 });
    host.queueBytesMax = 10_000;
    handler.start(START);
    await host.until(() => host.audioBytes >= 10_000);
    expect(host.audioBytes).toBeLessThan(14_000);
    host.queueBytesMax = Number.POSITIVE_INFINITY;
    handler.resumeAudio();
    await host.untilEnded();
    expect(samplesOf(host)).toEqual(ramp(20_000));
  });

  test("an endless loop leaves the event loop to others and can be stopped", async () => {
    const file = wav("endless.wav", [7]);
    const { handler, host } = prepare({ type: "play", file, loop: Number.POSITIVE_INFINITY });
    handler.start(START);
    await host.until(() => host.audioBytes > 1_000);
    handler.stop(END);
    const { audioBytes } = host;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(host.audioBytes).toBe(audioBytes);
    expect(host.end).toEqual({ type: "stopped" });
  });

  test("mixes two channels down and changes the rate", async () => {
    const frames = Array.from({ length: 1_600 }, () => [1_000, 3_000]).flat();
    const file = wav("stereo.wav", frames, 16_000, 2);
    const { handler, host } = prepare({ type: "play", file, loop: 1 });
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    const samples = samplesOf(host);
    expect(Math.abs(samples.length - 800)).toBeLessThan(20);
    for (const sample of samples.slice(100, 700)) expect(Math.abs(sample - 2_000)).toBeLessThan(50);
  });

  test("fails for a missing, broken or empty file, before it has started", async () => {
    writeFileSync(join(folder, "text.wav"), "this is not a sound");
    const reasons: string[] = [];
    for (const file of ["none.wav", "text.wav"]) {
      const { handler, host } = prepare({ type: "play", file: join(folder, file), loop: 1 });
      handler.start(START);
      const end = await host.untilEnded();
      reasons.push(end.type === "failed" ? end.reason : end.type);
      expect(host.of("started")).toHaveLength(0);
    }
    expect(reasons[0]).toBe(`Cannot read "${join(folder, "none.wav")}": no such file`);
    expect(reasons[1]).toContain(`Cannot play "${join(folder, "text.wav")}": `);
    const { handler, host } = prepare({ type: "play", file: wav("empty.wav", []), loop: 1 });
    handler.start(START);
    expect((await host.untilEnded()).type).toBe("failed");
  });

  test("stopped while it loads, it ends once", async () => {
    const { handler, host } = prepare({ type: "play", file: wav("s.wav", [1]), loop: 1 });
    handler.start(START);
    handler.stop(END);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.heard).toEqual([{ type: "ended", end: { type: "stopped" } }]);
  });

  test("fails when the placeholder of a file would leave its folder", async () => {
    const host = new RecordingHost();
    const facts = { ...FACTS, x_headers: { "X-File": "../secret" } };
    const spec = { type: "play", file: "{X-File}.wav", loop: 1 } as const;
    createHandler(spec, { runtime, facts, environment: {}, rate: 8000 }, host).start(START);
    expect((await host.untilEnded()).type).toBe("failed");
  });
});

describe("clip store", () => {
  test("reads a file once, and again when it has changed", async () => {
    let reads = 0;
    const clips = new ClipStore({
      modifiedAt: runtime.modifiedAt,
      readFile: (path) => {
        reads++;
        return runtime.readFile(path);
      },
    });
    const file = wav("kept.wav", [1, 2]);
    const first = await clips.load(file, 8_000);
    expect(await clips.load(file, 8_000)).toBe(first);
    expect(reads).toBe(1);
    wav("kept.wav", [3, 4, 5]);
    utimesSync(file, 5_000, 5_000);
    expect([...await clips.load(file, 8_000)]).toEqual([3, 0, 4, 0, 5, 0]);
    expect(reads).toBe(2);
  });
});

describe("routes without audio", () => {
  test("reject and redirect fail when they are started all the same", async () => {
    const { handler, host } = prepare({ type: "reject", status: 486, headers: {} });
    handler.start(START);
    expect((await host.untilEnded()).type).toBe("failed");
  });
});
