/**
 * When somebody speaks in a stream of samples, and when no longer.
 *
 * A voice detector looks at frames of 20 ms. A frame counts as voice when the detector says so and
 * it is louder than the noise of the line, which is learned. Several such frames are the beginning
 * of speech, a pause is its end. Who speaks, and what follows from it, is for others to say.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import type { VoiceDetector, VoiceDetectorLibrary } from "./audio_libraries.ts";

/** What a piece of audio changed. */
export type SpeechTransition = "started" | "stopped";

const FRAME_MS: Millis = 20;

/** So many frames of voice among so many in a row are the beginning of speech. */
const ONSET_VOICED = 3;
const ONSET_FRAMES = 4;

/**
 * Sound whose frames differ by less than this in level, in dB, is a tone or the noise of a machine,
 * whatever the detector says: the level of speech does not stay for so many frames.
 */
const UNEVEN_DB = 2;

/** Pauses shorter than this are part of speech. */
const HANGOVER_MS: Millis = 300;

/**
 * So many frames that are not silent are needed to learn the noise by. Before that the detector
 * takes any noise for a voice.
 */
const LEARNING_FRAMES = 5;

/** How much is taken for noise. Below 2 noise passes for speech, above it speech for noise. */
const AGGRESSIVENESS = 2;

/** Level above the noise, in dB, from which on a frame can be voice. */
const ABOVE_NOISE_DB = 6;
/** The noise is first taken for this, in dBov, and never for less or more than these. */
const NOISE_DBOV_FIRST = -54;
const NOISE_DBOV_MIN = -60;
const NOISE_DBOV_MAX = -30;
/** How fast the noise is believed to rise, in dB for each frame: 3 dB a second. */
const NOISE_RISE_DB = 0.06;
/** How much of the way to a lower level the noise goes in each frame. */
const NOISE_FALL = 0.25;

/** Level of digital silence, in dBov. */
const SILENCE_DBOV = -96;
/** Weight of the newest frame in the smoothed level. */
const LOUDNESS_WEIGHT = 0.25;

const DETECTOR_RATES: readonly Hertz[] = [8000, 16_000, 32_000, 48_000];
const LOWEST_RATE: Hertz = 8000;

/** How a detector of speech is made. */
export interface SpeechDetectorOptions {
  /** Of the samples: 8000 or more. */
  readonly rate: Hertz;
  readonly library: VoiceDetectorLibrary;
}

/**
 * The rate that samples are brought to for the voice detector: their own if it has it, otherwise
 * 8000.
 *
 * @throws {RangeError} Below 8000.
 */
export function detectorRate(rate: Hertz): Hertz {
  if (rate < LOWEST_RATE) throw new RangeError(`No speech is detected at ${rate} Hz`);
  return DETECTOR_RATES.includes(rate) ? rate : LOWEST_RATE;
}

/** The detector of one stream. Hot path: allocates nothing after the start. */
export class SpeechDetector {
  readonly #rate: Hertz;
  readonly #detector: VoiceDetector;
  readonly #detectorRate: Hertz;
  /** The frame that is being filled, at the detector's rate. */
  readonly #frame: Int16Array;
  #filled: Samples = 0;
  /** Of the sample that is being averaged: what it is made of, and how much of its time is over. */
  #sum = 0;
  #count = 0;
  #phase = 0;
  /** Frames since the beginning. */
  #frames = 0;
  /** Whether each of the last 32 frames was voice; the newest is the lowest bit. */
  #voiced = 0;
  /** Of the last frames, the newest at {@linkcode #frames}, around. */
  readonly #levels = new Float64Array(ONSET_VOICED);
  #learned = 0;
  #noise = NOISE_DBOV_FIRST;
  #loudness = SILENCE_DBOV;
  #state: "speech" | "silence" = "silence";
  /** Where the present or last speech began, and where its last voice ended. */
  #began: Millis = 0;
  #voiceEnd: Millis = 0;
  #atMs: Millis = 0;

  /** @throws {RangeError} For rates that {@linkcode detectorRate} refuses. */
  constructor(options: SpeechDetectorOptions) {
    this.#rate = options.rate;
    this.#detectorRate = detectorRate(options.rate);
    this.#frame = new Int16Array(this.#detectorRate * FRAME_MS / 1000);
    this.#detector = options.library.open(this.#detectorRate, AGGRESSIVENESS);
  }

  /**
   * Takes the next samples of the stream, any number of them.
   *
   * @returns What changed; of several changes, which more than 60 ms can hold, the last.
   */
  receive(samples: Int16Array, offset: number, length: Samples): SpeechTransition | undefined {
    return this.#rate === this.#detectorRate
      ? this.#take(samples, offset, length)
      : this.#average(samples, offset, length);
  }

  get state(): "speech" | "silence" {
    return this.#state;
  }

  /**
   * Where on the stream of samples the speech of the last change really began or ended: before it
   * was told.
   */
  get atMs(): Millis {
    return this.#atMs;
  }

