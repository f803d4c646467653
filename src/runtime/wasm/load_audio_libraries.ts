/**
 * Loads what comes as WebAssembly: Opus and the voice detector. Under Bun, in a program that Bun
 * has compiled, and under Deno.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type {
  AudioLibraries,
  OpusLibrary,
  VoiceDetectorLibrary,
} from "../../audio/audio_libraries.ts";
import { opusLibrary, type OpusModule } from "./opus_library.ts";
import { voiceDetectorLibrary } from "./voice_detector_library.ts";

// One instance of each serves all calls of the process
let opus: Promise<OpusLibrary> | undefined;
let voiceDetector: Promise<VoiceDetectorLibrary> | undefined;

/** Loads what is asked for. Takes about 20 ms each; what is loaded already takes none. */
export async function loadAudioLibraries(
  which: { readonly opus: boolean; readonly voiceDetector: boolean },
): Promise<AudioLibraries> {
  if (which.opus) opus ??= loadOpus();
  if (which.voiceDetector) voiceDetector ??= loadVoiceDetector();
  return {
    opus: which.opus ? await opus : undefined,
    voiceDetector: which.voiceDetector ? await voiceDetector : undefined,
  };
}

async function loadOpus(): Promise<OpusLibrary> {
  const { default: create } = await importOpus();
  return opusLibrary(await create());
}

/**
 * The package shows only an interface that waits for promises and allocates for every packet. The
 * functions of libopus are in a file of it that it does not show by name.
 */
async function importOpus(): Promise<{ readonly default: () => Promise<OpusModule> }> {
  try {
    // The bundler has to see the path
    return await import(
      "../../../node_modules/libopus-wasm/dist/generated/libopus.generated.mjs"
    );
  } catch (error) {
    // As a package of another program we are beside it, not above it
    const file = URL.parse("generated/libopus.generated.mjs", import.meta.resolve("libopus-wasm"));
    if (file === null) throw error;
    return await import(file.href);
  }
}

async function loadVoiceDetector(): Promise<VoiceDetectorLibrary> {
  const { default: create } = await import("@echogarden/fvad-wasm");
  return voiceDetectorLibrary(await create({ wasmBinary: await readFile(await fvadFile()) }));
}

async function fvadFile(): Promise<string> {
  if (process.versions["bun"] !== undefined) return (await import("./fvad_file.ts")).FVAD_FILE;
  return fileURLToPath(import.meta.resolve("@echogarden/fvad-wasm/fvad.wasm"));
}
