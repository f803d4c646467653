/**
 * How losses are spread: alone or in bursts, which are heard differently. RFC 3611 §4.7.2.
 *
 * A burst begins and ends with a loss, and has fewer than Gmin packets in order between two losses;
 * all else is a gap.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { GAP_PACKETS_MIN } from "./rtcp_extended.ts";

/** Densities are shares of lost packets, 0 to 1. */
export interface LossFigures {
  readonly burstDensity: number;
  readonly gapDensity: number;
  /** Mean length of a burst. */
  readonly burstMs: Millis;
  /** Mean length of a gap. */
  readonly gapMs: Millis;
  /** Mean count of losses in a row, against what chance would make; 1 without any. */
  readonly burstRatio: number;
}

/** Counts losses of one stream in the order of its packets. Hot path: plain numbers. */
export class LossPattern {
  #received = 0;
  #lost = 0;
  /** Losses in a row count once. */
  #runs = 0;
  /** Received since the last loss. */
  #since = 0;
  /** Losses of the burst that may be under way. */
  #inBurst = 0;
  #bursts = 0;
  #burstLost = 0;
  #burstReceived = 0;
  #gapLost = 0;
  /** Received between the losses of the burst that may be under way. */
  #between = 0;

  received(): void {
    this.#received++;
    this.#since++;
  }

  /** So many packets in a row were not there. */
  lost(count: number): void {
    if (count === 0) return;
    this.#runs++;
    if (this.#lost > 0 && this.#since < GAP_PACKETS_MIN) this.#between += this.#since;
    else this.#endBurst();
    this.#inBurst += count;
    this.#lost += count;
    this.#since = 0;
  }

  /** @param packetMs Length of a packet. */
  figures(packetMs: Millis): LossFigures {
    const open = this.#inBurst > 1 ? 1 : 0;
    const bursts = this.#bursts + open;
    const burstLost = this.#burstLost + (open === 1 ? this.#inBurst : 0);
    const burstReceived = this.#burstReceived + (open === 1 ? this.#between : 0);
    const gapLost = this.#gapLost + (this.#inBurst === 1 ? 1 : 0);
    const inBursts = burstLost + burstReceived;
    const total = this.#received + this.#lost;
    const inGaps = total - inBursts;
    return {
      burstDensity: inBursts === 0 ? 0 : burstLost / inBursts,
      gapDensity: inGaps === 0 ? 0 : gapLost / inGaps,
      burstMs: bursts === 0 ? 0 : inBursts * packetMs / bursts,
      gapMs: inGaps * packetMs / (bursts + 1),
      burstRatio: this.#runs === 0
        ? 1
        : Math.max(1, this.#lost / this.#runs * (1 - this.#lost / total)),
    };
  }

  /** A loss alone belongs to the gap. */
  #endBurst(): void {
    if (this.#inBurst === 1) this.#gapLost++;
    else if (this.#inBurst > 1) {
      this.#bursts++;
      this.#burstLost += this.#inBurst;
      this.#burstReceived += this.#between;
    }
    this.#inBurst = 0;
    this.#between = 0;
  }
}
