/**
 * Wakes each call at its deadline.
 *
 * @module
 */

import { TimerTable } from "../base/timer_table.ts";
import type { Runtime } from "../runtime/ports.ts";
import { Alarm } from "./alarm.ts";
import type { LiveCall } from "./live_call.ts";

/** The deadlines of all calls of one gateway. */
export class CallDeadlines {
  readonly #runtime: Runtime;
  readonly #deadlines = new TimerTable<LiveCall>();
  readonly #alarm: Alarm;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#alarm = new Alarm({ runtime, ring: () => this.#timeout() });
  }

  /** A call's deadline may have moved. */
  update(live: LiveCall): void {
    const { deadline } = live;
    if (deadline === Infinity) this.#deadlines.delete(live);
    else this.#deadlines.set(live, deadline);
    this.#arm();
  }

  /** A call is over. */
  delete(live: LiveCall): void {
    this.#deadlines.delete(live);
  }

  /** Nobody is woken any more. */
  close(): void {
    this.#alarm.cancel();
  }

  #arm(): void {
    this.#alarm.set(this.#deadlines.deadline ?? Infinity, this.#runtime.now());
  }

  #timeout(): void {
    const now = this.#runtime.now();
    for (;;) {
      const live = this.#deadlines.popDue(now);
      if (live === undefined) break;
      live.timeout();
    }
    this.#arm();
  }
}
