/**
 * What a peer asks of the Opus that it is sent: the parameters of `a=fmtp`. RFC 7587 §6.1, §7.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";

/** Wishes of whoever receives; all of them may be passed over, at a cost in quality. */
export interface OpusFormat {
  /** Nothing above half of it can be played: more is wasted. */
  readonly maxPlaybackRate: Hertz;
  /** Bits a second; `undefined`: as many as it takes. */
  readonly maxAverageBitrate: number | undefined;
  /** A constant bit rate is asked for. */
  readonly constantBitrate: boolean;
  /** Redundancy in the packets is made use of. */
  readonly inbandFec: boolean;
  /** Pauses may be left out. */
  readonly dtx: boolean;
}

/**
 * Reads the format parameters.
 *
 * @param parameters What follows the payload type in `a=fmtp`; values that are not allowed are
 * passed over.
 */
export function parseOpusFormat(parameters: string): OpusFormat {
  const given = new Map<string, string>();
  for (const parameter of parameters.split(";")) {
    const [name = "", value = ""] = parameter.split("=", 2);
    given.set(name.trim().toLowerCase(), value.trim());
  }
  const isSet = (name: string) => given.get(name) === "1";
  return {
    maxPlaybackRate: within(given.get("maxplaybackrate"), 8000, 48_000) ?? 48_000,
    maxAverageBitrate: within(given.get("maxaveragebitrate"), 6000, 510_000),
    constantBitrate: isSet("cbr"),
    inbandFec: isSet("useinbandfec"),
    dtx: isSet("usedtx"),
  };
}

function within(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^\d{1,7}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}
