import { describe, expect, test } from "bun:test";
import {
  acceptSessionTimer,
  answerSessionTimer,
  raisedMinimum,
  requestSessionTimer,
  SessionTimer,
  type SessionTimerAgreement,
  type SessionTimerPolicy,
} from "../../../src/sip/dialog/session_timer.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { clocked, requestOf, responseOf } from "./fixtures.ts";

const POLICY: SessionTimerPolicy = { expires: 1_800_000, minimum: 90_000 };
const PASSIVE: SessionTimerPolicy = { expires: 0, minimum: 90_000 };
const LOCAL: SessionTimerAgreement = { interval: 1_800_000, refresher: "local" };
const REMOTE: SessionTimerAgreement = { interval: 1_800_000, refresher: "remote" };

function invite(...headers: (readonly [string, string])[]) {
  return requestOf("INVITE", headers);
}

const SUPPORTED = ["Supported", "100rel, Timer"] as const;

describe("RFC 4028 §7.1, §7.4 request", () => {
  test("asks for the interval of the policy, and leaves the refresher to the called side", () => {
    expect(requestSessionTimer(POLICY, {})).toEqual([
      ["Session-Expires", "1800"],
      ["Min-SE", "90"],
    ]);
  });

  test("says nothing when the policy is not to ask and nothing is agreed", () => {
    expect(requestSessionTimer(PASSIVE, {})).toEqual([]);
  });

  test("keeps interval and roles in a refresh, whoever refreshes", () => {
    const interval = 600_000;
    expect(requestSessionTimer(POLICY, { current: { interval, refresher: "local" } })[0])
      .toEqual(["Session-Expires", "600;refresher=uac"]);
    expect(requestSessionTimer(PASSIVE, { current: { interval, refresher: "remote" } })[0])
      .toEqual(["Session-Expires", "600;refresher=uas"]);
  });

  test("never asks for less than the minimum, which a 422 may have raised", () => {
    const raised = { expires: 600_000, minimum: 3_600_000 };
    expect(requestSessionTimer(raised, {})).toEqual([
      ["Session-Expires", "3600"],
      ["Min-SE", "3600"],
    ]);
    expect(requestSessionTimer(raised, { current: LOCAL })[0])
      .toEqual(["Session-Expires", "3600;refresher=uac"]);
  });

  test("takes 90 s for the minimum of a policy that has less", () => {
    expect(requestSessionTimer({ expires: 10_000, minimum: 1000 }, {})).toEqual([
      ["Session-Expires", "90"],
      ["Min-SE", "90"],
    ]);
  });
});

describe("RFC 4028 §9 answer, table 2", () => {
  const rows: readonly [boolean, string, "local" | "remote", string][] = [
    [false, "", "local", "uas"],
    [false, ";refresher=uac", "local", "uas"],
    [false, ";refresher=uas", "local", "uas"],
    [true, "", "remote", "uac"],
    [true, ";refresher=uac", "remote", "uac"],
    [true, ";refresher=uas", "local", "uas"],
    [true, ";refresher=UAS", "local", "uas"],
    [true, ";refresher=any", "remote", "uac"],
  ];
  for (const [supported, parameter, refresher, word] of rows) {
    test(`peer ${supported ? "with" : "without"} timer, "${parameter}": ${word}`, () => {
      const request = invite(
        ["Session-Expires", `600${parameter}`],
        ...(supported ? [SUPPORTED] : []),
      );
      const required = [["Require", "timer"]] as const;
      expect(answerSessionTimer(request, PASSIVE)).toEqual({
        type: "agreed",
        agreement: { interval: 600_000, refresher },
        headers: [["Session-Expires", `600;refresher=${word}`], ...(supported ? required : [])],
      });
    });
  }

  test("reads the compact forms, and a Require that says the same as Supported", () => {
    const compact = invite(["x", "600"], ["k", "timer"]);
    expect(answerSessionTimer(compact, PASSIVE)).toMatchObject({
      agreement: { interval: 600_000, refresher: "remote" },
    });
    const required = invite(["Session-Expires", "600"], ["Require", "timer"]);
    expect(answerSessionTimer(required, PASSIVE)).toMatchObject({
      agreement: { interval: 600_000, refresher: "remote" },
    });
  });
});

