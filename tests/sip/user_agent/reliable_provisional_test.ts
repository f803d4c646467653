import { describe, expect, test } from "bun:test";
import type { SipResponse } from "../../../src/sip/message/message.ts";
import type { Answer } from "../../../src/sip/user_agent/output.ts";
import { nameOf, OneAgent, type PeerDialog, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";
const SUPPORTED = ["Supported: 100rel"];
const REQUIRED = ["Require: 100rel"];

function answer(one: OneAgent, dialog: PeerDialog, what: Answer): void {
  one.act((agent, now) => agent.answer(dialog.session, what, now));
}

function lastResponse(one: OneAgent, name: string): SipResponse {
  return one.last(name).message as SipResponse;
}

/** The PRACK of the last response of this name. */
function prack(one: OneAgent, dialog: PeerDialog, name: string, body = ""): number | undefined {
  const { headers } = lastResponse(one, name);
  const lines = [`RAck: ${headers.get("RSeq")} ${headers.cseq.sequence} INVITE`];
  return one.ask(dialog, "PRACK", { lines, body })?.statusCode;
}

describe("RFC 3262 §3 which provisional responses of ours are reliable", () => {
  const cases = [
    { asked: REQUIRED, body: true, isReliable: true },
    { asked: REQUIRED, body: false, isReliable: true },
    { asked: SUPPORTED, body: true, isReliable: true },
    { asked: SUPPORTED, body: false, isReliable: false },
    { asked: [], body: true, isReliable: false },
    { asked: [], body: false, isReliable: false },
  ];
  for (const { asked, body, isReliable } of cases) {
    test(`${asked[0] ?? "neither"}, ${body ? "with" : "without"} SDP: ${isReliable}`, () => {
      const one = new OneAgent();
      const dialog = one.called({ lines: asked, body: OFFER });
      answer(one, dialog, { statusCode: 183, ...(body ? { body: SDP } : {}) });
      const { headers } = lastResponse(one, "183 INVITE");
      expect(headers.values("Require").includes("100rel")).toBe(isReliable);
      expect(headers.has("RSeq")).toBe(isReliable);
      one.run(2000);
      expect(one.instants("183 INVITE").length > 1).toBe(isReliable);
    });
  }

  test("100 never is", () => {
    const one = new OneAgent();
    const dialog = one.called({ lines: REQUIRED, body: OFFER });
    answer(one, dialog, { statusCode: 100 });
    for (const { message } of one.sent.filter(({ message }) => nameOf(message) === "100 INVITE")) {
      expect(message.headers.has("RSeq")).toBe(false);
    }
  });

  test("the first RSeq is from 1 to 2^31 - 1, the next one higher by one", () => {
    for (let calls = 0; calls < 50; calls++) {
      const one = new OneAgent();
      const dialog = one.called({ lines: REQUIRED, body: OFFER });
      answer(one, dialog, { statusCode: 180 });
      const first = Number(lastResponse(one, "180 INVITE").headers.get("RSeq"));
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThan(2 ** 31);
      prack(one, dialog, "180 INVITE");
      answer(one, dialog, { statusCode: 183 });
      expect(Number(lastResponse(one, "183 INVITE").headers.get("RSeq"))).toBe(first + 1);
    }
  });
});

describe("RFC 3262 §3 our reliable provisional response until its PRACK", () => {
  function early(what: Answer = { statusCode: 183, body: SDP }, lines = SUPPORTED) {
    const one = new OneAgent();
    const dialog = one.called({ lines, body: OFFER });
    answer(one, dialog, what);
    return { one, dialog };
  }

  test("is repeated at T1 doubling without limit, the same bytes", () => {
    const { one } = early();
    one.run(31_999);
    expect(one.instants("183 INVITE")).toEqual([0, 500, 1500, 3500, 7500, 15500, 31500]);
    const rseqs = one.sent.filter(({ message }) => nameOf(message) === "183 INVITE")
      .map(({ message }) => message.headers.get("RSeq"));
    expect(new Set(rseqs).size).toBe(1);
  });

  test("never acknowledged: 504 at 64·T1, told to the owner, nothing left", () => {
    const { one } = early();
    one.run(31_999);
    expect(one.instants("504 INVITE")).toEqual([]);
    one.run(32_000);
    expect(one.instants("504 INVITE")).toEqual([32_000]);
    expect(one.toldAt("prack_timeout")).toEqual([32_000]);
    one.run(200_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("the PRACK gets 200 and stops it", () => {
    const { one, dialog } = early();
    one.run(600);
    expect(prack(one, dialog, "183 INVITE")).toBe(200);
    one.run(40_000);
    expect(one.instants("183 INVITE")).toEqual([0, 500]);
    expect(one.told("provisional_acknowledged").map(({ body }) => body.length)).toEqual([0]);
    expect(one.told("prack_timeout")).toEqual([]);
  });

  test("a PRACK with a wrong RAck gets 481 and stops nothing", () => {
    const { one, dialog } = early();
    const rseq = Number(lastResponse(one, "183 INVITE").headers.get("RSeq"));
    for (const rack of [`${rseq + 1} 1 INVITE`, `${rseq} 2 INVITE`, `${rseq} 1 UPDATE`]) {
      expect(one.ask(dialog, "PRACK", { lines: [`RAck: ${rack}`] })?.statusCode).toBe(481);
    }
    for (const lines of [[], ["RAck: 0 1 INVITE"], ["RAck: x"], ["RAck: 4294967296 1 INVITE"]]) {
      expect(one.ask(dialog, "PRACK", { lines })?.statusCode).toBe(400);
    }
    one.run(500);
    expect(one.instants("183 INVITE")).toEqual([0, 500]);
    expect(one.told("provisional_acknowledged")).toEqual([]);
  });

  test("a second PRACK of the same response gets 481", () => {
    const { one, dialog } = early();
    expect(prack(one, dialog, "183 INVITE")).toBe(200);
    expect(prack(one, dialog, "183 INVITE")).toBe(481);
  });

  test("a PRACK where nothing was reliable gets 481", () => {
    const { one, dialog } = early({ statusCode: 180 });
    expect(one.ask(dialog, "PRACK", { lines: ["RAck: 1 1 INVITE"] })?.statusCode).toBe(481);
  });

  test("§5: a 2xx waits for the PRACK when the response described the session", () => {
    const { one, dialog } = early();
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(one.instants("200 INVITE")).toEqual([]);
    one.run(700);
    prack(one, dialog, "183 INVITE");
    expect(one.instants("200 INVITE")).toEqual([700]);
    // RFC 3261 §13.2.1: what was described reliably is not described again
    const ok = lastResponse(one, "200 INVITE");
    expect(ok.body).toHaveLength(0);
    expect(ok.headers.has("Content-Type")).toBe(false);
  });

  test("a 2xx does not wait for one without a description, which is then not repeated", () => {
    const { one, dialog } = early({ statusCode: 180 }, REQUIRED);
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(one.instants("200 INVITE")).toEqual([0]);
    expect(lastResponse(one, "200 INVITE").body).toEqual(SDP.bytes);
    one.run(1000);
    expect(one.instants("180 INVITE")).toEqual([0]);
    // §3: its PRACK is still welcome
    expect(prack(one, dialog, "180 INVITE")).toBe(200);
  });

  test("a 2xx after an unreliable description describes the session again", () => {
    const { one, dialog } = early({ statusCode: 183, body: SDP }, []);
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(lastResponse(one, "200 INVITE").body).toEqual(SDP.bytes);
  });

  test("a refusal does not wait, and stops it", () => {
    const { one, dialog } = early();
    answer(one, dialog, { statusCode: 486 });
    expect(one.instants("486 INVITE")[0]).toBe(0);
    one.ask(dialog, "ACK", { cseq: 1, branch: "z9hG4bKpeer0" });
    one.run(1000);
    expect(one.instants("183 INVITE")).toEqual([0]);
    expect(one.told("prack_timeout")).toEqual([]);
  });

  test("§3: a second one waits for the PRACK of the first; what is unreliable does not", () => {
    const { one, dialog } = early();
    answer(one, dialog, { statusCode: 180 });
    expect(one.instants("180 INVITE")).toEqual([0]);
    answer(one, dialog, { statusCode: 183, body: SDP, reasonPhrase: "Second" });
    answer(one, dialog, { statusCode: 200, body: SDP });
    one.run(100);
    expect(one.instants("183 INVITE")).toEqual([0]);
    prack(one, dialog, "183 INVITE");
    expect(one.instants("183 INVITE")).toEqual([0, 100]);
    expect(one.instants("200 INVITE")).toEqual([]);
    expect(lastResponse(one, "183 INVITE").reasonPhrase).toBe("Second");
    prack(one, dialog, "183 INVITE");
    expect(one.instants("200 INVITE")).toEqual([100]);
  });

  test("a second description is no offer: an UPDATE meanwhile is not 491", () => {
    const { one, dialog } = early();
    prack(one, dialog, "183 INVITE");
    answer(one, dialog, { statusCode: 183, body: SDP });
    prack(one, dialog, "183 INVITE");
    expect(one.ask(dialog, "UPDATE", { body: OFFER })).toBeUndefined();
    expect(one.told("offer")).toHaveLength(1);
  });

  test("no more than a few wait, however many the owner sends", () => {
    const { one, dialog } = early({ statusCode: 180 }, REQUIRED);
    for (let more = 0; more < 100; more++) answer(one, dialog, { statusCode: 183 });
    let name = "180 INVITE";
    while (prack(one, dialog, name) === 200) name = "183 INVITE";
    expect(one.instants("183 INVITE")).toHaveLength(16);
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(one.instants("200 INVITE")).toHaveLength(1);
  });

  test("a refusal while an offer in an UPDATE is unanswered answers that 487", () => {
    const { one, dialog } = early();
    prack(one, dialog, "183 INVITE");
    one.ask(dialog, "UPDATE", { body: OFFER });
    one.take();
    answer(one, dialog, { statusCode: 486 });
    expect(one.takeNames()).toEqual(["486 INVITE", "487 UPDATE"]);
  });

  test("CANCEL meanwhile: 487 at once, nothing is repeated", () => {
    const { one, dialog } = early();
    answer(one, dialog, { statusCode: 200, body: SDP });
    one.ask(dialog, "CANCEL", { cseq: 1, branch: "z9hG4bKpeer0" });
    expect(one.instants("487 INVITE")[0]).toBe(0);
    expect(one.told("cancelled")).toHaveLength(1);
    one.ask(dialog, "ACK", { cseq: 1, branch: "z9hG4bKpeer0" });
    one.run(40_000);
    expect(one.instants("183 INVITE")).toEqual([0]);
    expect(one.instants("200 INVITE")).toEqual([]);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("RFC 3261 §15.1.2 BYE meanwhile: 200 to it, 487 to the INVITE", () => {
    const { one, dialog } = early();
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.instants("487 INVITE")[0]).toBe(0);
    expect(one.told("bye")).toHaveLength(1);
    expect(one.told("terminated")).toHaveLength(1);
    expect(one.agent.size.sessions).toBe(0);
  });
});

describe("RFC 3262 §5 offers and answers in reliable responses and PRACKs", () => {
  test("INVITE without SDP: 183 offers, the PRACK answers, the 200 says nothing more", () => {
    const one = new OneAgent();
    const dialog = one.called({ lines: SUPPORTED });
    answer(one, dialog, { statusCode: 183, body: SDP });
    expect(prack(one, dialog, "183 INVITE", "v=answer\r\n")).toBe(200);
    const [told] = one.told("provisional_acknowledged");
    expect(new TextDecoder().decode(told?.body)).toBe("v=answer\r\n");
    expect(one.told("offer")).toEqual([]);
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(lastResponse(one, "200 INVITE").body).toHaveLength(0);
  });

  test("a PRACK with an offer is answered by the owner, and only then the 200 goes out", () => {
    const one = new OneAgent();
    const dialog = one.called({ lines: SUPPORTED, body: OFFER });
    answer(one, dialog, { statusCode: 183, body: SDP });
    answer(one, dialog, { statusCode: 200, body: SDP });
    expect(prack(one, dialog, "183 INVITE", "v=new\r\n")).toBeUndefined();
    expect(one.told("provisional_acknowledged").map(({ body }) => body.length)).toEqual([0]);
    const [offer] = one.told("offer");
    expect(offer?.request.method).toBe("PRACK");
    expect(one.instants("200 INVITE")).toEqual([]);
    one.take();
    one.act((agent, now) => agent.answerOffer(dialog.session, { statusCode: 200, body: SDP }, now));
    expect(one.takeNames()).toEqual(["200 PRACK", "200 INVITE"]);
    expect(lastResponse(one, "200 PRACK").body).toEqual(SDP.bytes);
    expect(lastResponse(one, "200 INVITE").body).toHaveLength(0);
  });

  test("hanging up while such an offer is open answers it 487", () => {
    const one = new OneAgent();
    const dialog = one.called({ lines: SUPPORTED, body: OFFER });
    answer(one, dialog, { statusCode: 183, body: SDP });
    prack(one, dialog, "183 INVITE", "v=new\r\n");
    one.take();
    expect(one.ask(dialog, "BYE")?.statusCode).toBe(200);
    expect(one.takeNames().toSorted()).toEqual(["200 BYE", "487 INVITE", "487 PRACK"]);
  });
});
