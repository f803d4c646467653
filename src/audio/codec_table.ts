/**
 * Which codecs there are, by the name that SDP gives them.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import type { AudioLibraries } from "./audio_libraries.ts";
import type { AudioCodec, CodecName } from "./codec.ts";
import { PCMA, PCMU } from "./g711.ts";

/** What a codec may make use of. */
export interface CodecOptions {
  /** At which the other side of the codec wants its samples; some codecs can meet it. */
  readonly rate: Hertz;
  readonly libraries: AudioLibraries;
}

const CODECS: Readonly<Record<string, (options: CodecOptions) => AudioCodec>> = {
  // One object serves any number of calls: G.711 has no state.
  PCMU: () => PCMU,
  PCMA: () => PCMA,
};

/**
 * Makes the codec of one call.
 *
 * @throws {RangeError} When the codec needs a library that is not loaded.
 */
export function createCodec(name: CodecName, options: CodecOptions): AudioCodec {
  const create = CODECS[name];
  if (create === undefined) throw new RangeError(`The codec ${name} is not there`);
  return create(options);
}