describe("RFC 4028 §9 answer, interval", () => {
  test("answers 422 with our Min-SE to a shorter interval of a peer that knows timers", () => {
    const request = invite(["Session-Expires", "119"], SUPPORTED);
    expect(answerSessionTimer(request, { expires: 0, minimum: 120_000 })).toEqual({
      type: "too_small",
      headers: [["Min-SE", "120"]],
    });
  });

  test("takes exactly the minimum", () => {
    const request = invite(["Session-Expires", "90"], SUPPORTED);
    expect(answerSessionTimer(request, POLICY)).toMatchObject({
      agreement: { interval: 90_000, refresher: "remote" },
    });
  });

  test("erratum 1687: raises a proxy's short interval for a peer that cannot use a 422", () => {
    const request = invite(["Session-Expires", "1"]);
    expect(answerSessionTimer(request, { expires: 0, minimum: 120_000 })).toMatchObject({
      type: "agreed",
      agreement: { interval: 120_000, refresher: "local" },
      headers: [["Session-Expires", "120;refresher=uas"]],
    });
  });

  test("reduces a long interval to ours, but not below the peer's Min-SE", () => {
    const long = invite(["Session-Expires", "86400"], SUPPORTED);
    expect(answerSessionTimer(long, POLICY)).toMatchObject({ agreement: REMOTE });
    const bounded = invite(["Session-Expires", "86400"], ["Min-SE", "3600"], SUPPORTED);
    expect(answerSessionTimer(bounded, POLICY)).toMatchObject({
      agreement: { interval: 3_600_000, refresher: "remote" },
    });
  });

  test("never raises the interval of the peer", () => {
    const short = invite(["Session-Expires", "300"], ["Min-SE", "900"], SUPPORTED);
    expect(answerSessionTimer(short, POLICY)).toMatchObject({ agreement: { interval: 300_000 } });
  });

  test("takes the interval as it is when we never ask", () => {
    const long = invite(["Session-Expires", "86400"], SUPPORTED);
    expect(answerSessionTimer(long, PASSIVE)).toMatchObject({
      agreement: { interval: 86_400_000 },
    });
  });

  test("brings in a timer of our own for a peer that knows timers and asked for none", () => {
    expect(answerSessionTimer(invite(SUPPORTED), POLICY)).toEqual({
      type: "agreed",
      agreement: LOCAL,
      headers: [["Session-Expires", "1800;refresher=uas"], ["Require", "timer"]],
    });
    expect(answerSessionTimer(invite(SUPPORTED, ["Min-SE", "7200"]), POLICY)).toMatchObject({
      agreement: { interval: 7_200_000 },
    });
  });

  test("has no timer where nobody asks, or the peer knows of none", () => {
    expect(answerSessionTimer(invite(SUPPORTED), PASSIVE)).toEqual({ type: "none" });
    expect(answerSessionTimer(invite(), POLICY)).toEqual({ type: "none" });
  });

  for (const text of ["", "-1", "soon", "1800;", "1800;;", "99999999999", "1e3", "1800 s"]) {
    test(`RFC 3261 §8.2.2: takes Session-Expires "${text}" for absent`, () => {
      expect(answerSessionTimer(invite(["Session-Expires", text], SUPPORTED), PASSIVE))
        .toEqual({ type: "none" });
    });
  }
});

describe("RFC 4028 §7.2 what the 2xx agreed to", () => {
  const asked = invite(["Session-Expires", "1800"], ["Min-SE", "90"]);

  test("takes interval and refresher of the response", () => {
    expect(
      acceptSessionTimer(
        asked,
        responseOf(200, [["Session-Expires", "900;refresher=uas"]]),
        POLICY,
      ),
    )
      .toEqual({ interval: 900_000, refresher: "remote" });
    expect(acceptSessionTimer(asked, responseOf(200, [["x", "900 ; refresher = uac"]]), POLICY))
      .toEqual({ interval: 900_000, refresher: "local" });
  });

  test("takes a timer that it did not ask for", () => {
    expect(
      acceptSessionTimer(
        invite(),
        responseOf(200, [["Session-Expires", "900;refresher=uac"]]),
        PASSIVE,
      ),
    )
      .toEqual({ interval: 900_000, refresher: "local" });
  });

  test("refreshes alone when the peer says nothing of the timer that we asked for", () => {
    expect(acceptSessionTimer(asked, responseOf(200, []), POLICY)).toEqual(LOCAL);
  });

  test("has no timer when neither side asked, or the peer dropped what we did not ask for", () => {
    expect(acceptSessionTimer(invite(), responseOf(200, []), POLICY)).toBeUndefined();
    const refresh = invite(["Session-Expires", "600;refresher=uac"]);
    expect(acceptSessionTimer(refresh, responseOf(200, []), PASSIVE)).toBeUndefined();
  });

  test("refreshes when the response does not say who does", () => {
    expect(acceptSessionTimer(asked, responseOf(200, [["Session-Expires", "900"]]), POLICY))
      .toEqual({ interval: 900_000, refresher: "local" });
  });

  test("§4: takes no interval below 90 s, which would have it refresh without end", () => {
    expect(
      acceptSessionTimer(asked, responseOf(200, [["Session-Expires", "0;refresher=uac"]]), POLICY),
    )
      .toEqual({ interval: 90_000, refresher: "local" });
  });
});

