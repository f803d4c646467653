/**
 * Wakes the media sessions of all calls when something is due: one timer for everybody.
 *
 * Under load the packets are the clock: whatever wakes the process runs what is due, and the timer mostly finds
 * nothing left. Sessions are scanned instead of sorted: with hundreds of calls, each touched a hundred times a second,
 * looking at all of them a few hundred times a second costs less than keeping them in order.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";

/** What the clock needs of a media session. */
export interface TimedSession {
  /** When `timeout` is to be called next; `Infinity` when nothing is due. */
  readonly deadline: Millis;
  timeout(now: Millis): void;
}

/** A timer that is armed for nearly the right moment is left alone. */
const TIMER_SLACK: Millis = 0.5;

/** One timer for all sessions. */
export class MediaClock {
  readonly #runtime: Runtime;
  #sessions: (TimedSession | undefined)[] = [];
  #removed = 0;
  #nextDue: Millis = Infinity;
  #timer: Timer | undefined;
  #timerAt: Millis = Infinity;
  #running = false;
  /** How late the timer was at worst since the last look: a busy event loop shows here first. */
  #latenessMax: Millis = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Largest lateness of the timer since this was asked last. */
  takeLatenessMax(): Millis {
    const lateness = this.#latenessMax;
    this.#latenessMax = 0;
    return lateness;
  }

  add(session: TimedSession, now: Millis): void {
    this.#sessions.push(session);
    this.touched(session, now);
  }

  remove(session: TimedSession): void {
    const index = this.#sessions.indexOf(session);
    if (index < 0) return;
    this.#sessions[index] = undefined;
    this.#removed++;
    if (this.#running) return;
    this.#compact();
    if (this.#sessions.length === 0) this.#disarm();
  }

  /** A session was given a packet or audio: its deadline may have moved, and others may be due. */
  touched(session: TimedSession, now: Millis): void {
    const { deadline } = session;
    if (deadline < this.#nextDue) this.#nextDue = deadline;
    if (now >= this.#nextDue) this.#run(now);
    else this.#arm(now);
  }

  #run(now: Millis): void {
    if (this.#running) return;
    this.#running = true;
    this.#nextDue = Infinity;
    let earliest = Infinity;
    const sessions = this.#sessions;
    for (let index = 0; index < sessions.length; index++) {
      const session = sessions[index];
      if (session === undefined) continue;
      if (session.deadline <= now) session.timeout(now);
      if (sessions[index] !== undefined && session.deadline < earliest) {
        earliest = session.deadline;
      }
    }
    this.#running = false;
    if (this.#removed > 0) this.#compact();
    this.#nextDue = Math.min(this.#nextDue, earliest);
    this.#arm(now);
  }

  #arm(now: Millis): void {
    if (this.#running || this.#nextDue >= this.#timerAt - TIMER_SLACK) return;
    this.#timer?.cancel();
    this.#timerAt = this.#nextDue;
    this.#timer = this.#runtime.setTimer(() => this.#wake(), Math.max(0, this.#nextDue - now));
  }

  #wake(): void {
    const now = this.#runtime.now();
    const lateness = now - this.#timerAt;
    if (lateness > this.#latenessMax) this.#latenessMax = lateness;
    this.#timer = undefined;
    this.#timerAt = Infinity;
    if (now >= this.#nextDue) this.#run(now);
    else this.#arm(now);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#nextDue = Infinity;
  }

  #compact(): void {
    this.#sessions = this.#sessions.filter((session) => session !== undefined);
    this.#removed = 0;
    if (this.#sessions.length === 0) this.#disarm();
  }
}
