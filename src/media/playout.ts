/**
 * Hands audio to the handler: what was decoded, what is made up, and silence, along one timeline.
 *
 * Everything that the handler hears goes through here, so that the timeline and the counts are
 * true. When to play what is for the receive path to decide. All is at the handler's rate.
 *
 * @module
 */

import { ComfortNoise } from "../audio/comfort_noise.ts";
import { Concealment } from "../audio/concealment.ts";
import { isQuiet } from "../audio/quiet.ts";
import { STRETCH_MS_MAX, TimeStretch } from "../audio/time_stretch.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { RESAMPLING_SLACK } from "./frame_decoder.ts";
import type { MediaSink } from "./media_contract.ts";
import { FILL_MS, PlayoutTimeline } from "./playout_timeline.ts";

/** The end of one receive path. Hot path: a frame of the usual length allocates nothing. */
export class Playout {
  #samples = new Int16Array(0);
  /** Of the length played last: as samples, and as they lie in memory. */
  #frame = this.#samples;
  #view = new Uint8Array(0);
  readonly #made: Int16Array;
  readonly #madeBytes: Uint8Array;
  readonly #sink: Pick<MediaSink, "audio">;
  readonly #rate: Hertz;
  readonly #timeline: PlayoutTimeline;
  readonly #concealment: Concealment;
  readonly #samplesPerMs: number;
  readonly #fill: Samples;
  #stretch: TimeStretch | undefined;
  #noise: ComfortNoise | undefined;
  /** Silence is comfort noise until audio goes on. */
  #noisy = false;
  #concealed: Samples = 0;
  #recovered: Samples = 0;
  #silent: Samples = 0;
  #stretched: Samples = 0;
  #stopped = false;

  /**
   * @param samplesMax Most samples that one packet can hold.
   * @param now Where the timeline begins.
   */
  constructor(
    options: { readonly sampleRate: Hertz; readonly samplesMax: Samples },
    sink: Pick<MediaSink, "audio">,
    now: Millis,
  ) {
    const { sampleRate, samplesMax } = options;
    this.#sink = sink;
    this.#rate = sampleRate;
    this.#timeline = new PlayoutTimeline(now, sampleRate);
    this.#concealment = new Concealment(sampleRate);
    this.#samplesPerMs = sampleRate / 1000;
    this.#fill = Math.round(FILL_MS * this.#samplesPerMs);
    this.#made = new Int16Array(this.#fill + RESAMPLING_SLACK);
    this.#madeBytes = new Uint8Array(this.#made.buffer, 0, this.#fill * 2);
    this.makeRoom(samplesMax);
  }

  /** Where decoded audio is put, for {@linkcode play}. */
  get samples(): Int16Array {
    return this.#samples;
  }

  /** Packets may hold up to so many samples from here on. */
  makeRoom(samplesMax: Samples): void {
    const room = samplesMax + Math.ceil(STRETCH_MS_MAX * this.#samplesPerMs);
    if (room <= this.#samples.length) return;
    this.#samples = new Int16Array(room);
    this.#cut(this.#fill);
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

  /** Plays the first `count` of {@linkcode samples}, joined to what was made up before. */
  play(count: Samples): void {
    if (this.#frame.length !== count) this.#cut(count);
    this.#concealment.good(this.#frame, count);
    this.#noisy = false;
    if (this.#stopped) return;
    this.#timeline.advance(count);
    this.#sink.audio(this.#view);
  }

  /** What is in {@linkcode samples} is left out; what follows is joined to what was before it. */
  leaveOut(): void {
    this.#concealment.cut();
  }

  /** Tells whether the first `count` of {@linkcode samples} hold nothing that would be missed. */
  isQuiet(count: Samples): boolean {
    return isQuiet(this.#samples, count);
  }

  /**
   * Makes the first `count` of {@linkcode samples} longer or shorter by at most a pitch period.
   *
   * @returns The new count; the same when it cannot be done without being heard.
   */
  stretch(count: Samples, to: "longer" | "shorter"): Samples {
    this.#stretch ??= new TimeStretch(this.#rate);
    const samples = this.#samples;
    const stretched = to === "longer"
      ? this.#stretch.lengthen(samples, count)
      : this.#stretch.shorten(samples, count);
    this.#stretched += Math.abs(stretched - count);
    return stretched;
  }

  /**
   * Fills a hole before a payload: what was lost is concealed, the rest was silence. The last lost
   * frame may be in the payload, which is decoded after this.
   */
  bridge(
    samples: { readonly hole: Samples; readonly lost: Samples; readonly last: Samples },
    decoder: FrameDecoder,
    payload: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const last = decoder.recovers ? samples.last : 0;
    let left = samples.hole - this.conceal(samples.lost - last, decoder);
    if (left > last) {
      this.silence(left - last);
      decoder.resume(false);
      left = last;
    }
    if (left === 0 || this.#stopped) return;
    const recovered = decoder.recover(payload, offset, length, this.#samples, left);
    if (recovered > 0) {
      this.#recovered += recovered;
      this.play(recovered);
      return;
    }
    left -= this.conceal(left, decoder);
    if (left === 0) return;
    this.silence(left);
    decoder.resume(false);
  }

  /**
   * Makes up for `lost` samples, by the codec's means where it has some, until nothing is left of
   * the past. Returns how many were made.
   */
  conceal(lost: Samples, decoder: FrameDecoder): Samples {
    const made = Math.min(lost, this.#concealment.left);
    for (let left = made; left > 0 && !this.#stopped; left -= this.#fill) {
      const count = Math.min(left, this.#fill);
      if (decoder.conceals) {
        decoder.conceal(this.#made, count);
        this.#concealment.fade(this.#made, count);
      } else this.#concealment.conceal(this.#made, count);
      this.#playMade(count);
    }
    this.#concealed += made;
    return made;
  }

  /** Plays silence: of comfort noise, if the peer has described it. */
  silence(samples: Samples): void {
    this.#silent += samples;
    let isFirst = true;
    for (let left = samples; left > 0 && !this.#stopped; left -= this.#fill) {
      const count = Math.min(left, this.#fill);
      if (this.#noisy) this.#noise?.fill(this.#made, count);
      else this.#made.fill(0);
      if (isFirst) this.#concealment.end(this.#made, count);
      isFirst = false;
      this.#playMade(count);
    }
  }

  /** Takes a description of the peer's background noise: silence sounds like it. RFC 3389. */
  comfort(payload: Uint8Array, offset: number, length: number): void {
    this.#noise ??= new ComfortNoise(this.#rate);
    this.#noise.describe(payload, offset, length);
    this.#noisy = true;
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
    this.#noisy = false;
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

  get recoveredMs(): Millis {
    return this.#recovered / this.#samplesPerMs;
  }

  get silenceMs(): Millis {
    return this.#silent / this.#samplesPerMs;
  }

  get stretchedMs(): Millis {
    return this.#stretched / this.#samplesPerMs;
  }

  /**
   * Samples are handed over as they lie in memory: every machine that our runtimes know is
   * little-endian.
   */
  #cut(count: Samples): void {
    this.#frame = this.#samples.subarray(0, count);
    this.#view = new Uint8Array(this.#samples.buffer, 0, count * 2);
  }

  #playMade(count: Samples): void {
    if (this.#stopped) return;
    this.#timeline.advance(count);
    const bytes = this.#madeBytes;
    this.#sink.audio(count === this.#fill ? bytes : bytes.subarray(0, count * 2));
  }
}
