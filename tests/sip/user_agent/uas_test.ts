import { describe, expect, test } from "bun:test";
import type { SipResponse } from "../../../src/sip/message/message.ts";
import { nameOf, OneAgent, type PeerDialog, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";
const ALLOWED = [
  "INVITE",
  "ACK",
  "BYE",
  "CANCEL",
  "OPTIONS",
  "INFO",
  "PRACK",
  "UPDATE",
  "REFER",
  "NOTIFY",
];

describe("RFC 3261 §8.2 requests that are not taken", () => {
  test("§8.2.1 405 for methods that others define, 501 for unknown ones, both with Allow", () => {
    const one = new OneAgent();
    const rows = [["REGISTER", 405], ["SUBSCRIBE", 405], ["PUBLISH", 405], [
      "MESSAGE",
      405,
    ]] as const;
    for (const [method, statusCode] of [...rows, ["DANCE", 501], ["invite", 501]] as const) {
      const response = one.askOutside(method) as SipResponse;
      expect(response.statusCode).toBe(statusCode);
      expect(response.headers.values("Allow")).toEqual(ALLOWED);
      expect(response.headers.to.tag).toBeDefined();
    }
    expect(one.told("refused").map(({ statusCode }) => statusCode))
      .toEqual([405, 405, 405, 405, 501, 501]);
    // So they are within a dialog
    expect(one.ask(one.calledAnswered(), "MESSAGE")?.statusCode).toBe(405);
  });

  test("§8.2.2.3 420 names what is not understood, and that alone", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    const lines = ["Require: timer, foo", "Require: 100REL, bar"];
    for (const method of ["OPTIONS", "UPDATE", "INFO", "REFER"]) {
      const response = one.ask(dialog, method, { lines });
      expect(response?.statusCode).toBe(420);
      expect(response?.headers.values("Unsupported")).toEqual(["foo", "bar"]);
    }
    const understood = ["Require: 100rel, timer, replaces, norefersub"];
    expect(one.ask(dialog, "INFO", { lines: understood })?.statusCode).toBe(200);
  });

  test("§8.2.2.1 416 for a Request-URI of another scheme", () => {
    const one = new OneAgent();
    expect(one.askOutside("OPTIONS", { uri: "http://example.com" })?.statusCode).toBe(416);
    for (const uri of ["sip:a@192.0.2.1", "sips:a@192.0.2.1", "tel:+15550100"]) {
      expect(one.askOutside("OPTIONS", { uri })?.statusCode).toBe(200);
    }
  });

  test("§8.2.3 415 with Accept, or Accept-Encoding", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    const text = one.ask(dialog, "INFO", { body: "hello", contentType: "text/plain" });
    expect(text?.statusCode).toBe(415);
    expect(text?.headers.values("Accept")).toEqual(["application/dtmf-relay", "application/dtmf"]);
    const packed = one.ask(dialog, "INFO", {
      body: "x",
      contentType: "application/dtmf-relay",
      lines: ["Content-Encoding: gzip"],
    });
    expect(packed?.statusCode).toBe(415);
    expect(packed?.headers.get("Accept-Encoding")).toBe("identity");
    expect(one.told("info")).toEqual([]);
    const words = { body: "Signal=5", contentType: "application/dtmf-relay" };
    expect(one.ask(dialog, "INFO", words)?.statusCode).toBe(200);
    expect(one.told("info")).toHaveLength(1);
  });

  test("§8.1.1.8 400 for an INVITE without Contact, or with one that cannot be read", () => {
    const one = new OneAgent();
    for (const contact of ["*", "<sip:broken"]) {
      one.called({ contact, callId: contact.length.toString() });
    }
    expect(one.instants("400 INVITE")).toHaveLength(2);
    expect(one.told("invite")).toEqual([]);
    expect(one.agent.size.sessions).toBe(0);
  });

  test("§12.2.2 481 for what needs a dialog and has none", () => {
    const one = new OneAgent();
    for (const method of ["BYE", "INFO", "PRACK", "UPDATE", "NOTIFY"]) {
      expect(one.askOutside(method)?.statusCode).toBe(481);
    }
    const dialog = one.calledAnswered();
    const wrong: Partial<PeerDialog>[] = [{ callId: "x" }, { ourTag: "x" }, { peerTag: "x" }];
    for (const part of wrong) {
      for (
        const method of ["BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "OPTIONS"]
      ) {
        expect(one.ask({ ...dialog, ...part }, method)?.statusCode).toBe(481);
      }
    }
    expect(one.told("bye")).toEqual([]);
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
  });

  test("an ACK that fits nothing, and an empty tag, do no harm", () => {
    const one = new OneAgent();
    const dialog = one.called();
    one.ask(dialog, "ACK", { cseq: 1 });
    one.ask({ ...dialog, ourTag: "x" }, "ACK", { cseq: 1 });
    expect(one.told("acknowledged")).toEqual([]);
    expect(one.told("ignored")).toHaveLength(2);
  });

  test("RFC 6665 §8.3.2: 489 with Allow-Events for another event than refer", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    for (const lines of [["Event: presence"], ["Event: dialog;id=2"], []]) {
      const response = one.ask(dialog, "NOTIFY", { lines });
      expect(response?.statusCode).toBe(489);
      expect(response?.headers.values("Allow-Events")).toEqual(["refer"]);
    }
    expect(one.ask(dialog, "NOTIFY", { lines: ["Event: Refer"] })?.statusCode).toBe(481);
  });

  test("§12.2.2 500 for a CSeq that is not higher than the last, at both sides", () => {
    for (const make of ["callAnswered", "calledAnswered"] as const) {
      const one = new OneAgent();
      const dialog = one[make]();
      expect(one.ask(dialog, "INFO", { cseq: 50 })?.statusCode).toBe(200);
      for (const method of ["INFO", "INVITE", "UPDATE", "BYE", "OPTIONS"]) {
        for (const cseq of [49, 50]) {
          expect(one.ask(dialog, method, { cseq, body: "" })?.statusCode).toBe(500);
        }
      }
      expect(one.told("info")).toHaveLength(1);
      expect(one.ask(dialog, "BYE", { cseq: 1000 })?.statusCode).toBe(200);
    }
  });
});

