import { describe, expect, test } from "bun:test";
import { OneAgent, SDP } from "../../support/one_agent.ts";

const OFFER = "v=0\r\n";

describe("RFC 3262 §4 reliable provisional responses of the peer", () => {
  const reliable = (rseq: number | string, tag = "bob", body = "") => ({
    tag,
    body,
    lines: ["Require: 100rel", `RSeq: ${rseq}`],
  });

  function calling() {
    const one = new OneAgent();
    const session = one.call();
    const invite = one.lastRequest("INVITE");
    one.take();
    return { one, session, invite };
  }

  test("our INVITE says Supported: 100rel", () => {
    expect(calling().invite.headers.values("Supported")).toContain("100rel");
  });

  test("gets a PRACK within its early dialog, and is told", () => {
    const { one, invite } = calling();
    one.answer(invite, 183, { ...reliable(4711), contact: "<sip:bob@192.0.2.8:5080>" });
    expect(one.takeNames()).toEqual(["PRACK"]);
    const { message, to } = one.last("PRACK");
    expect(message.headers.get("RAck")).toBe("4711 1 INVITE");
    expect(message.headers.cseq.sequence).toBe(2);
    expect(message.headers.to.tag).toBe("bob");
    expect(message.headers.from.tag).toBe(invite.headers.from.tag as string);
    expect(one.lastRequest("PRACK").requestUri).toBe("sip:bob@192.0.2.8:5080");
    expect(to).toEqual({ address: "192.0.2.8", port: 5080 });
    expect(one.told("progress").map(({ response }) => response.statusCode)).toEqual([183]);
  });

  test("a repeated one is dropped: the PRACK repeats by itself", () => {
    const { one, invite } = calling();
    one.answer(invite, 183, reliable(1));
    one.answer(invite, 183, reliable(1));
    expect(one.takeNames()).toEqual(["PRACK"]);
    expect(one.told("progress")).toHaveLength(1);
    one.run(500);
    expect(one.takeNames()).toContain("PRACK");
  });

  test("one that overtook another is dropped without PRACK until its turn", () => {
    const { one, invite } = calling();
    one.answer(invite, 180, reliable(7));
    one.answer(invite, 183, reliable(9));
    expect(one.takeNames()).toEqual(["PRACK"]);
    expect(one.told("progress")).toHaveLength(1);
    one.answer(invite, 182, reliable(8));
    one.answer(invite, 183, reliable(9));
    const racks = one.take().map(({ message }) => message.headers.get("RAck"));
    expect(racks).toEqual(["8 1 INVITE", "9 1 INVITE"]);
    expect(one.told("progress").map(({ response }) => response.statusCode)).toEqual([
      180,
      182,
      183,
    ]);
  });

  test("each fork counts for itself, and has CSeq numbers of its own", () => {
    const { one, invite } = calling();
    one.answer(invite, 180, reliable(100, "bob"));
    one.answer(invite, 180, reliable(5, "carol"));
    one.answer(invite, 183, reliable(6, "carol"));
    const pracks = one.take().map(({ message: { headers } }) =>
      [headers.to.tag, headers.cseq.sequence, headers.get("RAck")].join(" ")
    );
    expect(pracks).toEqual(["bob 2 100 1 INVITE", "carol 2 5 1 INVITE", "carol 3 6 1 INVITE"]);
    one.answer(invite, 200, { tag: "carol" });
    one.act((agent, now) => agent.hangup(one.told("accepted")[0]?.session ?? "", [], now));
    expect(one.lastRequest("ACK").headers.cseq.sequence).toBe(1);
    expect(one.lastRequest("BYE").headers.cseq.sequence).toBe(4);
  });

  test("one with another Contact moves the target of its early dialog", () => {
    const { one, invite } = calling();
    one.answer(invite, 180, reliable(1));
    one.answer(invite, 183, { ...reliable(2), contact: "<sip:bob@192.0.2.9>" });
    expect(one.last("PRACK").to.address).toBe("192.0.2.9");
  });

  test("one without a To tag makes no dialog, and is told", () => {
    const { one, invite } = calling();
    one.answer(invite, 180, { lines: ["Require: 100rel", "RSeq: 1"] });
    expect(one.takeNames()).toEqual([]);
    expect(one.told("progress")).toHaveLength(1);
  });

  test("RFC 6086: an INFO in an early dialog is answered and told", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 183, { tag: "bob" });
    expect(one.ask(one.peerDialog(session, invite, "bob"), "INFO")?.statusCode).toBe(200);
    expect(one.told("info")).toHaveLength(1);
  });

  test("one without a usable RSeq gets no PRACK, and does no harm", () => {
    const { one, invite } = calling();
    for (const rseq of ["0", "x", "4294967296"]) one.answer(invite, 183, reliable(rseq));
    one.answer(invite, 183, { tag: "bob", lines: ["Require: 100rel"] });
    expect(one.takeNames()).toEqual([]);
    one.answer(invite, 200, { tag: "bob" });
    expect(one.told("accepted")).toHaveLength(1);
  });

  test("an unreliable one, and 100, get no PRACK", () => {
    const { one, invite } = calling();
    one.answer(invite, 100, { lines: ["RSeq: 1", "Require: 100rel"] });
    one.answer(invite, 180, { tag: "bob", lines: ["RSeq: 1"] });
    expect(one.takeNames()).toEqual([]);
    expect(one.told("progress")).toHaveLength(2);
  });

  test("§5: its description settles our offer, so that the callee may UPDATE", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    const dialog = one.peerDialog(session, invite, "bob");
    expect(one.ask(dialog, "UPDATE", { body: OFFER })?.statusCode).toBe(491);
    one.answer(invite, 183, reliable(1, "bob", OFFER));
    expect(one.ask(dialog, "UPDATE", { body: OFFER })).toBeUndefined();
    one.act((agent, now) => agent.answerOffer(session, { statusCode: 200, body: SDP }, now));
    expect(one.last("200 UPDATE").message.body).toEqual(SDP.bytes);
    expect(one.last("200 UPDATE").message.headers.to.tag).toBe(session);
  });

  test("a PRACK that fails, or is never answered, ends nothing", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, reliable(1));
    one.answer(one.lastRequest("PRACK"), 481);
    one.answer(invite, 183, reliable(2));
    one.run(40_000);
    one.answer(invite, 200, { tag: "bob" });
    expect(one.told("accepted")).toHaveLength(1);
    expect(one.told("session_expired")).toEqual([]);
    expect(one.agent.dialogOf(session)?.remoteTag).toBe("bob");
  });

  test("no PRACK for what comes after our CANCEL", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 100);
    one.act((agent, now) => agent.cancel(session, [], now));
    one.answer(invite, 183, reliable(1));
    expect(one.takeNames()).toEqual(["CANCEL"]);
  });

  test("more forks than anybody has are ignored", () => {
    const { one, invite } = calling();
    for (let fork = 0; fork < 100; fork++) one.answer(invite, 180, reliable(1, `fork${fork}`));
    expect(one.takeNames().length).toBeLessThan(40);
    expect(one.told("ignored").length).toBeGreaterThan(60);
  });
});
