/**
 * The way of a handler's audio into its call: held back until the media is open, muted while a clear is under way.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { MediaSession } from "../media/media_session.ts";

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
    return this.#isHeard;
  }

  /** How much was dropped on the way to the media, which does not count it. */
  get unqueuedMs(): Millis {
    return Math.round(this.#unqueuedMs);
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
    this.#isHeard = true;
    if (this.#media !== undefined) return this.#media.write(pcm, now);
    if (this.#heldBytes + pcm.length <= HELD_MAX * this.#bytesPerMs) {
      this.#held.push(pcm.slice());
      this.#heldBytes += pcm.length;
    } else this.#unqueuedMs += pcm.length / this.#bytesPerMs;
    return this.#heldBytes < HELD_HIGH * this.#bytesPerMs;
  }

  mark(name: string, now: Millis): void {
    if (this.#media === undefined) this.#heldMarks.push(name);
    else this.#media.mark(name, now);
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
    this.#clearsUnderWay = 0;
    this.#isHeard = false;
    this.#drop(now);
    this.#droppedMs = 0;
  }

  #drop(now: Millis): Millis {
    this.#dropUnqueued(this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#media === undefined) return 0;
    const { playedMs, droppedMs } = this.#media.clear(now);
    this.#droppedMs += droppedMs;
    return playedMs;
  }

  #dropUnqueued(bytes: number): void {
    this.#droppedMs += bytes / this.#bytesPerMs;
    this.#unqueuedMs += bytes / this.#bytesPerMs;
  }
}
