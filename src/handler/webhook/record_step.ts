/**
 * The action `record`: a beep, then the caller's voice into a file, until a key, silence or the
 * end.
 *
 * @module
 */

import type { RecordAction } from "../../action/action.ts";
import type { EndEvent, HandlerEvent } from "../../call/handler_message.ts";
import {
  NEXT,
  type Question,
  type RecordedFile,
  type Step,
  type StepContext,
  type StepEnd,
  StepTimer,
} from "./step.ts";
import { VoiceTrimmer } from "./voice_trimmer.ts";
import { WavFile } from "./wav_file.ts";

/** What a recording is made of. */
export interface RecordStepOptions {
  readonly action: RecordAction;
  readonly context: StepContext;
  readonly folder: string;
  /** What the file's number is at least. */
  readonly number: number;
  /** Whether the caller speaks when it begins. */
  readonly isVoice: () => boolean;
  readonly ended: (end: StepEnd) => void;
}

/**
 * - `waiting`: for what was queued before, and the beep.
 * - `closing`: complete, and being written to its end.
 */
type State = "waiting" | "recording" | "closing" | "over";

type FinishedBy = RecordedFile["finished_by"];

/** One recording. */
export class RecordStep implements Step {
  readonly takesVoice = true;
  readonly #options: RecordStepOptions;
  readonly #context: StepContext;
  readonly #timer: StepTimer;
  #state: State = "waiting";
  #forget = () => {};
  #file: WavFile | undefined;
  #trimmer: VoiceTrimmer | undefined;
  /** Bytes of the caller's audio until it is long enough. */
  #bytesLeft: number;
  /** Who is told of the end. */
  #told: (question: Question | undefined) => void;

  constructor(options: RecordStepOptions) {
    const { action, context, ended } = options;
    this.#options = options;
    this.#context = context;
    this.#timer = new StepTimer(context.runtime);
    this.#bytesLeft = Math.ceil(action.max * context.rate / 1000) * 2;
    this.#told = (question) => ended(question === undefined ? NEXT : { type: "ask", question });
  }

  start(): void {
    const { sounds } = this.#context;
    this.#context.answer();
    if (this.#state !== "waiting") return;
    if (!this.#options.action.beep) return this.#recordWhenPlayed();
    sounds.play({ type: "beep" }, {
      handedOver: () => this.#recordWhenPlayed(),
      failed: () => this.#recordWhenPlayed(),
    });
  }

  stop(): void {
    this.#told = () => {};
    this.#close("hangup", "");
  }

  finish(_event: EndEvent, asked: (question: Question | undefined) => void): void {
    this.#told = asked;
    this.#close("hangup", "");
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#state !== "recording") return;
    const fitting = pcm.length > this.#bytesLeft ? pcm.subarray(0, this.#bytesLeft) : pcm;
    this.#bytesLeft -= fitting.length;
    if (this.#trimmer === undefined) this.#file?.write(fitting);
    else this.#trimmer.receive(fitting);
    if (this.#bytesLeft <= 0) this.#close("max", "");
  }

  receiveEvent(event: HandlerEvent): boolean {
    if (this.#state !== "recording") return false;
    if (event.event === "dtmf") {
      const isFinish = this.#options.action.finish_keys.includes(event.digit);
      if (isFinish) this.#close("key", event.digit);
      return isFinish;
    }
    if (event.event !== "speech") return false;
    this.#voice(event.state === "started");
    return true;
  }

  #recordWhenPlayed(): void {
    if (this.#state !== "waiting") return;
    this.#forget = this.#context.sounds.whenPlayed(() => this.#record());
  }

  #record(): void {
    if (this.#state !== "waiting") return;
    this.#state = "recording";
    const { action, folder, number, isVoice } = this.#options;
    const { runtime, rate, callId } = this.#context;
    const file = new WavFile({ runtime, folder, name: callId, number, rate });
    this.#file = file;
    if (action.trim) this.#trimmer = new VoiceTrimmer(rate, (pcm) => file.write(pcm));
    this.#voice(isVoice());
  }

  #voice(isVoice: boolean): void {
    const { action: { silence } } = this.#options;
    this.#trimmer?.voice(isVoice);
    if (isVoice || silence === 0) return this.#timer.cancel();
    this.#timer.set(this.#context.runtime.now() + silence, () => this.#close("silence", ""));
  }

  /** Once; nothing is recorded any more. */
  #close(finishedBy: FinishedBy, digits: string): void {
    const file = this.#file;
    const isEarly = this.#state === "waiting";
    if (this.#state !== "recording" && !isEarly) return;
    this.#timer.cancel();
    this.#forget();
    this.#state = "closing";
    if (file === undefined) return this.#tell(undefined);
    const release = this.#context.hold();
    const { action: { next } } = this.#options;
    file.close().then((written) => {
      const recording = { ...written, finished_by: finishedBy, digits };
      this.#tell({ type: "recorded", recording, ...(next === undefined ? {} : { next }) });
    }, (error: Error) => {
      this.#context.trouble(`Cannot record: ${error.message}`, "record");
      this.#tell(undefined);
    }).finally(release);
  }

  #tell(question: Question | undefined): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#told(question);
  }
}
