/**
 * Plays decoded frames so that the handler's timeline stays with the clock: as they come as long as
 * that fits, shorter, longer or not at all when it does not.
 *
 * Two things move the timeline: a peer whose clock drifts against ours, which is made up for by a
 * pitch period now and then, long before it matters; and bursts and senders at a wrong pace, which
 * come to the bounds.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp, Samples } from "../base/units.ts";
import { ClockDrift, DRIFT_MS_MAX } from "./clock_drift.ts";
import type { Playout } from "./playout.ts";
import { FILL_MS, LEAD_MS_MAX, QUIET_LEAD_MS_MAX } from "./playout_timeline.ts";

/** Speech is stretched no more often than this. */
const STRETCH_INTERVAL_MS: Millis = 100;
/** For so much more drift a quiet frame is waited for. */
const QUIET_WAIT_MS: Millis = 2;
/** Silence would come between two packets of speech when the next were this late. */
const FILL_MARGIN_MS: Millis = 5;

/** The placement of one call's frames. Hot path: a frame that fits costs a few comparisons. */
export class FramePlacement {
  readonly #playout: Playout;
  readonly #drift: ClockDrift;
  readonly #perMs: number;
  readonly #fill: Samples;
  readonly #lead: Samples;
  readonly #quietLead: Samples;
  #stretchedAt: Millis = -Infinity;

  constructor(playout: Playout, rates: { readonly rate: Hertz; readonly clockRate: Hertz }) {
    this.#playout = playout;
    this.#drift = new ClockDrift(rates.clockRate);
    this.#perMs = rates.rate / 1000;
    this.#fill = Math.round(FILL_MS * this.#perMs);
    this.#lead = LEAD_MS_MAX * this.#perMs;
    this.#quietLead = QUIET_LEAD_MS_MAX * this.#perMs;
  }

  /** Takes the arrival of an audio packet in order. */
  arrive(timestamp: RtpTimestamp, now: Millis): void {
    this.#drift.arrive(timestamp, now);
  }

  /**
   * Plays the first `count` samples of the playout, changed in length if it must be.
   *
   * @param patience How much longer than the reserve silence waits.
   * @param waiting Samples that are played at once after these: without them, nothing is late.
   * @returns `false` when there was no room for them ahead of the clock.
   */
  place(count: Samples, patience: Millis, waiting: Samples, now: Millis): boolean {
    const ahead = count - this.#playout.lag(now);
    const behind = -ahead - waiting;
    if (ahead <= this.#quietLead && behind <= this.#playout.reserve && this.#drift.excess === 0) {
      if (behind + count < this.#fillEdge(patience)) {
        this.#playout.play(count);
        return true;
      }
    }
    if (ahead > this.#quietLead) return this.#placeAhead(count, ahead, now);
    this.#placeOdd(count, behind, patience, now);
    return true;
  }

  /** Something else than drift moved the timeline. */
  settle(): void {
    this.#drift.settle();
  }

  /** A stream with another time base, and maybe another clock rate, follows. */
  restart(clockRate: Hertz): void {
    this.#drift.restart(clockRate);
  }

  /** Parts per million that the peer's clock is faster than ours; 0 until that can be told. */
  get driftPpm(): number {
    return this.#drift.ppm;
  }

  /** How far behind the clock the timeline is when silence is nearly due. */
  #fillEdge(patience: Millis): Samples {
    return this.#playout.reserve + (patience - FILL_MARGIN_MS) * this.#perMs;
  }

  /** @param behind How far behind the clock the timeline is going to be. */
  #placeOdd(count: Samples, behind: Samples, patience: Millis, now: Millis): void {
    const quiet = this.#playout.isQuiet(count);
    if (quiet && behind > this.#playout.reserve) {
      // Silence grows, so that the next speech has its reserve.
      this.#playout.silence(this.#fill);
      this.#drift.settle();
      this.#playout.play(count);
    } else if (behind + count >= this.#fillEdge(patience)) {
      this.#playout.play(this.#stretch(count, "longer", now));
      this.#drift.settle();
    } else this.#playout.play(this.#correct(count, quiet, now));
  }

  /** Far ahead of the clock, silence is dropped, and a little later anything. */
  #placeAhead(count: Samples, ahead: Samples, now: Millis): boolean {
    const quiet = this.#playout.isQuiet(count);
    this.#drift.settle();
    const shorter = quiet ? count : this.#stretch(count, "shorter", now);
    if (quiet || ahead - (count - shorter) > this.#lead) {
      this.#playout.leaveOut();
      return false;
    }
    this.#playout.play(shorter);
    return true;
  }

  /** Makes up for drift in a frame that is quiet, or in any when it cannot wait. */
  #correct(count: Samples, quiet: boolean, now: Millis): Samples {
    const excess = this.#drift.excess;
    if (excess === 0 || (!quiet && Math.abs(excess) < DRIFT_MS_MAX + QUIET_WAIT_MS)) return count;
    const stretched = this.#stretch(count, excess > 0 ? "longer" : "shorter", now);
    if (stretched !== count) this.#drift.correct((stretched - count) / this.#perMs);
    return stretched;
  }

  #stretch(count: Samples, to: "longer" | "shorter", now: Millis): Samples {
    if (now - this.#stretchedAt < STRETCH_INTERVAL_MS) return count;
    this.#stretchedAt = now;
    return this.#playout.stretch(count, to);
  }
}
