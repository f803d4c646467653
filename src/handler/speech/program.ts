/**
 * One program that speaks or listens: started, fed, read, and gone without a trace.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { ChildProcess, ProcessStartError, Runtime, Timer } from "../../runtime/ports.ts";
import { exitFailure, type ProcessExit, startFailure } from "../exec/exit_reason.ts";
import { StderrLog } from "../exec/stderr_log.ts";

/** How long grandchildren may hold the pipes of a program that has exited. */
const PIPE_GRACE: Millis = 500;

/** From SIGTERM to SIGKILL. There is nothing that such a program would have to save. */
const KILL_AFTER: Millis = 500;

/** Who hears of a program. Nothing comes after `ended`, or after `stop`. */
export interface ProgramEvents {
  /** `data` is valid only during the call. */
  stdout(data: Uint8Array): void;
  /** Everything that was written has been taken. */
  stdinDrained?(): void;
  /** It is gone, and all of its output was given; `failure` is for a person, and names the fix. */
  ended(failure: string | undefined): void;
}

/** How a program is run. */
export interface ProgramOptions {
  /** The key of the configuration that names it, such as `speech.tts`. */
  readonly key: string;
  readonly command: readonly string[];
  readonly runtime: Pick<Runtime, "spawn" | "setTimer" | "now">;
  readonly environment: Readonly<Record<string, string>>;
  /** Takes lines of its standard error. */
  readonly log: (line: string) => void;
  readonly events: ProgramEvents;
}

/**
 * - `exited`: the leader is gone, its pipes are still open.
 * - `stopped`: nobody wants to hear of it, and it is made to end.
 */
type State = "running" | "exited" | "stopped" | "ended";

/** A program, from its start on. */
export class Program {
  readonly #options: ProgramOptions;
  readonly #child: ChildProcess;
  readonly #stderr: StderrLog;
  #state: State = "running";
  #exit: ProcessExit = { code: undefined, signal: undefined };
  #isPaused = false;
  #timer: Timer | undefined;

  /** Starts it; events come later. */
  constructor(options: ProgramOptions) {
    this.#options = options;
    const { events, runtime } = options;
    this.#stderr = new StderrLog(options.log, runtime.now);
    this.#child = runtime.spawn({
      command: options.command,
      env: options.environment,
      events: {
        started: (error) => {
          if (error !== undefined) this.#notStarted(error);
        },
        stdout: (data) => {
          if (this.#isHeard) events.stdout(data);
        },
        stderr: (data) => this.#stderr.receive(data),
        control: () => {},
        stdinDrained: () => {
          if (this.#isHeard) events.stdinDrained?.();
        },
        controlDrained: () => {},
        stdoutEnded: () => {},
        exited: (code, signal) => this.#exited({ code, signal }),
        closed: () => this.#closed(),
      },
    });
    this.#child.closeControl();
  }

  /** Bytes that it has not taken yet. */
  get stdinQueuedBytes(): number {
    return this.#child.stdinQueuedBytes;
  }

  writeStdin(data: Uint8Array): void {
    this.#child.writeStdin(data);
  }

  /** Ends its standard input behind what was written. */
  closeStdin(): void {
    this.#child.closeStdin();
  }

  /** Stops reading; what is under way may still come. */
  pause(): void {
    this.#isPaused = true;
    this.#child.pauseStdout();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#child.resumeStdout();
    if (this.#state === "exited") this.#awaitPipes();
  }

  /** Ends it and its whole group; nothing more is told. Safe to call twice. */
  stop(): void {
    if (!this.#isHeard) return;
    this.#state = "stopped";
    this.#child.signalGroup("SIGTERM");
    this.#child.destroyPipes();
    this.#arm(KILL_AFTER, () => this.#child.signalGroup("SIGKILL"));
  }

  get #isHeard(): boolean {
    return this.#state === "running" || this.#state === "exited";
  }

  #notStarted(error: ProcessStartError): void {
    const { command, key } = this.#options;
    this.#end(`${key}: ${startFailure(command[0] ?? "", error, undefined)}`);
  }

  #exited(exit: ProcessExit): void {
    this.#exit = exit;
    if (this.#state !== "running") return;
    this.#state = "exited";
    // What waits in the pipe while nobody reads is not lost
    if (!this.#isPaused) this.#awaitPipes();
  }

  #awaitPipes(): void {
    this.#arm(PIPE_GRACE, () => {
      if (this.#state === "exited" && !this.#isPaused) this.#child.destroyPipes();
    });
  }

  #closed(): void {
    // Grandchildren
    this.#child.signalGroup("SIGKILL");
    this.#stderr.end();
    const { command, key } = this.#options;
    const { code } = this.#exit;
    const failure = exitFailure(command[0] ?? "", this.#exit, this.#stderr.lastLine);
    this.#end(code === 0 ? undefined : `${key}: ${failure}`);
  }

  #arm(delay: Millis, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.runtime.setTimer(callback, delay);
  }

  #end(failure: string | undefined): void {
    const isHeard = this.#isHeard;
    this.#timer?.cancel();
    this.#state = "ended";
    if (isHeard) this.#options.events.ended(failure);
  }
}
