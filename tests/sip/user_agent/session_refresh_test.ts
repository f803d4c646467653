import { describe, expect, test } from "bun:test";
import type { SessionTimerPolicy } from "../../../src/sip/dialog/session_timer.ts";
import { OneAgent, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";
const ASKS: SessionTimerPolicy = { expires: 90_000, minimum: 90_000 };
const ALLOW = "Allow: INVITE, ACK, BYE, UPDATE";
const OURS = ["Session-Expires: 90;refresher=uac", ALLOW];

describe("RFC 4028 §7.4, §9 session timers among the other requests of a session", () => {
  test("an offer of ours refreshes, by UPDATE or re-INVITE: half the interval begins anew", () => {
    for (const method of ["UPDATE", "INVITE"] as const) {
      const one = new OneAgent({ sessionTimer: ASKS });
      const { session } = one.callAnswered({}, { lines: OURS });
      one.run(40_000);
      one.act((agent, now) => agent.reinvite(session, { body: SDP, method }, now));
      const request = one.lastRequest(method);
      expect(request.headers.get("Session-Expires")).toBe("90;refresher=uac");
      one.answer(request, 200, { lines: OURS, body: OFFER });
      one.take();
      one.run(84_999);
      expect(one.takeNames()).toEqual([]);
      one.run(85_000);
      expect(one.takeNames()).toEqual(["UPDATE"]);
    }
  });

  test("a refused offer of ours refreshes nothing", () => {
    const one = new OneAgent({ sessionTimer: ASKS });
    const { session } = one.callAnswered({}, { lines: OURS });
    one.run(40_000);
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    one.answer(one.lastRequest("INVITE"), 488, { lines: OURS });
    one.run(45_000);
    expect(one.instants("UPDATE")).toEqual([45_000]);
  });

  test("a re-INVITE of ours brings in a timer where there was none", () => {
    const one = new OneAgent({ sessionTimer: ASKS });
    const { session } = one.calledAnswered();
    expect(one.last("200 INVITE").message.headers.has("Session-Expires")).toBe(false);
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    one.answer(one.lastRequest("INVITE"), 200, {
      lines: ["Session-Expires: 90;refresher=uas"],
      body: OFFER,
    });
    one.run(60_000);
    expect(one.toldAt("session_expired")).toEqual([60_000]);
  });

  test("so does a refresh of the peer", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.run(10_000);
    const lines = ["Supported: timer", "Session-Expires: 90;refresher=uac"];
    const response = one.ask(dialog, "UPDATE", { lines });
    expect(response?.headers.get("Session-Expires")).toBe("90;refresher=uac");
    one.run(200_000);
    expect(one.toldAt("session_expired")).toEqual([70_000]);
  });

  test("a peer that shows later that it takes UPDATE is refreshed by UPDATE", () => {
    const one = new OneAgent({ sessionTimer: ASKS });
    const dialog = one.callAnswered({}, { lines: ["Session-Expires: 90;refresher=uac"] });
    one.ask(dialog, "INVITE", {
      lines: [ALLOW, "Supported: timer", "Session-Expires: 90;refresher=uas"],
      body: OFFER,
    });
    const answer = { statusCode: 200, body: SDP };
    one.act((agent, now) => agent.answerReinvite(dialog.session, answer, now));
    one.ask(dialog, "ACK", { cseq: dialog.cseq });
    one.run(45_000);
    expect(one.instants("UPDATE")).toEqual([45_000]);
    expect(one.told("reinvite_due")).toEqual([]);
  });

  test("the refresh comes in its time, whatever else the session waits for", () => {
    const one = new OneAgent({ sessionTimer: ASKS });
    const dialog = one.callAnswered({}, { lines: OURS });
    one.act((agent, now) => agent.refer(dialog.session, { to: "sip:c@192.0.2.3" }, now));
    one.answer(one.lastRequest("REFER"), 202);
    one.ask(dialog, "NOTIFY", {
      lines: ["Event: refer", "Subscription-State: active;expires=300"],
      body: "SIP/2.0 100 Trying\r\n",
      contentType: "message/sipfrag",
    });
    one.run(45_000);
    expect(one.instants("UPDATE")).toEqual([45_000]);
    one.answer(one.lastRequest("UPDATE"), 200, { lines: OURS });
    // An offer that met one of the peer is tried again in its own time, too
    one.act((agent, now) => agent.reinvite(dialog.session, { body: SDP }, now));
    one.answer(one.lastRequest("INVITE"), 491);
    one.run(47_000);
    expect(one.told("reinvite_due")).toEqual([]);
    one.run(49_000);
    expect(one.told("reinvite_due")).toHaveLength(1);
  });

  test("§10 while our BYE waits for the ACK nothing is refreshed, nothing expires", () => {
    const one = new OneAgent();
    const lines = ["Supported: timer", ALLOW, "Session-Expires: 90;refresher=uas"];
    const dialog = one.called({ lines, body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200, body: SDP }, now));
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.run(300_000);
    expect(one.instants("UPDATE")).toEqual([]);
    expect(one.told("session_expired")).toEqual([]);
    expect(one.told("terminated")).toHaveLength(1);
  });
});

describe("RFC 3261 §12.2.1.2 other requests of ours within a session", () => {
  function informed() {
    const one = new OneAgent();
    const { session } = one.callAnswered();
    const headers = [["X-A", "1"]] as const;
    const body = { bytes: new TextEncoder().encode("5"), contentType: "application/dtmf" };
    one.act((agent, now) => agent.send(session, { method: "INFO", headers, body }, now));
    return { one, session, info: one.lastRequest("INFO") };
  }

  test("go out with what the owner adds; the final response is told", () => {
    const { one, session, info } = informed();
    expect(info.headers.get("X-A")).toBe("1");
    expect(info.headers.get("Content-Type")).toBe("application/dtmf");
    expect(info.headers.cseq).toEqual({ sequence: 2, method: "INFO" });
    expect(info.headers.has("Contact")).toBe(false);
    one.answer(info, 415);
    expect(one.told("responded"))
      .toEqual([{ type: "responded", session, method: "INFO", statusCode: 415 }]);
    expect(one.told("session_expired")).toEqual([]);
  });

  test("481 means that the dialog is gone", () => {
    const { one, info } = informed();
    one.answer(info, 481);
    expect(one.told("session_expired")).toHaveLength(1);
  });

  test("no answer is 408, a failure of the transport 503", () => {
    const { one } = informed();
    one.run(40_000);
    expect(one.told("responded").map(({ statusCode }) => statusCode)).toEqual([408]);
    const { one: other } = informed();
    other.act((agent, now) => agent.transportFailed(other.last("INFO").flow, now));
    expect(other.told("responded").map(({ statusCode }) => statusCode)).toEqual([503]);
  });
});
