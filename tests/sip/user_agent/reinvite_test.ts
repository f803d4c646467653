import { describe, expect, test } from "bun:test";
import type { Answer } from "../../../src/sip/user_agent/output.ts";
import { OneAgent, type PeerDialog, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";
const OK: Answer = { statusCode: 200, body: SDP };

function reinvite(one: OneAgent, dialog: PeerDialog): void {
  one.act((agent, now) => agent.reinvite(dialog.session, { body: SDP }, now));
}

function answerReinvite(one: OneAgent, dialog: PeerDialog, answer: Answer = OK): void {
  one.act((agent, now) => agent.answerReinvite(dialog.session, answer, now));
}

/** Where our requests within the dialog go. */
function target(one: OneAgent, dialog: PeerDialog): string | undefined {
  return one.agent.dialogOf(dialog.session)?.remoteTarget;
}

describe("RFC 3261 §14.1 our re-INVITE", () => {
  test("has the next CSeq, Contact, Allow and Supported; its 2xx gets an ACK and is told", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    const request = one.lastRequest("INVITE");
    expect(request.headers.cseq.sequence).toBe(2);
    expect(request.headers.to.tag).toBe("bob");
    expect(request.headers.get("Contact")).toBe("<sip:192.0.2.1:5060>");
    expect(request.headers.values("Allow")).toContain("UPDATE");
    expect(request.headers.values("Supported")).toContain("timer");
    expect(request.body).toEqual(SDP.bytes);
    one.take();
    one.answer(request, 100);
    one.answer(request, 200, { body: OFFER });
    expect(one.takeNames()).toEqual(["ACK"]);
    expect(one.lastRequest("ACK").headers.cseq.sequence).toBe(2);
    expect(one.told("reinvite_accepted")).toHaveLength(1);
    one.answer(request, 200, { body: OFFER });
    expect(one.takeNames()).toEqual(["ACK"]);
    expect(one.told("reinvite_accepted")).toHaveLength(1);
  });

  test("goes out on the called side, too, with From and To of that side", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    reinvite(one, dialog);
    const request = one.lastRequest("INVITE");
    expect(request.requestUri).toBe("sip:ann@192.0.2.2");
    expect(request.headers.from.tag).toBe(dialog.session);
    expect(request.headers.to.tag).toBe("ann");
    expect(request.headers.cseq.sequence).toBeGreaterThan(0);
  });

  test("refused: told, the session stays, and the next one goes out", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 488);
    expect(one.told("reinvite_rejected").map(({ statusCode }) => statusCode)).toEqual([488]);
    expect(one.told("session_expired")).toEqual([]);
    one.take();
    reinvite(one, dialog);
    expect(one.takeNames()).toEqual(["INVITE"]);
    expect(one.lastRequest("INVITE").headers.cseq.sequence).toBe(3);
  });

  test("§12.2.1.2: 481 and 408 mean that the dialog is gone", () => {
    for (const statusCode of [481, 408]) {
      const one = new OneAgent();
      const dialog = one.callAnswered();
      reinvite(one, dialog);
      one.answer(one.lastRequest("INVITE"), statusCode);
      expect(one.told("session_expired")).toHaveLength(1);
      one.act((agent, now) => agent.hangup(dialog.session, [], now));
      expect(one.instants("BYE")).toHaveLength(1);
    }
  });

  test("without any response: 408 at 64·T1, also after a provisional one", () => {
    for (const rings of [false, true]) {
      const one = new OneAgent();
      const dialog = one.callAnswered();
      reinvite(one, dialog);
      if (rings) one.answer(one.lastRequest("INVITE"), 180);
      one.run(40_000);
      expect(one.told("reinvite_rejected").map(({ statusCode }) => statusCode)).toEqual([408]);
      expect(one.toldAt("session_expired")).toEqual([32_000]);
    }
  });

  test("waits while another offer of ours is open: `reinvite_due` follows", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    one.take();
    reinvite(one, dialog);
    expect(one.takeNames()).toEqual([]);
    one.answer(one.lastRequest("INVITE"), 200, { body: OFFER });
    one.run(5000);
    expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["retry"]);
  });

  test("waits while one of the peer is unanswered", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    one.ask(dialog, "INVITE", { body: OFFER });
    one.take();
    reinvite(one, dialog);
    expect(one.takeNames()).toEqual([]);
    one.run(5000);
    expect(one.told("reinvite_due")).toHaveLength(1);
  });

  test("does not go out before the session is up, nor after its end", () => {
    const one = new OneAgent();
    const session = one.call({ body: SDP });
    const invite = one.lastRequest("INVITE");
    one.answer(invite, 180, { tag: "bob" });
    one.take();
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    one.act((agent, now) => agent.send(session, { method: "INFO" }, now));
    one.act((agent, now) => agent.refer(session, { to: "sip:c@192.0.2.3" }, now));
    expect(one.takeNames()).toEqual([]);
    one.answer(invite, 200, { tag: "bob" });
    one.act((agent, now) => agent.hangup(session, [], now));
    one.take();
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    expect(one.takeNames()).toEqual([]);
  });

  test("§13.2.2.4: a 2xx of the first INVITE that comes after it gets its ACK, and no BYE", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    const first = one.lastRequest("INVITE");
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 200, { body: OFFER });
    one.take();
    one.answer(first, 200, { tag: "bob", body: OFFER });
    expect(one.takeNames()).toEqual(["ACK"]);
    expect(one.lastRequest("ACK").headers.cseq.sequence).toBe(1);
    expect(one.told("accepted")).toHaveLength(1);
  });

  test("a 2xx of very long ago is not taken for another fork", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    const first = one.lastRequest("INVITE");
    for (let times = 0; times < 10; times++) {
      reinvite(one, dialog);
      one.answer(one.lastRequest("INVITE"), 200, { body: OFFER });
    }
    one.take();
    one.answer(first, 200, { tag: "bob", body: OFFER });
    expect(one.takeNames()).toEqual([]);
  });

  test("its 2xx after our BYE is acknowledged all the same", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    const request = one.lastRequest("INVITE");
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.answer(one.lastRequest("BYE"), 200);
    one.take();
    one.answer(request, 200, { body: OFFER });
    expect(one.takeNames()).toEqual(["ACK"]);
    one.run(100_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });
});

