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
import { advanceTimestamp, timestampDelta } from "../rtp/sequence.ts";
import { Lateness } from "./lateness.ts";
import type { SendStatistics } from "./statistics.ts";

/** The pacer's part of the statistics. */
export type PacerStatistics = Pick<
  SendStatistics,
  "late_frames" | "late_ms_p50" | "late_ms_p99" | "late_ms_max"
>;

/** The clock of one outgoing stream. Hot path: plain numbers. */
export class FramePacer {
  #unitsPerMs: number;
  #ptime: Millis;
  /** When {@linkcode FramePacer.#next} is due. */
  #due: Millis = -Infinity;
  #next: RtpTimestamp;
  #timestamp: RtpTimestamp;
  #marker = true;
  /** A frame of the stream has left; frames that only keep it alive do not count. */
  #begun = false;
  /** A frame that kept the stream alive has taken the time up to here, if any has. */
  #takenUntil: RtpTimestamp | undefined;
  #lateFrames = 0;
  readonly #lateness = new Lateness();

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

  /** From now on time is told in other units; the timestamp goes on from where it is. */
  set clockRate(clockRate: Hertz) {
    this.#unitsPerMs = clockRate / 1000;
  }

  /** Timestamp of the frame that leaves now. */
  get timestamp(): RtpTimestamp {
    return this.#timestamp;
  }

  /** Lateness of the frames that were there in time. */
  statistics(): PacerStatistics {
    return {
      late_frames: this.#lateFrames,
      late_ms_p50: tenths(this.#lateness.percentile(0.5)),
      late_ms_p99: tenths(this.#lateness.percentile(0.99)),
      late_ms_max: tenths(this.#lateness.max),
    };
  }

  /** Whether the next packet begins a talkspurt. */
  get isSpurtBroken(): boolean {
    return this.#marker;
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
   * @returns How long the pause before the frame was, 0 when the stream goes on, or begins.
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
    if (!starved && late !== Infinity) this.#noteLate(late);
    if (this.#takenUntil !== undefined) this.#passTaken(this.#takenUntil);
    this.#timestamp = this.#next;
    this.#next = advanceTimestamp(this.#next, ptime * this.#unitsPerMs);
    const first = !this.#begun;
    this.#begun = true;
    return first ? 0 : pause;
  }

  /** What follows is due that much earlier; timestamps go on as they are. */
  pullIn(by: Millis): void {
    this.#due -= by;
  }

  /** The next frame is due by then, or as much earlier as may be; timestamps go on as they are. */
  hurry(by: Millis, earlierMax: Millis): void {
    this.pullIn(Math.min(earlierMax, Math.max(0, this.#due - by)));
  }

  /**
   * A frame that only keeps the stream alive leaves now. Deadlines stay as they are, so that
   * nothing waits for it; what follows has a timestamp behind it, and the marker.
   *
   * @returns The frame's timestamp.
   */
  keepAlive(now: Millis): RtpTimestamp {
    if (this.#due === -Infinity) this.#due = now;
    const since = Math.max(0, now - this.#due);
    const timestamp = advanceTimestamp(this.#next, Math.round(since * this.#unitsPerMs));
    this.#takenUntil = advanceTimestamp(timestamp, this.#ptime * this.#unitsPerMs);
    this.#marker = true;
    return timestamp;
  }

  #passTaken(until: RtpTimestamp): void {
    this.#takenUntil = undefined;
    if (timestampDelta(until, this.#next) > 0) this.#next = until;
  }

  #noteLate(late: Millis): void {
    this.#lateness.note(late);
    if (late > this.#ptime) this.#lateFrames++;
  }
}

function tenths(value: Millis): Millis {
  return Math.round(value * 10) / 10;
}