  /** How long the present speech has lasted, short pauses included; 0 in silence. */
  get speechMs(): Millis {
    return this.#state === "speech" ? this.#frames * FRAME_MS - this.#began : 0;
  }

  /** How long ago the last voice of the present speech ended; 0 in silence. */
  get pauseMs(): Millis {
    return this.#state === "speech" ? this.#frames * FRAME_MS - this.#voiceEnd : 0;
  }

  /** The level of the last frames, smoothed, in dBov: 0 is a full-scale square wave. */
  get loudness(): number {
    return this.#loudness;
  }

  /** Another stream begins. */
  reset(): void {
    this.#detector.reset();
    this.#filled =
      this.#sum =
      this.#count =
      this.#phase =
        0;
    this.#frames = this.#voiced = this.#learned = 0;
    this.#noise = NOISE_DBOV_FIRST;
    this.#loudness = SILENCE_DBOV;
    this.#state = "silence";
    this.#began = this.#voiceEnd = this.#atMs = 0;
  }

  /** Gives the voice detector back. Safe to call twice; nothing is received after it. */
  close(): void {
    this.#detector.close();
  }

  #take(samples: Int16Array, offset: number, length: Samples): SpeechTransition | undefined {
    let change: SpeechTransition | undefined;
    const frame = this.#frame;
    for (let index = 0; index < length; index++) {
      frame[this.#filled++] = samples[offset + index] as number;
      if (this.#filled === frame.length) change = this.#examine() ?? change;
    }
    return change;
  }

  /**
   * Lowers the rate by averages of the samples between two of the detector's. What this lets
   * through of higher sounds is too little to matter to a detector that looks at levels in bands.
   */
  #average(samples: Int16Array, offset: number, length: Samples): SpeechTransition | undefined {
    let change: SpeechTransition | undefined;
    const frame = this.#frame;
    for (let index = 0; index < length; index++) {
      this.#sum += samples[offset + index] as number;
      this.#count++;
      this.#phase += this.#detectorRate;
      if (this.#phase < this.#rate) continue;
      this.#phase -= this.#rate;
      frame[this.#filled++] = this.#sum / this.#count;
      this.#sum = 0;
      this.#count = 0;
      if (this.#filled === frame.length) change = this.#examine() ?? change;
    }
    return change;
  }

  #examine(): SpeechTransition | undefined {
    this.#filled = 0;
    const level = levelOf(this.#frame);
    const isVoice = this.#detector.isVoice(this.#frame, 0, this.#frame.length) &&
      level > this.#noise + ABOVE_NOISE_DB;
    this.#learn(level);
    this.#levels[this.#frames % ONSET_VOICED] = level;
    this.#voiced = (this.#voiced << 1) | (isVoice ? 1 : 0);
    this.#frames++;
    if (isVoice) this.#voiceEnd = this.#frames * FRAME_MS;
    return this.#state === "silence" ? this.#begin() : this.#end();
  }

  #learn(level: number): void {
    this.#loudness += (level - this.#loudness) * LOUDNESS_WEIGHT;
    if (level > NOISE_DBOV_MIN && this.#learned < LEARNING_FRAMES) this.#learned++;
    const noise = level < this.#noise
      ? this.#noise + (level - this.#noise) * NOISE_FALL
      : Math.min(this.#noise + NOISE_RISE_DB, level);
    this.#noise = Math.min(Math.max(noise, NOISE_DBOV_MIN), NOISE_DBOV_MAX);
  }

  #begin(): SpeechTransition | undefined {
    if (this.#learned < LEARNING_FRAMES) return undefined;
    let voiced = 0;
    let oldest = 0;
    for (let age = 0; age < ONSET_FRAMES; age++) {
      if ((this.#voiced >>> age & 1) === 0) continue;
      voiced++;
      oldest = age;
    }
    if (voiced < ONSET_VOICED || this.#isEven()) return undefined;
    // Longer ago than the onset takes, where the noise had to be learned first
    while ((this.#voiced >>> (oldest + 1) & 1) === 1 && oldest < 31) oldest++;
    this.#state = "speech";
    this.#began = (this.#frames - 1 - oldest) * FRAME_MS;
    this.#atMs = this.#began;
    return "started";
  }

  #isEven(): boolean {
    let lowest = 0;
    let highest = SILENCE_DBOV;
    for (let index = 0; index < ONSET_VOICED; index++) {
      const level = this.#levels[index] as number;
      if (level < lowest) lowest = level;
      if (level > highest) highest = level;
    }
    return highest - lowest < UNEVEN_DB;
  }

  #end(): SpeechTransition | undefined {
    if (this.#frames * FRAME_MS - this.#voiceEnd < HANGOVER_MS) return undefined;
    this.#state = "silence";
    this.#atMs = this.#voiceEnd;
    return "stopped";
  }
}

/** In dBov. */
function levelOf(frame: Int16Array): number {
  let sum = 0;
  for (let index = 0; index < frame.length; index++) {
    const sample = frame[index] as number;
    sum += sample * sample;
  }
  const level = 10 * Math.log10(sum / frame.length / 32768 ** 2);
  return Math.max(level, SILENCE_DBOV);
}
