/**
 * G.711 (PCMU and PCMA, RFC 3551 §4.5.14) as tables, filled once when the module loads.
 *
 * The companding laws come from the package `alawmulaw`, whose values agree with ITU-T G.711 in
 * sign and level: full scale of the mu-law is 32124, of the A-law 32256. After start, a sample
 * costs one look-up in either direction.
 *
 * @module
 */

import * as imported from "alawmulaw";
import type { Samples } from "../base/units.ts";
import type { AudioCodec, CodecName } from "./codec.ts";

/** One companding law, sample by sample. */
interface Law {
  encodeSample(sample: number): number;
  decodeSample(code: number): number;
}

type Laws = { readonly alaw: Law; readonly mulaw: Law };

// Runtimes differ in whether this CommonJS package shows its names beside its default export or
// only under it.
const laws = (Reflect.get(imported, "default") ?? imported) as Laws;

const G711_RATE = 8000;

/** One law of G.711 as a codec: one byte is one sample of 125 µs. */
class G711Codec implements AudioCodec {
  readonly name: CodecName;
  readonly sampleRate = G711_RATE;
  readonly clockRate = G711_RATE;
  readonly #linear = new Int16Array(256);
  readonly #codes = new Uint8Array(65536);

  constructor(name: CodecName, law: Law) {
    this.name = name;
    for (let code = 0; code < 256; code++) this.#linear[code] = law.decodeSample(code);
    for (let sample = -32768; sample < 32768; sample++) {
      this.#codes[sample & 0xffff] = law.encodeSample(sample);
    }
  }

  samplesMax(payloadBytes: number): Samples {
    return payloadBytes;
  }

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    const linear = this.#linear;
    for (let index = 0; index < length; index++) {
      out[index] = linear[payload[offset + index] as number] as number;
    }
    return length;
  }

  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    const codes = this.#codes;
    for (let index = 0; index < length; index++) {
      out[outOffset + index] = codes[(samples[offset + index] as number) & 0xffff] as number;
    }
    return length;
  }

  // Every sample stands for itself: there is nothing to forget.
  resetDecoder(): void {}

  resetEncoder(): void {}

  close(): void {}
}

/** The mu-law of North America and Japan, static payload type 0. */
export const PCMU: AudioCodec = new G711Codec("PCMU", laws.mulaw);

/** The A-law of the rest of the world, static payload type 8. */
export const PCMA: AudioCodec = new G711Codec("PCMA", laws.alaw);
