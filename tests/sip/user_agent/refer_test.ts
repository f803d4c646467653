import { describe, expect, test } from "bun:test";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import type { ReferOptions } from "../../../src/sip/user_agent/in_dialog_client.ts";
import { OneAgent, type PeerDialog } from "../../support/one_agent.ts";

const CAROL = "sip:carol@192.0.2.3";

function body(sent: { readonly message: { readonly body: Uint8Array } }): string {
  return new TextDecoder().decode(sent.message.body);
}

describe("RFC 3515 our REFER", () => {
  function referred(options: Partial<ReferOptions> = {}) {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    one.act((agent, now) => agent.refer(dialog.session, { to: CAROL, ...options }, now));
    return { one, dialog, refer: one.lastRequest("REFER") };
  }

  function notify(
    one: OneAgent,
    dialog: PeerDialog,
    { state, status, event = "refer" }: { state: string; status?: string; event?: string },
  ): number | undefined {
    return one.ask(dialog, "NOTIFY", {
      lines: [`Event: ${event}`, `Subscription-State: ${state}`],
      contentType: "message/sipfrag;version=2.0",
      ...(status === undefined ? {} : { body: `SIP/2.0 ${status}\r\n` }),
    })?.statusCode;
  }

  function outcome(one: OneAgent): (readonly [number, boolean, boolean])[] {
    return one.told("referred").map(({ statusCode, isAnswer, isFinal }) =>
      [statusCode, isAnswer, isFinal] as const
    );
  }

  test("§2.4.1 has Refer-To, Contact and the next CSeq of the dialog", () => {
    const { refer } = referred({ referredBy: "<sip:us@192.0.2.1>" });
    expect(refer.headers.get("Refer-To")).toBe(`<${CAROL}>`);
    expect(refer.headers.get("Referred-By")).toBe("<sip:us@192.0.2.1>");
    expect(refer.headers.has("Contact")).toBe(true);
    expect(refer.headers.cseq).toEqual({ sequence: 2, method: "REFER" });
    expect(refer.headers.to.tag).toBe("bob");
    expect(refer.headers.values("Allow")).toContain("NOTIFY");
    expect(refer.headers.values("Supported")).toContain("norefersub");
  });

  test("RFC 3891 §6.1: Replaces stands escaped in the URI", () => {
    const replaces = { callId: "a@b", toTag: "1", fromTag: "2", earlyOnly: false };
    const { refer } = referred({ replaces });
    expect(refer.headers.get("Refer-To"))
      .toBe(`<${CAROL}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>`);
  });

  test("202, then what each NOTIFY says, until the final one", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 202);
    expect(notify(one, dialog, { state: "active;expires=60", status: "100 Trying" })).toBe(200);
    expect(notify(one, dialog, { state: "active;expires=60", status: "180 Ringing" })).toBe(200);
    const state = "terminated;reason=noresource";
    expect(notify(one, dialog, { state, status: "200 OK" })).toBe(200);
    expect(outcome(one))
      .toEqual([[202, true, false], [100, false, false], [180, false, false], [200, false, true]]);
    // The subscription is over
    expect(notify(one, dialog, { state, status: "200 OK" })).toBe(481);
  });

  test("RFC 6665 §4.1.2.4: a NOTIFY may overtake the 202", () => {
    const { one, dialog, refer } = referred();
    expect(notify(one, dialog, { state: "active;expires=60", status: "100 Trying" })).toBe(200);
    one.answer(refer, 202);
    expect(outcome(one)).toEqual([[100, false, false], [202, true, false]]);
  });

  test("refused: that is final, and no NOTIFY is taken", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 603);
    expect(outcome(one)).toEqual([[603, true, true]]);
    expect(notify(one, dialog, { state: "active", status: "100 Trying" })).toBe(481);
    one.run(100_000);
    expect(one.told("referred")).toHaveLength(1);
  });

  test("without response: 408; the session goes on", () => {
    const { one } = referred();
    one.run(100_000);
    expect(outcome(one)).toEqual([[408, true, true]]);
    expect(one.toldAt("referred")).toEqual([32_000]);
    expect(one.told("session_expired")).toEqual([]);
  });

  test("RFC 4488: 202 with Refer-Sub: false is the last that is heard", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 202, { lines: ["Refer-Sub: false"] });
    expect(outcome(one)).toEqual([[202, true, true]]);
    expect(notify(one, dialog, { state: "active", status: "100 Trying" })).toBe(481);
    one.run(100_000);
    expect(one.told("referred")).toHaveLength(1);
  });

  test("a subscription that ends before the call did: what its reason says", () => {
    const rows = [["timeout", 408], ["rejected", 403], ["giveup", 480], [
      "noresource",
      410,
    ]] as const;
    for (const [reason, statusCode] of rows) {
      const { one, dialog, refer } = referred();
      one.answer(refer, 202);
      const state = `terminated;reason=${reason}`;
      expect(notify(one, dialog, { state, status: "100 Trying" })).toBe(200);
      expect(outcome(one)).toEqual([[202, true, false], [statusCode, false, true]]);
    }
  });

  test("RFC 6665 §4.1.2.4: no NOTIFY within 64·T1 is 408", () => {
    const { one, refer } = referred();
    one.run(200);
    one.answer(refer, 202);
    one.run(100_000);
    expect(outcome(one)).toEqual([[202, true, false], [408, false, true]]);
    expect(one.toldAt("referred")).toEqual([200, 32_000]);
  });

  test("a peer that says nothing more is given up after what it promised", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 202);
    one.run(1000);
    notify(one, dialog, { state: "active;expires=60", status: "100 Trying" });
    one.run(500_000);
    expect(outcome(one).at(-1)).toEqual([408, false, true]);
    expect(one.toldAt("referred").at(-1)).toBe(1000 + 60_000 + 32_000);
  });

  test("a NOTIFY with the id of another REFER, or without any REFER, gets 481", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 202);
    const state = "active;expires=60";
    expect(notify(one, dialog, { state, status: "100 Trying", event: "refer;id=93" })).toBe(481);
    expect(notify(one, dialog, { state, status: "100 Trying", event: "refer;id=2" })).toBe(200);
    const other = new OneAgent();
    expect(notify(other, other.callAnswered(), { state, status: "100 Trying" })).toBe(481);
  });

  test("hanging up ends all of it", () => {
    const { one, dialog, refer } = referred();
    one.answer(refer, 202);
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    expect(notify(one, dialog, { state: "active", status: "100 Trying" })).toBe(481);
    one.answer(one.lastRequest("BYE"), 200);
    one.run(100_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
    expect(one.agent.deadline).toBeUndefined();
  });
});

