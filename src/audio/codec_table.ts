/**
 * Which codecs there are, by the name that SDP gives them.
 *
 * @module
 */

import type { AudioCodec, CodecName } from "./codec.ts";
import { PCMA, PCMU } from "./g711.ts";

const CODECS: Readonly<Record<CodecName, AudioCodec>> = { PCMU, PCMA };

/** Finds the codec of a name. One object serves any number of calls: G.711 has no state. */
export function codecNamed(name: CodecName): AudioCodec {
  return CODECS[name];
}
