/**
 * From samples at the handler's rate to the payload of a packet: the change of rate, where there is
 * one, and the codec.
 *
 * The change of rate delays the sound by less than 5 ms. What it still holds when audio ends on the
 * edge of a frame is not heard: the stream says how much time passed, not that a filter rings.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import { NO_SAMPLES } from "../audio/no_samples.ts";
import { StreamResampler } from "../audio/stream_resampler.ts";
import type { Hertz, Millis, Samples } from "../base/units.ts";
import { RTP_HEADER_BYTES } from "../rtp/packet.ts";

/** The longest frame that is encoded at once. */
export const FRAME_MS_MAX: Millis = 60;

/** The encoder of one stream. Hot path: a frame allocates nothing. */
export class FrameEncoder {
  readonly #rate: Hertz;
  readonly #room: Uint8Array;
  #codec: AudioCodec;
  /** `undefined`: both rates are the same. */
  #resampler: StreamResampler | undefined;
  /** At the rate of the codec. */
  #resampled = NO_SAMPLES;

  /**
   * @param rate Of the samples.
   * @param room Where the header and behind it the payload go, which may be as long as
   * {@linkcode FRAME_MS_MAX} become in any codec.
   */
  constructor(options: { readonly codec: AudioCodec; readonly rate: Hertz }, room: Uint8Array) {
    this.#rate = options.rate;
    this.#room = room;
    this.#codec = options.codec;
    this.codec = options.codec;
  }

  get codec(): AudioCodec {
    return this.#codec;
  }

  /** Another codec from now on; nothing of the sound before goes into it. */
  set codec(codec: AudioCodec) {
    this.#codec = codec;
    const from = this.#rate;
    const to = codec.sampleRate;
    this.#resampler = from === to ? undefined : new StreamResampler({ from, to });
    this.#resampled = this.#resampler === undefined
      ? NO_SAMPLES
      : new Int16Array(this.#resampler.outputMax(from * FRAME_MS_MAX / 1000));
  }

  /**
   * Encodes the first `count` samples.
   *
   * @returns Count of bytes written; 0 when nothing need be sent for this frame (DTX).
   */
  encode(samples: Int16Array, count: Samples): number {
    const room = this.#room;
    const resampler = this.#resampler;
    if (resampler === undefined) {
      return this.#codec.encode(samples, 0, count, room, RTP_HEADER_BYTES);
    }
    const length = resampler.process(samples, 0, count, this.#resampled);
    return this.#codec.encode(this.#resampled, 0, length, room, RTP_HEADER_BYTES);
  }

  /**
   * Encodes silence. A codec that has nothing to say of silence begins anew, since what it says
   * first always has to be sent.
   *
   * @returns Count of bytes written.
   */
  encodeSilence(length: Millis): number {
    const room = this.#room;
    const count = Math.floor(length * this.#codec.sampleRate / 1000);
    const silence = new Int16Array(count);
    const written = this.#codec.encode(silence, 0, count, room, RTP_HEADER_BYTES);
    if (written > 0) return written;
    this.#codec.resetEncoder();
    return this.#codec.encode(silence, 0, count, room, RTP_HEADER_BYTES);
  }

  /**
   * A talkspurt begins: the change of rate forgets the one before. The codec does not: the peer's
   * decoder is where our encoder has left it, and a G.722 decoder that is taken for a fresh one
   * bursts out twenty times as loud for 40 ms.
   */
  beginSpurt(): void {
    this.#resampler?.reset();
  }
}
