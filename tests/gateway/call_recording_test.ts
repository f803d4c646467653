import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { parseWav, WAV_HEADER_BYTES } from "../../src/audio/wav.ts";
import type { RecordingFigures } from "../../src/call/call_record.ts";
import {
  CallRecording,
  CLOSE_MAX,
  type RecordingContext,
} from "../../src/gateway/call_recording.ts";
import { Counters } from "../../src/gateway/counters.ts";
import { RecordingFile } from "../../src/gateway/recording_file.ts";
import { Recordings } from "../../src/gateway/recordings.ts";
import { Recorder, RECORDER_MS_MAX } from "../../src/media/recorder.ts";
import { FileError, type FileWriter } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { until } from "../support/gateway.ts";

const RATE = 8000;
const { openFile } = createRuntime();

let folder: string;
const folders: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "voicegw-recording-"));
  folders.push(folder);
});

afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true });
});

/** Samples of both tracks with these values on the left, and their negatives on the right. */
function stereo(...values: readonly number[]): Uint8Array {
  return new Uint8Array(new Int16Array(values.flatMap((value) => [value, -value])).buffer);
}

/** What the left track of a file holds, as far as its header tells. */
function leftOf(path: string): number[] {
  const file = new Uint8Array(readFileSync(path));
  const { channels, samples } = parseWav(file);
  expect(channels).toBe(2);
  const data = new Int16Array(file.buffer, WAV_HEADER_BYTES, samples.length * 2);
  return [...data].filter((_, index) => index % 2 === 0);
}

describe("the file of a recording", () => {
  test("is whole after every piece, whenever the process dies", async () => {
    const path = join(folder, "a.wav");
    const file = await RecordingFile.create({ openFile }, { path, rate: RATE });
    await file.append(stereo(1, 2, 3), 0);
    expect(leftOf(path)).toEqual([1, 2, 3]);
    await file.append(stereo(4), 3);
    expect(leftOf(path)).toEqual([1, 2, 3, 4]);
    // Dies behind the samples of the next piece, before their header
    expect(file.duration).toBe(0.5);
    await file.close();
    truncateSync(path, WAV_HEADER_BYTES + 8);
    expect(leftOf(path)).toEqual([1, 2]);
  });

  test("holds silence for what is left out", async () => {
    const path = join(folder, "a.wav");
    const file = await RecordingFile.create({ openFile }, { path, rate: RATE });
    await file.append(stereo(1), 0);
    await file.append(stereo(2), 4);
    await file.close();
    expect(leftOf(path)).toEqual([1, 0, 0, 0, 2]);
  });

  test("is full when WAV can tell of no more; what fits is in it", async () => {
    const path = join(folder, "a.wav");
    const options = { path, rate: RATE, dataBytesMax: 11 };
    const file = await RecordingFile.create({ openFile }, options);
    await file.append(stereo(1), 0);
    const error = await file.append(stereo(2, 3), 1).catch((caught) => caught);
    await file.close();
    expect(error).toBeInstanceOf(FileError);
    expect([error.code, error.message]).toEqual([
      "EFBIG",
      `"${path}" is full: a WAV file holds no more`,
    ]);
    expect(leftOf(path)).toEqual([1, 2]);
  });

  test("gets a number before its extension where there is one of its name", async () => {
    const made: string[] = [];
    for (const name of ["a.wav", "a.wav", "a.wav", "b.c/d", "b.c/d", ".wav", ".wav"]) {
      const file = await RecordingFile.create({ openFile }, {
        path: join(folder, name),
        rate: RATE,
      });
      await file.close();
      made.push(file.path.slice(folder.length + 1));
    }
    expect(made).toEqual(["a.wav", "a-2.wav", "a-3.wav", "b.c/d", "b.c/d-2", ".wav", "-2.wav"]);
  });

  test("is given up where a thousand names are taken", async () => {
    let tries = 0;
    const taken = () => {
      tries++;
      return Promise.reject(new FileError("EEXIST", "it is there already"));
    };
    const made = RecordingFile.create({ openFile: taken }, { path: "a.wav", rate: RATE });
    expect((await made.catch((error) => error)).code).toBe("EEXIST");
    expect(tries).toBe(999);
  });
});

