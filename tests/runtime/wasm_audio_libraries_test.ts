import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import createFvadModule from "@echogarden/fvad-wasm";
import createOpusModule from "../../node_modules/libopus-wasm/dist/generated/libopus.generated.mjs";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { opusLibrary } from "../../src/runtime/wasm/opus_library.ts";
import { voiceDetectorLibrary } from "../../src/runtime/wasm/voice_detector_library.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHECK = "tests/runtime/wasm_check.ts";
const SCRIPT = join(ROOT, CHECK);
const DENO = join(ROOT, "node_modules/deno/deno");
const PACKAGES = ["libopus-wasm", "@echogarden/fvad-wasm"];

const folder = mkdtempSync(join(tmpdir(), "voicegw-wasm-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const EXPECTED = {
  hasEncoded: true,
  decoded: 320,
  concealed: 320,
  isVoice: true,
  isSilenceVoice: false,
};

/** Runs a program away from the checkout. */
function run(program: string, args: readonly string[]): unknown {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 9000,
  });
  if (error !== undefined) throw error;
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

describe("Opus and the voice detector load", () => {
  test("under Bun", () => {
    expect(run(process.execPath, [SCRIPT])).toEqual(EXPECTED);
  }, 10_000);

  test.skipIf(!existsSync(DENO))("under Deno", () => {
    expect(run(DENO, ["run", "-A", SCRIPT])).toEqual(EXPECTED);
  }, 10_000);

  test("in a compiled program, which needs no other file", () => {
    const program = join(folder, "check");
    const flags = ["--compile", "--minify-syntax", "--outfile", program];
    const built = spawnSync(process.execPath, ["build", ...flags, CHECK], {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect([built.status, built.stderr]).toEqual([0, ""]);
    expect(run(program, [])).toEqual(EXPECTED);
  }, 30_000);

  test("where this is a package of another program", () => {
    const modules = join(folder, "node_modules");
    mkdirSync(join(modules, "@echogarden"), { recursive: true });
    for (const name of PACKAGES) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    for (const part of ["src/audio", "src/base", "src/runtime/wasm", CHECK]) {
      cpSync(join(ROOT, part), join(modules, "voicegw", part), { recursive: true });
    }
    expect(run(process.execPath, [join(modules, "voicegw", CHECK)])).toEqual(EXPECTED);
  }, 10_000);
});

describe("loading", () => {
  test("loads what is asked for, and each once", async () => {
    const none = await loadAudioLibraries({ opus: false, voiceDetector: false });
    expect(none).toEqual({ opus: undefined, voiceDetector: undefined });
    const first = await loadAudioLibraries({ opus: true, voiceDetector: false });
    const [second, third] = await Promise.all([
      loadAudioLibraries({ opus: true, voiceDetector: true }),
      loadAudioLibraries({ opus: false, voiceDetector: true }),
    ]);
    expect(first.voiceDetector).toBeUndefined();
    expect(second.opus).toBe(first.opus);
    expect(third.opus).toBeUndefined();
    expect(third.voiceDetector).toBe(second.voiceDetector);
  });
});

describe("the memory of Opus", () => {
  const rate = 48_000;
  const frame = rate / 50;
  const sound = Int16Array.from({ length: frame }, (_, at) => 8000 * Math.sin(at / 30));

  test("grows for 500 calls, is given back, and serves 500 others", async () => {
    const module = await createOpusModule();
    const library = opusLibrary(module);
    const sizes = [module.HEAPU8.length];
    for (let round = 0; round < 4; round++) {
      const states = Array.from({ length: 500 }, () => [
        library.openDecoder(rate),
        library.openEncoder(rate),
      ]);
      sizes.push(module.HEAPU8.length);
      for (const state of states.flat()) state.close();
    }
    expect(sizes[1]).toBeGreaterThan(sizes[0] as number);
    expect(sizes.slice(2)).toEqual(sizes.slice(1, -1));
  });

  test("may grow while calls go on", async () => {
    const module = await createOpusModule();
    const library = opusLibrary(module);
    const encoder = library.openEncoder(rate);
    const decoder = library.openDecoder(rate);
    const packet = new Uint8Array(1500);
    const heard = new Int16Array(frame * 6);
    const exchange = () =>
      decoder.decode(packet, 0, encoder.encode(sound, 0, frame, packet, 0), heard);
    expect(exchange()).toBe(frame);
    const before = module.HEAPU8.length;
    const others = [];
    while (module.HEAPU8.length === before) others.push(library.openEncoder(rate));
    heard.fill(0);
    expect(exchange()).toBe(frame);
    expect(heard.some((sample) => Math.abs(sample) > 1000)).toBe(true);
    for (const state of [...others, encoder, decoder]) state.close();
  });

  test("keeps states apart: many in turn give what each gives alone", async () => {
    const library = opusLibrary(await createOpusModule());
    const packet = new Uint8Array(1500);
    const encoded = (encoder = library.openEncoder(rate), count = 5) =>
      Array.from({ length: count }, () => {
        const bytes = encoder.encode(sound, 0, frame, packet, 0);
        return packet.slice(0, bytes).join();
      });
    const alone = encoded();
    const encoders = Array.from({ length: 20 }, () => library.openEncoder(rate));
    const turns = alone.map(() => encoders.map((encoder) => encoded(encoder, 1)[0]));
    for (const [index, turn] of turns.entries()) {
      expect(new Set(turn)).toEqual(new Set([alone[index]]));
    }
  });
});

describe("what there is not is refused", () => {
  test("by Opus: rates", async () => {
    const { opus } = await loadAudioLibraries({ opus: true, voiceDetector: false });
    for (const rate of [0, 44_100, 96_000, NaN]) {
      expect(() => opus?.openDecoder(rate)).toThrow(RangeError);
      expect(() => opus?.openEncoder(rate)).toThrow(RangeError);
    }
  });

  test("by the voice detector: rates, frames, and use after its end", async () => {
    const { voiceDetector } = await loadAudioLibraries({ opus: false, voiceDetector: true });
    expect(() => voiceDetector?.open(24_000, 2)).toThrow(RangeError);
    const detector = voiceDetector?.open(8000, 2);
    for (const length of [0, 100, 400, 100_000]) {
      expect(() => detector?.isVoice(new Int16Array(length), 0, length)).toThrow(RangeError);
    }
    detector?.close();
    detector?.close();
    expect(() => detector?.isVoice(new Int16Array(160), 0, 160)).toThrow(RangeError);
    expect(() => detector?.reset()).toThrow(RangeError);
  });
});

describe("the voice detector", () => {
  test("keeps its rate and aggressiveness over a reset", async () => {
    const { voiceDetector } = await loadAudioLibraries({ opus: false, voiceDetector: true });
    const detector = voiceDetector?.open(48_000, 3);
    // 10 ms at 48 kHz is 60 ms at the rate that a new detector has: no frame of it
    const silence = new Int16Array(480);
    expect(detector?.isVoice(silence, 0, 480)).toBe(false);
    detector?.reset();
    expect(detector?.isVoice(silence, 0, 480)).toBe(false);
    detector?.close();
  });

  test("gives back its memory: as much for 30,000 one after the other as for one", async () => {
    const file = join(ROOT, "node_modules/@echogarden/fvad-wasm/fvad.wasm");
    const module = await createFvadModule({ wasmBinary: readFileSync(file) });
    const library = voiceDetectorLibrary(module);
    library.open(8000, 0).close();
    const before = module.HEAP16.length;
    for (let index = 0; index < 30_000; index++) library.open(8000, 0).close();
    expect(module.HEAP16.length).toBe(before);
    // What is not given back would have been seen
    for (let index = 0; index < 30_000; index++) library.open(8000, 0);
    expect(module.HEAP16.length).toBeGreaterThan(before);
  });

  test("refuses what it does not know, and keeps nothing of it", async () => {
    const file = join(ROOT, "node_modules/@echogarden/fvad-wasm/fvad.wasm");
    const module = await createFvadModule({ wasmBinary: readFileSync(file) });
    const library = voiceDetectorLibrary(module);
    const before = module.HEAP16.length;
    for (let index = 0; index < 30_000; index++) {
      expect(() => library.open(24_000, 0)).toThrow(RangeError);
    }
    expect(module.HEAP16.length).toBe(before);
  });
});
