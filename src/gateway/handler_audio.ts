/**
 * The way of a handler's audio into its call: held back until the media is open, muted while a
 * clear is under way. What the caller hears instead while the handler waits stands aside for it,
 * and is in none of its counts.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { MediaSession } from "../media/media_session.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import { addCounts, NO_PROMPT, WaitingPrompt } from "./waiting_prompt.ts";

/** What is held back before the media is open; then the handler is asked to stop writing. */
const HELD_HIGH: Millis = 1000;

/** What is held back at most: the bound of what a handler may still bring after it was asked to stop. */
const HELD_MAX: Millis = 30_000;

/** Audio from one call's handlers. */
export class HandlerAudio {
  /** Of s16le PCM. */
  readonly #bytesPerMs: number;
  #media: MediaSession | undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Marks that came before the media was open. */
  #heldMarks: string[] = [];
  /** `clearAudio` calls whose `clear` has not come yet. */
  #clearsUnderWay = 0;
  /** Dropped by the clear under way. */
  #droppedMs: Millis = 0;
  /** Of all of it, what never reached the media. */
  #unqueuedMs: Millis = 0;
  /** Something was written since the last clear. */
  #isHeard = false;
  /** What plays while the handler waits. */
  #prompt: WaitingPrompt | undefined;
  /** Its marks come back: it does not go on. */
  #isStopping = false;
  /** What became of those before it. */
  #prompted = NO_PROMPT;

  /** @param rate Of the handlers' PCM. */
  constructor(rate: Hertz) {
    this.#bytesPerMs = rate * 2 / 1000;
  }

  /** Whether there is audio that waits for the media. */
  get holdsAudio(): boolean {
    return this.#heldBytes > 0;
  }

  /** Whether there is sound that a clear would stop: what was written since the last one. */
  get isHeard(): boolean {
    return this.#isHeard && this.#prompt === undefined;
  }

  /** Whether a sound plays that is none of the handler's: the media's marks are its. */
  get isPrompting(): boolean {
    return this.#prompt !== undefined;
  }

  /** How much of the handler's audio waits to be played. */
  get queuedMs(): Millis {
    if (this.#prompt !== undefined) return 0;
    return this.#heldBytes / this.#bytesPerMs + (this.#media?.queuedMs ?? 0);
  }

  /** How much was dropped on the way to the media, which does not count it. */
  get unqueuedMs(): Millis {
    return Math.round(this.#unqueuedMs);
  }

  /** Takes what is no handler's off the counts of the media, and adds what never reached it. */
  counted(statistics: MediaStatistics): MediaStatistics {
    const prompt = this.#prompt;
    const isAllCounted = prompt === undefined && this.#prompted === NO_PROMPT &&
      this.#unqueuedMs === 0;
    if (isAllCounted) return statistics;
    const { playedMs, droppedMs, skippedMs, underruns } = prompt === undefined
      ? this.#prompted
      : addCounts(this.#prompted, prompt.counts);
    return {
      ...statistics,
      played_ms: statistics.played_ms - playedMs,
      dropped_ms: statistics.dropped_ms - droppedMs + this.unqueuedMs,
      skipped_ms: statistics.skipped_ms - skippedMs,
      underruns: statistics.underruns - underruns,
      queue_ms: prompt === undefined ? statistics.queue_ms : 0,
    };
  }

  /** How much of the handler's audio was played, where the media says that so much was. */
  playedOf(playedMs: Millis): Millis {
    return playedMs - this.#prompted.playedMs;
  }

  /** The media is open: what was held back is next. */
  open(media: MediaSession, now: Millis): void {
    this.#media = media;
    for (const pcm of this.#held) media.write(pcm, now);
    for (const name of this.#heldMarks) media.mark(name, now);
    this.#held = [];
    this.#heldBytes = 0;
    this.#heldMarks = [];
  }

  /** @returns `false` when the handler should stop writing. */
  write(pcm: Uint8Array, now: Millis): boolean {
    if (this.#clearsUnderWay > 0) {
      this.#dropUnqueued(pcm.length);
      return true;
    }
    if (this.#prompt !== undefined && pcm.length > 0) this.stopPrompt(now);
    this.#isHeard = true;
    if (this.#media !== undefined) return this.#media.write(pcm, now);
    if (this.#heldBytes + pcm.length <= HELD_MAX * this.#bytesPerMs) {
      this.#held.push(pcm.slice());
      this.#heldBytes += pcm.length;
    } else this.#unqueuedMs += pcm.length / this.#bytesPerMs;
    return this.#heldBytes < HELD_HIGH * this.#bytesPerMs;
  }

  /**
   * @returns How much of the handler's audio was played, when that is all of it and no event of the
   * media will say so.
   */
  mark(name: string, now: Millis): Millis | undefined {
    if (this.#prompt !== undefined) return this.playedOf(this.#prompt.playedBeforeMs);
    if (this.#media === undefined) this.#heldMarks.push(name);
    else this.#media.mark(name, now);
    return undefined;
  }

  /** Plays a sound over and over. All of the handler's audio has to be played already. */
  startPrompt(pcm: Uint8Array, now: Millis): void {
    if (this.#media === undefined || this.#prompt !== undefined || this.queuedMs > 0) return;
    this.#prompt = new WaitingPrompt(this.#media, pcm, this.#bytesPerMs * 500);
    this.#prompt.start(now);
  }

  /** A mark of the sound was passed. */
  promptPlayed(now: Millis): void {
    if (!this.#isStopping) this.#prompt?.continue(now);
  }

  /** The sound ends, fading. Nothing happens when none plays. */
  stopPrompt(now: Millis): void {
    const prompt = this.#prompt;
    if (prompt === undefined || this.#isStopping) return;
    this.#isStopping = true;
    const counts = prompt.stop(now);
    this.#isStopping = false;
    this.#prompt = undefined;
    this.#prompted = addCounts(this.#prompted, counts);
  }

  /** Stops the sound; what is written from now on is dropped until `endClear`. */
  beginClear(now: Millis): void {
    this.#clearsUnderWay++;
    this.#isHeard = false;
    this.#drop(now);
  }

  /** The clear is complete: what is written from now on is new. */
  endClear(now: Millis): { readonly playedMs: Millis; readonly droppedMs: Millis } {
    if (this.#clearsUnderWay > 0) this.#clearsUnderWay--;
    const playedMs = this.#drop(now);
    const droppedMs = this.#droppedMs;
    this.#droppedMs = 0;
    return { playedMs, droppedMs };
  }

  /** Another handler takes over: nothing of the one before is played or awaited any more. */
  reset(now: Millis): void {
    this.stopPrompt(now);
    this.#clearsUnderWay = 0;
    this.#isHeard = false;
    this.#drop(now);
    this.#droppedMs = 0;
  }

  #drop(now: Millis): Millis {
    this.#dropUnqueued(this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#prompt !== undefined) return this.playedOf(this.#prompt.playedBeforeMs);
    if (this.#media === undefined) return 0;
    const { playedMs, droppedMs } = this.#media.clear(now);
    this.#droppedMs += droppedMs;
    return this.playedOf(playedMs);
  }

  #dropUnqueued(bytes: number): void {
    this.#droppedMs += bytes / this.#bytesPerMs;
    this.#unqueuedMs += bytes / this.#bytesPerMs;
  }
}
