/**
 * Child processes by `node:child_process`, which Bun and Deno both have.
 *
 * A child leads a process group of its own, so that its grandchildren can be signalled with it.
 * Standard input, output and error are pipes; file descriptor 3 is a socket pair for both
 * directions. No shell is involved.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type ChildProcess as NodeChild, spawn } from "node:child_process";
import process from "node:process";
import type { Duplex, Readable, Writable } from "node:stream";
import type { Millis } from "../base/units.ts";
import { tolerateFailedWrites } from "./control_socket.ts";
import { type NextTurn, PipeDrain } from "./pipe_drain.ts";
import { plainBytes } from "./plain_bytes.ts";
import type { ChildProcess, ProcessEvents, ProcessOptions, ProcessStartError } from "./ports.ts";

/** Starts a child. Never throws: what fails is told by `started`, later. */
export function spawnChild(options: ProcessOptions, nextTurn: NextTurn): ChildProcess {
  const [program = "", ...args] = options.command;
  try {
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      detached: true,
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    if (child.pid !== undefined) return new RunningChild(child, options.events, nextTurn);
    child.on("error", (error) => options.events.started(startError(error)));
    for (const stream of child.stdio) stream?.on("error", ignore);
  } catch (error) {
    queueMicrotask(() => options.events.started(startError(error)));
  }
  return new ChildNotStarted();
}

function startError(error: unknown): ProcessStartError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { code: typeof code === "string" ? code : "EINVAL", message: String(message ?? error) };
}

/** Broken pipes are no news: the end of the child is told by its own event. */
function ignore(): void {}

/** A child that writes this much to standard error in one go has to wait before it is read again. */
const STDERR_BYTES_AT_ONCE = 16 << 10;
const STDERR_REST: Millis = 50;

class RunningChild implements ChildProcess {
  readonly pid: number | undefined;
  readonly #events: ProcessEvents;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #stderr: Readable;
  readonly #control: Duplex;
  readonly #drain: PipeDrain;
  readonly #afterControlWrite = (): void => {
    if (this.controlQueuedBytes === 0 && !this.#control.destroyed) this.#events.controlDrained();
  };
  #stdinQueuedBytes = 0;
  /** Asked for by back pressure; a drain overrules it. */
  #paused = false;
  #stdoutOpen = true;
  /** Output pipes that have not closed yet, and the child itself. */
  #open = 4;

  constructor(child: NodeChild, events: ProcessEvents, nextTurn: NextTurn) {
    this.pid = child.pid;
    this.#events = events;
    this.#stdin = child.stdin as Writable;
    this.#stdout = child.stdout as Readable;
    this.#stderr = child.stderr as Readable;
    this.#control = child.stdio[3] as Duplex;
    this.#drain = new PipeDrain(nextTurn, () => this.#setFlow());
    for (const stream of this.#pipes()) stream.on("error", ignore);
    tolerateFailedWrites(this.#control);
    child.on("error", ignore);
    // Bun loses the event "spawn" of a process' first child; who has a process id runs
    queueMicrotask(() => events.started());
    child.on("exit", (code, signal) => this.#exited(code, signal));
    this.#listen();
  }

  get stdinQueuedBytes(): number {
    return this.#stdinQueuedBytes;
  }

  get controlQueuedBytes(): number {
    return this.#control.destroyed ? 0 : this.#control.writableLength;
  }

  writeStdin(data: Uint8Array): void {
    if (!this.#stdin.writable) return;
    const { length } = data;
    this.#stdinQueuedBytes += length;
    // Bun's writable has no length of its own: the callback is the one count that both runtimes
    // keep.
    this.#stdin.write(Buffer.from(data), () => {
      this.#stdinQueuedBytes -= length;
      if (this.#stdinQueuedBytes === 0 && this.#stdin.writable) this.#events.stdinDrained();
    });
  }

  closeStdin(): void {
    if (this.#stdin.writable) this.#stdin.end();
  }

  writeControl(text: string): void {
    if (this.#control.writable) this.#control.write(Buffer.from(text), this.#afterControlWrite);
  }

  closeControl(): void {
    if (this.#control.writable) this.#control.end();
  }

  pauseStdout(): void {
    this.#paused = true;
    this.#setFlow();
  }

  resumeStdout(): void {
    this.#paused = false;
    this.#setFlow();
  }

  drainStdout(done: () => void): void {
    this.#drain.wait(done);
    this.#setFlow();
  }

  signalGroup(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // ESRCH: nobody of the group is left.
    }
  }

  destroyPipes(): void {
    for (const stream of this.#pipes()) stream.destroy();
  }

  #pipes(): readonly (Readable | Writable)[] {
    return [this.#stdin, this.#stdout, this.#stderr, this.#control];
  }

  #listen(): void {
    const events = this.#events;
    this.#stdout.on("data", (data: Uint8Array) => {
      this.#drain.received(data.length);
      events.stdout(plainBytes(data));
    });
    this.#stdout.on("end", () => this.#endStdout());
    this.#stdout.on("close", () => {
      this.#endStdout();
      this.#closeOne();
    });
    this.#stderr.on("data", (data: Uint8Array) => {
      if (data.length >= STDERR_BYTES_AT_ONCE) this.#restStderr();
      events.stderr(plainBytes(data));
    });
    this.#stderr.on("close", () => this.#closeOne());
    this.#control.on("data", (data: Uint8Array) => events.control(plainBytes(data)));
    // Both directions are one socket: the child that closed it does not read it either.
    this.#control.on("end", () => this.#control.destroy());
    this.#control.on("close", () => this.#closeOne());
  }

  /** Bun reads a pipe for as long as there is something in it, and nothing else meanwhile. */
  #restStderr(): void {
    this.#stderr.pause();
    setTimeout(() => this.#stderr.resume(), STDERR_REST);
  }

  #setFlow(): void {
    if (this.#paused && !this.#drain.active) this.#stdout.pause();
    else this.#stdout.resume();
  }

  #endStdout(): void {
    if (!this.#stdoutOpen) return;
    this.#stdoutOpen = false;
    this.#events.stdoutEnded();
  }

  #exited(code: number | null, signal: string | null): void {
    this.#stdin.destroy();
    this.#events.exited(code ?? undefined, signal ?? undefined);
    this.#closeOne();
  }

  #closeOne(): void {
    this.#open--;
    if (this.#open > 0) return;
    this.#drain.finish();
    this.#events.closed();
  }
}

/** Stands for a child that never ran: takes everything, does nothing. */
class ChildNotStarted implements ChildProcess {
  readonly pid = undefined;
  readonly stdinQueuedBytes = 0;
  readonly controlQueuedBytes = 0;
  writeStdin(): void {}
  closeStdin(): void {}
  writeControl(): void {}
  closeControl(): void {}
  pauseStdout(): void {}
  resumeStdout(): void {}
  drainStdout(): void {}
  signalGroup(): void {}
  destroyPipes(): void {}
}
