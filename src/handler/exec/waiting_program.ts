/**
 * A program that was started ahead of its call.
 *
 * It learns its call from `start` on file descriptor 3. What it writes to its standard output before
 * that waits in the pipe, for the caller; commands that it gives have no call yet, and are dropped.
 *
 * @module
 */

import type { ChildProcess, ProcessEvents, Runtime } from "../../runtime/ports.ts";

/** What is started. */
export interface WaitingProgramOptions {
  readonly runtime: Pick<Runtime, "spawn">;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** Who hears of it until it has a call. */
  readonly events: ProcessEvents;
}

/** One program, whose listener changes once. */
export class WaitingProgram {
  readonly child: ChildProcess;
  #events: ProcessEvents;

  constructor({ runtime, command, env, cwd, events }: WaitingProgramOptions) {
    this.#events = events;
    this.child = runtime.spawn({
      command,
      env,
      ...(cwd === undefined ? {} : { cwd }),
      events: {
        started: (error) => this.#events.started(error),
        stdout: (data) => this.#events.stdout(data),
        stderr: (data) => this.#events.stderr(data),
        control: (data) => this.#events.control(data),
        stdinDrained: () => this.#events.stdinDrained(),
        controlDrained: () => this.#events.controlDrained(),
        stdoutEnded: () => this.#events.stdoutEnded(),
        exited: (code, signal) => this.#events.exited(code, signal),
        closed: () => this.#events.closed(),
      },
    });
    this.child.pauseStdout();
  }

  /** The program has a call, and another listener. */
  attach(events: ProcessEvents): ChildProcess {
    this.#events = events;
    this.child.resumeStdout();
    return this.child;
  }
}
