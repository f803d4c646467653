import { describe, expect, test } from "bun:test";
import type { SessionTimerPolicy } from "../../../src/sip/dialog/session_timer.ts";
import { OneAgent, type PeerDialog, SDP } from "../../support/one_agent.ts";
import { type AgentName, TwoAgents } from "../../support/two_agents.ts";

const OFFER = "v=0\r\n";
const ASKS: SessionTimerPolicy = { expires: 90_000, minimum: 90_000 };
const SERVES: SessionTimerPolicy = { expires: 0, minimum: 90_000 };
const TIMER = "Supported: timer";
const ALLOW = "Allow: INVITE, ACK, BYE, UPDATE";

/** A call whose owners do what a refresh asks for. `log` is what was sent: `45010 caller BYE`. */
function refreshedCall(options: {
  readonly refresher: AgentName;
  readonly takesUpdate?: boolean;
  readonly lost?: (line: string, at: number) => boolean;
}) {
  const { refresher, takesUpdate = true, lost = () => false } = options;
  const log: string[] = [];
  const net = new TwoAgents({
    seed: 1,
    delay: 5,
    sessionTimers: {
      caller: refresher === "caller" ? ASKS : SERVES,
      callee: refresher === "callee" ? ASKS : SERVES,
    },
    rewrite: (text, from, at) => {
      const [line = ""] = text.split("\r\n", 1);
      if (lost(line, at)) return undefined;
      const method = /^(UPDATE|INVITE|BYE) /.exec(line)?.[1];
      if (method !== undefined) log.push(`${at} ${from} ${method}`);
      return takesUpdate ? text : text.replace("UPDATE, ", "");
    },
  });
  net.onTold = ({ agent, output }) => {
    const ua = net.agents[agent];
    const answer = { statusCode: 200, body: SDP };
    switch (output.type) {
      case "invite":
        return net.perform(agent, ua.answer(output.session, answer, net.now));
      case "reinvite":
        return net.perform(agent, ua.answerReinvite(output.session, answer, net.now));
      case "reinvite_due":
        return net.perform(agent, ua.reinvite(output.session, { body: SDP }, net.now));
      case "session_expired":
        return net.perform(agent, ua.hangup(output.session, [], net.now));
    }
  };
  net.invite(SDP.bytes);
  return { net, log };
}

