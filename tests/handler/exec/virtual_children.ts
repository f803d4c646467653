/**
 * A runtime whose children do what a test says, on a clock that jumps: for pauses of seconds.
 *
 * @module
 */

import type { Millis } from "../../../src/base/units.ts";
import type { ChildProcess, ProcessOptions, Runtime } from "../../../src/runtime/ports.ts";
import { runtime } from "./exec_fixture.ts";

/** A child as its parent sees it, and what was done to it. */
export class VirtualChild implements ChildProcess {
  readonly pid = 1;
  readonly stdinQueuedBytes = 0;
  readonly controlQueuedBytes = 0;
  readonly options: ProcessOptions;
  readonly done: string[] = [];

  constructor(options: ProcessOptions) {
    this.options = options;
  }

  /** It exits, and its pipes close. */
  exit(code: number): void {
    this.options.events.exited(code, undefined);
    this.options.events.closed();
  }

  signalGroup(signal: string): void {
    this.done.push(signal);
  }

  writeStdin(): void {}
  closeStdin(): void {}
  writeControl(text: string): void {
    this.done.push(text);
  }
  closeControl(): void {}
  pauseStdout(): void {}
  resumeStdout(): void {}
  drainStdout(): void {}
  destroyPipes(): void {
    this.done.push("destroyPipes");
  }
}

/** Time and children. */
export class VirtualChildren {
  readonly children: VirtualChild[] = [];
  /** What becomes of a child that is started. Default: it runs. */
  onStart: (child: VirtualChild) => void = (child) => child.options.events.started();
  #now: Millis = 0;
  #due: { readonly at: Millis; readonly call: () => void }[] = [];

  get now(): Millis {
    return this.#now;
  }

  /** The runtime of this time. */
  get runtime(): Runtime {
    return {
      ...runtime,
      now: () => this.#now,
      setTimer: (call, delay) => this.#add(call, delay),
      setImmediate: (call) => void this.#add(call, 0),
      spawn: (options) => {
        const child = new VirtualChild(options);
        this.children.push(child);
        this.#add(() => this.onStart(child), 0);
        return child;
      },
    };
  }

  /** Does what falls due until then, in its order. */
  run(duration: Millis): void {
    const until = this.#now + duration;
    while (true) {
      const next = this.#due.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#now = next.at;
      next.call();
    }
    this.#now = until;
  }

  #add(call: () => void, delay: Millis): { cancel(): void } {
    const due = { at: this.#now + delay, call };
    this.#due.push(due);
    return { cancel: () => void (this.#due = this.#due.filter((each) => each !== due)) };
  }
}
