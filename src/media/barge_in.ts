/**
 * When the caller speaks, and when that is to stop our own sound.
 *
 * The voice detector says when there is a voice. While we are heard ourselves it may be our own,
 * come back by the line or a loudspeaker: then nothing is told until it is known that it is not.
 * Over silence of ours the caller is told of at once. Keys in the audio are no voice.
 *
 * @module
 */

import { ECHO_DELAY_MS_MAX, ECHO_WINDOW_MS, EchoDetector } from "../audio/echo_detector.ts";
import { KeyTones } from "../audio/key_tone.ts";
import { isQuiet } from "../audio/quiet.ts";
import type { SpeechDetector } from "../audio/speech_detector.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";

/** What is made of the caller's speech. */
export interface BargeInOptions {
  /** `notify` tells of speech; `clear` also asks for our sound to be stopped. */
  readonly mode: "notify" | "clear";
  /** How long the caller speaks over our sound until it is stopped. */
  readonly after: Millis;
}

/** What the ears of one call are made of. */
export interface BargeInSetUp extends BargeInOptions {
  /** Of both directions. */
  readonly rate: Hertz;
  /** Of the caller's audio; closed by whoever opened it. */
  readonly detector: SpeechDetector;
  /** Whether more of our audio waits to go out. Asked seldom. */
  readonly isQueued: () => boolean;
}

/** What happened. `atMs` counts from the beginning of the call's audio. */
export type SpeechChange =
  | { readonly type: "speech"; readonly state: "started" | "stopped"; readonly atMs: Millis }
  /** The caller speaks over our audio for long enough: stop it. Once for each speech. */
  | { readonly type: "bargeIn" };

/** So much of a voice is heard before it is compared with our own. */
const COMPARE_AFTER_MS: Millis = 150;
/** From one comparison to the next, behind one that found a voice or an echo. */
const VOICE_INTERVAL_MS: Millis = 60;
const ECHO_INTERVAL_MS: Millis = 100;
/** How much must be found in a row to prove a voice, and what counts for how much. */
const PROOF = 4;
const PROOF_OF_VOICE = 2;
const PROOF_OF_WEAK_VOICE = 1;
/** A voice that begins within an echo is heard as one after this long, or less. */
const ONSET_MS_MAX: Millis = 80;

/** How much voice there must be behind a key. */
const VOICE_MS_MIN: Millis = 60;
/** How far back a key is looked for: what little is left of one at its edge is not found. */
const KEY_SPAN_MS: Millis = ECHO_WINDOW_MS + 30;

/** Our sound goes on over pauses of this length. */
const SOUND_PAUSE_MS: Millis = 500;
/** We are heard until this long after the last sound of ours, and while more is queued. */
const SOUND_END_MS: Millis = 100;
/** Who has been silent for longer does not speak over us. */
const VOICE_PAUSE_MS: Millis = 100;

/**
 * - `suspected`: a voice that may be our own.
 * - `told`: the caller's.
 * - `interrupted`: the caller's, and our sound was asked to be stopped.
 */
type State = "silent" | "suspected" | "told" | "interrupted";

/** The ears of one call for the caller's speech. Hot path: allocates when something changes. */
export class BargeIn {
  readonly #setUp: BargeInSetUp;
  readonly #detector: SpeechDetector;
  readonly #echo: EchoDetector;
  readonly #keys: KeyTones;
  readonly #perMs: number;
  #state: State = "silent";
  /** How much of the caller's audio has been heard. */
  #heard: Samples = 0;
  /** Where the present voice began; behind an echo or a key, where that was last found. */
  #began: Millis = 0;
  #isBehindKey = false;
  /** Until when keys have been found. */
  #keyAt: Millis = -Infinity;
  #isBehindEcho = false;
  /** When the next comparison may be. */
  #compareAt: Millis = 0;
  #proof = 0;
  /** When it was last known that the voice is not our own. */
  #provenAt: Millis = 0;
  /** Of our sound, short pauses included. */
  #soundBegan: Millis = -Infinity;
  #soundEnd: Millis = -Infinity;

  constructor(setUp: BargeInSetUp) {
    this.#setUp = setUp;
    this.#detector = setUp.detector;
    this.#echo = new EchoDetector(setUp.rate);
    this.#keys = new KeyTones(setUp.rate, KEY_SPAN_MS);
    this.#perMs = setUp.rate / 1000;
  }

