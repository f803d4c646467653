/**
 * A program that understands the caller: PCM on its standard input, lines with what it understood
 * on its standard output.
 *
 * A line is JSON such as `{"text":"yes","final":true,"confidence":0.9}`, or plain text, which is
 * final. The end of its input is the end of what was said: it writes its last words and exits.
 *
 * @module
 */

import { StreamResampler } from "../../audio/stream_resampler.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { SttConfig } from "../../config/schema_services.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import { AudioWriter } from "../exec/audio_writer.ts";
import { LineSplitter } from "../line_splitter.ts";
import { RateLimit } from "../rate_limit.ts";
import { fillArguments } from "./arguments.ts";
import { Program } from "./program.ts";

/** Longest line that is read. */
export const RESULT_LINE_BYTES_MAX = 64 * 1024;

/** Longest text of one result, in characters; the rest is left out. */
export const RESULT_LENGTH_MAX = 4_000;

/** Results that are taken; a program that writes without end is heard no more often. */
const RESULTS_PER_SECOND = 50;
const RESULTS_BURST = 500;

/** The caller's audio that waits for a program that does not read. */
const STDIN_QUEUE: Millis = 5_000;

/** What the program understood. */
export interface RecognizedResult {
  readonly text: string;
  /** `false`: a guess, which a later result replaces. */
  readonly final: boolean;
  /** 0 to 1. */
  readonly confidence?: number;
}

/** Who hears of it. Nothing comes after `ended` or `failed`, or after `stop`. */
export interface RecognizerEvents {
  result(result: RecognizedResult): void;
  /** It has said its last word. */
  ended(): void;
  /** It could not start, or died; `reason` is for a person, and names the fix. */
  failed(reason: string): void;
}

/** What a recognizer is made of. */
export interface RecognizerOptions {
  readonly stt: SttConfig;
  /** Of the PCM that {@linkcode Recognizer.receiveAudio} takes. */
  readonly rate: Hertz;
  readonly language?: string | undefined;
  readonly runtime: Pick<Runtime, "spawn" | "setTimer" | "setImmediate" | "now">;
  readonly environment: Readonly<Record<string, string>>;
  /** Takes lines of the program's standard error, and what is odd about it. */
  readonly log: (line: string) => void;
  readonly events: RecognizerEvents;
}

type State = "listening" | "finishing" | "over";

/** One program that listens, from its start on. */
export class Recognizer {
  readonly #options: RecognizerOptions;
  readonly #resampler: StreamResampler;
  readonly #lines = new LineSplitter(RESULT_LINE_BYTES_MAX, (text) => this.#line(text));
  readonly #limit = new RateLimit({ perSecond: RESULTS_PER_SECOND, burst: RESULTS_BURST });
  readonly #program: Program | undefined;
  readonly #writer: AudioWriter | undefined;
  #state: State = "listening";
  #droppedBytes = 0;
  #input = new Int16Array(0);
  #output = new Int16Array(0);
  #timer: Timer | undefined;

  /** Starts the program; events come later, never from inside. */
  constructor(options: RecognizerOptions) {
    this.#options = options;
    const { stt, rate, language, runtime, environment, log } = options;
    this.#resampler = new StreamResampler({ from: rate, to: stt.rate });
    const filled = fillArguments(stt.exec, { language });
    if (!filled.ok) {
      runtime.setImmediate(() => this.#end(filled.reason));
      return;
    }
    const events = {
      stdout: (data: Uint8Array) => this.#lines.receive(data),
      stdinDrained: () => this.#writer?.flush(),
      ended: (failure: string | undefined) => this.#ended(failure),
    };
    const { command } = filled;
    this.#program = new Program({ key: "speech.stt", command, runtime, environment, log, events });
    this.#writer = new AudioWriter(
      this.#program,
      stt.rate * 2 * STDIN_QUEUE / 1000,
      (bytes) => {
        this.#droppedBytes += bytes;
      },
    );
  }

  /** Takes the caller's audio, s16le. `pcm` is copied. Hot path. */
  receiveAudio(pcm: Uint8Array): void {
    if (this.#state !== "listening") return;
    const count = pcm.length >> 1;
    if (this.#input.length < count) {
      this.#input = new Int16Array(count);
      this.#output = new Int16Array(this.#resampler.outputMax(count));
    }
    new Uint8Array(this.#input.buffer).set(pcm.subarray(0, count * 2));
    this.#write(count);
  }

  /** No more audio: `ended` follows with the last words, in time or without them. */
  finish(): void {
    if (this.#state !== "listening") return;
    this.#state = "finishing";
    const { rate, runtime, stt } = this.#options;
    // The sound that is still in the filter
    const tail = Math.ceil(this.#resampler.delay * rate / 1000);
    this.#input = new Int16Array(tail);
    this.#output = new Int16Array(this.#resampler.outputMax(tail));
    this.#write(tail);
    this.#writer?.flush();
    this.#program?.closeStdin();
    this.#timer = runtime.setTimer(() => this.#late(), stt.timeout);
  }

  /** Ends it now; nothing more is told. Safe to call twice. */
  stop(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#timer?.cancel();
    this.#program?.stop();
  }

  #write(count: number): void {
    const written = this.#resampler.process(this.#input, 0, count, this.#output);
    if (written > 0) this.#writer?.write(new Uint8Array(this.#output.buffer, 0, written * 2));
  }

  #line(text: string): void {
    if (this.#state === "over") return;
    const result = readResult(text.trim());
    if (result === undefined || result.text === "") return;
    if (this.#limit.take(this.#options.runtime.now())) this.#options.events.result(result);
  }

  #late(): void {
    const { log, stt } = this.#options;
    log(`speech.stt: did not end within ${stt.timeout} ms after the last audio, is it stuck?`);
    this.#end(undefined);
  }

  #ended(failure: string | undefined): void {
    this.#lines.end();
    this.#end(failure);
  }

  #end(failure: string | undefined): void {
    if (this.#state === "over") return;
    const { events, log } = this.#options;
    const leftOut = this.#limit.takeRefused();
    if (leftOut > 0) log(`speech.stt: ${leftOut} results were left out, since they came too fast`);
    if (this.#droppedBytes > 0) {
      log(`speech.stt: ${this.#droppedBytes} bytes of audio were dropped, it reads too slowly`);
    }
    this.stop();
    if (failure === undefined) events.ended();
    else events.failed(failure);
  }
}

/** Reads one line; `undefined` when it is JSON that holds no text. */
function readResult(line: string): RecognizedResult | undefined {
  const value = line.startsWith("{") ? parseJson(line) : undefined;
  if (typeof value !== "object" || value === null) {
    return { text: line.slice(0, RESULT_LENGTH_MAX), final: true };
  }
  const { text, final, confidence } = value as Readonly<Record<string, unknown>>;
  if (typeof text !== "string") return undefined;
  return {
    text: text.trim().slice(0, RESULT_LENGTH_MAX),
    final: final !== false,
    ...(typeof confidence === "number" && confidence >= 0 && confidence <= 1 ? { confidence } : {}),
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
