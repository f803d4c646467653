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
import { SoundRoom } from "./sound_room.ts";

/** What was decoded, and what is made up beside it. */
const DECODED = new SoundRoom();
const MADE = new SoundRoom();

/** The end of one receive path. Hot path: a frame of the usual length allocates nothing. */
export class Playout {
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
    MADE.reserve(this.#fill + RESAMPLING_SLACK);
    this.makeRoom(samplesMax);
  }

  /** Where decoded audio is put, for {@linkcode play}; other calls put theirs there, too. */
  get samples(): Int16Array {
    return DECODED.samples;
  }

  /** Packets may hold up to so many samples from here on. */
  makeRoom(samplesMax: Samples): void {
    DECODED.reserve(samplesMax + Math.ceil(STRETCH_MS_MAX * this.#samplesPerMs));
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
    const { samples, bytes } = DECODED.cut(count);
    this.#concealment.good(samples, count);
    this.#noisy = false;
    if (this.#stopped) return;
    this.#timeline.advance(count);
    this.#sink.audio(bytes);
  }

  /** What is in {@linkcode samples} is left out; what follows is joined to what was before it. */
  leaveOut(): void {
    this.#concealment.cut();
  }

  /** Tells whether the first `count` of {@linkcode samples} hold nothing that would be missed. */
  isQuiet(count: Samples): boolean {
    return isQuiet(DECODED.samples, count);
  }

  /**
   * Makes the first `count` of {@linkcode samples} longer or shorter by at most a pitch period.
   *
   * @returns The new count; the same when it cannot be done without being heard.
   */
  stretch(count: Samples, to: "longer" | "shorter"): Samples {
    this.#stretch ??= new TimeStretch(this.#rate);
    const { samples } = DECODED;
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
    const recovered = decoder.recover(payload, offset, length, DECODED.samples, left);
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
        decoder.conceal(MADE.samples, count);
        this.#concealment.fade(MADE.samples, count);
      } else this.#concealment.conceal(MADE.samples, count);
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
      if (this.#noisy) this.#noise?.fill(MADE.samples, count);
      else MADE.samples.fill(0, 0, count);
      if (isFirst) this.#concealment.end(MADE.samples, count);
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

  #playMade(count: Samples): void {
    if (this.#stopped) return;
    this.#timeline.advance(count);
    this.#sink.audio(MADE.cut(count).bytes);
  }
}
