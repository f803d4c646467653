/**
 * Writes events to a program's control channel: one JSON object a line.
 *
 * Most programs never read it. What they leave in the pipe is the system's; what does not fit waits
 * here, the oldest events giving way to new ones.
 *
 * @module
 */

import type { HandlerEvent } from "../../call/handler_message.ts";
import type { ChildProcess } from "../../runtime/ports.ts";

/** Lines that wait at most. */
export const CONTROL_LINES_MAX = 200;

/** The sending side of one control channel. */
export class ControlWriter {
  readonly #child: Pick<ChildProcess, "controlQueuedBytes" | "writeControl" | "closeControl">;
  #lines: string[] = [];
  #dropped = 0;

  constructor(child: Pick<ChildProcess, "controlQueuedBytes" | "writeControl" | "closeControl">) {
    this.#child = child;
  }

  /** Events that gave way to newer ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sends an event, now or when there is room. */
  send(event: HandlerEvent): void {
    if (this.#lines.length >= CONTROL_LINES_MAX) {
      this.#lines.shift();
      this.#dropped++;
    }
    this.#lines.push(JSON.stringify(event) + "\n");
    this.flush();
  }

  /**
   * Writes what waits, unless the last write still does. To be called when the channel has drained.
   */
  flush(): void {
    if (this.#lines.length === 0 || this.#child.controlQueuedBytes > 0) return;
    const text = this.#lines.join("");
    this.#lines = [];
    this.#child.writeControl(text);
  }

  /** Closes our side once everything was taken. */
  close(): void {
    if (this.#lines.length > 0) this.#child.writeControl(this.#lines.join(""));
    this.#lines = [];
    this.#child.closeControl();
  }
}