describe("RFC 4028 §7.3 422", () => {
  test("gives the interval to ask for, 90 s at least", () => {
    expect(raisedMinimum(responseOf(422, [["Min-SE", "3600"]]))).toBe(3_600_000);
    expect(raisedMinimum(responseOf(422, [["Min-SE", "10;why=not"]]))).toBe(90_000);
  });

  test("gives nothing without a Min-SE that can be read", () => {
    expect(raisedMinimum(responseOf(422, []))).toBeUndefined();
    expect(raisedMinimum(responseOf(422, [["Min-SE", "long"]]))).toBeUndefined();
  });
});

describe("RFC 4028 §10 session timer", () => {
  test("refreshes at half the interval, tries on every 32 s, and gives up at its end", () => {
    const timer = new SessionTimer({ interval: 180_000, refresher: "local" }, 1000);
    const seen = new VirtualClock(1000).runToEnd(clocked(timer));
    expect(seen.map(({ at, output }) => [at - 1000, output.type])).toEqual([
      [90_000, "refresh"],
      [122_000, "refresh"],
      [154_000, "refresh"],
      [180_000, "expired"],
    ]);
    expect(timer.state).toBe("expired");
  });

  test("only waits when the peer refreshes, and ends the session 32 s before its time", () => {
    const timer = new SessionTimer(REMOTE, 0);
    expect(new VirtualClock().runToEnd(clocked(timer)))
      .toEqual([{ at: 1_768_000, output: { type: "expired" } }]);
  });

  test("ends a short session of the peer's a third before its time", () => {
    const timer = new SessionTimer({ interval: 90_000, refresher: "remote" }, 0);
    expect(timer.deadline).toBe(60_000);
  });

  test("begins anew with each refresh, with the interval and roles that it agreed on", () => {
    const timer = new SessionTimer(LOCAL, 0);
    timer.timeout(900_000);
    timer.refreshed({ interval: 600_000, refresher: "remote" }, 901_000);
    expect(timer.agreement).toEqual({ interval: 600_000, refresher: "remote" });
    expect(timer.deadline).toBe(901_000 + 568_000);
    timer.refreshed(LOCAL, 1_000_000);
    expect(timer.deadline).toBe(1_900_000);
  });

  test("waits for a re-INVITE that is under way before it asks for a refresh", () => {
    const timer = new SessionTimer(LOCAL, 0);
    timer.refreshSent(899_000);
    expect(timer.timeout(900_000)).toBeUndefined();
    expect(timer.deadline).toBe(931_000);
  });

  test("does not refresh earlier because a re-INVITE was sent", () => {
    const timer = new SessionTimer(LOCAL, 0);
    timer.refreshSent(10_000);
    expect(timer.deadline).toBe(900_000);
  });

  test("does not begin to refresh because we sent a re-INVITE, when that is the peer's", () => {
    const timer = new SessionTimer(REMOTE, 0);
    timer.refreshSent(10_000);
    expect(timer.deadline).toBe(1_768_000);
  });

  test("does nothing when asked too early, and is not revived after its end", () => {
    const timer = new SessionTimer(LOCAL, 0);
    expect(timer.timeout(899_999)).toBeUndefined();
    expect(timer.timeout(1_800_000)).toEqual({ type: "expired" });
    timer.refreshed(LOCAL, 1_800_001);
    expect(timer.timeout(9_000_000)).toBeUndefined();
    expect(timer.deadline).toBeUndefined();
  });
});
