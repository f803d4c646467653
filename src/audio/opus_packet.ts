/**
 * What the first bytes of an Opus packet tell without decoding it. RFC 6716 §3, §4.2.3.
 *
 * @module
 */

/** From this configuration on a packet has no LP layer, and so no FEC. RFC 6716 §3.1, table 2. */
const CELT_CONFIG = 16;
/** From this one on its frames are at most 20 ms long. */
const HYBRID_CONFIG = 12;

/**
 * Tells whether a packet carries the frame before it once more (LBRR, in-band FEC).
 *
 * @param payload Anything: damaged packets carry nothing.
 */
export function carriesRedundancy(payload: Uint8Array, offset: number, length: number): boolean {
  if (length < 2) return false;
  const toc = payload[offset] as number;
  const config = toc >> 3;
  if (config >= CELT_CONFIG) return false;
  const start = firstFrame(payload, offset, offset + length);
  if (start === undefined) return false;
  // §4.2.3: for each channel a VAD flag for every 20 ms, and then the LBRR flag
  const size = config < HYBRID_CONFIG ? config & 3 : 0;
  const flags = size <= 1 ? 1 : size;
  const bits = payload[start] as number;
  const isStereo = (toc & 4) !== 0;
  return (bits >> (7 - flags) & 1) !== 0 || (isStereo && (bits >> (6 - 2 * flags) & 1) !== 0);
}

/** Where the first frame of a packet begins; `undefined` when there is none or it is empty. */
function firstFrame(payload: Uint8Array, offset: number, end: number): number | undefined {
  const code = (payload[offset] as number) & 3;
  // §3.2.2, §3.2.3: one frame, or two of the same length
  if (code < 2) return offset + 1;
  // §3.2.4: two frames, the length of the first before it
  if (code === 2) return behindLength(payload, offset + 1, end);
  // §3.2.5: any number of frames; perhaps padding, perhaps lengths
  const count = payload[offset + 1] as number;
  const frames = count & 0x3f;
  let at = offset + 2;
  let padding = 0;
  for (let more = (count & 0x40) !== 0; more; at++) {
    if (at >= end) return undefined;
    more = payload[at] === 255;
    padding += more ? 254 : payload[at] as number;
  }
  const room = end - padding - at;
  if (frames === 0 || room < frames) return undefined;
  if ((count & 0x80) === 0 || frames === 1) return at;
  const first = behindLength(payload, at, end - padding);
  // The lengths of the others, all but the last, come before the first frame
  return first === undefined ? undefined : behindLengths(payload, first, frames - 2, end - padding);
}

/** §3.2.1: what is behind a length of one or two bytes; `undefined` when the length is 0. */
function behindLength(payload: Uint8Array, at: number, end: number): number | undefined {
  if (at >= end || payload[at] === 0) return undefined;
  const start = at + ((payload[at] as number) < 252 ? 1 : 2);
  return start < end ? start : undefined;
}

function behindLengths(
  payload: Uint8Array,
  offset: number,
  count: number,
  end: number,
): number | undefined {
  let at = offset;
  for (let index = 0; index < count; index++) {
    at += (payload[at] as number) < 252 ? 1 : 2;
    if (at >= end) return undefined;
  }
  return at;
}
