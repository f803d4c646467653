/**
 * What comes from WebAssembly, as interfaces: whoever has loaded it hands it in.
 *
 * @module
 */

import type { Hertz, Samples } from "../base/units.ts";

/** Decodes one stream of Opus. RFC 6716. */
export interface OpusDecoder {
  /** As {@linkcode AudioCodec.decode}. */
  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples;
  /** As {@linkcode AudioCodec.conceal}. */
  conceal(out: Int16Array, count: Samples): Samples;
  /** As {@linkcode AudioCodec.recover}. */
  recover(
    payload: Uint8Array,
    offset: number,
    length: number,
    out: Int16Array,
    count: Samples,
  ): Samples;
  reset(): void;
  /** Gives its memory back. Safe to call twice. */
  close(): void;
}

/** Encodes one stream of Opus, for speech: with in-band FEC and DTX. RFC 6716, RFC 7587. */
export interface OpusEncoder {
  /** As {@linkcode AudioCodec.encode}. */
  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number;
  reset(): void;
  /** Gives its memory back. Safe to call twice. */
  close(): void;
}

/** What a peer asks of the Opus that it is sent. RFC 7587 §6.1 */
export interface OpusWishes {
  /** Nothing above half of it can be played. */
  readonly maxPlaybackRate: Hertz;
  /** Bits a second; `undefined`: as many as it takes. */
  readonly maxAverageBitrate: number | undefined;
  readonly constantBitrate: boolean;
}

/** Opus, loaded. Rates are 8000, 12000, 16000, 24000 or 48000; one channel. */
export interface OpusLibrary {
  openDecoder(rate: Hertz): OpusDecoder;
  /** @param wishes Nothing is asked for when absent. */
  openEncoder(rate: Hertz, wishes?: OpusWishes): OpusEncoder;
}

/** Tells speech from other sound in one stream. */
export interface VoiceDetector {
  /**
   * Looks at one frame.
   *
   * @param samples 10, 20 or 30 ms at the detector's rate, from `offset` on.
   */
  isVoice(samples: Int16Array, offset: number, length: Samples): boolean;
  reset(): void;
  /** Gives its memory back. Safe to call twice. */
  close(): void;
}

/** The voice detector, loaded. */
export interface VoiceDetectorLibrary {
  /**
   * @param rate 8000, 16000, 32000 or 48000.
   * @param aggressiveness 0 to 3: how much is taken for noise.
   */
  open(rate: Hertz, aggressiveness: 0 | 1 | 2 | 3): VoiceDetector;
}

/** What is loaded. A process that needs none of it loads none. */
export interface AudioLibraries {
  readonly opus?: OpusLibrary | undefined;
  readonly voiceDetector?: VoiceDetectorLibrary | undefined;
}
