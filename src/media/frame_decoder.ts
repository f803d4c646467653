/**
 * From payload to samples at the handler's rate: the codec's decoder, and a resampler where the
 * codec's rate is another.
 *
 * What the codec makes up for lost frames, or recovers of them, takes the same way, so that no seam
 * is heard.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import { FADE_MS } from "../audio/concealment.ts";
import { NO_SAMPLES } from "../audio/no_samples.ts";
import { StreamResampler } from "../audio/stream_resampler.ts";
import type { Hertz, Samples } from "../base/units.ts";
import { HELD_PAYLOAD_BYTES_MAX } from "../rtp/reorder_window.ts";

/** Samples by which a resampler may give more than was asked for. */
export const RESAMPLING_SLACK: Samples = 16;

/** The decoder of one call. All counts of samples are at the handler's rate. Hot path. */
export class FrameDecoder {
  readonly #rate: Hertz;
  #codec: AudioCodec;
  /** Absent when the codec has the handler's rate. */
  #resampler: StreamResampler | undefined;
  /** What the codec gave, for the resampler. */
  #decoded = NO_SAMPLES;
  /** What the codec makes up for nobody, to forget. */
  #unheard = NO_SAMPLES;
  #unitsPerSample = 1;

  /** @param rate Of the handler. */
  constructor(codec: AudioCodec, rate: Hertz) {
    this.#rate = rate;
    this.#codec = codec;
    this.use(codec);
  }

  /** Another codec comes from here on. The one before is not touched again. */
  use(codec: AudioCodec): void {
    this.#codec = codec;
    const from = codec.sampleRate;
    const to = this.#rate;
    this.#unitsPerSample = codec.clockRate / to;
    this.#resampler = from === to ? undefined : new StreamResampler({ from, to });
    const room = from === to ? 0 : codec.samplesMax(HELD_PAYLOAD_BYTES_MAX);
    if (this.#decoded.length < room) this.#decoded = new Int16Array(room);
  }

  get codec(): AudioCodec {
    return this.#codec;
  }

  /** Room that {@linkcode decode} needs. */
  get samplesMax(): Samples {
    const samples = this.#codec.samplesMax(HELD_PAYLOAD_BYTES_MAX);
    return this.#resampler?.outputMax(samples) ?? samples;
  }

  /** Units of the RTP timestamp that one sample takes. */
  get unitsPerSample(): number {
    return this.#unitsPerSample;
  }

  /** Whether lost audio can be made up by the codec's own means. */
  get conceals(): boolean {
    return this.#codec.conceal !== undefined;
  }

  /** Whether payloads may carry what was lost before them. */
  get recovers(): boolean {
    return this.#codec.recover !== undefined;
  }

  /** Decodes a payload to the start of `out`. Returns 0 when it is none of this codec. */
  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    if (this.#resampler === undefined) return this.#codec.decode(payload, offset, length, out);
    const decoded = this.#codec.decode(payload, offset, length, this.#decoded);
    return this.#resampler.process(this.#decoded, 0, decoded, out);
  }

  /**
   * Makes up for `count` lost samples by the codec's own means; silence where they end.
   *
   * @param out With {@linkcode RESAMPLING_SLACK} more room than `count`.
   */
  conceal(out: Int16Array, count: Samples): void {
    const inputs = this.#inputsFor(count);
    const into = this.#resampler === undefined ? out : this.#decoded;
    const made = this.#codec.conceal?.(into, inputs) ?? 0;
    into.fill(0, Math.min(made, inputs), inputs);
    this.#finish(inputs, count, out);
  }

  /**
   * Decodes what a payload carries of the `count` samples before it; to be called before the
   * payload itself is decoded. Returns `count`, or 0 when there is nothing.
   */
  recover(
    payload: Uint8Array,
    offset: number,
    length: number,
    out: Int16Array,
    count: Samples,
  ): Samples {
    const inputs = this.#inputsFor(count);
    const into = this.#resampler === undefined ? out : this.#decoded;
    const made = this.#codec.recover?.(payload, offset, length, into, inputs) ?? 0;
    if (made === 0) return 0;
    into.fill(0, Math.min(made, inputs), inputs);
    this.#finish(inputs, count, out);
    return count;
  }

  /**
   * After silence: what was before it must not be heard again.
   *
   * @param lost Payloads were lost meanwhile, and the codec was not asked to make up for them: its
   * memory is of long ago, and what comes next would burst.
   */
  resume(lost: boolean): void {
    this.#resampler?.reset();
    if (!lost || this.#codec.conceal === undefined) return;
    const count = Math.round((FADE_MS * this.#codec.sampleRate) / 1000);
    if (this.#unheard.length < count) this.#unheard = new Int16Array(count);
    this.#codec.conceal(this.#unheard, count);
  }

  /** Another stream begins. */
  reset(): void {
    this.#codec.resetDecoder();
    this.#resampler?.reset();
  }

  #inputsFor(count: Samples): Samples {
    if (this.#resampler === undefined) return count;
    const inputs = Math.round((count * this.#codec.sampleRate) / this.#rate);
    return Math.min(inputs, this.#decoded.length);
  }

  /** Resamples, and makes it `count` where the rates do not divide. */
  #finish(inputs: Samples, count: Samples, out: Int16Array): void {
    if (this.#resampler === undefined) return;
    const made = this.#resampler.process(this.#decoded, 0, inputs, out);
    if (made < count) out.fill(made === 0 ? 0 : out[made - 1] as number, made, count);
  }
}