describe("RFC 3261 §14.2 the peer's re-INVITE", () => {
  test("is told once, retransmitted or not, and answered as the owner says", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { cseq: 2, branch: "z9hG4bKre", body: OFFER });
    one.ask(dialog, "INVITE", { cseq: 2, branch: "z9hG4bKre", body: OFFER });
    expect(one.told("reinvite")).toHaveLength(1);
    answerReinvite(one, dialog);
    const { headers, body } = one.last("200 INVITE").message;
    expect(headers.to.tag).toBe(dialog.session);
    expect(headers.get("Contact")).toBe("<sip:192.0.2.1:5060>");
    expect(body).toEqual(SDP.bytes);
    one.ask(dialog, "ACK", { cseq: 2 });
    expect(one.told("reinvite_acknowledged")).toHaveLength(1);
    one.ask(dialog, "ACK", { cseq: 2 });
    expect(one.told("reinvite_acknowledged")).toHaveLength(1);
    expect(one.told("acknowledged")).toHaveLength(1);
  });

  test("a second offer while the first is unanswered: 500 with Retry-After", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { body: OFFER });
    for (const method of ["INVITE", "UPDATE"]) {
      const response = one.ask(dialog, method, { body: OFFER });
      expect(response?.statusCode).toBe(500);
      const wait = Number(response?.headers.get("Retry-After"));
      expect(wait).toBeGreaterThan(-1);
      expect(wait).toBeLessThan(11);
    }
    answerReinvite(one, dialog);
    expect(one.instants("200 INVITE")).toHaveLength(2);
  });

  test("while the first INVITE is unanswered: 500 with Retry-After", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    const response = one.ask(dialog, "INVITE", { body: OFFER });
    expect(response?.statusCode).toBe(500);
    expect(response?.headers.has("Retry-After")).toBe(true);
    const other = new OneAgent();
    expect(other.ask(other.called(), "INVITE", { body: OFFER })?.statusCode).toBe(500);
  });

  test("refused: nothing of it stays, and the next one is taken", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { body: OFFER, contact: "<sip:ann@192.0.2.66>" });
    answerReinvite(one, dialog, { statusCode: 488 });
    expect(one.last("488 INVITE").message.headers.to.tag).toBe(dialog.session);
    // §12.2.2: a rejected request changes no state
    expect(target(one, dialog)).toBe("sip:ann@192.0.2.2");
    one.ask(dialog, "INVITE", { body: OFFER });
    expect(one.told("reinvite")).toHaveLength(2);
  });

  test("without SDP: the 2xx offers, the ACK answers; another offer meanwhile is glare", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { cseq: 2 });
    answerReinvite(one, dialog);
    expect(one.ask(dialog, "UPDATE", { cseq: 3, body: OFFER })?.statusCode).toBe(491);
    one.ask(dialog, "ACK", { cseq: 2, body: "v=answer\r\n" });
    const [told] = one.told("reinvite_acknowledged");
    expect(new TextDecoder().decode(told?.request.body)).toBe("v=answer\r\n");
    expect(one.ask(dialog, "UPDATE", { cseq: 4, body: OFFER })).toBeUndefined();
    expect(one.told("offer")).toHaveLength(1);
  });

  test("its 2xx is repeated until the ACK; a lost ACK is told at 64·T1", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { body: OFFER });
    const before = one.instants("200 INVITE").length;
    answerReinvite(one, dialog);
    one.run(40_000);
    const instants = one.instants("200 INVITE").slice(before);
    expect(instants.slice(0, 6)).toEqual([0, 500, 1500, 3500, 7500, 11_500]);
    expect(one.toldAt("ack_timeout")).toEqual([32_000]);
    expect(one.told("prack_timeout")).toEqual([]);
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(one.instants("BYE")).toEqual([40_000]);
  });

  test("the re-INVITE comes again after the 2xx: the same 2xx, nobody is told", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    const words = { cseq: 2, branch: "z9hG4bKre", body: OFFER };
    one.ask(dialog, "INVITE", words);
    answerReinvite(one, dialog);
    one.take();
    expect(one.ask(dialog, "INVITE", words)?.statusCode).toBe(200);
    expect(one.told("reinvite")).toHaveLength(1);
  });

  test("CANCEL of it: 200 and 487, the session goes on", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "INVITE", { cseq: 2, branch: "z9hG4bKre", body: OFFER });
    one.take();
    one.ask(dialog, "CANCEL", { cseq: 2, branch: "z9hG4bKre" });
    expect(one.takeNames()).toEqual(["200 CANCEL", "487 INVITE"]);
    expect(one.told("cancelled")).toEqual([]);
    answerReinvite(one, dialog);
    expect(one.takeNames()).toEqual([]);
    one.ask(dialog, "INVITE", { cseq: 3, body: OFFER });
    expect(one.told("reinvite")).toHaveLength(2);
  });

  test("we hang up, or the peer does, while it is unanswered: 487", () => {
    for (const who of ["we", "peer"]) {
      const one = new OneAgent();
      const dialog = one.calledAnswered();
      one.ask(dialog, "INVITE", { body: OFFER });
      if (who === "we") one.act((agent, now) => agent.hangup(dialog.session, [], now));
      else one.ask(dialog, "BYE");
      expect(one.instants("487 INVITE")[0]).toBe(0);
    }
  });

  test("a Contact that cannot be read: 400, and the next offer is taken", () => {
    for (const method of ["INVITE", "UPDATE"] as const) {
      const one = new OneAgent();
      const dialog = one.calledAnswered();
      const words = { body: OFFER, contact: "<sip:broken" };
      expect(one.ask(dialog, method, words)?.statusCode).toBe(400);
      expect(target(one, dialog)).toBe("sip:ann@192.0.2.2");
      expect(one.ask(dialog, method, { body: OFFER })).toBeUndefined();
    }
  });
});
