/**
 * What the caller hears while a handler waits: a sound, over and over, beside the handler's audio
 * and without an effect on what is told of that.
 *
 * It goes the same way as the handler's audio, which has to be all played by then. So the marks and
 * counts of the way are the sound's as long as it plays; what they come to is kept here, for others
 * to take it off.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { MediaSession } from "../media/media_session.ts";

/** What of the statistics of a call's media is no handler's. */
export interface PromptCounts {
  readonly playedMs: Millis;
  readonly droppedMs: Millis;
  readonly skippedMs: Millis;
  readonly underruns: number;
}

/** The counts of a call without any prompt. */
export const NO_PROMPT: PromptCounts = { playedMs: 0, droppedMs: 0, skippedMs: 0, underruns: 0 };

/** One more piece is written when a piece has been sent: the caller hears little of it after. */
const PIECE: Millis = 60;

/** Pieces that wait in the queue. */
const PIECES_AHEAD = 2;

/** Nobody hears of these. */
const MARK = "";

/** One sound that is played until it is stopped. */
export class WaitingPrompt {
  readonly #media: MediaSession;
  readonly #pcm: Uint8Array;
  readonly #piece: Uint8Array;
  /** Counts of the media when it began. */
  readonly #before: PromptCounts;
  /** Where in the sound it goes on. */
  #position = 0;

  /**
   * @param pcm s16le mono at `rate`, not empty; not written to.
   * @param rate Of the handlers' PCM.
   */
  constructor(media: MediaSession, pcm: Uint8Array, rate: Hertz) {
    this.#media = media;
    this.#pcm = pcm;
    this.#piece = new Uint8Array(PIECE * rate / 1000 * 2);
    this.#before = countsOf(media);
  }

  /** How much of the media's audio had been played before, whoever's it was. */
  get playedBeforeMs(): Millis {
    return this.#before.playedMs;
  }

  /** What has become of it so far. */
  get counts(): PromptCounts {
    return difference(countsOf(this.#media), this.#before);
  }

  start(now: Millis): void {
    for (let count = 0; count < PIECES_AHEAD; count++) this.continue(now);
  }

  /** A mark of the media has been passed. */
  continue(now: Millis): void {
    const piece = this.#piece;
    for (let filled = 0; filled < piece.length;) {
      const part = this.#pcm.subarray(this.#position, this.#position + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      this.#position = (this.#position + part.length) % this.#pcm.length;
    }
    this.#media.write(piece, now);
    this.#media.mark(MARK, now);
  }

  /**
   * Ends it, fading. Its marks come back before the return.
   *
   * @returns What became of it.
   */
  stop(now: Millis): PromptCounts {
    const { playedMs } = this.#media.clear(now);
    // The fade-out counts already
    return { ...this.counts, playedMs: playedMs - this.#before.playedMs };
  }
}

/** Puts the counts of two prompts together. */
export function addCounts(one: PromptCounts, other: PromptCounts): PromptCounts {
  return {
    playedMs: one.playedMs + other.playedMs,
    droppedMs: one.droppedMs + other.droppedMs,
    skippedMs: one.skippedMs + other.skippedMs,
    underruns: one.underruns + other.underruns,
  };
}

function difference(after: PromptCounts, before: PromptCounts): PromptCounts {
  return {
    playedMs: after.playedMs - before.playedMs,
    droppedMs: after.droppedMs - before.droppedMs,
    skippedMs: after.skippedMs - before.skippedMs,
    underruns: after.underruns - before.underruns,
  };
}

function countsOf(media: MediaSession): PromptCounts {
  const { played_ms, dropped_ms, skipped_ms, underruns } = media.statistics();
  return { playedMs: played_ms, droppedMs: dropped_ms, skippedMs: skipped_ms, underruns };
}