describe("RFC 3261 §11.2 OPTIONS", () => {
  test("outside of dialogs: what we can do, with a tag, and no state but the transaction", () => {
    const one = new OneAgent();
    const response = one.askOutside("OPTIONS") as SipResponse;
    expect(response.statusCode).toBe(200);
    expect(response.headers.values("Allow")).toEqual(ALLOWED);
    expect(response.headers.values("Accept")).toEqual(["application/sdp"]);
    expect(response.headers.values("Supported"))
      .toEqual(["100rel", "timer", "replaces", "norefersub"]);
    expect(response.headers.to.tag).toBeDefined();
    expect(one.agent.size.sessions).toBe(0);
  });

  test("within a dialog the same, early or confirmed; it does not disturb the session", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    expect(one.ask(dialog, "OPTIONS")?.statusCode).toBe(200);
    const answer = { statusCode: 200, body: SDP };
    one.act((agent, now) => agent.answer(dialog.session, answer, now));
    one.ask(dialog, "ACK", { cseq: 1 });
    const response = one.ask(dialog, "OPTIONS");
    expect(response?.headers.values("Allow")).toEqual(ALLOWED);
    expect(response?.headers.to.tag).toBe(dialog.session);
  });

  test("503 with Retry-After while no calls are taken", () => {
    const one = new OneAgent();
    one.agent.serving = false;
    const response = one.askOutside("OPTIONS");
    expect(response?.statusCode).toBe(503);
    expect(response?.headers.has("Retry-After")).toBe(true);
  });
});

describe("RFC 3261 §13.3 our answers to an INVITE", () => {
  test("100 when nobody has answered at once", () => {
    const one = new OneAgent();
    one.called({ body: OFFER });
    expect(one.takeNames()).toEqual([]);
    one.run(1);
    expect(one.takeNames()).toEqual(["100 INVITE"]);
  });

  test("every response has our tag, 1xx and 2xx our Contact", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    const headers = [["X-A", "1"]] as const;
    for (const statusCode of [180, 183, 200]) {
      const answer = { statusCode, headers, reasonPhrase: "As you like" };
      one.act((agent, now) => agent.answer(dialog.session, answer, now));
      const { message } = one.last(`${statusCode} INVITE`);
      expect(message.headers.to.tag).toBe(dialog.session);
      expect(message.headers.get("Contact")).toBe("<sip:192.0.2.1:5060>");
      expect(message.headers.get("X-A")).toBe("1");
      expect((message as SipResponse).reasonPhrase).toBe("As you like");
    }
    expect(one.last("200 INVITE").message.headers.values("Allow")).toEqual(ALLOWED);
    expect(one.last("200 INVITE").message.headers.has("Supported")).toBe(true);
  });

  test("the final one is the last, and the ACK of a refusal is nobody's business", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER, branch: "z9hG4bKi" });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 486 }, now));
    one.take();
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    expect(one.takeNames()).toEqual([]);
    one.ask(dialog, "ACK", { cseq: 1, branch: "z9hG4bKi" });
    expect(one.told("acknowledged")).toEqual([]);
    one.run(100_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("an answered INVITE is not answered again, accepted or refused", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    one.take();
    for (const statusCode of [180, 200, 486]) {
      one.act((agent, now) => agent.answer(dialog.session, { statusCode }, now));
    }
    expect(one.takeNames()).toEqual([]);
    one.run(1000);
    expect(one.takeNames()).toEqual(["200 INVITE"]);
  });

  test("a refusal is repeated at T1 doubling to T2 until the ACK", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 486 }, now));
    one.run(12_000);
    expect(one.instants("486 INVITE")).toEqual([0, 500, 1500, 3500, 7500, 11_500]);
  });

  test("§9.2 CANCEL: 200, 487, told; after our 2xx it changes nothing", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER, branch: "z9hG4bKi" });
    one.take();
    const cancelled = one.ask(dialog, "CANCEL", { cseq: 1, branch: "z9hG4bKi" });
    expect(cancelled?.statusCode).toBe(200);
    expect(one.takeNames()).toEqual(["200 CANCEL", "487 INVITE"]);
    expect(one.told("cancelled")).toHaveLength(1);
    const other = new OneAgent();
    const late = other.called({ body: OFFER, branch: "z9hG4bKi" });
    other.act((agent, now) => agent.answer(late.session, { statusCode: 200 }, now));
    expect(other.ask(late, "CANCEL", { cseq: 1, branch: "z9hG4bKi" })?.statusCode).toBe(200);
    expect(other.told("cancelled")).toEqual([]);
    other.ask(late, "ACK", { cseq: 1 });
    expect(other.told("acknowledged")).toHaveLength(1);
  });

  test("§9.2 481 for a CANCEL of nothing", () => {
    const one = new OneAgent();
    expect(one.askOutside("CANCEL")?.statusCode).toBe(481);
  });

  test("RFC 6026 §7.1: the INVITE again after our 2xx gets the same 2xx", () => {
    const one = new OneAgent();
    const words = { body: OFFER, branch: "z9hG4bKi" };
    const dialog = one.called(words);
    const answer = { statusCode: 200, body: SDP };
    one.act((agent, now) => agent.answer(dialog.session, answer, now));
    const first = one.last("200 INVITE").message;
    one.take();
    one.called(words);
    expect(one.takeNames()).toEqual(["200 INVITE"]);
    expect(one.last("200 INVITE").message.headers.to).toEqual(first.headers.to);
    expect(one.told("invite")).toHaveLength(1);
  });

  test("§8.2.2.2 482 for the same INVITE by another way", () => {
    const one = new OneAgent();
    one.called({ branch: "z9hG4bKone" });
    one.called({ branch: "z9hG4bKtwo" });
    expect(one.instants("482 INVITE")).toHaveLength(1);
    expect(one.told("invite")).toHaveLength(1);
  });
});

