import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../../src/base/random.ts";
import type { SipResponse } from "../../../src/sip/message/message.ts";
import type { Answer } from "../../../src/sip/user_agent/output.ts";
import { nameOf, OneAgent, type PeerDialog, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";
const OK: Answer = { statusCode: 200, body: SDP };

type Method = "INVITE" | "UPDATE";

function reinvite(one: OneAgent, dialog: PeerDialog, method: Method = "INVITE"): void {
  one.act((agent, now) => agent.reinvite(dialog.session, { body: SDP, method }, now));
}

function answerReinvite(one: OneAgent, dialog: PeerDialog, answer: Answer = OK): void {
  one.act((agent, now) => agent.answerReinvite(dialog.session, answer, now));
}

function answerOffer(one: OneAgent, dialog: PeerDialog, answer: Answer = OK): void {
  one.act((agent, now) => agent.answerOffer(dialog.session, answer, now));
}

/** Where our requests within the dialog go. */
function target(one: OneAgent, dialog: PeerDialog): string | undefined {
  return one.agent.dialogOf(dialog.session)?.remoteTarget;
}

describe("RFC 3261 §14.1, §14.2 glare", () => {
  /** When `reinvite_due` comes after 491, over many draws. */
  function delays(owns: boolean): number[] {
    return Array.from({ length: 200 }, (_, seed) => {
      const one = new OneAgent({ random: new SeededRandom(seed * 7919 + 1) });
      const dialog = owns ? one.callAnswered() : one.calledAnswered();
      one.run(1000);
      reinvite(one, dialog);
      one.answer(one.lastRequest("INVITE"), 491);
      expect(one.told("reinvite_rejected").map(({ statusCode }) => statusCode)).toEqual([491]);
      one.run(10_000);
      expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["retry"]);
      return (one.toldAt("reinvite_due")[0] as number) - 1000;
    });
  }

  test("491: the owner of the Call-ID tries again after 2.1 to 4 s, in steps of 10 ms", () => {
    const all = delays(true);
    expect(Math.min(...all)).toBeGreaterThan(2099);
    expect(Math.max(...all)).toBeLessThan(4001);
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(1500);
    expect(all.every((delay) => delay % 10 === 0)).toBe(true);
  });

  test("491: the other side after 0 to 2 s", () => {
    const all = delays(false);
    expect(Math.max(...all)).toBeLessThan(2001);
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(1500);
    expect(all.every((delay) => delay % 10 === 0)).toBe(true);
  });

  test("while our offer is open, one of the peer gets 491, an UPDATE without offer 200", () => {
    for (const make of ["callAnswered", "calledAnswered"] as const) {
      const one = new OneAgent();
      const dialog = one[make]();
      reinvite(one, dialog);
      expect(one.ask(dialog, "INVITE", { body: OFFER })?.statusCode).toBe(491);
      expect(one.ask(dialog, "INVITE")?.statusCode).toBe(491);
      expect(one.ask(dialog, "UPDATE", { body: OFFER })?.statusCode).toBe(491);
      expect(one.ask(dialog, "UPDATE")?.statusCode).toBe(200);
      expect(one.told("reinvite")).toEqual([]);
      one.answer(one.lastRequest("INVITE"), 200, { body: OFFER });
      expect(one.ask(dialog, "INVITE", { body: OFFER })).toBeUndefined();
      expect(one.told("reinvite")).toHaveLength(1);
    }
  });

  test("hanging up forgets the retry", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 491);
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    one.run(10_000);
    expect(one.told("reinvite_due")).toEqual([]);
  });

  test("§14.2: an INVITE within an early dialog of ours gets 491", () => {
    const one = new OneAgent();
    const session = one.call();
    const invite = one.lastRequest("INVITE");
    one.answer(invite, 180, { tag: "bob" });
    const dialog = one.peerDialog(session, invite, "bob");
    expect(one.ask(dialog, "INVITE", { body: OFFER })?.statusCode).toBe(491);
  });
});

