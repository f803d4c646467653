/**
 * What listens to a session beside its handler: for the caller's speech, for keys in the audio, and
 * to record it.
 *
 * Both directions are put on one timeline here: the caller's audio has no gaps, ours is where it
 * went out.
 *
 * @module
 */

import type { VoiceDetectorLibrary } from "../audio/audio_libraries.ts";
import { type DetectedDigit, DtmfDetector } from "../audio/dtmf_detector.ts";
import { SpeechDetector } from "../audio/speech_detector.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import { BargeIn, type BargeInOptions, type SpeechChange } from "./barge_in.ts";
import type { MediaEvent } from "./media_contract.ts";
import { Recorder } from "./recorder.ts";

/** What is listened for. */
export interface TapOptions {
  /** Of both directions. */
  readonly rate: Hertz;
  /** Absent: nobody listens for speech. */
  readonly speech?: BargeInOptions & { readonly library: VoiceDetectorLibrary };
  /** Whether more of our audio waits to go out. Asked seldom. */
  readonly isQueued: () => boolean;
  /** Whether keys are heard in the caller's audio. */
  readonly inbandDtmf: boolean;
}

/** Frames of ours whose distance is less than this follow one another. */
const CONTINUOUS_MS: Millis = 40;

/** The ears of one session. Hot path: allocates when something is heard. */
export class Taps {
  readonly #rate: Hertz;
  readonly #report: (event: MediaEvent) => void;
  readonly #isQueued: () => boolean;
  readonly #keys: DtmfDetector | undefined;
  #speech: BargeIn | undefined;
  /** Of what hears speech. */
  #close: () => void = () => {};
  /** What that missed at the beginning. */
  #listensFrom: Samples = 0;
  #recorder: Recorder | undefined;
  /** What the recorder missed at the beginning. */
  #recordedFrom: Samples = 0;
  /** How much of the caller's audio there was, and when the last of it came. */
  #received: Samples;
  #receivedAt: Millis;
  /** Where our audio ends on the caller's timeline. */
  #sentEnd: Samples = -Infinity;
  #stopped = false;

  /** @param begin How much of the caller's audio there was before, and when. */
  constructor(
    options: TapOptions,
    report: (event: MediaEvent) => void,
    begin: { readonly received: Samples; readonly now: Millis },
  ) {
    const { rate, speech, inbandDtmf, isQueued } = options;
    this.#rate = rate;
    this.#received = begin.received;
    this.#receivedAt = begin.now;
    this.#report = report;
    this.#isQueued = isQueued;
    this.#keys = inbandDtmf ? new DtmfDetector(rate) : undefined;
    if (speech !== undefined) this.listenFor(speech);
  }

  /** Listens for speech in this way from now on; `undefined`: no more. */
  listenFor(speech: TapOptions["speech"]): void {
    this.#close();
    this.#close = () => {};
    this.#speech = undefined;
    if (speech === undefined) return;
    const rate = this.#rate;
    const detector = new SpeechDetector({ rate, library: speech.library });
    this.#speech = new BargeIn({ ...speech, rate, detector, isQueued: this.#isQueued });
    this.#close = () => detector.close();
    this.#listensFrom = this.#received;
  }

  /** The recorder of both directions from now on; the same one when asked again. */
  startRecording(): Recorder {
    this.#recordedFrom = this.#recorder === undefined ? this.#received : this.#recordedFrom;
    this.#recorder ??= new Recorder(this.#rate);
    return this.#recorder;
  }

  /** Takes what the handler is about to hear. */
  received(pcm: Uint8Array, now: Millis): void {
    this.#recorder?.caller(pcm);
    this.#received += pcm.length >> 1;
    this.#receivedAt = now;
  }

  /** Listens to the same, once the handler has heard it. */
  listen(pcm: Uint8Array): void {
    if (this.#speech === undefined && this.#keys === undefined) return;
    const count = pcm.length >> 1;
    const samples = new Int16Array(pcm.buffer, pcm.byteOffset, count);
    this.#heard(this.#keys?.receive(samples, 0, count));
    // A key may have ended the call
    if (!this.#stopped) this.#changed(this.#speech?.received(samples, count));
  }

  /** Takes a frame of the handler's as it goes out, at the handler's rate. */
  sent(samples: Int16Array, count: Samples, now: Millis): void {
    const perMs = this.#rate / 1000;
    // The caller's timeline may be behind the clock: it waits for packets
    const at = this.#received + Math.round((now - this.#receivedAt) * perMs);
    const isNext = Math.abs(at - this.#sentEnd) < CONTINUOUS_MS * perMs;
    const position = isNext ? this.#sentEnd : Math.max(at, this.#sentEnd);
    this.#sentEnd = position + count;
    this.#speech?.sent(samples, count, (position - this.#listensFrom) / perMs);
    this.#recorder?.handler(position - this.#recordedFrom, samples, count);
  }

  /** The session is over. */
  stop(): void {
    this.#stopped = true;
    this.#heard(this.#keys?.finish());
    this.#close();
  }

  #heard(key: DetectedDigit | undefined): void {
    if (key === undefined) return;
    const { digit, durationMs } = key;
    this.#report({ type: "dtmf", digit, durationMs, source: "inband" });
  }

  #changed(change: SpeechChange | undefined): void {
    if (change === undefined) return;
    const missedMs = Math.round(this.#listensFrom / (this.#rate / 1000));
    this.#report(change.type === "speech" ? { ...change, atMs: change.atMs + missedMs } : change);
  }
}
