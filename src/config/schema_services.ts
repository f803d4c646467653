/**
 * The keys of what handlers make use of: `speech`, `http`, `breaker`, `api`.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { SocketAddress } from "../base/socket_address.ts";

/** A program that speaks: text in its arguments or standard input, WAV or PCM out. */
export interface TtsConfig {
  /** argv; `{text}`, `{language}` and `{voice}` are filled in, without `{text}` it is written to standard input. */
  readonly exec: readonly string[];
  /** Hz of PCM without a WAV header. */
  readonly rate: Hertz;
  /** To the first sound, and without any. */
  readonly timeout: Millis;
}

/** A program that listens: PCM in, lines of JSON or text out. */
export interface SttConfig {
  /** argv; `{language}` is filled in. */
  readonly exec: readonly string[];
  /** Hz of the PCM that it gets. */
  readonly rate: Hertz;
  /** From the end of what it hears to its last word. */
  readonly timeout: Millis;
}

/** Programs that speak and listen. */
export interface SpeechConfig {
  readonly tts?: TtsConfig;
  readonly stt?: SttConfig;
}

/** What handlers may ask of web servers. */
export interface HttpConfig {
  /**
   * Where URLs may lead that stand in responses and not in this file: to the server that sent the
   * response and to public addresses (`public`), or anywhere (`any`).
   */
  readonly targets: "public" | "any";
}

/** When a server is left alone. */
export interface BreakerConfig {
  /** Failures in a row; 0: it never is. */
  readonly failures: number;
  /** For how long, before one call tries it again. */
  readonly pause: Millis;
}

/** The web server of ours. */
export interface ApiConfig {
  readonly listen: SocketAddress;
  /** Under which URL others reach it; default: that of `listen`. */
  readonly url?: string;
}