describe("RFC 3261 §15 BYE", () => {
  test("before the ACK: 200, the 2xx is not repeated any more", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.told("bye")).toHaveLength(1);
    expect(one.told("terminated").map(({ byeAnswered }) => byeAnswered)).toEqual([true]);
    one.run(100_000);
    expect(one.instants("200 INVITE")).toEqual([0]);
    expect(one.told("ack_timeout")).toEqual([]);
  });

  test("§15.1.1 ours on the called side waits for the ACK, and carries its headers then", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    one.act((agent, now) => agent.hangup(dialog.session, [["Reason", "Q.850;cause=16"]], now));
    one.run(700);
    expect(one.instants("BYE")).toEqual([]);
    one.ask(dialog, "ACK", { cseq: 1 });
    expect(one.instants("BYE")).toEqual([700]);
    expect(one.last("BYE").message.headers.get("Reason")).toBe("Q.850;cause=16");
  });

  test("§15.1.1 without ACK it goes out at 64·T1", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.run(32_000);
    expect(one.instants("BYE")).toEqual([32_000]);
  });

  test("ours that nobody answers ends the session at 64·T1", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.run(100_000);
    expect(one.toldAt("terminated")).toEqual([32_000]);
    expect(one.told("terminated").map(({ byeAnswered }) => byeAnswered)).toEqual([false]);
  });

  test("hanging up twice sends one BYE", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(one.instants("BYE")).toHaveLength(1);
  });

  test("what comes while ours is under way gets 481, as it would after it", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    for (const method of ["INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY"]) {
      expect(one.ask(dialog, method, { lines: ["Event: refer"] })?.statusCode).toBe(481);
    }
    expect(one.told("reinvite")).toEqual([]);
  });

  test("two that cross are both answered, and the session ends once", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.told("bye")).toEqual([]);
    expect(one.told("terminated")).toEqual([]);
    one.answer(one.lastRequest("BYE"), 481);
    expect(one.told("terminated")).toHaveLength(1);
    one.run(100_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("one that comes while ours waits for the ACK ends the session", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200 }, now));
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.told("terminated")).toHaveLength(1);
    one.run(100_000);
    expect(one.instants("BYE")).toEqual([]);
  });

  test("a BYE that comes again gets its 200 again, after the end as well", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "BYE", { cseq: 2, branch: "z9hG4bKbye" });
    one.run(5000);
    expect(one.ask(dialog, "BYE", { cseq: 2, branch: "z9hG4bKbye" })?.statusCode).toBe(200);
    expect(one.told("bye")).toHaveLength(1);
  });
});

describe("RFC 3261 §8.2 limits", () => {
  test("beyond its transactions: 503 with Retry-After; calls can still end", () => {
    const one = new OneAgent({ transactionsMax: 4 });
    const dialog = one.calledAnswered();
    one.run(40_000);
    const statuses = Array.from({ length: 8 }, () => one.askOutside("OPTIONS")?.statusCode);
    expect(statuses).toEqual([200, 200, 200, 200, 503, 503, 503, 503]);
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.told("terminated")).toHaveLength(1);
    expect(one.sent.map(({ message }) => nameOf(message))).toContain("200 BYE");
  });
});
