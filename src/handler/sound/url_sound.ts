/**
 * WAV files that come over the network, or are at hand as bytes: made into PCM piece by piece, so
 * that a long one holds up no other call.
 *
 * @module
 */

import { WavError } from "../../audio/wav.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { ClipStore } from "../builtin/clip_store.ts";
import type { LoadedPcm } from "./loaded_sound.ts";
import { PcmReader } from "./pcm_reader.ts";

/** What is converted before others get their turn. */
const PIECE_BYTES = 64 << 10;

/** What came of fetching. */
export type FetchedSound =
  | {
    readonly ok: true;
    readonly bytes: Uint8Array;
    /** How long it may be kept for others; 0: not at all. */
    readonly freshFor: Millis;
  }
  | { readonly ok: false; readonly reason: string };

/** Fetches WAV files of web servers. */
export interface SoundFetcher {
  /** Sounds are shared by callers of the same scope: those who may ask the same servers. */
  readonly scope: string;
  /** Nothing is told after `abort`. */
  fetch(url: string, done: (fetched: FetchedSound) => void): { abort(): void };
}

/** What loading needs. */
export interface UrlSoundContext {
  readonly fetch?: SoundFetcher | undefined;
  readonly clips: ClipStore;
  readonly rate: Hertz;
  readonly runtime: Pick<Runtime, "setImmediate" | "now">;
}

/** Loads the file of a URL, or what is kept of it. */
export function loadUrl(
  url: string,
  context: UrlSoundContext,
  done: (loaded: LoadedPcm) => void,
): { abort(): void } {
  const { clips, fetch, rate, runtime } = context;
  if (fetch === undefined) {
    done({ ok: false, reason: "There is nothing here that fetches URLs, play a file instead" });
    return { abort: () => {} };
  }
  const key = `url ${rate} ${fetch.scope} ${url}`;
  const kept = clips.find(key, runtime.now());
  if (kept !== undefined) {
    done({ ok: true, pcm: kept });
    return { abort: () => {} };
  }
  let step = fetch.fetch(url, (fetched) => {
    if (!fetched.ok) return done(fetched);
    const { bytes, freshFor } = fetched;
    step = convertWav({ bytes, rate, runtime }, (loaded) => {
      if (loaded.ok && freshFor > 0) clips.keep(key, loaded.pcm, runtime.now() + freshFor);
      done(loaded);
    });
  });
  return { abort: () => step.abort() };
}

/** What is converted, and to which rate. */
export interface WavConversion {
  readonly bytes: Uint8Array;
  readonly rate: Hertz;
  readonly runtime: Pick<Runtime, "setImmediate">;
}

/** Makes PCM of a WAV file: a short one at once, a long one turn by turn. */
export function convertWav(
  { bytes, rate, runtime }: WavConversion,
  done: (loaded: LoadedPcm) => void,
): { abort(): void } {
  const reader = new PcmReader({ to: rate });
  const pieces: Uint8Array[] = [];
  let offset = 0;
  let isAborted = false;
  const step = (): void => {
    if (isAborted) return;
    try {
      pieces.push(reader.receive(bytes.subarray(offset, offset + PIECE_BYTES)));
      offset += PIECE_BYTES;
      if (offset < bytes.length) return runtime.setImmediate(step);
      pieces.push(reader.end());
    } catch (error) {
      if (!(error instanceof WavError)) throw error;
      return done({ ok: false, reason: error.message });
    }
    const pcm = joinAll(pieces);
    done(pcm.length > 0 ? { ok: true, pcm } : { ok: false, reason: "The WAV file has no audio" });
  };
  step();
  return {
    abort: () => {
      isAborted = true;
    },
  };
}

function joinAll(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
