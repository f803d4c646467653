/**
 * When the next frame leaves, and which timestamp and marker it has. RFC 3550 §5.1, RFC 3551 §4.1.
 *
 * Deadlines are absolute: each is the one before plus a frame. A frame that could not leave in time
 * is not made up for by a burst: the timeline slips to the next deadline that is still to come, and
 * the timestamp tells the listener so.
 *
 * @module
 */

import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { advanceTimestamp } from "../rtp/sequence.ts";

/** The clock of one outgoing stream. Hot path: plain numbers. */
export class FramePacer {
  readonly #unitsPerMs: number;
  #ptime: Millis;
  #due: Millis = -Infinity;
  #next: RtpTimestamp;
  #timestamp: RtpTimestamp;
  #marker = true;
  #lateFrames = 0;
  #lateMax: Millis = 0;

  /**
   * @param clockRate Of the RTP timestamp.
   * @param ptime Length of a frame.
   * @param timestamp The first one, random.
   */
  constructor(clockRate: Hertz, ptime: Millis, timestamp: RtpTimestamp) {
    this.#unitsPerMs = clockRate / 1000;
    this.#ptime = ptime;
    this.#next = timestamp;
    this.#timestamp = timestamp;
  }

  /** When the next frame is due; in the past after a pause, -Infinity before the first frame. */
  get due(): Millis {
    return this.#due;
  }

  get ptime(): Millis {
    return this.#ptime;
  }

  set ptime(ptime: Millis) {
    this.#ptime = ptime;
  }

  /** Timestamp of the frame that leaves now. */
  get timestamp(): RtpTimestamp {
    return this.#timestamp;
  }

  /** Frames that left over one frame time after they were due. */
  get lateFrames(): number {
    return this.#lateFrames;
  }

  /** Largest lateness of a frame that was there in time. */
  get lateMax(): Millis {
    return this.#lateMax;
  }

  /** The next packet begins a talkspurt. */
  breakSpurt(): void {
    this.#marker = true;
  }

  /** Gives the marker of the packet that is sent now. */
  takeMarker(): boolean {
    const marker = this.#marker;
    this.#marker = false;
    return marker;
  }

  /**
   * A frame leaves now: moves timestamp and deadline on.
   *
   * @param starved The frame was not there when it was due: no lateness of ours, and the next one
   * is due a frame from now.
   * @returns How long the pause before the frame was, 0 when the stream goes on.
   */
  step(now: Millis, starved: boolean): Millis {
    const ptime = this.#ptime;
    const late = now - this.#due;
    let pause = 0;
    if (starved || late === Infinity) {
      if (late >= ptime && late !== Infinity) {
        pause = late;
        this.#next = advanceTimestamp(this.#next, Math.round(late * this.#unitsPerMs));
      }
      this.#due = now + ptime;
    } else if (late >= ptime) {
      pause = Math.floor(late / ptime) * ptime;
      this.#next = advanceTimestamp(this.#next, pause * this.#unitsPerMs);
      this.#due += pause + ptime;
    } else {
      this.#due += ptime;
    }
    if (pause > 0) this.#marker = true;
    if (!starved && late > 0 && late !== Infinity) this.#noteLate(late);
    this.#timestamp = this.#next;
    this.#next = advanceTimestamp(this.#next, ptime * this.#unitsPerMs);
    return pause;
  }

  #noteLate(late: Millis): void {
    if (late > this.#lateMax) this.#lateMax = late;
    if (late > this.#ptime) this.#lateFrames++;
  }
}