describe("RFC 3261 §12.2 target refresh", () => {
  const MOVED = "<sip:moved@192.0.2.77:5090>";

  test("by the peer's re-INVITE and UPDATE, once accepted: our next request goes there", () => {
    for (const make of ["callAnswered", "calledAnswered"] as const) {
      for (const method of ["INVITE", "UPDATE"] as const) {
        const one = new OneAgent();
        const dialog = one[make]();
        one.ask(dialog, method, { body: OFFER, contact: MOVED });
        if (method === "INVITE") answerReinvite(one, dialog);
        else answerOffer(one, dialog);
        if (method === "INVITE") one.ask(dialog, "ACK", { cseq: dialog.cseq });
        one.act((agent, now) => agent.hangup(dialog.session, [], now));
        expect(one.lastRequest("BYE").requestUri).toBe("sip:moved@192.0.2.77:5090");
        expect(one.last("BYE").to).toEqual({ address: "192.0.2.77", port: 5090 });
      }
    }
  });

  test("by an UPDATE without offer", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    expect(one.ask(dialog, "UPDATE", { contact: MOVED })?.statusCode).toBe(200);
    expect(target(one, dialog)).toBe("sip:moved@192.0.2.77:5090");
  });

  test("not by a refused UPDATE, nor by an INFO", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    one.ask(dialog, "UPDATE", { body: OFFER, contact: MOVED });
    answerOffer(one, dialog, { statusCode: 488 });
    one.ask(dialog, "INFO", { contact: MOVED });
    expect(target(one, dialog)).toBe("sip:bob@192.0.2.2");
  });

  test("by the 2xx to ours, not by its refusal", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 488, { contact: MOVED });
    expect(target(one, dialog)).toBe("sip:bob@192.0.2.2");
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 200, { contact: MOVED, body: OFFER });
    expect(target(one, dialog)).toBe("sip:moved@192.0.2.77:5090");
    expect(one.lastRequest("ACK").requestUri).toBe("sip:moved@192.0.2.77:5090");
  });

  test("a 2xx to ours with a Contact that cannot be read changes nothing", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog);
    one.answer(one.lastRequest("INVITE"), 200, { contact: "<sip:broken", body: OFFER });
    expect(one.told("reinvite_accepted")).toHaveLength(1);
    expect(target(one, dialog)).toBe("sip:bob@192.0.2.2");
  });

  test("the route set stays as it was", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered({ lines: ["Record-Route: <sip:192.0.2.50;lr>"] });
    const words = { contact: MOVED, lines: ["Record-Route: <sip:192.0.2.51;lr>"] };
    expect(one.ask(dialog, "UPDATE", words)?.statusCode).toBe(200);
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(one.lastRequest("BYE").headers.routes).toEqual(["<sip:192.0.2.50;lr>"]);
    expect(one.last("BYE").to.address).toBe("192.0.2.50");
  });
});

