/**
 * The recording of one call in the world: takes off what the recorder has, whenever it is its turn,
 * and has it written, one write at a time.
 *
 * A disk that is too slow costs parts of the recording, which are silence in the file and counted;
 * one that fails ends the recording. The call goes on in either case.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import type { RecordingOrder } from "../call/call_output.ts";
import type { RecordingFigures } from "../call/call_record.ts";
import { type Recorder, STEREO_SAMPLE_BYTES } from "../media/recorder.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { Counters } from "./counters.ts";
import type { LogLevel } from "./observer.ts";
import { RecordingFile } from "./recording_file.ts";
import type { Recorded, Recordings } from "./recordings.ts";

/** How long the end of a call waits for its last samples to be written. */
export const CLOSE_MAX: Millis = 5000;

/** What the recordings of a gateway share. */
export interface RecordingContext {
  readonly runtime: Pick<Runtime, "openFile" | "setTimer">;
  readonly recordings: Recordings;
  readonly counters: Counters;
}

/** What a recording is made of. */
export interface CallRecordingOptions {
  readonly context: RecordingContext;
  /** Of both tracks. */
  readonly rate: Hertz;
  /** Has the call's audio recorded from now on; `undefined` when there is none yet. */
  readonly startRecorder: () => Recorder | undefined;
  readonly log: (level: LogLevel, message: string) => void;
  /** The file could not be written; the call may be over too. */
  readonly failed: (reason: string) => void;
}

/** Samples, and where they belong. */
interface Piece {
  readonly pcm: Uint8Array;
  readonly position: Samples;
}

/**
 * - `idle`: nothing is asked for, or its beginning waits for the audio.
 * - `writing`: the recorder runs.
 * - `finishing`: the last samples are taken off, and are being written.
 * - `over`: the file is closed, or was never opened.
 */
type State = "idle" | "writing" | "finishing" | "over";

/** The recording of one call, if it has one. */
export class CallRecording implements Recorded {
  readonly #options: CallRecordingOptions;
  #state: State = "idle";
  /** Where it is to go; `undefined` until it is asked for. */
  #path: string | undefined;
  #isPaused = false;
  #recorder: Recorder | undefined;
  #file: RecordingFile | undefined;
  /** What was taken off the recorder. */
  #taken: Samples = 0;
  /** What it had given up until then. */
  #lost: Samples = 0;
  /** What is left when it ends. */
  #last: Piece | undefined;
  /** Lets the writer go on. */
  #wake: () => void = () => {};
  /** Told when it is over. */
  #closed: () => void = () => {};

  constructor(options: CallRecordingOptions) {
    this.#options = options;
  }

  /** Does what the machine of the call says. */
  perform(order: RecordingOrder): void {
    switch (order.action) {
      case "start":
        this.#path = order.file;
        return this.mediaOpened();
      case "pause":
        this.#isPaused = true;
        return this.#recorder?.pause();
      case "resume":
        this.#isPaused = false;
        return this.#recorder?.resume();
      case "stop":
        return this.#finish();
      case "fail":
        this.#state = "over";
        return this.#tellFailure(order.reason);
    }
  }

  /** The call has audio: a recording that waited for it begins. */
  mediaOpened(): void {
    if (this.#state !== "idle" || this.#path === undefined) return;
    const recorder = this.#options.startRecorder();
    if (recorder === undefined) return;
    if (this.#isPaused) recorder.pause();
    this.#recorder = recorder;
    this.#state = "writing";
    this.#options.context.recordings.add(this);
    void this.#write(this.#path, recorder);
  }

  drain(): void {
    this.#wake();
  }

  /**
   * The call is over, and its audio too.
   *
   * @param told What became of the recording, as soon as its file is closed, or at last after
   * {@linkcode CLOSE_MAX}; before the return when there is nothing to wait for. Once.
   */
  end(told: (figures: RecordingFigures | undefined) => void): void {
    this.#finish();
    if (this.#state === "over") return told(this.#figures);
    const timer = this.#options.context.runtime.setTimer(() => {
      this.#options.log("warning", `The recording is not written after ${CLOSE_MAX} ms`);
      this.#over();
    }, CLOSE_MAX);
    this.#closed = () => {
      timer.cancel();
      told(this.#figures);
    };
  }

  get #figures(): RecordingFigures | undefined {
    const file = this.#file;
    if (file === undefined) return undefined;
    return {
      file: file.path,
      duration_ms: Math.round(file.duration),
      lost_ms: Math.round(this.#lostMs),
    };
  }

  get #lostMs(): Millis {
    return this.#lost / this.#options.rate * 1000;
  }

  /** Nothing more is recorded; what there is will be written. */
  #finish(): void {
    if (this.#state === "idle") this.#state = "over";
    const recorder = this.#recorder;
    if (this.#state !== "writing" || recorder === undefined) return;
    this.#state = "finishing";
    this.#last = this.#take(recorder, true);
    this.#wake();
  }

  /** Writes the file from its beginning to its end. */
  async #write(path: string, recorder: Recorder): Promise<void> {
    const { context: { runtime }, rate } = this.#options;
    try {
      const file = await RecordingFile.create(runtime, { path, rate });
      this.#file = file;
      try {
        while (this.#last === undefined) {
          const { pcm, position } = this.#take(recorder, false);
          if (pcm.length > 0) await file.append(pcm, position);
          await this.#turn();
        }
        await file.append(this.#last.pcm, this.#last.position);
      } finally {
        await file.close();
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    this.#over();
  }

  /** Resolves when it is this recording's turn, or it is to end. */
  async #turn(): Promise<void> {
    if (this.#last !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => {};
  }

  #take(recorder: Recorder, isLast: boolean): Piece {
    const pcm = recorder.take(isLast);
    // What was lost is silence in the file, so that it keeps in step with the call
    this.#lost = recorder.lost;
    const position = this.#taken + this.#lost;
    this.#taken += pcm.length / STEREO_SAMPLE_BYTES;
    return { pcm, position };
  }

  #fail(reason: string): void {
    this.#state = "over";
    this.#tellFailure(reason);
    this.#options.failed(reason);
  }

  #tellFailure(reason: string): void {
    this.#options.context.counters.add("recordings_failed");
    this.#options.log("warning", `The recording ends: ${reason}`);
  }

  /** The file is closed, or nobody waits for it any more. */
  #over(): void {
    const { context: { recordings, counters }, log } = this.#options;
    this.#state = "over";
    if (!recordings.remove(this)) return;
    const lost = Math.round(this.#lostMs);
    if (lost > 0) {
      counters.add("recordings_lost_ms", lost);
      log("warning", `The disk was too slow: ${lost} ms of the recording are silence`);
    }
    this.#closed();
  }
}
