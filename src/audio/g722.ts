/**
 * G.722 at 64 kbit/s, ITU-T G.722 mode 1: speech of 7 kHz in two sub-bands of ADPCM.
 *
 * RFC 3551 §4.5.2: the RTP clock is 8000 by an old mistake, the samples are at 16 kHz. One byte is
 * two samples.
 *
 * @module
 */

import type { Samples } from "../base/units.ts";
import type { AudioCodec } from "./codec.ts";
import { Concealment } from "./concealment.ts";
import { G722HighBand, G722LowBand } from "./g722_band.ts";
import { BAND_BLOCK, G722Analysis, G722Synthesis } from "./g722_filter.ts";

const SAMPLE_RATE = 16_000;
const CLOCK_RATE = 8000;

/** For each such stretch of made-up sound, what the predictors have learned counts for less. */
const RELAX_SAMPLES: Samples = 320;

/** So much of the made-up sound is like what is lost; the rest is too faint to learn from. */
const LIKELY_SAMPLES: Samples = 640;

/** G.722 of one call. */
export class G722Codec implements AudioCodec {
  readonly name = "G722";
  readonly sampleRate = SAMPLE_RATE;
  readonly clockRate = CLOCK_RATE;
  readonly #encoder = new G722Encoder();
  readonly #decoder = new G722Decoder();

  samplesMax(payloadBytes: number): Samples {
    return payloadBytes * 2;
  }

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    return this.#decoder.decode(payload, offset, length, out);
  }

  /** An odd last sample waits for the next call. */
  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    return this.#encoder.encode(samples, offset, length, out, outOffset);
  }

  conceal(out: Int16Array, count: Samples): Samples {
    return this.#decoder.conceal(out, count);
  }

  resetDecoder(): void {
    this.#decoder.reset();
  }

  resetEncoder(): void {
    this.#encoder.reset();
  }

  close(): void {}
}

/** One direction of a call; takes samples in pieces of any size. */
class G722Encoder {
  readonly #analysis = new G722Analysis();
  readonly #low = new G722LowBand();
  readonly #high = new G722HighBand();
  /** The first sample of a pair whose second is still to come. */
  readonly #pair = new Int16Array(2);
  #isHalf = false;

  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    const end = offset + length;
    let from = offset;
    let written = 0;
    if (this.#isHalf && from < end) {
      this.#pair[1] = samples[from] as number;
      this.#isHalf = false;
      written += this.#encodeBlock(this.#pair, 0, 1, out, outOffset);
      from++;
    }
    while (from + 1 < end) {
      const count = Math.min(BAND_BLOCK, (end - from) >> 1);
      written += this.#encodeBlock(samples, from, count, out, outOffset + written);
      from += 2 * count;
    }
    if (from < end) {
      this.#pair[0] = samples[from] as number;
      this.#isHalf = true;
    }
    return written;
  }

  reset(): void {
    this.#analysis.reset();
    this.#low.reset();
    this.#high.reset();
    this.#isHalf = false;
  }

  /** Encodes `count` pairs. */
  #encodeBlock(
    samples: Int16Array,
    offset: number,
    count: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    const analysis = this.#analysis;
    analysis.process(samples, offset, count);
    for (let index = 0; index < count; index++) {
      out[outOffset + index] = this.#low.encode(analysis.low[index] as number) |
        this.#high.encode(analysis.high[index] as number) << 6;
    }
    return count;
  }
}

/** The other direction, with what is made up for lost codes. */
class G722Decoder {
  readonly #low = new G722LowBand();
  readonly #high = new G722HighBand();
  readonly #synthesis = new G722Synthesis();
  readonly #concealment = new Concealment(SAMPLE_RATE);
  /** Parts what is made up. */
  readonly #analysis = new G722Analysis();
  /** Samples made up since the last real one. */
  #made: Samples = 0;

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    if (length === 0) return 0;
    if (this.#made > 0) this.#relax();
    for (let from = 0; from < length; from += BAND_BLOCK) {
      const count = Math.min(BAND_BLOCK, length - from);
      this.#decodeBlock(payload, offset + from, count, out, 2 * from);
    }
    this.#concealment.good(out, 2 * length);
    this.#analysis.follow(out, 2 * length);
    return 2 * length;
  }

  /**
   * Repeats the last pitch periods, and encodes them: so the bands are where the peer's would be
   * if it had sent that, and what comes next does not burst, as it does on the state of before.
   */
  conceal(out: Int16Array, count: Samples): Samples {
    const made = Math.min(count, this.#concealment.left);
    if (made === 0) return 0;
    this.#concealment.conceal(out, made);
    this.#learn(out, Math.min(made, LIKELY_SAMPLES - this.#made) >> 1);
    this.#made += made;
    return made;
  }

  reset(): void {
    this.#low.reset();
    this.#high.reset();
    this.#synthesis.reset();
    this.#analysis.reset();
    this.#concealment.forget();
    this.#made = 0;
  }

  /** The first real codes come after made-up ones. */
  #relax(): void {
    for (let left = this.#made; left > 0; left -= RELAX_SAMPLES) {
      this.#low.relax();
      this.#high.relax();
    }
    this.#made = 0;
  }

  /** Encodes what was made up, for the state alone. */
  #learn(samples: Int16Array, pairs: number): void {
    const analysis = this.#analysis;
    for (let from = 0; from < pairs; from += BAND_BLOCK) {
      const count = Math.min(BAND_BLOCK, pairs - from);
      analysis.process(samples, 2 * from, count);
      for (let index = 0; index < count; index++) {
        this.#low.encode(analysis.low[index] as number);
        this.#high.encode(analysis.high[index] as number);
      }
    }
  }

  #decodeBlock(
    payload: Uint8Array,
    offset: number,
    count: number,
    out: Int16Array,
    outOffset: number,
  ): void {
    const synthesis = this.#synthesis;
    for (let index = 0; index < count; index++) {
      const code = payload[offset + index] as number;
      synthesis.low[index] = this.#low.decode(code & 0x3f);
      synthesis.high[index] = this.#high.decode(code >> 6);
    }
    synthesis.process(count, out, outOffset);
  }
}
