/**
 * A session that another one has taken the place of, until its dialog is gone.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { reasonHeader } from "../call/end_cause.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import type { SessionId, SessionOutput } from "../sip/user_agent/output.ts";
import type { Agent, SessionOwner } from "./agent.ts";

/** What a former session is made of. */
export interface FormerSessionOptions {
  readonly agent: Agent;
  readonly runtime: Pick<Runtime, "setTimer">;
  readonly session: SessionId;
  /** How long the peer has time to hang up by itself. */
  readonly patience: Millis;
  /** Nothing is left of it. Once. */
  readonly gone: () => void;
}

/** One session whose peer is to leave. */
export class FormerSession implements SessionOwner {
  readonly #options: FormerSessionOptions;
  #timer: Timer | undefined;

  constructor(options: FormerSessionOptions) {
    this.#options = options;
    const { agent, session, runtime, patience } = options;
    agent.own(session, this);
    if (patience === 0) this.hangup();
    else this.#timer = runtime.setTimer(() => this.hangup(), patience);
  }

  /** Ends the session, unless that is done already. */
  hangup(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { agent, session } = this.#options;
    const headers = [reasonHeader("transferred")];
    agent.perform((userAgent, now) => userAgent.hangup(session, headers, now));
  }

  receive(output: SessionOutput): void {
    switch (output.type) {
      case "ack_timeout":
      case "session_expired":
        return this.hangup();
      case "terminated":
        this.#timer?.cancel();
        this.#timer = undefined;
        return this.#options.gone();
      default:
        // What it still asks for has no use any more
        return this.#options.agent.decline(output, 481);
    }
  }
}
