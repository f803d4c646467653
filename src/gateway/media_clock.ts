/**
 * Wakes the media sessions of all calls when something is due: one timer for everybody.
 *
 * Under load the packets are the clock: whatever wakes the process runs what is due, and the timer
 * mostly finds nothing left. Deadlines lie side by side and are scanned instead of sorted: with
 * hundreds of calls, each touched a hundred times a second, a look at all of them costs less than
 * keeping them in order.
 *
 * After a look the packets that wait in the sockets have as much time as it took. Without that, a
 * process that has fallen behind would fill the silence of packets that it does not come to read.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime } from "../runtime/ports.ts";
import { Alarm } from "./alarm.ts";

/** What the clock needs of a media session. */
export interface TimedSession {
  /** When `timeout` is to be called next; `Infinity` when nothing is due. */
  readonly deadline: Millis;
  timeout(now: Millis): void;
}

/** Names a session to its clock, from `add` to `remove`. */
export type ClockSlot = number;

/** A timer that is armed for nearly the right moment is left alone. */
const TIMER_SLACK: Millis = 0.5;

/** Packets come first for no longer than this: a process that was stopped meanwhile goes on. */
const REST_MAX: Millis = 100;

const SLOTS_START = 64;

/** One timer for all sessions. */
export class MediaClock {
  readonly #sessions: (TimedSession | undefined)[] = [];
  /** Of the session in the same place, as it was told last; `Infinity` where there is none. */
  #deadlines = new Float64Array(SLOTS_START).fill(Infinity);
  readonly #free: ClockSlot[] = [];
  #nextDue: Millis = Infinity;
  readonly #runtime: Pick<Runtime, "now">;
  readonly #alarm: Alarm;
  #running = false;
  /** Packets come first until then. */
  #restUntil: Millis = -Infinity;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#alarm = new Alarm({ runtime, ring: (now) => this.#wake(now), slack: TIMER_SLACK });
  }

  /** Sessions that are timed. */
  get size(): number {
    return this.#sessions.length - this.#free.length;
  }

  add(session: TimedSession, now: Millis): ClockSlot {
    const slot = this.#free.pop() ?? this.#sessions.length;
    this.#sessions[slot] = session;
    if (slot >= this.#deadlines.length) this.#grow();
    this.touched(slot, now);
    return slot;
  }

  remove(slot: ClockSlot): void {
    if (this.#sessions[slot] === undefined) return;
    this.#sessions[slot] = undefined;
    this.#deadlines[slot] = Infinity;
    this.#free.push(slot);
    if (this.size === 0) this.#disarm();
  }

  /** To be called whenever something was done to a session: its deadline may have moved, and others may be due. */
  touched(slot: ClockSlot, now: Millis): void {
    const session = this.#sessions[slot];
    if (session === undefined) return;
    const { deadline } = session;
    this.#deadlines[slot] = deadline;
    if (deadline < this.#nextDue) this.#nextDue = deadline;
    if (now >= this.#nextDue && now >= this.#restUntil) this.#run(now);
    else this.#arm(now);
  }

  #run(now: Millis): void {
    if (this.#running) return;
    this.#running = true;
    this.#nextDue = Infinity;
    let earliest = Infinity;
    const count = this.#sessions.length;
    for (let slot = 0; slot < count; slot++) {
      if ((this.#deadlines[slot] as number) <= now) this.#timeout(slot, now);
      const deadline = this.#deadlines[slot] as number;
      if (deadline < earliest) earliest = deadline;
    }
    this.#running = false;
    if (earliest < this.#nextDue) this.#nextDue = earliest;
    const ended = this.#runtime.now();
    this.#restUntil = ended + Math.min(ended - now, REST_MAX);
    this.#arm(ended);
  }

  #timeout(slot: ClockSlot, now: Millis): void {
    const session = this.#sessions[slot] as TimedSession;
    session.timeout(now);
    // It may have ended by that
    if (this.#sessions[slot] === session) this.#deadlines[slot] = session.deadline;
  }

  #arm(now: Millis): void {
    if (!this.#running) this.#alarm.set(Math.max(this.#nextDue, this.#restUntil), now);
  }

  #wake(now: Millis): void {
    if (now >= this.#nextDue && now >= this.#restUntil) this.#run(now);
    else this.#arm(now);
  }

  #disarm(): void {
    this.#alarm.cancel();
    this.#nextDue = Infinity;
  }

  #grow(): void {
    const grown = new Float64Array(this.#deadlines.length * 2).fill(Infinity);
    grown.set(this.#deadlines);
    this.#deadlines = grown;
  }
}