describe("RFC 3311 UPDATE", () => {
  test("§5.2 with an offer: the owner answers, within the dialog", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    expect(one.ask(dialog, "UPDATE", { body: OFFER })).toBeUndefined();
    expect(one.told("offer").map(({ request }) => request.method)).toEqual(["UPDATE"]);
    answerOffer(one, dialog);
    const { message } = one.last("200 UPDATE");
    expect(message.body).toEqual(SDP.bytes);
    expect(message.headers.has("Contact")).toBe(true);
    answerOffer(one, dialog);
    expect(one.instants("200 UPDATE")).toHaveLength(1);
    expect(one.ask(dialog, "UPDATE", { body: OFFER })).toBeUndefined();
    expect(one.told("offer")).toHaveLength(2);
  });

  test("§5.2 a second offer while the first is unanswered: 500 with Retry-After", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "UPDATE", { body: OFFER });
    for (const method of ["UPDATE", "INVITE"]) {
      const response = one.ask(dialog, method, { body: OFFER });
      expect(response?.statusCode).toBe(500);
      expect(response?.headers.has("Retry-After")).toBe(true);
    }
  });

  test("§5.2 in an early dialog: 500 with Retry-After until the INVITE's offer is answered", () => {
    const one = new OneAgent();
    const dialog = one.called({ lines: ["Supported: 100rel"], body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 183, body: SDP }, now));
    const { headers } = one.last("183 INVITE").message;
    // Answered by the 183 already, though its PRACK is still to come
    expect(one.ask(dialog, "UPDATE", { body: OFFER, contact: "<sip:early@192.0.2.2>" }))
      .toBeUndefined();
    answerOffer(one, dialog);
    expect(one.last("200 UPDATE").message.body).toEqual(SDP.bytes);
    expect(target(one, dialog)).toBe("sip:early@192.0.2.2");
    one.ask(dialog, "PRACK", { lines: [`RAck: ${headers.get("RSeq")} 1 INVITE`] });
    one.act((agent, now) => agent.answer(dialog.session, OK, now));
    expect(one.instants("200 INVITE")).toHaveLength(1);

    const other = new OneAgent();
    const unanswered = other.called({ body: OFFER });
    const refused = other.ask(unanswered, "UPDATE", { body: OFFER });
    expect(refused?.statusCode).toBe(500);
    expect(refused?.headers.has("Retry-After")).toBe(true);
    expect(other.ask(unanswered, "UPDATE")?.statusCode).toBe(200);
  });

  test("in an early dialog of our own INVITE: the target of that dialog moves", () => {
    const one = new OneAgent();
    const session = one.call();
    const invite = one.lastRequest("INVITE");
    const reliable = (rseq: number) => ["Require: 100rel", `RSeq: ${rseq}`];
    one.answer(invite, 180, { tag: "carol", lines: reliable(1), contact: "<sip:c@192.0.2.11>" });
    one.answer(invite, 180, { tag: "bob", lines: reliable(1) });
    const dialog = one.peerDialog(session, invite, "bob");
    expect(one.ask(dialog, "UPDATE", { contact: "<sip:bob@192.0.2.9>" })?.statusCode).toBe(200);
    // A response without Contact leaves the target as it is
    one.answer(invite, 183, { tag: "bob", lines: reliable(2), contact: " " });
    expect(one.last("PRACK").to.address).toBe("192.0.2.9");
    one.answer(invite, 183, { tag: "carol", lines: reliable(2), contact: " " });
    expect(one.last("PRACK").to.address).toBe("192.0.2.11");
  });

  test("§5.1 ours with an offer: the 2xx is told, there is no ACK", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered({}, { lines: ["Allow: INVITE, UPDATE"] });
    reinvite(one, dialog, "UPDATE");
    const request = one.lastRequest("UPDATE");
    expect(request.body).toEqual(SDP.bytes);
    expect(request.headers.has("Contact")).toBe(true);
    one.take();
    one.answer(request, 200, { body: OFFER });
    expect(one.told("reinvite_accepted")).toHaveLength(1);
    expect(one.takeNames()).toEqual([]);
    reinvite(one, dialog);
    expect(one.takeNames()).toEqual(["INVITE"]);
  });

  test("§5.1 ours that meets 491 is tried again later; 481 and no answer end the dialog", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    reinvite(one, dialog, "UPDATE");
    one.answer(one.lastRequest("UPDATE"), 491);
    one.run(5000);
    expect(one.told("reinvite_due").map(({ reason }) => reason)).toEqual(["retry"]);
    reinvite(one, dialog, "UPDATE");
    one.answer(one.lastRequest("UPDATE"), 481);
    expect(one.told("session_expired")).toHaveLength(1);
    reinvite(one, dialog, "UPDATE");
    one.run(60_000);
    expect(one.toldAt("session_expired")).toEqual([5000, 37_000]);
  });
});

describe("RFC 3261 §13.2.1 the offer of the first INVITE", () => {
  test("INVITE without SDP: the 200 offers, the ACK answers", () => {
    const one = new OneAgent();
    const dialog = one.called();
    one.act((agent, now) => agent.answer(dialog.session, OK, now));
    expect(one.ask(dialog, "UPDATE", { cseq: 2, body: OFFER })?.statusCode).toBe(491);
    one.ask(dialog, "ACK", { cseq: 1, body: "v=answer\r\n" });
    const [told] = one.told("acknowledged");
    expect(new TextDecoder().decode(told?.request.body)).toBe("v=answer\r\n");
    expect(one.ask(dialog, "UPDATE", { cseq: 3, body: OFFER })).toBeUndefined();
  });

  test("the peer may offer once our 200 has answered, even before its ACK", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: OFFER });
    one.act((agent, now) => agent.answer(dialog.session, OK, now));
    one.ask(dialog, "INVITE", { body: OFFER });
    expect(one.told("reinvite")).toHaveLength(1);
    answerReinvite(one, dialog);
    const sent = one.sent.filter(({ message }) => nameOf(message) === "200 INVITE")
      .map(({ message }) => (message as SipResponse).headers.cseq.sequence);
    expect(sent).toEqual([1, 2]);
  });
});