describe("RFC 3515 §2.4 the peer's REFER", () => {
  const REFER_TO = [`Refer-To: <${CAROL}>`];

  function asked(lines: readonly string[] = REFER_TO) {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    const answer = one.ask(dialog, "REFER", { lines });
    return { one, dialog, answer };
  }

  function accept(one: OneAgent, dialog: PeerDialog): void {
    one.act((agent, now) => agent.answerRefer(dialog.session, { statusCode: 202 }, now));
    one.act((agent, now) => agent.notifyRefer(dialog.session, { statusCode: 100 }, now));
  }

  function tell(one: OneAgent, dialog: PeerDialog, statusCode: number): void {
    one.act((agent, now) => agent.notifyRefer(dialog.session, { statusCode }, now));
  }

  test("is told with what it asks for", () => {
    const lines = [
      `Refer-To: "Carol" <${CAROL}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&X-A=1>`,
      "Referred-By: <sip:ann@192.0.2.2>",
    ];
    const { one } = asked(lines);
    expect(one.told("refer")[0]?.refer).toEqual({
      uri: CAROL,
      headers: [["X-A", "1"]],
      replaces: { callId: "a@b", toTag: "1", fromTag: "2", earlyOnly: false },
      referredBy: "<sip:ann@192.0.2.2>",
      wantsNotify: true,
    });
  });

  test("202 and NOTIFY 100 at once, then how it goes; the final one ends the subscription", () => {
    const { one, dialog } = asked();
    one.take();
    accept(one, dialog);
    expect(one.takeNames()).toEqual(["202 REFER", "NOTIFY"]);
    const first = one.last("NOTIFY");
    expect(first.message.headers.get("Event")).toBe("refer;id=2");
    expect(first.message.headers.get("Subscription-State")).toBe("active;expires=180");
    expect(first.message.headers.get("Content-Type")).toBe("message/sipfrag;version=2.0");
    expect(first.message.headers.has("Contact")).toBe(true);
    expect(first.message.headers.to.tag).toBe("ann");
    expect(body(first)).toBe("SIP/2.0 100 Trying\r\n");
    one.answer(first.message as SipRequest, 200);
    one.run(3000);
    tell(one, dialog, 180);
    expect(body(one.last("NOTIFY"))).toBe("SIP/2.0 180 Ringing\r\n");
    expect(one.last("NOTIFY").message.headers.get("Subscription-State")).toBe("active;expires=177");
    tell(one, dialog, 200);
    expect(body(one.last("NOTIFY"))).toBe("SIP/2.0 200 OK\r\n");
    expect(one.last("NOTIFY").message.headers.get("Subscription-State"))
      .toBe("terminated;reason=noresource");
    one.take();
    tell(one, dialog, 486);
    expect(one.takeNames()).toEqual([]);
  });

  test("a second one meanwhile gets 500 with Retry-After, after the end it is taken", () => {
    const { one, dialog } = asked();
    expect(one.ask(dialog, "REFER", { lines: REFER_TO })?.statusCode).toBe(500);
    accept(one, dialog);
    const second = one.ask(dialog, "REFER", { lines: REFER_TO });
    expect(second?.statusCode).toBe(500);
    expect(second?.headers.has("Retry-After")).toBe(true);
    expect(one.told("refer")).toHaveLength(1);
    tell(one, dialog, 200);
    expect(one.ask(dialog, "REFER", { lines: REFER_TO })).toBeUndefined();
    expect(one.told("refer")).toHaveLength(2);
    one.act((agent, now) => agent.answerRefer(dialog.session, { statusCode: 202 }, now));
    tell(one, dialog, 100);
    expect(one.last("NOTIFY").message.headers.get("Event")).toBe(`refer;id=${dialog.cseq}`);
  });

  test("refused: no NOTIFY follows", () => {
    const { one, dialog } = asked();
    one.take();
    one.act((agent, now) => agent.answerRefer(dialog.session, { statusCode: 603 }, now));
    tell(one, dialog, 100);
    expect(one.takeNames()).toEqual(["603 REFER"]);
    expect(one.ask(dialog, "REFER", { lines: REFER_TO })).toBeUndefined();
  });

  test("RFC 4488: Refer-Sub: false is confirmed, and no NOTIFY follows", () => {
    const { one, dialog } = asked([...REFER_TO, "Refer-Sub: false"]);
    expect(one.told("refer")[0]?.refer.wantsNotify).toBe(false);
    one.take();
    accept(one, dialog);
    tell(one, dialog, 200);
    expect(one.takeNames()).toEqual(["202 REFER"]);
    expect(one.last("202 REFER").message.headers.get("Refer-Sub")).toBe("false");
  });

  test("nobody says how it goes: the subscription ends by itself", () => {
    const { one, dialog } = asked();
    accept(one, dialog);
    one.answer(one.lastRequest("NOTIFY"), 200);
    one.run(180_000);
    expect(one.instants("NOTIFY")).toEqual([0, 180_000]);
    expect(one.last("NOTIFY").message.headers.get("Subscription-State"))
      .toBe("terminated;reason=timeout");
    expect(body(one.last("NOTIFY"))).toBe("SIP/2.0 100 Trying\r\n");
    expect(one.ask(dialog, "REFER", { lines: REFER_TO })).toBeUndefined();
  });

  test("RFC 6665 §4.2.2: a NOTIFY that is refused ends the subscription, not the session", () => {
    for (const statusCode of [481, 489]) {
      const { one, dialog } = asked();
      accept(one, dialog);
      one.answer(one.lastRequest("NOTIFY"), statusCode);
      one.take();
      tell(one, dialog, 200);
      expect(one.takeNames()).toEqual([]);
      expect(one.told("session_expired")).toEqual([]);
    }
  });

  test("§2.4.2 400 without one Refer-To that can be read, 501 when it asks for MESSAGE", () => {
    expect(asked([]).answer?.statusCode).toBe(400);
    expect(asked([...REFER_TO, ...REFER_TO]).answer?.statusCode).toBe(400);
    expect(asked(["Refer-To: <sip:broken"]).answer?.statusCode).toBe(400);
    expect(asked([`Refer-To: <${CAROL};method=MESSAGE>`]).answer?.statusCode).toBe(501);
    expect(asked([]).one.told("refer")).toEqual([]);
  });

  test("in an early dialog, at either end: 500, as there is no way to notify", () => {
    const called = new OneAgent();
    const dialog = called.called();
    called.act((agent, now) => agent.answer(dialog.session, { statusCode: 180 }, now));
    expect(called.ask(dialog, "REFER", { lines: REFER_TO })?.statusCode).toBe(500);
    const calling = new OneAgent();
    const session = calling.call();
    const invite = calling.lastRequest("INVITE");
    calling.answer(invite, 180, { tag: "bob" });
    const early = calling.peerDialog(session, invite, "bob");
    expect(calling.ask(early, "REFER", { lines: REFER_TO })?.statusCode).toBe(500);
  });

  test("outside of dialogs: 403", () => {
    const one = new OneAgent();
    expect(one.askOutside("REFER", { lines: REFER_TO })?.statusCode).toBe(403);
  });

  test("unanswered at the end of the session: 487", () => {
    for (const who of ["we", "peer"]) {
      const { one, dialog } = asked();
      if (who === "we") one.act((agent, now) => agent.hangup(dialog.session, [], now));
      else one.ask(dialog, "BYE");
      expect(one.instants("487 REFER")).toEqual([0]);
    }
  });

  test("the BYE of either side ends the subscription with the session", () => {
    for (const who of ["we", "peer"]) {
      const { one, dialog } = asked();
      accept(one, dialog);
      if (who === "we") one.act((agent, now) => agent.hangup(dialog.session, [], now));
      else one.ask(dialog, "BYE");
      one.take();
      tell(one, dialog, 200);
      expect(one.takeNames()).toEqual([]);
      one.run(300_000);
      expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
    }
  });

  test("an answer has the owner's headers; without a REFER there is nothing to answer", () => {
    const { one, dialog } = asked();
    one.take();
    for (const headers of [[["X-A", "1"] as const], []]) {
      one.act((agent, now) => agent.answerRefer(dialog.session, { statusCode: 603, headers }, now));
    }
    expect(one.takeNames()).toEqual(["603 REFER"]);
    expect(one.last("603 REFER").message.headers.get("X-A")).toBe("1");
  });
});
