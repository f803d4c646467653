/**
 * Programs of one route that are started ahead of their calls, for those that take long to begin.
 *
 * A call takes one that waits, and another is started in its place at once. Programs that die before
 * they got a call are started again after a pause that grows, so that one which cannot run costs
 * little. With none left a call starts its own.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { ExecSpec } from "../../route/route.ts";
import type { ProcessEvents, ProcessStartError, Runtime, Timer } from "../../runtime/ports.ts";
import { execExitFailure, execStartFailure, limitedCommand } from "./exec_limits.ts";
import type { ProcessExit } from "./exit_reason.ts";
import { StderrLog } from "./stderr_log.ts";
import { WaitingProgram } from "./waiting_program.ts";

/** Pauses between two starts, after a program that got no call has died. */
export const RESTART_MIN: Millis = 100;
export const RESTART_MAX: Millis = 30_000;

/** A program that has waited for so long began well, and its end is news. */
const STEADY_AFTER: Millis = 10_000;

/** After so long without a death the pauses begin anew. */
const FORGET_AFTER: Millis = 2 * RESTART_MAX;

/** From SIGTERM to SIGKILL, and from there to the moment at which a program is given up. */
const KILL_AFTER: Millis = 2_000;

/** What a pool is made of. */
export interface ExecPoolOptions {
  /** Its argv and variables have no placeholders, and no escaped braces any more. */
  readonly spec: ExecSpec;
  readonly size: number;
  readonly runtime: Runtime;
  /** The whole environment of the programs. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: (level: "info" | "warning", message: string) => void;
}

/**
 * - `starting`: the system has not said yet whether it runs.
 * - `waiting`: for a call.
 * - `leaving`: it is being ended, or has died and its pipes are open.
 */
type ProgramState = "starting" | "waiting" | "leaving";

interface Waiting {
  readonly program: WaitingProgram;
  readonly stderr: StderrLog;
  readonly startedAt: Millis;
  state: ProgramState;
  timer: Timer | undefined;
}

/** The programs of one route. */
export class ExecPool {
  readonly #options: ExecPoolOptions;
  #size: number;
  #isClosed = false;
  /** The one that has waited for the longest is the first. */
  readonly #waiting = new Set<Waiting>();
  readonly #starting = new Set<Waiting>();
  readonly #leaving = new Set<Waiting>();
  /** Programs are started again when it is over; there while they are not to be. */
  #pause: Timer | undefined;
  #pauseNext: Millis = RESTART_MIN;
  #diedAt: Millis = -Infinity;

  constructor(options: ExecPoolOptions) {
    this.#options = options;
    this.#size = options.size;
  }

  /** Programs that wait for a call. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Programs of which something is left, though they will get no call. */
  get leaving(): number {
    return this.#leaving.size;
  }

  /** Begins, or follows another number of programs. */
  resize(size: number): void {
    this.#size = size;
    for (const one of [...this.#starting, ...this.#waiting]) {
      if (this.#waiting.size + this.#starting.size > size) this.#dismiss(one);
    }
    this.#fill();
  }

  /** Gives a program to a call; `undefined`: none waits. */
  take(): WaitingProgram | undefined {
    for (const one of this.#waiting) {
      this.#waiting.delete(one);
      one.stderr.end();
      // The call comes first
      this.#options.runtime.setImmediate(() => this.#fill());
      return one.program;
    }
    return undefined;
  }

  /** Ends all programs that have no call; none is started any more. */
  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#pause = undefined;
    for (const one of [...this.#starting, ...this.#waiting]) this.#dismiss(one);
  }

  /** Ends them now, without grace. After `close`. */
  kill(): void {
    for (const one of this.#leaving) this.#destroy(one);
  }

  #fill(): void {
    while (
      !this.#isClosed && this.#pause === undefined &&
      this.#waiting.size + this.#starting.size < this.#size
    ) this.#start();
  }

  #start(): void {
    const { spec, runtime, env, log } = this.#options;
    const stderr = new StderrLog((line) => log("info", line), runtime.now);
    const program = new WaitingProgram({
      runtime,
      command: limitedCommand(spec.command, spec.limits),
      env,
      cwd: spec.cwd,
      // They come when `spawn` has returned
      events: this.#eventsOf(() => one, stderr),
    });
    const startedAt = runtime.now();
    const one: Waiting = { program, stderr, startedAt, state: "starting", timer: undefined };
    this.#starting.add(one);
  }

  #eventsOf(one: () => Waiting, stderr: StderrLog): ProcessEvents {
    return {
      started: (error) => this.#started(one(), error),
      stdout: () => {},
      stderr: (data) => stderr.receive(data),
      control: () => {},
      stdinDrained: () => {},
      controlDrained: () => {},
      stdoutEnded: () => {},
      exited: (code, signal) => this.#exited(one(), { code, signal }),
      closed: () => this.#closed(one()),
    };
  }

  #started(one: Waiting, error: ProcessStartError | undefined): void {
    const wasDismissed = !this.#starting.delete(one);
    if (error !== undefined) {
      this.#leaving.delete(one);
      one.timer?.cancel();
      if (!wasDismissed) this.#died(one, execStartFailure(this.#options.spec, error));
    } else if (!wasDismissed) {
      one.state = "waiting";
      this.#waiting.add(one);
    }
  }

  #exited(one: Waiting, exit: ProcessExit): void {
    const wasDismissed = one.state === "leaving";
    this.#leave(one);
    this.#destroy(one);
    if (wasDismissed) return;
    one.stderr.end();
    const { lastLine } = one.stderr;
    const reason = exit.code === 0
      ? `exec "${
        this.#options.spec.command[0]
      }": ended before it got a call, let it wait for the ` +
        "start event on file descriptor 3"
      : execExitFailure(this.#options.spec, exit, lastLine);
    this.#died(one, reason);
  }

  #closed(one: Waiting): void {
    one.timer?.cancel();
    this.#leaving.delete(one);
    // Grandchildren without pipes
    one.program.child.signalGroup("SIGKILL");
  }

  /** A program died before it got a call: the pool pauses, or does already. */
  #died(one: Waiting, reason: string): void {
    if (this.#isClosed || this.#pause !== undefined) return;
    const { runtime, log } = this.#options;
    const now = runtime.now();
    const isNews = now - one.startedAt >= STEADY_AFTER || now - this.#diedAt >= FORGET_AFTER;
    const pause = isNews ? RESTART_MIN : this.#pauseNext;
    this.#diedAt = now;
    this.#pauseNext = Math.min(2 * pause, RESTART_MAX);
    log("warning", `A program of the pool died, the next try is in ${pause / 1000} s: ${reason}`);
    this.#pause = runtime.setTimer(() => {
      this.#pause = undefined;
      this.#fill();
    }, pause);
  }

  /** Ends a program that has no call: it has nothing to lose. */
  #dismiss(one: Waiting): void {
    const { child } = one.program;
    this.#leave(one);
    child.closeControl();
    child.closeStdin();
    child.signalGroup("SIGTERM");
    this.#arm(one, () => this.#destroy(one));
  }

  #destroy(one: Waiting): void {
    this.#arm(one, () => this.#closed(one));
    one.program.child.signalGroup("SIGKILL");
    one.program.child.destroyPipes();
  }

  #leave(one: Waiting): void {
    this.#starting.delete(one);
    this.#waiting.delete(one);
    one.state = "leaving";
    this.#leaving.add(one);
  }

  #arm(one: Waiting, callback: () => void): void {
    one.timer?.cancel();
    one.timer = this.#options.runtime.setTimer(callback, KILL_AFTER);
  }
}