/** A recording whose timers a test rings by hand. */
class Rig {
  readonly recorder = new Recorder(RATE);
  readonly counters = new Counters();
  readonly logs: string[] = [];
  readonly failures: string[] = [];
  readonly timers = new Map<() => void, number>();
  readonly recordings: Recordings;
  readonly recording: CallRecording;
  hasAudio = true;
  figures: RecordingFigures | undefined | "waiting" = "waiting";

  constructor(open: RecordingContext["runtime"]["openFile"] = openFile) {
    const runtime = {
      openFile: open,
      setTimer: (callback: () => void, delay: number) => {
        this.timers.set(callback, delay);
        return { cancel: () => void this.timers.delete(callback) };
      },
    };
    this.recordings = new Recordings(runtime);
    this.recording = new CallRecording({
      context: { runtime, recordings: this.recordings, counters: this.counters },
      rate: RATE,
      startRecorder: () => this.hasAudio ? this.recorder : undefined,
      log: (_level, message) => this.logs.push(message),
      failed: (reason) => this.failures.push(reason),
    });
  }

  /** The caller says so many milliseconds of a value. */
  say(durationMs: number, value: number): void {
    const frame = new Uint8Array(new Int16Array(RATE / 50).fill(value).buffer);
    for (let said = 0; said < durationMs; said += 20) this.recorder.caller(frame);
  }

  /** Rings timers of that delay. */
  ring(delay: number): void {
    for (const [callback, after] of [...this.timers]) {
      if (after !== delay) continue;
      this.timers.delete(callback);
      callback();
    }
  }

  end(): void {
    this.recording.end((figures) => {
      this.figures = figures;
    });
  }

  async ended(): Promise<RecordingFigures | undefined> {
    this.end();
    await until(() => this.figures !== "waiting", 2000, () => "the file is not closed");
    return this.figures as RecordingFigures | undefined;
  }
}

/** A file that takes as much as a test wants, when it wants. */
class HeldFile implements FileWriter {
  readonly written: number[] = [];
  isClosed = false;
  #release: (() => void) | undefined;

