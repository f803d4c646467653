/**
 * Makes what can be played to the caller.
 *
 * @module
 */

import { tone } from "../../audio/tone.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { SpeechConfig } from "../../config/schema_services.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { ClipStore } from "../builtin/clip_store.ts";
import { loadClip, type LoadedPcm, LoadedSound, type LoadPcm } from "./loaded_sound.ts";
import { PcmPlayer } from "./pcm_player.ts";
import type { Sound, SoundSink, SoundSpec } from "./sound.ts";
import { SpokenSound } from "./spoken_sound.ts";
import { convertWav, loadUrl, type SoundFetcher } from "./url_sound.ts";

/** What a recording begins with. */
const BEEP_FREQUENCY: Hertz = 1_000;
const BEEP: Millis = 500;
/** Its ends are faded, or they would click. */
const BEEP_FADE: Millis = 10;

/** What silence is handed over of. */
const SILENCE_PIECE: Millis = 200;

/** Longest silence. */
const SILENCE_MAX: Millis = 86_400_000;

/** What sounds need of the world around them. */
export interface SoundContext {
  readonly runtime: Pick<
    Runtime,
    "spawn" | "setTimer" | "setImmediate" | "now" | "readFile" | "modifiedAt"
  >;
  /** Hz of the call's PCM. */
  readonly rate: Hertz;
  /** Our own environment, which programs inherit. */
  readonly environment: Readonly<Record<string, string>>;
  /** What was read, fetched and spoken before; shared by all calls. */
  readonly clips: ClipStore;
  readonly speech?: SpeechConfig | undefined;
  /** Fetches WAV files of web servers; absent: there are none. */
  readonly fetch?: SoundFetcher | undefined;
  /** Takes what programs write to standard error. */
  readonly log: (line: string) => void;
}

/** Makes a sound. Nothing happens before its `start`. */
export function createSound(spec: SoundSpec, context: SoundContext, sink: SoundSink): Sound {
  const { clips, rate, runtime, speech } = context;
  switch (spec.type) {
    case "file": {
      const { file: path, loop } = spec;
      const load: LoadPcm = (done) => loadClip(clips, { path, rate }, done);
      return new LoadedSound({ load, loop, runtime, sink });
    }
    case "url": {
      const { loop, url } = spec;
      return new LoadedSound({ load: (done) => loadUrl(url, context, done), loop, runtime, sink });
    }
    case "wav": {
      const wav = { bytes: spec.bytes, rate, runtime };
      return new LoadedSound({ load: (done) => convertWav(wav, done), loop: 1, runtime, sink });
    }
    case "say": {
      const { environment, log } = context;
      const tts = speech?.tts;
      if (tts === undefined) return failed(NO_TTS, runtime, sink);
      return new SpokenSound({ spec, tts, rate, runtime, environment, clips, log, sink });
    }
    case "beep": {
      const pcm = makeBeep(rate);
      return new PcmPlayer({ pcm, totalBytes: pcm.length, runtime, sink });
    }
    case "silence": {
      const pcm = new Uint8Array(bytesOf(SILENCE_PIECE, rate));
      const totalBytes = bytesOf(Math.min(Math.max(0, spec.ms), SILENCE_MAX), rate);
      return new PcmPlayer({ pcm, totalBytes, runtime, sink });
    }
  }
}

const NO_TTS = "Nothing speaks: name a program that does in the configuration, such as " +
  'speech: { tts: { exec: [espeak-ng, --stdout, "{text}"] } }';

/** A sound that there cannot be. */
function failed(reason: string, runtime: SoundContext["runtime"], sink: SoundSink): Sound {
  const load = (done: (loaded: LoadedPcm) => void): { abort(): void } => {
    done({ ok: false, reason });
    return { abort: () => {} };
  };
  return new LoadedSound({ load, loop: 1, runtime, sink });
}

function makeBeep(rate: Hertz): Uint8Array {
  const samples = tone(BEEP_FREQUENCY, BEEP, rate);
  const faded = Math.round(BEEP_FADE * rate / 1000);
  for (let index = 0; index < faded; index++) {
    const last = samples.length - 1 - index;
    samples[index] = Math.round((samples[index] as number) * index / faded);
    samples[last] = Math.round((samples[last] as number) * index / faded);
  }
  return new Uint8Array(samples.buffer);
}

/** Of s16le, whole samples. */
function bytesOf(ms: Millis, rate: Hertz): number {
  return Math.round(ms * rate / 1000) * 2;
}
