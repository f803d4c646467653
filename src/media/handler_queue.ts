/**
 * The handler's audio that waits to be sent, and what became of all that came before it: played,
 * dropped or skipped. Marks and clears answer with it.
 *
 * Counts are samples at the handler's rate. When a frame leaves is left to the send path.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { MarkList } from "./mark_list.ts";
import { SampleQueue } from "./sample_queue.ts";
import type { SendStatistics } from "./statistics.ts";

/** Above this much queued audio the handler is asked to stop. */
export const HIGH_WATER_MS = 1000;
/** Below this much it may go on. */
export const LOW_WATER_MS = 500;
/** Bound of the queue when nothing else is said. */
export const QUEUE_MS_MAX = 30_000;

/** The queue's part of the statistics. */
export type QueueStatistics = Pick<
  SendStatistics,
  "played_ms" | "dropped_ms" | "skipped_ms" | "queue_ms" | "queue_ms_max"
>;

/** What a queue is made of. */
export interface QueueOptions {
  readonly rate: Hertz;
  /** Bound of the queue; what is written above it is dropped. */
  readonly max?: Millis | undefined;
}

/** One handler's audio on its way out. Hot path: allocates only to grow. */
export class HandlerQueue {
  readonly #samplesPerMs: number;
  readonly #queue: SampleQueue;
  readonly #highWater: Samples;
  readonly #lowWater: Samples;
  readonly #marks = new MarkList();
  /** Position of the queue's head in all that the handler wrote. */
  #position: Samples = 0;
  /** Samples at the head that were cleared, and go out fading all the same. */
  #fading: Samples = 0;
  /** What pauses have added to the delay, and silence has not given back yet. */
  #delay: Samples = 0;
  #played: Samples = 0;
  #dropped: Samples = 0;
  #skipped: Samples = 0;
  #longest: Samples = 0;
  /** The handler was asked to stop, and does not know that it may go on. */
  #isBlocked = false;

  constructor({ rate, max = QUEUE_MS_MAX }: QueueOptions) {
    this.#samplesPerMs = rate / 1000;
    this.#queue = new SampleQueue(Math.floor(max * this.#samplesPerMs));
    this.#highWater = Math.min(HIGH_WATER_MS, max / 2) * this.#samplesPerMs;
    this.#lowWater = Math.min(LOW_WATER_MS, max / 4) * this.#samplesPerMs;
  }

  /** What waits, a fade-out included. */
  get length(): Samples {
    return this.#queue.length;
  }

  /** What is left of a sound that was cleared. */
  get fading(): Samples {
    return this.#fading;
  }

  /** Whether a mark waits for audio before it. */
  get hasMark(): boolean {
    return this.#marks.pending;
  }

  /** How much has been sent; a fade-out counts from its beginning, since nothing takes it back. */
  get playedMs(): Millis {
    return this.#toMs(this.#played + this.#fading);
  }

  /** Adds s16le audio of any size; copied. A byte without its other half waits for it. */
  append(pcm: Uint8Array): void {
    this.#dropped += this.#queue.append(pcm);
  }

  /**
   * Notes how long the queue has become.
   *
   * @returns `false` above the high-water mark.
   */
  measure(): boolean {
    const { length } = this.#queue;
    if (length > this.#longest) this.#longest = length;
    if (length <= this.#highWater) return true;
    this.#isBlocked = true;
    return false;
  }

  /** Whether there is room again, after there had been none. Once. */
  takeRoom(): boolean {
    if (!this.#isBlocked || this.#queue.length >= this.#lowWater) return false;
    this.#isBlocked = false;
    return true;
  }

  /** Adds a mark behind all that was written. */
  mark(name: string): void {
    this.#marks.push(name, this.#position + this.#queue.length);
  }

  /** Takes off the first mark, once all before it is gone; what only fades is gone. */
  passedMark(): string | undefined {
    const passed = this.#position + this.#fading;
    return this.#marks.isPassed(passed) ? this.#marks.shift() : undefined;
  }

  /**
   * Moves the next samples of a frame to the start of `out`. Audio behind a fade-out waits until it
   * fills up the frame.
   *
   * @param isPlayed Whether they are sent, or else dropped.
   * @returns How many there were.
   */
  take(frame: Samples, out: Int16Array, isPlayed: boolean): Samples {
    const queue = this.#queue;
    const whole = Math.min(frame, queue.length);
    const count = this.#fading > 0 && whole < frame ? Math.min(whole, this.#fading) : whole;
    queue.take(count, out);
    this.#position += count;
    this.#fading = Math.max(0, this.#fading - count);
    if (isPlayed) this.#played += count;
    else this.#dropped += count;
    return count;
  }

  /**
   * Drops what is queued, but for the fade-out of an earlier clear.
   *
   * @param fadeOut How much of it is to go out, fading.
   * @returns How much was dropped.
   */
  clear(fadeOut: Millis): Millis {
    const queue = this.#queue;
    if (this.#fading === 0) {
      this.#fading = Math.min(queue.length, Math.floor(fadeOut * this.#samplesPerMs));
      queue.fade(this.#fading);
    }
    const dropped = queue.length - this.#fading;
    queue.keep(this.#fading);
    this.#position += dropped;
    this.#dropped += dropped;
    this.#delay = 0;
    return this.#toMs(dropped);
  }

  /**
   * Remembers what a pause may have added to the delay: a handler that keeps pace with the caller
   * writes later what was not there in time, and from then on it all waits.
   *
   * @param isFirst The queue was empty, and held no delay of before.
   */
  noteDelay(pause: Millis, isFirst: boolean): void {
    const added = pause * this.#samplesPerMs;
    this.#delay = isFirst ? added : this.#delay + added;
  }

  /** Gives the delay back where nobody hears it: in the handler's own silence. */
  catchUp(frame: Samples): void {
    const queue = this.#queue;
    while (this.#delay > 0 && this.#fading === 0 && queue.length > frame) {
      const samples = Math.floor(Math.min(frame, this.#delay, queue.length - frame));
      if (samples === 0 || !queue.isQuiet(samples)) return;
      queue.skip(samples);
      this.#delay -= samples;
      this.#position += samples;
      this.#skipped += samples;
    }
  }

  /** How much waits to be played. */
  get queuedMs(): Millis {
    return this.#toMs(this.#queue.length);
  }

  /** Counts so far. */
  statistics(): QueueStatistics {
    return {
      played_ms: this.#toMs(this.#played),
      dropped_ms: this.#toMs(this.#dropped),
      skipped_ms: this.#toMs(this.#skipped),
      queue_ms: this.queuedMs,
      queue_ms_max: this.#toMs(this.#longest),
    };
  }

  #toMs(samples: Samples): Millis {
    return Math.round(samples / this.#samplesPerMs);
  }
}
