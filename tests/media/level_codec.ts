/**
 * A codec for tests: a payload is a level, and a frame of samples that all have it. It has means of
 * its own against loss, which can be told from all others.
 *
 * @module
 */

import type { AudioCodec } from "../../src/audio/codec.ts";
import type { Hertz, Samples } from "../../src/base/units.ts";

/** What the codec makes up. */
export const CONCEALED_LEVEL = 3000;

interface LevelCodecOptions {
  readonly sampleRate: Hertz;
  readonly clockRate: Hertz;
  /** Whether it has means of its own against loss. */
  readonly means?: boolean;
}

/** Payload: the level, then that of the frame before; 20 ms. */
export class LevelCodec implements AudioCodec {
  readonly name = "opus";
  readonly sampleRate: Hertz;
  readonly clockRate: Hertz;
  readonly conceal?: (out: Int16Array, count: Samples) => Samples;
  readonly recover?: AudioCodec["recover"] & ((...parts: never[]) => Samples);
  resets = 0;
  isClosed = false;

  constructor({ sampleRate, clockRate, means = false }: LevelCodecOptions) {
    this.sampleRate = sampleRate;
    this.clockRate = clockRate;
    if (!means) return;
    this.conceal = (out, count) => {
      out.fill(CONCEALED_LEVEL, 0, count);
      return count;
    };
    this.recover = (payload, offset, length, out, count) => {
      if (length < 4) return 0;
      out.fill(levelAt(payload, offset + 2), 0, count);
      return count;
    };
  }

  samplesMax(): Samples {
    return this.sampleRate / 50;
  }

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    if (this.isClosed) throw new Error("A closed codec was asked to decode");
    if (length < 2) return 0;
    out.fill(levelAt(payload, offset), 0, this.sampleRate / 50);
    return this.sampleRate / 50;
  }

  encode(samples: Int16Array, offset: number, _length: number, out: Uint8Array): number {
    const level = samples[offset] as number;
    out[0] = level >> 8;
    out[1] = level;
    return 2;
  }

  resetDecoder(): void {
    this.resets++;
  }

  resetEncoder(): void {}

  close(): void {
    this.isClosed = true;
  }
}

function levelAt(payload: Uint8Array, offset: number): number {
  return (((payload[offset] as number) << 24) >> 16) | (payload[offset + 1] as number);
}
