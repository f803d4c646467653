import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  acceptSessionTimer,
  answerSessionTimer,
  INTERVAL_MIN,
  raisedMinimum,
  REFRESH_RETRY,
  requestSessionTimer,
  SessionTimer,
  type SessionTimerAgreement,
  type SessionTimerAnswer,
  type SessionTimerPolicy,
} from "../../../src/sip/dialog/session_timer.ts";
import { requestOf, responseOf } from "./fixtures.ts";

const agreement: fc.Arbitrary<SessionTimerAgreement> = fc.record({
  interval: fc.integer({ min: 90, max: 7200 }).map((seconds) => seconds * 1000),
  refresher: fc.constantFrom("local", "remote"),
});

/** What the world does to a timer: time passes, or a request succeeds or is sent. */
type Step =
  | { readonly type: "wait"; readonly duration: number }
  | { readonly type: "refreshed"; readonly agreement: SessionTimerAgreement }
  | { readonly type: "refresh_sent" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant("wait" as const), duration: fc.nat({ max: 4_000_000 }) }),
  fc.record({ type: fc.constant("refreshed" as const), agreement }),
  fc.record({ type: fc.constant("refresh_sent" as const) }),
);

/** What one schedule did. */
interface Life {
  /** From the last agreement to each refresh asked for since. */
  readonly refreshes: readonly { readonly since: number; readonly gap: number }[];
  readonly faults: readonly string[];
}

/** Lives through a schedule, and notes where the timer broke its word. */
function live(first: SessionTimerAgreement, steps: readonly Step[]): Life {
  const timer = new SessionTimer(first, 0);
  const refreshes: { since: number; gap: number }[] = [];
  const faults: string[] = [];
  let now = 0;
  let agreedAt = 0;
  let refreshAt = Number.NEGATIVE_INFINITY;
  let current = first;
  for (const one of steps) {
    if (timer.state === "expired") {
      if (timer.deadline !== undefined) faults.push("has a deadline after its end");
      break;
    }
    if (one.type === "refresh_sent") {
      timer.refreshSent(now);
    } else if (one.type === "refreshed") {
      timer.refreshed(one.agreement, now);
      current = one.agreement;
      agreedAt = now;
      refreshAt = Number.NEGATIVE_INFINITY;
    } else {
      const until = now + one.duration;
      while (timer.deadline !== undefined && timer.deadline <= until) {
        if (timer.deadline < now) faults.push(`has a deadline in the past at ${now}`);
        now = Math.max(now, timer.deadline);
        const output = timer.timeout(now);
        const since = now - agreedAt;
        if (output === undefined) {
          faults.push(`does nothing at its deadline ${now}`);
          break;
        }
        if (output.type === "refresh") {
          if (current.refresher === "remote") faults.push("refreshes for the peer");
          refreshes.push({ since: since / current.interval, gap: now - refreshAt });
          refreshAt = now;
          continue;
        }
        const early = current.refresher === "local" ? 0 : Math.min(32_000, current.interval / 3);
        // A third of an interval has no end in binary
        const off = Math.abs(since - (current.interval - early));
        if (off > 0.001) faults.push(`ends after ${since}`);
      }
      now = until;
      if (now - agreedAt >= current.interval && timer.deadline !== undefined) {
        faults.push("lives on after its interval");
      }
    }
  }
  return { refreshes, faults };
}

describe("RFC 4028 §10 session timer, any schedule", () => {
  test("ends exactly when it must, and asks for refreshes 32 s apart from half time on", () => {
    fc.assert(
      fc.property(agreement, fc.array(step, { maxLength: 30 }), (first, steps) => {
        const { refreshes, faults } = live(first, steps);
        expect(faults).toEqual([]);
        for (const { since, gap } of refreshes) {
          expect(since >= 0.5 && since < 1).toBe(true);
          expect(gap >= REFRESH_RETRY).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("never ends a session whose refreshes succeed at once", () => {
    fc.assert(
      fc.property(agreement, fc.integer({ min: 1, max: 50 }), (first, rounds) => {
        const local = { ...first, refresher: "local" as const };
        const timer = new SessionTimer(local, 0);
        for (let round = 0; round < rounds; round++) {
          const now = timer.deadline as number;
          expect(timer.timeout(now)).toEqual({ type: "refresh" });
          timer.refreshed(local, now);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("RFC 4028 two user agents", () => {
  const policy: fc.Arbitrary<SessionTimerPolicy> = fc.record({
    expires: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 7200 }).map((one) => one * 1000)),
    minimum: fc.integer({ min: 0, max: 3600 }).map((one) => one * 1000),
  });
  const current = fc.option(agreement, { nil: undefined });

  test("agree on one interval and opposite roles, after at most one 422", () => {
    fc.assert(
      fc.property(policy, policy, current, (ours, theirs, agreed) => {
        let asking = ours;
        let answer: SessionTimerAnswer | undefined;
        let request = requestOf("INVITE", []);
        for (let tries = 0; tries < 2; tries++) {
          const headers = requestSessionTimer(asking, { current: agreed });
          request = requestOf("INVITE", [["Supported", "timer"], ...headers]);
          answer = answerSessionTimer(request, theirs);
          if (answer.type !== "too_small") break;
          const minimum = raisedMinimum(responseOf(422, answer.headers)) as number;
          asking = { ...asking, minimum: Math.max(asking.minimum, minimum) };
        }
        expect(answer?.type).not.toBe("too_small");
        const headers = answer?.type === "agreed" ? answer.headers : [];
        const mine = acceptSessionTimer(request, responseOf(200, headers), asking);
        const yours = answer?.type === "agreed" ? answer.agreement : undefined;
        expect(mine?.interval).toBe(yours?.interval);
        if (mine === undefined || yours === undefined) return;
        expect(mine.refresher).not.toBe(yours.refresher);
        expect(mine.interval).toBeGreaterThanOrEqual(INTERVAL_MIN);
        // §7.4: a refresh moves the role to nobody else
        if (agreed !== undefined) expect(mine.refresher).toBe(agreed.refresher);
      }),
      { numRuns: 500 },
    );
  });

  test("RFC 3261 §8.2.2: whatever stands in the headers, nothing is thrown", () => {
    const printable = fc.string({ unit: fc.constantFrom(...'0129;=,refshuac "\\<>'.split("")) });
    fc.assert(
      fc.property(printable, printable, policy, (expires, minimum, ours) => {
        const headers = [["Session-Expires", expires], ["Min-SE", minimum]] as const;
        const request = requestOf("INVITE", [["Supported", "timer"], ...headers]);
        answerSessionTimer(request, ours);
        raisedMinimum(responseOf(422, headers));
        const agreed = acceptSessionTimer(request, responseOf(200, headers), ours);
        if (agreed !== undefined) expect(agreed.interval).toBeGreaterThanOrEqual(INTERVAL_MIN);
      }),
      { numRuns: 500 },
    );
  });
});