  write(data: Uint8Array): Promise<void> {
    this.written.push(data.length);
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  /** The write under way is done. */
  async release(): Promise<void> {
    this.#release?.();
    await Bun.sleep(1);
  }
}

/** One round of the timer. */
const ROUND = 10;
const BEAT = 50;

describe("the recording of a call in the world", () => {
  let rig: Rig;

  afterEach(() => {
    // Nothing is left that would keep a process alive
    expect([...rig.timers.values()]).toEqual([]);
    expect(rig.recordings.size).toBe(0);
  });

  test("begins when there is audio, and holds all of it up to the end", async () => {
    rig = new Rig();
    rig.hasAudio = false;
    const path = join(folder, "a.wav");
    rig.recording.perform({ action: "start", file: path });
    expect([rig.recordings.size, existsSync(path)]).toEqual([0, false]);
    rig.hasAudio = true;
    rig.recording.mediaOpened();
    rig.say(1000, 7);
    expect(await rig.ended()).toEqual({ file: path, duration_ms: 1000, lost_ms: 0 });
    expect(leftOf(path)).toEqual(new Array(8000).fill(7));
  });

  test("has one write under way at most, however often it is its turn", async () => {
    const file = new HeldFile();
    rig = new Rig(() => Promise.resolve(file));
    rig.recording.perform({ action: "start", file: "a.wav" });
    rig.say(500, 1);
    await Bun.sleep(1);
    expect(file.written).toEqual([250 * 32]);
    rig.say(500, 2);
    for (let beat = 0; beat < 2 * ROUND; beat++) rig.ring(BEAT);
    expect(file.written).toEqual([250 * 32]);
    await file.release();
    await file.release();
    expect(file.written).toEqual([250 * 32, WAV_HEADER_BYTES]);
    for (let beat = 0; beat < ROUND; beat++) rig.ring(BEAT);
    await Bun.sleep(1);
    expect(file.written).toEqual([250 * 32, WAV_HEADER_BYTES, 500 * 32]);
    rig.end();
    for (let write = 0; write < 4; write++) await file.release();
    expect(file.isClosed).toBe(true);
    expect(rig.figures).toEqual({ file: "a.wav", duration_ms: 1000, lost_ms: 0 });
  });

  test("keeps in step with its call on a slow disk: what is lost is silence", async () => {
    const opening: { open?: () => void } = {};
    rig = new Rig((path) =>
      new Promise((resolve) => {
        opening.open = () => resolve(openFile(path));
      })
    );
    const path = join(folder, "a.wav");
    rig.recording.perform({ action: "start", file: path });
    rig.say(1000, 1);
    rig.say(RECORDER_MS_MAX, 2);
    opening.open?.();
    const figures = await rig.ended();
    const duration_ms = 1000 + RECORDER_MS_MAX;
    expect(figures).toEqual({ file: path, duration_ms, lost_ms: 1000 });
    const left = leftOf(path);
    expect(left).toHaveLength(duration_ms * 8);
    expect(new Set(left.slice(0, 8000))).toEqual(new Set([0]));
    expect(new Set(left.slice(8000))).toEqual(new Set([2]));
    expect(rig.counters.get("recordings_lost_ms")).toBe(1000);
    expect(rig.logs).toEqual(["The disk was too slow: 1000 ms of the recording are silence"]);
  });

  test("ends when the disk is full; what was written stays", async () => {
    let writes = 0;
    rig = new Rig(async (path) => {
      const file = await openFile(path);
      const full = new FileError("ENOSPC", `Cannot write "${path}": the disk is full`);
      return {
        write: (data, at) => ++writes > 2 ? Promise.reject(full) : file.write(data, at),
        close: () => file.close(),
      };
    });
    const path = join(folder, "a.wav");
    rig.recording.perform({ action: "start", file: path });
    rig.say(500, 1);
    await until(() => writes === 2, 2000, () => `${writes} writes`);
    await Bun.sleep(5);
    rig.say(500, 2);
    for (let beat = 0; beat < ROUND; beat++) rig.ring(BEAT);
    await until(() => rig.failures.length > 0, 2000, () => "no failure");
    const reason = `Cannot write "${path}": the disk is full`;
    expect([rig.failures, rig.logs]).toEqual([[reason], [`The recording ends: ${reason}`]]);
    expect(rig.counters.get("recordings_failed")).toBe(1);
    await until(() => rig.recordings.size === 0, 2000, () => "the file is open");
    rig.end();
    expect(rig.figures).toEqual({ file: path, duration_ms: 250, lost_ms: 0 });
    expect(leftOf(path)).toHaveLength(2000);
  });

  test("holds up the end of its call for some seconds at most", () => {
    rig = new Rig(() => new Promise(() => {}));
    rig.recording.perform({ action: "start", file: "a.wav" });
    rig.say(500, 1);
    rig.end();
    expect(rig.figures).toBe("waiting");
    rig.ring(CLOSE_MAX);
    expect(rig.figures).toBeUndefined();
    expect(rig.logs).toEqual([`The recording is not written after ${CLOSE_MAX} ms`]);
  });

  test("that was ended before its call is told at once, and loses nothing afterwards", async () => {
    rig = new Rig();
    const path = join(folder, "a.wav");
    rig.recording.perform({ action: "start", file: path });
    rig.say(300, 1);
    rig.recording.perform({ action: "stop" });
    await until(() => rig.recordings.size === 0, 2000, () => "the file is open");
    rig.say(2 * RECORDER_MS_MAX, 2);
    rig.end();
    expect(rig.figures).toEqual({ file: path, duration_ms: 300, lost_ms: 0 });
  });

  test("that nobody asked for, or that cannot begin, has no figures", () => {
    rig = new Rig();
    rig.end();
    expect(rig.figures).toBeUndefined();
    rig = new Rig();
    rig.recording.perform({ action: "fail", reason: "The value holds a control character" });
    expect(rig.logs).toEqual(["The recording ends: The value holds a control character"]);
    rig.end();
    expect(rig.figures).toBeUndefined();
  });
});

describe("all recordings", () => {
  test("take turns: each is woken once in half a second, and never all at one moment", () => {
    const rig = new Rig();
    const woken = new Map<number, number>();
    const all = Array.from({ length: 40 }, (_, index) => ({
      drain: () => void woken.set(index, (woken.get(index) ?? 0) + 1),
    }));
    for (const each of all) rig.recordings.add(each);
    for (let beat = 1; beat <= ROUND; beat++) {
      rig.ring(BEAT);
      expect(woken.size).toBe(beat * 4);
    }
    expect([...new Set(woken.values())]).toEqual([1]);
    for (const each of all) expect(rig.recordings.remove(each)).toBe(true);
    expect([rig.recordings.size, rig.timers.size]).toEqual([0, 0]);
    expect(rig.recordings.remove({ drain: () => {} })).toBe(false);
  });
});
