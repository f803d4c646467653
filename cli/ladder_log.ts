/**
 * Writes the ladders of calls into the log when they are over.
 *
 * @module
 */

import type { Millis } from "../src/base/units.ts";
import type { GatewayObserver } from "../src/gateway/observer.ts";
import { CallTrace, type CallTraceOptions } from "../src/gateway/trace.ts";
import type { Ladder } from "../src/gateway/trace_leg.ts";
import type { Runtime, Timer } from "../src/runtime/ports.ts";
import { formatLadder, ladderFields } from "./ladder.ts";
import type { OpenLog } from "./log.ts";

/** What is written, and where to. */
export interface LadderLogOptions {
  readonly runtime: Pick<Runtime, "now" | "wallClock" | "setTimer">;
  readonly log: Pick<OpenLog, "json" | "text">;
  readonly format: "pretty" | "json";
  readonly trace: CallTraceOptions;
}

/** What hears of messages and ends. */
export type LadderObserver = Required<Pick<GatewayObserver, "message" | "refused" | "callEnded">>;

/** Ladders that are written a second; the others are only counted. */
const WRITTEN_PER_SECOND = 20;

/** Ladders of one gateway. */
export class LadderLog {
  readonly observer: LadderObserver;
  readonly #options: LadderLogOptions;
  readonly #trace: CallTrace;
  #timer: Timer | undefined;
  #timerAt: Millis = Infinity;
  #written = 0;
  #since: Millis = -Infinity;
  /** Ladders that nobody has been told of. */
  #unwritten = 0;
  #dropped = 0;

  constructor(options: LadderLogOptions) {
    const { runtime } = options;
    this.#options = options;
    this.#trace = new CallTrace(options.trace);
    this.observer = {
      message: (direction, message, flow, now) => {
        this.#trace.message(direction, message, flow, now);
        this.#arm(now);
      },
      refused: (refused, now) => {
        this.#trace.refused(refused, now);
        this.#arm(now);
      },
      callEnded: (record) => {
        const now = runtime.now();
        this.#trace.ended(record, now);
        this.#arm(now);
      },
    };
  }

  /** Writes what is left of calls that are over. */
  close(): void {
    this.#timer?.cancel();
    this.#timerAt = -Infinity;
    const now = this.#options.runtime.now();
    this.#writeAll(this.#trace.close(), now);
    this.#reportLost();
  }

  #arm(now: Millis): void {
    const at = this.#trace.deadline ?? Infinity;
    // A timer that fires too early asks again; only one that would be too late is replaced
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#options.runtime.setTimer(() => this.#timeout(), Math.max(0, at - now));
  }

  #timeout(): void {
    this.#timerAt = Infinity;
    const now = this.#options.runtime.now();
    this.#writeAll(this.#trace.timeout(now), now);
    this.#arm(now);
  }

  #writeAll(ladders: readonly Ladder[], now: Millis): void {
    for (const ladder of ladders) {
      if (now - this.#since >= 1000) {
        this.#reportLost();
        this.#written = 0;
        this.#since = now;
      }
      if (this.#written >= WRITTEN_PER_SECOND) {
        this.#unwritten++;
        continue;
      }
      this.#written++;
      this.#write(ladder, now);
    }
  }

  #write(ladder: Ladder, now: Millis): void {
    const { runtime, log, format } = this.#options;
    const startedAt = new Date(runtime.wallClock() - (now - ladder.startedAt));
    if (format === "json") log.json("Ladder", ladderFields(ladder, startedAt), "always");
    else log.text(formatLadder(ladder, startedAt));
  }

  #reportLost(): void {
    const { log, format } = this.#options;
    const dropped = this.#trace.dropped - this.#dropped;
    const lost = this.#unwritten + dropped;
    this.#dropped += dropped;
    this.#unwritten = 0;
    if (lost === 0) return;
    if (format === "json") log.json("Ladders left out", { count: lost }, "always");
    else log.text(`  ${lost} more ladders were left out: too many calls at once\n`);
  }
}
