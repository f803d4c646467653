/**
 * A text that a program speaks. The sound begins with the program's first samples, and the program
 * is held back while the call has enough.
 *
 * What was spoken to its end is kept for the next caller, so that a menu costs one process.
 *
 * @module
 */

import { WavError } from "../../audio/wav.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { TtsConfig } from "../../config/schema_services.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import type { ClipStore } from "../builtin/clip_store.ts";
import { fillArguments, spokenText } from "../speech/arguments.ts";
import { Program } from "../speech/program.ts";
import { PcmPlayer } from "./pcm_player.ts";
import { PcmReader } from "./pcm_reader.ts";
import type { Sound, SoundSink, SoundSpec } from "./sound.ts";

/** Longest speech that is kept. */
export const KEPT_SPEECH_MAX: Millis = 30_000;

/** How long it is kept: a program may speak better after an update. */
export const KEPT_SPEECH_FOR: Millis = 3_600_000;

/** Longest speech of one program; it is stuck if it goes on. */
const SPEECH_MAX: Millis = 3_600_000;

/** What a spoken text needs. */
export interface SpokenSoundOptions {
  readonly spec: SoundSpec & { readonly type: "say" };
  readonly tts: TtsConfig;
  readonly rate: Hertz;
  readonly runtime: Pick<Runtime, "spawn" | "setTimer" | "setImmediate" | "now">;
  readonly environment: Readonly<Record<string, string>>;
  readonly clips: ClipStore;
  readonly log: (line: string) => void;
  readonly sink: SoundSink;
}

/**
 * - `speaking`: the program writes.
 * - `written`: it is gone, what it wrote is being handed over.
 * - `repeating`: what was kept is being handed over.
 */
type State = "idle" | "speaking" | "written" | "repeating" | "over";

/** One text for one call. */
export class SpokenSound implements Sound {
  readonly #options: SpokenSoundOptions;
  #state: State = "idle";
  #rounds: number;
  #command: readonly string[] = [];
  #input = "";
  #key = "";
  #program: Program | undefined;
  #reader: PcmReader;
  #player: PcmPlayer | undefined;
  /** What the sink has no room for yet. */
  #waiting: Uint8Array[] = [];
  #isFull = false;
  /** All that was spoken; `undefined` once it is too long to be kept. */
  #spoken: Uint8Array[] | undefined;
  #spokenBytes = 0;
  #timer: Timer | undefined;
  #heardAt: Millis = 0;

  constructor(options: SpokenSoundOptions) {
    this.#options = options;
    this.#rounds = options.spec.loop;
    this.#reader = this.#newReader();
  }

