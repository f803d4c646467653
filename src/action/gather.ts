/**
 * Waits for what the caller presses or says: keys, words, time-outs, and which of them wins.
 *
 * Time begins to count at the end of the prompts. A key during the prompts ends them, and so does a
 * word, where the action has `barge_in`; else neither is taken. The first key turns listening off,
 * since nobody says a number and presses it too; but a key that finishes says that all was said. A
 * pause after words ends them as well. Then the last words of the recognizer are waited for.
 *
 * ```
 * prompting ─ prompts ended ─▶ waiting ─ voice, words ─▶ speaking ─ silence ─▶ closing
 *     │                           │                          │                    │
 *     └──── key, with barge_in ───┴───────── key ──▶ keys ◀──┴──────── key ───────┤
 *                                                      └── complete, time-out ────┴─▶ done
 * ```
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { GatherAction } from "./action.ts";

/** Keys that are taken when the action has no bound. */
export const GATHER_DIGITS_MAX = 256;

/** Longest that the caller may speak. */
export const GATHER_SPEECH_MAX: Millis = 60_000;

/** Longest that the recognizer's last words are waited for; it has a time-out of its own. */
export const LAST_WORDS_MAX: Millis = 30_000;

/** Characters of what was said, at most; what comes on top is left out. */
export const SPEECH_LENGTH_MAX = 8_000;

/** Why the input was complete. `timeout`, too, when nothing came at all. */
export type GatherFinish = "key" | "digits" | "timeout" | "speech";

/** What the caller pressed or said: one of the two, or nothing. */
export interface GatherResult {
  readonly digits: string;
  readonly speech: string;
  /** Of the recognizer, 0 to 1; `undefined` when it did not say, or nothing was said. */
  readonly confidence: number | undefined;
  readonly finished_by: GatherFinish;
  /** The key that completed it. */
  readonly finish_key?: string;
}

/** What the machine wants done, in this order. */
export type GatherOutput =
  /** The prompts are to be cut off. */
  | { readonly type: "stop_prompts" }
  /** The recognizer gets no more audio; its last words may still come, and its end is to be told. */
  | { readonly type: "listen_over" }
  /** The input is complete; nothing follows. */
  | { readonly type: "done"; readonly result: GatherResult };

/** What a recognizer understood. */
export interface RecognizedText {
  readonly text: string;
  /** 0 to 1. */
  readonly confidence?: number | undefined;
  /** `false`: a guess that a later one replaces. */
  readonly final: boolean;
}

type State = "prompting" | "waiting" | "keys" | "speaking" | "closing" | "done";

/** One wait for input. */
export class Gather {
  readonly #action: GatherAction;
  #state: State;
  #deadline: Millis = Infinity;
  #digits = "";
  /** Keys are all that counts from now on. */
  #isDeaf: boolean;
  /** The caller's voice is heard now. */
  #isVoice = false;
  #speechEnd: Millis = Infinity;
  #finals: RecognizedText[] = [];
  #guess: RecognizedText | undefined;
  /** Characters that may still be said. */
  #room = SPEECH_LENGTH_MAX;
  /** The key that ended what was said. */
  #closingKey: string | undefined;

  /** Without prompts time begins to count at once. */
  constructor(action: GatherAction, now: Millis) {
    this.#action = action;
    this.#isDeaf = !action.input.includes("speech");
    this.#state = "prompting";
    if (action.prompts.length === 0) this.#wait(now);
  }

  /** When to call {@linkcode timeout} next; `Infinity`: not at all. */
  get deadline(): Millis {
    return this.#deadline;
  }

  /** Whether a recognizer should hear the caller now. */
  get isListening(): boolean {
    return !this.#isDeaf && this.#state !== "closing" && this.#mayInterrupt();
  }

