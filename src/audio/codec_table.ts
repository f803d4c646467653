/**
 * Which codecs there are, by the name that SDP gives them.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import type { AudioLibraries, OpusWishes } from "./audio_libraries.ts";
import type { AudioCodec, CodecName } from "./codec.ts";
import { PCMA, PCMU } from "./g711.ts";
import { G722Codec } from "./g722.ts";
import { L16_16000, L16_44100, L16_8000 } from "./l16.ts";
import { createOpus } from "./opus.ts";

/** What a codec may make use of. */
export interface CodecOptions {
  /** At which the other side of the codec wants its samples; some codecs can meet it. */
  readonly rate: Hertz;
  readonly libraries: AudioLibraries;
  /** What the peer asks of Opus. */
  readonly opus?: OpusWishes | undefined;
}

const CODECS: Readonly<Record<CodecName, (options: CodecOptions) => AudioCodec>> = {
  // One object serves any number of calls: G.711 and L16 have no state.
  PCMU: () => PCMU,
  PCMA: () => PCMA,
  G722: () => new G722Codec(),
  opus: createOpus,
  "L16/8000": () => L16_8000,
  "L16/16000": () => L16_16000,
  "L16/44100": () => L16_44100,
};

/**
 * Makes the codec of one call.
 *
 * @throws {RangeError} When the codec needs a library that is not loaded.
 */
export function createCodec(name: CodecName, options: CodecOptions): AudioCodec {
  return CODECS[name](options);
}
