/**
 * When the caller speaks, and when that is to stop our own sound.
 *
 * The voice detector says when there is a voice. While we are heard ourselves it may be our own,
 * come back by the line or a loudspeaker: then nothing is told until it is known that it is not.
 * Over silence of ours the caller is told of at once.
 *
 * @module
 */

import { ECHO_DELAY_MS_MAX, EchoDetector } from "../audio/echo_detector.ts";
import { isQuiet } from "../audio/quiet.ts";
import type { SpeechDetector } from "../audio/speech_detector.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";

/** What is made of the caller's speech. */
export interface BargeInOptions {
  /** `notify` tells of speech; `clear` also asks for our sound to be stopped. */
  readonly mode: "notify" | "clear";
  /** How long the caller speaks until our sound is stopped. */
  readonly after: Millis;
}

/** What happened. `atMs` counts from the beginning of the call's audio. */
export type SpeechChange =
  | { readonly type: "speech"; readonly state: "started" | "stopped"; readonly atMs: Millis }
  /** The caller speaks over our audio for long enough: stop it. Once for each speech. */
  | { readonly type: "bargeIn" };

/** So much of a voice is heard before it is compared with our own. */
const COMPARE_AFTER_MS: Millis = 150;
/** From one comparison to the next. */
const COMPARE_INTERVAL_MS: Millis = 80;
/** Comparisons in a row that must find no echo. */
const COMPARISONS = 2;

/** - `suspected`: a voice that may be our own. - `told`: the caller's. */
type State = "silent" | "suspected" | "told";

/** The ears of one call for the caller's speech. Hot path: allocates when something changes. */
export class BargeIn {
  readonly #options: BargeInOptions;
  readonly #detector: SpeechDetector;
  readonly #echo: EchoDetector;
  readonly #perMs: number;
  #state: State = "silent";
  /** How much of the caller's audio has been heard. */
  #heard: Samples = 0;
  /** Where the present voice began; behind an echo, where the echo was last found. */
  #began: Millis = 0;
  #comparedAt: Millis = 0;
  #different = 0;
  #isCleared = false;
  /** Until when our audio may come back. */
  #soundUntil: Millis = -Infinity;

  /**
   * @param rate Of both directions.
   * @param detector Of the caller's audio; closed by whoever opened it.
   */
  constructor(
    options: BargeInOptions & { readonly rate: Hertz; readonly detector: SpeechDetector },
  ) {
    this.#options = options;
    this.#detector = options.detector;
    this.#echo = new EchoDetector(options.rate);
    this.#perMs = options.rate / 1000;
  }

  /**
   * Takes our audio as it goes out.
   *
   * @param at When, since the call's audio began.
   */
  sent(samples: Int16Array, count: Samples, at: Millis): void {
    this.#echo.sent(samples, count, at);
    if (!isQuiet(samples, count)) this.#soundUntil = at + ECHO_DELAY_MS_MAX;
  }

  /** Takes the caller's audio, without gaps; says what it changes. */
  received(samples: Int16Array, count: Samples): SpeechChange | undefined {
    this.#echo.received(samples, count);
    this.#heard += count;
    const change = this.#detector.receive(samples, 0, count);
    if (change === "started") {
      this.#state = "suspected";
      this.#began = this.#detector.atMs;
      this.#comparedAt = 0;
      this.#different = 0;
      this.#isCleared = false;
    } else if (change === "stopped") {
      const wasTold = this.#state === "told";
      this.#state = "silent";
      if (wasTold) return { type: "speech", state: "stopped", atMs: this.#detector.atMs };
    }
    if (this.#state === "suspected") return this.#judge();
    return this.#state === "told" && this.#isClear() ? this.#clear() : undefined;
  }

  /** Where the caller's audio is. */
  get #now(): Millis {
    return this.#heard / this.#perMs;
  }

  #judge(): SpeechChange | undefined {
    const now = this.#now;
    if (now < this.#soundUntil) {
      const isEarly = now < this.#began + COMPARE_AFTER_MS;
      if (isEarly || now < this.#comparedAt + COMPARE_INTERVAL_MS) return undefined;
      this.#comparedAt = now;
      if (this.#echo.isEcho()) {
        this.#began = now;
        this.#different = 0;
        return undefined;
      }
      if (++this.#different < COMPARISONS) return undefined;
    }
    this.#state = "told";
    return { type: "speech", state: "started", atMs: Math.round(this.#began) };
  }

  #isClear(): boolean {
    const { mode, after } = this.#options;
    return mode === "clear" && !this.#isCleared && this.#now >= this.#began + after;
  }

  #clear(): SpeechChange {
    this.#isCleared = true;
    return { type: "bargeIn" };
  }
}
