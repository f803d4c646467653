/**
 * How good a call sounds, from what is counted: the E-model of ITU-T G.107, as far as a gateway can
 * know its inputs.
 *
 * Levels, side tone and room noise have their defaults, so that delay, loss and codec are what is
 * left: R = 93.2 - Id - Ie,eff. The scale is that of narrow-band telephony; a wideband codec is not
 * given more than that scale has.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** What the model needs to know of one direction. */
export interface QualityInputs {
  /** Encoding name. */
  readonly codec: string;
  /** Share of the packets that were not heard, 0 to 1. */
  readonly lossShare: number;
  /**
   * How much longer losses are in a row than they would be by chance; 1: by chance. G.107 §3.5
   */
  readonly burstRatio: number;
  /** From mouth to ear. */
  readonly oneWayDelay: Millis;
}

/** What comes out. */
export interface Quality {
  /** Transmission rating, 0 to 93.2. */
  readonly r: number;
  /** Mean opinion score of a conversation, 1 to 4.41. */
  readonly mos: number;
}

/** R with default values of everything that is not looked at. G.107 table 2 */
const R_MAX = 93.2;

/** What a codec costs by itself, and how well it bears loss. G.113 appendix I */
interface Impairment {
  readonly ie: number;
  readonly bpl: number;
}

/**
 * G.711 with concealment, for losses by chance: G.113 appendix I. It stands for all: the values that
 * G.113 has for G.722 belong to the wideband scale, and losses are concealed in the same way.
 */
const CONCEALED: Impairment = { ie: 0, bpl: 25.1 };

/**
 * Opus recovers single losses from the next packet, where the peer sends that. No recommendation
 * has a value for it: this one is ours, somewhat above G.711's.
 */
const RECOVERED: Impairment = { ie: 0, bpl: 35 };

/** Estimates the quality of one direction. */
export function estimateQuality(inputs: QualityInputs): Quality {
  const { codec, oneWayDelay } = inputs;
  const { ie, bpl } = codec.toLowerCase() === "opus" ? RECOVERED : CONCEALED;
  const lossPercent = 100 * clamp(inputs.lossShare, 0, 1);
  const burstRatio = Math.max(1, inputs.burstRatio);
  // G.107 §7.4, equation for Ie,eff
  const equipment = ie + (95 - ie) * lossPercent / (lossPercent / burstRatio + bpl);
  const r = clamp(R_MAX - delayImpairment(oneWayDelay) - equipment, 0, 100);
  return { r, mos: mosOf(r) };
}

/** The part of Id that grows with the delay, in its usual linear form: a knee at 177.3 ms. */
function delayImpairment(delay: Millis): number {
  const d = Math.max(0, delay);
  return 0.024 * d + (d > 177.3 ? 0.11 * (d - 177.3) : 0);
}

/** G.107 annex B. */
export function mosOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