  /** The last of the prompts has been heard. */
  promptsEnded(now: Millis): readonly GatherOutput[] {
    if (this.#state !== "prompting") return [];
    this.#wait(now);
    if (this.#isOver()) return this.#finish("timeout");
    // Who began over a prompt that is not to be interrupted is heard from now on
    if (this.#isVoice && !this.#isDeaf) this.#speak(now);
    return [];
  }

  /** The caller pressed a key: one of `0-9*#A-D`; others are not taken. */
  key(digit: string, now: Millis): readonly GatherOutput[] {
    const { input, barge_in, digits_max, finish_keys } = this.#action;
    if (!input.includes("dtmf") || this.#state === "done" || !/^[\dA-D*#]$/.test(digit)) return [];
    if (this.#state === "prompting" && !barge_in) return [];
    const isFinish = finish_keys.includes(digit);
    if (isFinish && !this.#isDeaf && this.#state === "speaking") return this.#close(now, digit);
    const outputs = this.#interrupt();
    if (!this.#isDeaf) {
      this.#isDeaf = true;
      if (this.#state !== "closing") outputs.push({ type: "listen_over" });
    }
    if (isFinish) return [...outputs, ...this.#finish("key", digit)];
    this.#state = "keys";
    this.#digits += digit;
    this.#deadline = now + this.#action.timeout;
    const isComplete = this.#digits.length >= Math.min(digits_max, GATHER_DIGITS_MAX);
    return isComplete ? [...outputs, ...this.#finish("digits")] : outputs;
  }

  /** The caller's voice is heard. */
  speechStarted(now: Millis): readonly GatherOutput[] {
    this.#isVoice = true;
    return this.#isDeaf || !this.#mayInterrupt() ? [] : this.#hear(now);
  }

  /** The caller's voice is heard no more. */
  speechStopped(now: Millis): readonly GatherOutput[] {
    this.#isVoice = false;
    if (this.#state === "speaking") this.#deadline = this.#silenceEnd(now);
    return [];
  }

  /** The recognizer understood something. */
  recognized(heard: RecognizedText, now: Millis): readonly GatherOutput[] {
    if (this.#isDeaf || !this.#mayInterrupt() || heard.text.trim() === "") return [];
    this.#take(heard);
    return this.#state === "closing" ? [] : this.#hear(now);
  }

  /** The recognizer has said its last word; it may have failed. */
  recognizerEnded(now: Millis): readonly GatherOutput[] {
    if (this.#isDeaf || this.#state === "done") return [];
    if (this.#state === "closing") return this.#closed();
    this.#isDeaf = true;
    if (this.#hasWords()) return this.#finish("speech");
    if (this.#state === "prompting") return [];
    if (this.#isOver()) return this.#finish("timeout");
    if (this.#state === "speaking") this.#wait(now);
    return [];
  }

  /** Time has passed; early and late calls are safe. */
  timeout(now: Millis): readonly GatherOutput[] {
    if (now < this.#deadline) return [];
    if (this.#state === "speaking") return this.#close(now);
    return this.#state === "closing" ? this.#closed() : this.#finish("timeout");
  }

  /** Whether words count now: before the prompts' end they do with `barge_in` alone. */
  #mayInterrupt(): boolean {
    return this.#state !== "done" && (this.#state !== "prompting" || this.#action.barge_in);
  }

  #interrupt(): GatherOutput[] {
    return this.#state === "prompting" ? [{ type: "stop_prompts" }] : [];
  }

  /** Nothing can come any more: nobody listens, and keys are not asked for. */
  #isOver(): boolean {
    return this.#isDeaf && !this.#action.input.includes("dtmf");
  }

  #wait(now: Millis): void {
    this.#state = "waiting";
    this.#deadline = now + this.#action.timeout;
  }

  /** Voice or words: the caller speaks. */
  #hear(now: Millis): readonly GatherOutput[] {
    if (this.#state === "closing") return [];
    const outputs = this.#interrupt();
    this.#speak(now);
    return outputs;
  }

  #speak(now: Millis): void {
    if (this.#state !== "speaking") this.#speechEnd = now + GATHER_SPEECH_MAX;
    this.#state = "speaking";
    this.#deadline = this.#isVoice ? this.#speechEnd : this.#silenceEnd(now);
  }

  #silenceEnd(now: Millis): Millis {
    return Math.min(now + this.#action.speech_timeout, this.#speechEnd);
  }

  /** The caller has spoken: only last words can follow. */
  #close(now: Millis, key?: string): readonly GatherOutput[] {
    this.#state = "closing";
    this.#closingKey = key;
    this.#deadline = now + LAST_WORDS_MAX;
    return [{ type: "listen_over" }];
  }

  #closed(): readonly GatherOutput[] {
    if (this.#hasWords()) return this.#finish("speech");
    const key = this.#closingKey;
    return key === undefined ? this.#finish("timeout") : this.#finish("key", key);
  }

  #take({ text, confidence, final }: RecognizedText): void {
    const heard = { text: text.trim().slice(0, this.#room), confidence, final };
    this.#guess = final ? undefined : heard;
    if (!final || heard.text === "") return;
    this.#room -= heard.text.length;
    this.#finals.push(heard);
  }

  #hasWords(): boolean {
    return this.#finals.length > 0 || this.#guess !== undefined;
  }

  #finish(finished_by: GatherFinish, finish_key?: string): readonly GatherOutput[] {
    const isSpoken = finished_by === "speech";
    this.#state = "done";
    this.#deadline = Infinity;
    const words = this.#guess === undefined ? this.#finals : [...this.#finals, this.#guess];
    const result: GatherResult = {
      digits: this.#digits,
      speech: isSpoken ? words.map(({ text }) => text).join(" ") : "",
      confidence: isSpoken ? meanConfidence(words) : undefined,
      finished_by,
      ...(finish_key === undefined ? {} : { finish_key }),
    };
    return [{ type: "done", result }];
  }
}

/** The mean, long texts counting for more; `undefined` when none has one. */
function meanConfidence(words: readonly RecognizedText[]): number | undefined {
  let sum = 0;
  let weight = 0;
  for (const { text, confidence } of words) {
    if (confidence === undefined) continue;
    sum += confidence * text.length;
    weight += text.length;
  }
  return weight === 0 ? undefined : sum / weight;
}
