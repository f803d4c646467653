/**
 * Hands audio to the handler: what was decoded, what is made up, and silence, along one timeline.
 *
 * Everything that the handler hears goes through here, so that the timeline and the counts are
 * true. When to play what is for the receive path to decide.
 *
 * @module
 */

import { Concealment, FADE_MS } from "../audio/concealment.ts";
import { isQuiet } from "../audio/quiet.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import type { MediaSink } from "./media_contract.ts";
import { FILL_MS, PlayoutTimeline } from "./playout_timeline.ts";

/** The end of one receive path. Hot path: a frame of the usual length allocates nothing. */
export class Playout {
  /** Where decoded audio is put, for {@linkcode play}. */
  readonly samples: Int16Array;
  readonly #bytes: Uint8Array;
  /** Of the length played last. */
  #view: Uint8Array;
  readonly #made: Int16Array;
  readonly #madeBytes: Uint8Array;
  readonly #sink: MediaSink;
  readonly #timeline: PlayoutTimeline;
  readonly #concealment: Concealment;
  readonly #samplesPerMs: number;
  readonly #fill: Samples;
  #concealed: Samples = 0;
  #silent: Samples = 0;
  #stopped = false;

  /**
   * @param samplesMax Most samples that one packet can hold.
   * @param now Where the timeline begins.
   */
  constructor(
    options: { readonly sampleRate: Hertz; readonly samplesMax: Samples },
    sink: MediaSink,
    now: Millis,
  ) {
    const { sampleRate, samplesMax } = options;
    this.#sink = sink;
    this.#timeline = new PlayoutTimeline(now, sampleRate);
    this.#concealment = new Concealment(sampleRate);
    this.#samplesPerMs = sampleRate / 1000;
    this.#fill = FILL_MS * this.#samplesPerMs;
    this.samples = new Int16Array(samplesMax);
    // Samples are handed over as they lie in memory: every machine that our runtimes know is
    // little-endian.
    this.#bytes = new Uint8Array(this.samples.buffer);
    this.#view = this.#bytes.subarray(0, this.#fill * 2);
    this.#made = new Int16Array(this.#fill);
    this.#madeBytes = new Uint8Array(this.#made.buffer);
  }

  /** How far the handler's audio is behind the clock; negative when it is ahead. */
  lag(now: Millis): Samples {
    return this.#timeline.lag(now);
  }

  /** Distance behind the clock that silence keeps. */
  get reserve(): Samples {
    return this.#timeline.reserve;
  }

  /** When silence is due, if it waits for `patience` longer than the reserve. */
  dueAt(patience: Millis): Millis {
    return this.#timeline.dueAt(patience);
  }

  /** Plays the first `count` of {@linkcode samples}, blended with what was made up before. */
  play(count: Samples): void {
    this.#concealment.good(this.samples, count);
    if (this.#stopped) return;
    this.#timeline.advance(count);
    if (this.#view.length !== count * 2) this.#view = this.#bytes.subarray(0, count * 2);
    this.#sink.audio(this.#view);
  }

  /** Tells whether the first `count` of {@linkcode samples} hold nothing that would be missed. */
  isQuiet(count: Samples): boolean {
    return isQuiet(this.samples, count);
  }

  /** Makes up for `lost` samples until nothing is left of the past. Returns how many were made. */
  conceal(lost: Samples): Samples {
    const made = Math.min(lost, FADE_MS * this.#samplesPerMs);
    for (let left = made; left > 0; left -= this.#fill) {
      const count = Math.min(left, this.#fill);
      this.#concealment.conceal(this.#made, count);
      this.#playMade(count);
    }
    this.#concealed += made;
    return made;
  }

  /** Plays silence. */
  silence(samples: Samples): void {
    this.#concealment.forget();
    this.#silent += samples;
    for (let left = samples; left > 0; left -= this.#fill) {
      this.#made.fill(0);
      this.#playMade(Math.min(left, this.#fill));
    }
  }

  /** Plays silence until the timeline is less than the reserve behind. Returns how much. */
  catchUp(now: Millis): Samples {
    let played = 0;
    while (!this.#stopped && this.lag(now) >= this.reserve) {
      this.silence(this.#fill);
      played += this.#fill;
    }
    return played;
  }

  /** What was heard has nothing to do with what comes next. */
  forget(): void {
    this.#concealment.forget();
  }

  /** Brings the timeline up to the clock; nothing is played after it. */
  stop(now: Millis): void {
    const lag = this.lag(now);
    if (lag > 0) this.silence(lag);
    this.#stopped = true;
  }

  get concealedMs(): Millis {
    return this.#concealed / this.#samplesPerMs;
  }

  get silenceMs(): Millis {
    return this.#silent / this.#samplesPerMs;
  }

  #playMade(count: Samples): void {
    if (this.#stopped) return;
    this.#timeline.advance(count);
    const bytes = this.#madeBytes;
    this.#sink.audio(count === this.#fill ? bytes : bytes.subarray(0, count * 2));
  }
}