  start(): void {
    if (this.#state !== "idle") return;
    const { clips, rate, runtime, spec, tts } = this.#options;
    const text = spokenText(spec.text);
    if (text === "") return this.#end();
    const filled = fillArguments(tts.exec, { ...spec, text });
    if (!filled.ok) return this.#fail(filled.reason);
    this.#command = filled.command;
    this.#input = filled.hasText ? "" : `${text}\n`;
    this.#key = `say ${rate} ${JSON.stringify([tts.rate, this.#input, ...filled.command])}`;
    const kept = clips.find(this.#key, runtime.now());
    if (kept === undefined) this.#speak();
    else this.#repeat(kept);
  }

  resume(): void {
    if (this.#state === "repeating") return this.#player?.resume();
    if (this.#state !== "speaking" && this.#state !== "written") return;
    this.#isFull = false;
    while (this.#waiting.length > 0) {
      if (this.#isFull) return;
      this.#give(this.#waiting.shift() as Uint8Array);
      if (this.#isOver) return;
    }
    if (this.#isFull) return;
    if (this.#state === "written") return this.#roundEnded();
    this.#heardAt = this.#options.runtime.now();
    this.#program?.resume();
  }

  stop(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#waiting = [];
    this.#spoken = undefined;
    this.#timer?.cancel();
    this.#player?.stop();
    this.#program?.stop();
  }

  /** The sink may have stopped it. */
  get #isOver(): boolean {
    return this.#state === "over";
  }

  #newReader(): PcmReader {
    const { rate, tts } = this.#options;
    return new PcmReader({ bareRate: tts.rate, to: rate });
  }

  #speak(): void {
    const { environment, log, runtime, tts } = this.#options;
    this.#state = "speaking";
    this.#reader = this.#newReader();
    this.#spoken = [];
    this.#spokenBytes = 0;
    const events = {
      stdout: (data: Uint8Array) => this.#receive(data),
      ended: (failure: string | undefined) => this.#programEnded(failure),
    };
    const command = this.#command;
    this.#program = new Program({ key: "speech.tts", command, runtime, environment, log, events });
    if (this.#input !== "") this.#program.writeStdin(new TextEncoder().encode(this.#input));
    this.#program.closeStdin();
    this.#heardAt = runtime.now();
    this.#watch(tts.timeout);
  }

  /** Looks whether anything was heard in time, as often as that could have changed. */
  #watch(delay: Millis): void {
    const { runtime, tts } = this.#options;
    this.#timer?.cancel();
    this.#timer = runtime.setTimer(() => {
      if (this.#state !== "speaking") return;
      const isHeldBack = this.#isFull || this.#waiting.length > 0;
      const left = isHeldBack ? tts.timeout : this.#heardAt + tts.timeout - runtime.now();
      if (left > 0) return this.#watch(left);
      const program = JSON.stringify(this.#command[0]);
      const fix = "see whether it runs by hand, or raise speech.tts.timeout";
      this.#fail(`speech.tts: exec ${program}: no sound for ${tts.timeout} ms, ${fix}`);
    }, delay);
  }

  #receive(data: Uint8Array): void {
    if (this.#state !== "speaking") return;
    this.#heardAt = this.#options.runtime.now();
    try {
      this.#take(this.#reader.receive(data));
    } catch (error) {
      this.#unreadable(error);
    }
  }

  #take(pcm: Uint8Array): void {
    if (pcm.length === 0) return;
    this.#spokenBytes += pcm.length;
    const bytesPerMs = this.#options.rate * 2 / 1000;
    if (this.#spokenBytes > SPEECH_MAX * bytesPerMs) {
      return this.#fail("speech.tts: the text does not end, see what the program writes");
    }
    if (this.#spokenBytes > KEPT_SPEECH_MAX * bytesPerMs) this.#spoken = undefined;
    this.#spoken?.push(pcm);
    if (this.#isFull || this.#waiting.length > 0) this.#waiting.push(pcm);
    else this.#give(pcm);
  }

  #give(pcm: Uint8Array): void {
    if (this.#options.sink.audio(pcm) || this.#isOver) return;
    this.#isFull = true;
    this.#program?.pause();
  }

  #programEnded(failure: string | undefined): void {
    if (this.#state !== "speaking") return;
    if (failure !== undefined) return this.#fail(failure);
    try {
      this.#take(this.#reader.end());
    } catch (error) {
      return this.#unreadable(error);
    }
    if (this.#isOver) return;
    if (this.#spokenBytes === 0) return this.#fail(this.#nothing());
    this.#timer?.cancel();
    this.#state = "written";
    if (!this.#isFull && this.#waiting.length === 0) this.#roundEnded();
  }

  #nothing(): string {
    const program = JSON.stringify(this.#command[0]);
    const why = this.#reader.isInHeader ? "wrote no sound" : "wrote a WAV file without samples";
    return `speech.tts: exec ${program}: ${why}, it has to write WAV or PCM to standard output`;
  }

  /** The text was heard to its end: once more, or not. */
  #roundEnded(): void {
    const pcm = this.#keep();
    this.#rounds--;
    if (this.#rounds <= 0) return this.#end();
    if (pcm === undefined) this.#speak();
    else this.#repeat(pcm);
  }

  #keep(): Uint8Array | undefined {
    if (this.#spoken === undefined) return undefined;
    const pcm = new Uint8Array(this.#spokenBytes);
    let at = 0;
    for (const piece of this.#spoken) {
      pcm.set(piece, at);
      at += piece.length;
    }
    this.#spoken = undefined;
    const { clips, runtime } = this.#options;
    clips.keep(this.#key, pcm, runtime.now() + KEPT_SPEECH_FOR);
    return pcm;
  }

  #repeat(pcm: Uint8Array): void {
    const { runtime, sink } = this.#options;
    this.#state = "repeating";
    const totalBytes = pcm.length * this.#rounds;
    this.#player = new PcmPlayer({
      pcm,
      totalBytes,
      runtime,
      sink: {
        audio: (piece) => sink.audio(piece),
        ended: () => this.#end(),
        failed: (reason) => this.#fail(reason),
      },
    });
    this.#player.resume();
  }

  #unreadable(error: unknown): void {
    if (!(error instanceof WavError)) throw error;
    const program = JSON.stringify(this.#command[0]);
    this.#fail(`speech.tts: exec ${program}: ${error.message}`);
  }

  #end(): void {
    if (this.#isOver) return;
    this.stop();
    this.#options.sink.ended();
  }

  #fail(reason: string): void {
    if (this.#isOver) return;
    this.stop();
    this.#options.sink.failed(reason);
  }
}
