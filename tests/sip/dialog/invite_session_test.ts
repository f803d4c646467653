import { describe, expect, test } from "bun:test";
import {
  InviteSession,
  SESSION_TRANSITIONS,
  type SessionEvent,
  type SessionState,
} from "../../../src/sip/dialog/invite_session.ts";

const TIMERS = { t1: 500, t2: 4000 };

function accepted(): InviteSession {
  const session = new InviteSession("server", TIMERS);
  session.accept(1, 0);
  return session;
}

describe("RFC 3261 §13, §15 session", () => {
  test("has a way to terminated from every state", () => {
    const reaches = (state: SessionState, seen: readonly SessionState[]): boolean =>
      state === "terminated" ||
      (Object.keys(SESSION_TRANSITIONS[state]) as SessionEvent[]).some((event) => {
        const next = SESSION_TRANSITIONS[state][event] as SessionState;
        return !seen.includes(next) && reaches(next, [...seen, next]);
      });
    for (const state of Object.keys(SESSION_TRANSITIONS) as SessionState[]) {
      expect({ state, reaches: reaches(state, [state]) }).toEqual({ state, reaches: true });
    }
  });

  test("sends its BYE at once when the ACK was there", () => {
    const session = accepted();
    session.acknowledge(1);
    expect(session.hangup()).toEqual([{ type: "bye" }]);
  });

  test("sends its BYE with the ACK when that is still under way", () => {
    const session = accepted();
    expect(session.hangup()).toEqual([]);
    expect(session.acknowledge(1).outputs).toEqual([{ type: "bye" }]);
  });

  test("sends its BYE once, however often it is asked to", () => {
    const session = accepted();
    session.acknowledge(1);
    session.hangup();
    expect(session.hangup()).toEqual([]);
  });

  test("repeats nothing after a BYE that came before the ACK", () => {
    const session = accepted();
    session.receiveBye();
    expect(session.state).toBe("terminated");
    expect(session.deadline).toBeUndefined();
  });

  test("ignores an ACK with another CSeq number", () => {
    const session = accepted();
    expect(session.acknowledge(2).repeated).toBe(true);
    expect(session.state).toBe("accepted");
  });

  test("gives up after 64·T1, and may then be ended by a BYE", () => {
    const session = accepted();
    let at = 0;
    const types: string[] = [];
    while (session.deadline !== undefined) {
      at = session.deadline;
      types.push(...session.timeout(at).map((output) => output.type));
    }
    expect(at).toBe(32_000);
    expect(types.at(-1)).toBe("ack_timeout");
    expect(session.hangup()).toEqual([{ type: "bye" }]);
    expect(session.state).toBe("ending");
  });

  test("does nothing when asked too early", () => {
    const session = accepted();
    expect(session.timeout(499)).toEqual([]);
    expect(session.deadline).toBe(500);
  });
});
