/**
 * Leaves servers alone that have failed again and again: after so many failures in a row calls go
 * to `on_error` at once, until one call in a while finds the server well again.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { formatDuration } from "../config/duration.ts";
import type { BreakerConfig } from "../config/schema_services.ts";
import type { TargetGuard } from "./target_guard.ts";

/** What a circuit breaker is made of. */
export interface CircuitBreakerOptions extends BreakerConfig {
  readonly now: () => Millis;
  /** Told once when a server is left alone, and once when it is well again. */
  readonly log: (level: "warning" | "info", message: string) => void;
}

/** Servers that are remembered; one that has never failed, or is well again, is not. */
export const TARGETS_MAX = 10_000;

/** The pause doubles each time that the server is still unwell, up to this factor. */
const PAUSE_FACTOR_MAX = 8;

/**
 * What is known of one server:
 * - `closed`: calls go there; it has failed `failures` times in a row.
 * - `open`: none goes there before `until`.
 * - `trying`: one call is there and tries; no other goes before it has told, or `until`.
 */
interface Target {
  readonly state: "closed" | "open" | "trying";
  readonly failures: number;
  /** How often the pause was served in vain. */
  readonly relapses: number;
  readonly until: Millis;
}

const NEW_TARGET: Target = { state: "closed", failures: 0, relapses: 0, until: 0 };

/** The circuits of all servers, shared by all calls of a gateway. */
export class CircuitBreaker implements TargetGuard {
  readonly #now: () => Millis;
  readonly #log: CircuitBreakerOptions["log"];
  #settings: BreakerConfig;
  /** In the order of their last change of state. */
  readonly #targets = new Map<string, Target>();

  constructor(options: CircuitBreakerOptions) {
    this.#now = options.now;
    this.#log = options.log;
    this.#settings = options;
  }

  /** Servers that have failed and were not well since. */
  get size(): number {
    return this.#targets.size;
  }

  /** Holds from the next failure on. */
  set settings(settings: BreakerConfig) {
    this.#settings = settings;
  }

  refuse(target: string): string | undefined {
    const known = this.#targets.get(target);
    if (known === undefined || known.state === "closed" || this.#settings.failures === 0) {
      return undefined;
    }
    const now = this.#now();
    if (now < known.until) {
      return `${target} has failed ${times(known.failures)} in a row and is left alone for ` +
        `${roundUp(known.until - now)} more`;
    }
    // A call that never tells does not lock the server out
    this.#set(target, { ...known, state: "trying", until: now + this.#pause(known.relapses) });
    return undefined;
  }

  succeeded(target: string): void {
    const known = this.#targets.get(target);
    if (known === undefined) return;
    this.#targets.delete(target);
    if (known.state !== "closed") this.#log("info", `${target} answers again`);
  }

  failed(target: string): void {
    const known = this.#targets.get(target) ?? NEW_TARGET;
    const failures = known.failures + 1;
    switch (known.state) {
      case "closed": {
        const { failures: most } = this.#settings;
        if (most === 0 || failures < most) {
          return this.#set(target, { ...known, failures });
        }
        const pause = this.#pause(0);
        this.#set(target, { ...known, state: "open", failures, until: this.#now() + pause });
        return this.#log(
          "warning",
          `${target}: ${failures} failures in a row, left alone for ${formatDuration(pause)}; ` +
            "calls go to on_error",
        );
      }
      case "trying": {
        const relapses = known.relapses + 1;
        const until = this.#now() + this.#pause(relapses);
        return this.#set(target, { state: "open", failures, relapses, until });
      }
      case "open":
        // A call that was there before it was left alone
        return;
    }
  }

  abandoned(target: string): void {
    const known = this.#targets.get(target);
    // The next call tries instead
    if (known?.state === "trying") this.#set(target, { ...known, state: "open", until: 0 });
  }

  #pause(relapses: number): Millis {
    return this.#settings.pause * Math.min(2 ** relapses, PAUSE_FACTOR_MAX);
  }

  #set(name: string, target: Target): void {
    // Behind all others, so that the oldest is the first
    this.#targets.delete(name);
    if (this.#targets.size >= TARGETS_MAX) this.#forgetOldest();
    this.#targets.set(name, target);
  }

  /** One that is open goes only when all are. */
  #forgetOldest(): void {
    let oldest: string | undefined;
    for (const [name, { state }] of this.#targets) {
      oldest ??= name;
      if (state !== "closed") continue;
      oldest = name;
      break;
    }
    if (oldest !== undefined) this.#targets.delete(oldest);
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** In seconds, so that a person is not told of milliseconds. */
function roundUp(duration: Millis): string {
  return formatDuration(Math.ceil(duration / 1000) * 1000);
}
