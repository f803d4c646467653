/**
 * The time of all sessions: what repeats until it is acknowledged, and the timers of the extensions.
 *
 * @module
 */

import { TimerTable } from "../../base/timer_table.ts";
import type { Millis } from "../../base/units.ts";
import type { UserAgentContext } from "./context.ts";
import type { InDialogClient } from "./in_dialog_client.ts";
import { sendBye } from "./in_session.ts";
import type { UserAgentOutput } from "./output.ts";
import type { ServerSide } from "./server_side.ts";
import type { Session } from "./session_table.ts";

/** Whom the time of a session concerns. */
export interface TimedParts {
  readonly server: ServerSide;
  readonly client: InDialogClient;
}

/** Sessions that have something to do at some time. */
export class SessionClock {
  readonly #context: UserAgentContext;
  readonly #parts: TimedParts;
  readonly #waiting = new TimerTable<Session>();

  constructor(context: UserAgentContext, parts: TimedParts) {
    this.#context = context;
    this.#parts = parts;
  }

  get deadline(): Millis | undefined {
    return this.#waiting.deadline;
  }

  /** Something has happened to a session: its deadline may have moved. */
  schedule(session: Session): void {
    const isOver = this.#context.sessions.get(session.id) === undefined;
    const deadline = isOver ? undefined : deadlineOf(session);
    if (deadline === undefined) this.#waiting.delete(session);
    else this.#waiting.set(session, deadline);
  }

  /** Does what is due in all sessions. */
  timeout(outputs: UserAgentOutput[], now: Millis): void {
    for (;;) {
      const session = this.#waiting.popDue(now);
      if (session === undefined) return;
      this.#timeoutSession(session, outputs, now);
      this.schedule(session);
    }
  }

  #timeoutSession(session: Session, outputs: UserAgentOutput[], now: Millis): void {
    for (const output of session.machine.timeout(now)) {
      switch (output.type) {
        case "retransmit": {
          const sent = session.sent.get(output.sequence);
          if (sent !== undefined) outputs.push({ type: "send", ...sent });
          break;
        }
        case "ack_timeout":
          outputs.push({ type: "ack_timeout", session: session.id });
          break;
        case "bye":
          outputs.push(...sendBye(this.#context, session, now));
      }
    }
    outputs.push(...this.#parts.server.timeout(session, now));
    outputs.push(...this.#parts.client.timeout(session, now));
  }
}

function deadlineOf(session: Session): Millis | undefined {
  const { machine, provisional, timer, subscription, notifier, retryAt } = session;
  let earliest = machine.deadline;
  const candidates = [
    provisional?.machine.deadline,
    timer?.deadline,
    subscription?.deadline,
    notifier?.deadline,
    retryAt,
  ];
  for (const candidate of candidates) {
    if (candidate !== undefined && (earliest === undefined || candidate < earliest)) {
      earliest = candidate;
    }
  }
  return earliest;
}