  /**
   * Takes our audio as it goes out.
   *
   * @param at When, since the call's audio began.
   */
  sent(samples: Int16Array, count: Samples, at: Millis): void {
    this.#echo.sent(samples, count, at);
    if (isQuiet(samples, count)) return;
    if (at > this.#soundEnd + SOUND_PAUSE_MS) this.#soundBegan = at;
    this.#soundEnd = at + count / this.#perMs;
  }

  /** Takes the caller's audio, without gaps; says what it changes. */
  received(samples: Int16Array, count: Samples): SpeechChange | undefined {
    this.#echo.received(samples, count);
    this.#keys.received(samples, count);
    this.#heard += count;
    const change = this.#detector.receive(samples, 0, count);
    if (change === "started") this.#suspect();
    else if (change === "stopped") {
      const wasTold = this.#state === "told" || this.#state === "interrupted";
      this.#state = "silent";
      return wasTold ? speech("stopped", this.#detector.atMs) : undefined;
    }
    if (this.#state === "suspected") return this.#judge();
    return this.#state === "told" ? this.#interrupt() : undefined;
  }

  /** Where the caller's audio is. */
  get #now(): Millis {
    return this.#heard / this.#perMs;
  }

  #suspect(): void {
    this.#state = "suspected";
    this.#began = this.#detector.atMs;
    this.#compareAt = this.#began + COMPARE_AFTER_MS;
    this.#proof = 0;
    this.#isBehindKey = this.#isBehindEcho = false;
  }

  /** Whose voice it is. */
  #judge(): SpeechChange | undefined {
    const now = this.#now;
    if (this.#isBehindKey) {
      const voiceEnd = now - this.#detector.pauseMs;
      if (voiceEnd < this.#began + VOICE_MS_MIN) return undefined;
    }
    const isSilent = now >= this.#soundEnd + ECHO_DELAY_MS_MAX;
    if (isSilent ? this.#isKey() : !this.#isProven()) return undefined;
    this.#state = "told";
    this.#provenAt = now;
    this.#proof = 0;
    return speech("started", this.#began);
  }

  /** A key is no voice, and nothing that has one in it can be compared. */
  #isKey(): boolean {
    const now = this.#now;
    const span = Math.min(KEY_SPAN_MS, now - this.#keyAt);
    if (!this.#keys.isKey(span * this.#perMs)) return false;
    this.#isBehindKey = true;
    this.#isBehindEcho = false;
    this.#began = this.#keyAt = now;
    this.#proof = 0;
    this.#compareAt = now + ECHO_WINDOW_MS;
    return true;
  }

  /** Compares what is heard with what we sent, when it is time to. */
  #isProven(): boolean {
    const now = this.#now;
    if (now < this.#compareAt) return false;
    this.#compareAt = now + VOICE_INTERVAL_MS;
    const verdict = this.#echo.judge();
    if (verdict === "echo") {
      this.#began = now;
      this.#compareAt = now + ECHO_INTERVAL_MS;
      this.#isBehindEcho = true;
      this.#proof = 0;
      return false;
    }
    if (verdict === "unsure" || this.#isKey()) return false;
    this.#proof += verdict === "weak" ? PROOF_OF_WEAK_VOICE : PROOF_OF_VOICE;
    if (this.#proof < PROOF) return false;
    this.#findOnset(now);
    return true;
  }

  /** What the detector takes for one voice may be an echo, and then the caller. */
  #findOnset(now: Millis): void {
    const voice = this.#echo.voiceMs();
    const earliest = this.#isBehindEcho ? this.#began - ONSET_MS_MAX : this.#began;
    this.#began = voice === undefined ? earliest : Math.max(earliest, now - voice);
    this.#isBehindEcho = false;
  }

  /** Asks for our sound to be stopped, when the caller has spoken over it for long enough. */
  #interrupt(): SpeechChange | undefined {
    const { mode, after, isQueued } = this.#setUp;
    const now = this.#now;
    if (mode !== "clear" || now < Math.max(this.#began, this.#soundBegan) + after) return undefined;
    if (this.#detector.pauseMs > VOICE_PAUSE_MS) return undefined;
    if (now >= this.#soundEnd + SOUND_END_MS && !isQueued()) return undefined;
    // What was a caller's voice before we began may be our own since
    if (this.#soundBegan > this.#provenAt && !this.#isProven()) return undefined;
    this.#state = "interrupted";
    return { type: "bargeIn" };
  }
}

function speech(state: "started" | "stopped", at: Millis): SpeechChange {
  return { type: "speech", state, atMs: Math.round(at) };
}
