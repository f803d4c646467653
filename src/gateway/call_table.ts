/**
 * The calls of a gateway: by session, and by the session id that a caller chose.
 *
 * @module
 */

import type { SessionId } from "../sip/user_agent/output.ts";
import type { LiveCall } from "./live_call.ts";

/** All calls that are up or being set up, and those whose handler still winds down. */
export class CallTable {
  readonly #bySession = new Map<SessionId, LiveCall>();
  readonly #byExplicitId = new Map<string, LiveCall>();
  readonly #windingDown = new Set<LiveCall>();

  get size(): number {
    return this.#bySession.size;
  }

  /** Calls that are over, whose handler is not gone yet. */
  get windingDown(): number {
    return this.#windingDown.size;
  }

  values(): LiveCall[] {
    return [...this.#bySession.values()];
  }

  /** Every handler that may still hold something. */
  all(): LiveCall[] {
    return [...this.#bySession.values(), ...this.#windingDown];
  }

  /** The call that has this session now; another one than it began with, where somebody took the caller's place. */
  bySession(session: SessionId): LiveCall | undefined {
    const known = this.#bySession.get(session);
    if (known?.currentSession === session) return known;
    return this.values().find((live) => live.currentSession === session);
  }

  /** The call of this id. */
  byId(id: string): LiveCall | undefined {
    return this.values().find((live) => live.call.facts.id === id);
  }

  /** Whether a live call has this X-Session-ID. */
  hasExplicitId(id: string): boolean {
    return this.#byExplicitId.has(id);
  }

  add(live: LiveCall): void {
    this.#bySession.set(live.session, live);
    if (live.explicitSessionId !== undefined) this.#byExplicitId.set(live.explicitSessionId, live);
  }

  /** The call is over: its ids are free again. */
  end(live: LiveCall): void {
    this.#bySession.delete(live.session);
    if (live.explicitSessionId !== undefined) this.#byExplicitId.delete(live.explicitSessionId);
    this.#windingDown.add(live);
  }

  /** Nothing is left of the call. */
  remove(live: LiveCall): void {
    this.#windingDown.delete(live);
  }
}
