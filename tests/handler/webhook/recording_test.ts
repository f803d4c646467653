import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseWav } from "../../../src/audio/wav.ts";
import { VoiceTrimmer } from "../../../src/handler/webhook/voice_trimmer.ts";
import { WavFile } from "../../../src/handler/webhook/wav_file.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";

const runtime = createRuntime();
const RATE = 8000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "voicegw-webhook-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function file(number = 1): WavFile {
  return new WavFile({ runtime, folder: join(folder, "new"), name: "call", number, rate: RATE });
}

function pcm(ms: number, value: number): Uint8Array {
  return new Uint8Array(new Int16Array(ms * 8).fill(value).buffer);
}

describe("a recording's file", () => {
  test("holds what was written, in a folder that is made for it", async () => {
    const wav = file();
    for (let part = 1; part <= 100; part++) wav.write(pcm(20, part));
    const written = await wav.close();
    expect(written).toEqual({ file: join(folder, "new/call-1.wav"), number: 1, duration_ms: 2000 });
    const { samples, sampleRate } = parseWav(readFileSync(written.file));
    expect(sampleRate).toBe(RATE);
    expect(samples).toHaveLength(16_000);
    expect([samples[0], samples[159], samples[160], samples.at(-1)]).toEqual([1, 1, 2, 100]);
  });

  test("is a whole file when nothing was recorded", async () => {
    const { file: path, duration_ms } = await file().close();
    expect(duration_ms).toBe(0);
    expect(parseWav(readFileSync(path)).samples).toHaveLength(0);
  });

  test("leaves alone what is there", async () => {
    await file(3).close();
    writeFileSync(join(folder, "new/call-3.wav"), "mine");
    const written = await file(3).close();
    expect(written.number).toBe(4);
    expect(readFileSync(join(folder, "new/call-3.wav"), "utf8")).toBe("mine");
  });

  test("that cannot be made says so by name", async () => {
    writeFileSync(join(folder, "new"), "a file where a folder should be");
    await expect(file().close()).rejects.toThrow(join(folder, "new"));
  });
});

describe("silence at both ends of a recording", () => {
  function trimmer(): { readonly kept: () => number; readonly trim: VoiceTrimmer } {
    let bytes = 0;
    const trim = new VoiceTrimmer(RATE, (part) => {
      bytes += part.length;
    });
    return { trim, kept: () => bytes / 16 };
  }

  function hear(trim: VoiceTrimmer, ms: number): void {
    for (let at = 0; at < ms; at += 20) trim.receive(pcm(20, 0));
  }

  test("is left out, but for what a voice is told of late", () => {
    const { trim, kept } = trimmer();
    hear(trim, 5000);
    trim.voice(true);
    expect(kept()).toBe(800);
    hear(trim, 1000);
    trim.voice(false);
    hear(trim, 3000);
    expect(kept()).toBe(1800);
  });

  test("stays between two words, however long", () => {
    const { trim, kept } = trimmer();
    trim.voice(true);
    hear(trim, 100);
    trim.voice(false);
    hear(trim, 30_000);
    trim.voice(true);
    hear(trim, 100);
    expect(kept()).toBe(30_200);
  });

  test("is all there was when nobody spoke", () => {
    const { trim, kept } = trimmer();
    hear(trim, 60_000);
    expect(kept()).toBe(0);
  });
});