describe("RFC 4028 §7.4, §10 a 90 s session lives on by its refreshes", () => {
  for (const refresher of ["caller", "callee"] as const) {
    for (const method of ["UPDATE", "INVITE"] as const) {
      test(`the ${refresher} refreshes by ${method === "INVITE" ? "re-INVITE" : method}`, () => {
        const { net, log } = refreshedCall({ refresher, takesUpdate: method === "UPDATE" });
        net.run(400_000);
        expect(net.told.filter(({ output }) => output.type === "session_expired")).toEqual([]);
        const refreshes = log.slice(1);
        expect(refreshes.length).toBeGreaterThan(7);
        expect(refreshes.every((line) => line.endsWith(`${refresher} ${method}`))).toBe(true);
        const instants = refreshes.map((line) => Number.parseInt(line, 10));
        // The 2xx starts the interval: at 5 ms where it was sent, at 10 ms where it came
        expect(instants[0]).toBe(45_000 + (refresher === "caller" ? 10 : 5));
        const gaps = instants.slice(1).map((at, index) => at - (instants[index] as number));
        // Half the interval after the 2xx, which comes a round trip after the request
        expect(new Set(gaps)).toEqual(new Set([45_010]));
      });
    }
  }

  test("the peer of a refresher that is gone ends the session 30 s before its time", () => {
    const { net, log } = refreshedCall({
      refresher: "caller",
      lost: (line) => line.startsWith("UPDATE"),
    });
    net.run(400_000);
    expect(net.toldTo("callee", "session_expired").map(({ at }) => at)).toEqual([60_005]);
    expect(log).toContain("60005 callee BYE");
    expect(net.toldTo("caller", "bye")).toHaveLength(1);
    expect(net.agents.callee.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("a refresher without answers ends it when the transaction does: §10 by 408", () => {
    const { net } = refreshedCall({
      refresher: "caller",
      lost: (line, at) => at > 20_000 && (line.startsWith("UPDATE") || line.startsWith("BYE")),
    });
    net.run(400_000);
    expect(net.toldTo("caller", "session_expired")[0]?.at).toBe(45_010 + 32_000);
    for (const agent of ["caller", "callee"] as const) {
      expect(net.toldTo(agent, "terminated")).toHaveLength(1);
    }
  });
});

describe("RFC 4028 §7 as the calling side", () => {
  function asking(policy: SessionTimerPolicy = { expires: 1_800_000, minimum: 90_000 }) {
    return new OneAgent({ sessionTimer: policy });
  }

  test("the INVITE asks, and leaves the refresher to the callee", () => {
    const one = asking();
    one.call();
    const { headers } = one.lastRequest("INVITE");
    expect(headers.get("Session-Expires")).toBe("1800");
    expect(headers.get("Min-SE")).toBe("90");
    expect(headers.values("Supported")).toContain("timer");
  });

  test("one that is not to ask says only that it knows of timers", () => {
    const one = asking(SERVES);
    one.call();
    const { headers } = one.lastRequest("INVITE");
    expect(headers.has("Session-Expires")).toBe(false);
    expect(headers.values("Supported")).toContain("timer");
  });

  test("§7.3 422: the INVITE goes out again with the interval of Min-SE", () => {
    const one = asking(ASKS);
    one.call();
    const first = one.lastRequest("INVITE");
    one.take();
    one.answer(first, 422, { tag: "x", lines: ["Min-SE: 120"] });
    expect(one.takeNames()).toEqual(["ACK", "INVITE"]);
    const { headers } = one.lastRequest("INVITE");
    expect(headers.get("Session-Expires")).toBe("120");
    expect(headers.get("Min-SE")).toBe("120");
    expect(headers.cseq.sequence).toBe(2);
    expect(headers.callId).toBe(first.headers.callId);
    expect(one.outputs).toEqual([]);
  });

  test("§7.3 a second proxy wants still more; without Min-SE or end, it is told", () => {
    const one = asking(ASKS);
    one.call();
    for (let seconds = 120; one.told("rejected").length === 0 && seconds < 3000; seconds += 60) {
      one.answer(one.lastRequest("INVITE"), 422, { tag: "x", lines: [`Min-SE: ${seconds}`] });
    }
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([422]);
    expect(one.instants("INVITE").length).toBeGreaterThan(2);
    const other = asking(ASKS);
    other.call();
    other.answer(other.lastRequest("INVITE"), 422, { tag: "x" });
    expect(other.told("rejected").map(({ statusCode }) => statusCode)).toEqual([422]);
  });

  test("refresher=uac: an UPDATE at half of the interval, that keeps interval and roles", () => {
    const one = asking();
    const dialog = one.callAnswered({}, {
      lines: [ALLOW, "Session-Expires: 600;refresher=uac", "Require: timer"],
    });
    one.run(299_999);
    expect(one.takeNames()).toEqual([]);
    one.run(300_000);
    expect(one.takeNames()).toEqual(["UPDATE"]);
    const update = one.lastRequest("UPDATE");
    expect(update.headers.get("Session-Expires")).toBe("600;refresher=uac");
    expect(update.headers.has("Contact")).toBe(true);
    expect(update.body).toHaveLength(0);
    one.answer(update, 200, { lines: ["Session-Expires: 600;refresher=uac"] });
    one.run(599_999);
    expect(one.takeNames()).toEqual([]);
    one.run(600_000);
    expect(one.takeNames()).toEqual(["UPDATE"]);
    expect(one.agent.dialogOf(dialog.session)).toBeDefined();
  });

  test("refresher=uas: expires 32 s before its time, unless the peer refreshes", () => {
    const one = asking();
    const dialog = one.callAnswered({}, {
      lines: [ALLOW, "Session-Expires: 600;refresher=uas", "Require: timer"],
    });
    one.run(500_000);
    const refresh = one.ask(dialog, "UPDATE", {
      lines: [TIMER, "Session-Expires: 600;refresher=uac"],
    });
    expect(refresh?.statusCode).toBe(200);
    expect(refresh?.headers.get("Session-Expires")).toBe("600;refresher=uac");
    expect(refresh?.headers.values("Require")).toContain("timer");
    one.run(2_000_000);
    expect(one.toldAt("session_expired")).toEqual([500_000 + 568_000]);
  });

  test("of 90 s expires 30 s before its time", () => {
    const one = asking();
    one.callAnswered({}, { lines: ["Session-Expires: 90;refresher=uas"] });
    one.run(200_000);
    expect(one.toldAt("session_expired")).toEqual([60_000]);
  });

  test("§7.2 a callee that knows nothing of timers: we refresh alone, by re-INVITE", () => {
    const one = asking(ASKS);
    const dialog = one.callAnswered();
    one.run(45_000);
    expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["refresh"]);
    one.act((agent, now) => agent.reinvite(dialog.session, { body: SDP }, now));
    one.answer(one.lastRequest("INVITE"), 200, { body: OFFER });
    one.run(100_000);
    expect(one.toldAt("reinvite_due")).toEqual([45_000, 90_000]);
    expect(one.told("session_expired")).toEqual([]);
  });

  test("nobody asked and nobody answered: there is no timer", () => {
    const one = asking(SERVES);
    one.callAnswered();
    expect(one.agent.deadline === undefined || one.agent.deadline <= 32_500).toBe(true);
    one.run(10_000_000);
    expect(one.toldAt("session_expired")).toEqual([]);
    expect(one.told("reinvite_due")).toEqual([]);
  });

  describe("§10 a refresh that fails", () => {
    function refreshing() {
      const one = asking();
      const dialog = one.callAnswered({}, {
        lines: [ALLOW, "Session-Expires: 90;refresher=uac"],
      });
      one.run(45_000);
      one.take();
      return { one, dialog };
    }

    test("500: tried again after 32 s, until the time is up", () => {
      const { one } = refreshing();
      one.answer(one.lastRequest("UPDATE"), 500);
      one.run(76_999);
      expect(one.takeNames()).toEqual([]);
      one.run(77_000);
      expect(one.takeNames()).toEqual(["UPDATE"]);
      one.answer(one.lastRequest("UPDATE"), 500);
      one.run(200_000);
      expect(one.toldAt("session_expired")).toEqual([90_000]);
    });

    test("481 and 408: the dialog is gone", () => {
      for (const statusCode of [481, 408]) {
        const { one } = refreshing();
        one.answer(one.lastRequest("UPDATE"), statusCode);
        expect(one.toldAt("session_expired")).toEqual([45_000]);
      }
    });

    test("405 and 501: by re-INVITE from then on", () => {
      for (const statusCode of [405, 501]) {
        const { one, dialog } = refreshing();
        one.answer(one.lastRequest("UPDATE"), statusCode);
        expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["refresh"]);
        one.act((agent, now) => agent.reinvite(dialog.session, { body: SDP }, now));
        const lines = ["Session-Expires: 90;refresher=uac"];
        one.answer(one.lastRequest("INVITE"), 200, { lines, body: OFFER });
        one.run(90_000);
        expect(one.instants("UPDATE")).toHaveLength(1);
        expect(one.toldAt("reinvite_due")).toEqual([45_000, 90_000]);
      }
    });

    test("422: again with the longer interval", () => {
      const { one } = refreshing();
      one.answer(one.lastRequest("UPDATE"), 422, { lines: ["Min-SE: 200"] });
      const { headers } = one.lastRequest("UPDATE");
      expect(headers.get("Session-Expires")).toBe("200;refresher=uac");
      expect(headers.get("Min-SE")).toBe("200");
      expect(headers.cseq.sequence).toBe(3);
      one.answer(one.lastRequest("UPDATE"), 200, { lines: ["Session-Expires: 200;refresher=uac"] });
      one.take();
      one.run(145_000);
      expect(one.takeNames()).toEqual(["UPDATE"]);
    });

    test("an expired session is told once, and hanging up stops its timer", () => {
      const { one, dialog } = refreshing();
      one.answer(one.lastRequest("UPDATE"), 481);
      one.act((agent, now) => agent.hangup(dialog.session, [], now));
      one.answer(one.lastRequest("BYE"), 481);
      one.run(500_000);
      expect(one.told("session_expired")).toHaveLength(1);
      expect(one.instants("UPDATE")).toHaveLength(1);
      expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
    });
  });
});

describe("RFC 4028 §9 as the called side", () => {
  const SHORT = [TIMER, ALLOW, "Session-Expires: 89"];

  function serving(lines: readonly string[], policy: SessionTimerPolicy = SERVES) {
    const one = new OneAgent({ sessionTimer: policy });
    const dialog = one.calledAnswered({ lines });
    const { headers } = one.last("200 INVITE").message;
    const require = headers.values("Require");
    return { one, dialog, expires: headers.get("Session-Expires"), require };
  }

  function peerRefresh(one: OneAgent, dialog: PeerDialog, lines: readonly string[]) {
    return one.ask(dialog, "UPDATE", { lines });
  }

  test("§6 less than the minimum: 422 with Min-SE, and no session", () => {
    const one = new OneAgent();
    one.called({ lines: SHORT, body: OFFER });
    const { message } = one.last("422 INVITE");
    expect(message.headers.get("Min-SE")).toBe("90");
    expect(one.told("invite")).toEqual([]);
    expect(one.told("refused").map(({ statusCode }) => statusCode)).toEqual([422]);
    expect(one.agent.size.sessions).toBe(0);
  });

  test("§6 so is a refresh, which leaves the session and its offers as they were", () => {
    const { one, dialog } = serving([TIMER, "Session-Expires: 100;refresher=uac"]);
    for (const method of ["UPDATE", "INVITE"]) {
      const response = one.ask(dialog, method, { lines: SHORT, body: OFFER });
      expect(response?.statusCode).toBe(422);
      expect(response?.headers.get("Min-SE")).toBe("90");
    }
    expect(one.ask(dialog, "UPDATE", { body: OFFER, lines: [TIMER] })).toBeUndefined();
  });

  test("the caller refreshes unless it asks otherwise; the 2xx says so, with Require", () => {
    const { expires, require } = serving([TIMER, "Session-Expires: 1800"]);
    expect(expires).toBe("1800;refresher=uac");
    expect(require).toEqual(["timer"]);
    expect(serving([TIMER, "Session-Expires: 1800;refresher=uas"]).expires)
      .toBe("1800;refresher=uas");
  });

  test("refresher=uac: expires 32 s early; each refresh begins anew", () => {
    const { one, dialog } = serving([TIMER, "Session-Expires: 1800"]);
    one.run(900_000);
    peerRefresh(one, dialog, [TIMER, "Session-Expires: 1800;refresher=uac"]);
    one.run(900_000 + 1_767_999);
    expect(one.told("session_expired")).toEqual([]);
    one.run(900_000 + 1_768_000);
    expect(one.told("session_expired")).toHaveLength(1);
  });

  test("refresher=uas: we refresh at half of the interval, and stay the refresher", () => {
    const { one } = serving([TIMER, ALLOW, "Session-Expires: 100;refresher=uas"]);
    one.run(50_000);
    const update = one.lastRequest("UPDATE");
    expect(update.headers.get("Session-Expires")).toBe("100;refresher=uac");
    one.answer(update, 200, { lines: ["Session-Expires: 100;refresher=uac"] });
    one.run(100_000);
    expect(one.instants("UPDATE")).toEqual([50_000, 100_000]);
  });

  test("§9 a caller without timers, for which a proxy asked: we refresh, by re-INVITE", () => {
    const { one, expires, require } = serving(["Session-Expires: 100"]);
    expect(expires).toBe("100;refresher=uas");
    expect(require).toEqual([]);
    one.run(50_000);
    expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["refresh"]);
  });

  test("a caller without timers for which nobody asked has none, whatever we want", () => {
    const { one, expires } = serving([], ASKS);
    expect(expires).toBeUndefined();
    one.run(1_000_000);
    expect(one.told("reinvite_due")).toEqual([]);
    expect(one.told("session_expired")).toEqual([]);
  });

  test("we bring a timer in where the caller knows of them, and reduce a long one", () => {
    const { one, expires } = serving([TIMER, ALLOW], ASKS);
    expect(expires).toBe("90;refresher=uas");
    one.run(45_000);
    expect(one.instants("UPDATE")).toEqual([45_000]);
    expect(serving([TIMER, "Session-Expires: 7200"], ASKS).expires).toBe("90;refresher=uac");
    expect(serving([TIMER, "Session-Expires: 7200", "Min-SE: 600"], ASKS).expires)
      .toBe("600;refresher=uac");
  });

  test("a refresh without Session-Expires ends the timer", () => {
    const { one, dialog } = serving([TIMER, "Session-Expires: 100;refresher=uac"]);
    expect(peerRefresh(one, dialog, [TIMER])?.headers.has("Session-Expires")).toBe(false);
    one.run(1_000_000);
    expect(one.told("session_expired")).toEqual([]);
  });

  test("a re-INVITE refreshes as well; a refused one does not", () => {
    const { one, dialog } = serving([TIMER, "Session-Expires: 100;refresher=uac"]);
    const words = { lines: [TIMER, "Session-Expires: 100;refresher=uac"], body: OFFER };
    one.run(40_000);
    one.ask(dialog, "INVITE", words);
    one.act((agent, now) =>
      agent.answerReinvite(dialog.session, { statusCode: 200, body: SDP }, now)
    );
    expect(one.last("200 INVITE").message.headers.get("Session-Expires")).toBe("100;refresher=uac");
    one.ask(dialog, "ACK", { cseq: dialog.cseq });
    one.run(80_000);
    one.ask(dialog, "INVITE", words);
    one.act((agent, now) => agent.answerReinvite(dialog.session, { statusCode: 488 }, now));
    one.run(500_000);
    // 100 s less min(32 s, 33.3 s) after the first re-INVITE
    expect(one.toldAt("session_expired")).toEqual([108_000]);
  });
});
