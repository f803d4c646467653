import { describe, expect, test } from "bun:test";
import { OneAgent, type PeerDialog, type PeerRequestWords, SDP } from "../../support/one_agent.ts";

/** `carol` calls in place of the peer of a dialog. */
function replace(
  one: OneAgent,
  { callId, ourTag, peerTag }: PeerDialog,
  parameters = "",
  words: PeerRequestWords = {},
) {
  const value = `${callId};to-tag=${ourTag};from-tag=${peerTag}${parameters}`;
  const lines = [`Replaces: ${value}`, "Require: replaces", ...words.lines ?? []];
  return one.called({ callId: "replacing", body: "v=0\r\n", ...words, lines });
}

function refusals(one: OneAgent): number[] {
  return one.told("refused").map(({ statusCode }) => statusCode);
}

describe("RFC 3891 §3 an INVITE with Replaces", () => {
  test("names a confirmed dialog, whoever began it: the owner hears which", () => {
    for (const make of ["callAnswered", "calledAnswered"] as const) {
      const one = new OneAgent();
      const dialog = one[make]();
      const carol = replace(one, dialog);
      const invite = one.told("invite").at(-1);
      expect(invite?.session).toBe(carol.session);
      expect(invite?.replaces).toBe(dialog.session);
      expect(refusals(one)).toEqual([]);
      // Nothing happens to the other one before the owner ends it
      expect(one.agent.dialogOf(dialog.session)).toBeDefined();
      one.act((agent, now) => agent.answer(carol.session, { statusCode: 200, body: SDP }, now));
      one.act((agent, now) => agent.hangup(dialog.session, [], now));
      expect(one.last("BYE").message.headers.to.tag).toBe(dialog.peerTag);
    }
  });

  test("one whose 2xx still waits for its ACK", () => {
    const one = new OneAgent();
    const dialog = one.called({ body: "v=0\r\n" });
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 200, body: SDP }, now));
    replace(one, dialog);
    expect(one.told("invite").at(-1)?.replaces).toBe(dialog.session);
  });

  test("without Replaces there is none", () => {
    const one = new OneAgent();
    one.called();
    expect(one.told("invite").map(({ replaces }) => replaces)).toEqual([undefined]);
  });

  test("481 when any part of it is wrong", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    const wrong = [{ callId: "x" }, { ourTag: "x" }, { peerTag: "x" }];
    for (const [index, part] of wrong.entries()) {
      replace(one, { ...dialog, ...part }, "", { cseq: index + 1 });
    }
    const swapped = { ...dialog, ourTag: dialog.peerTag, peerTag: dialog.ourTag };
    replace(one, swapped, "", { cseq: 4 });
    expect(refusals(one)).toEqual([481, 481, 481, 481]);
    expect(one.told("invite")).toHaveLength(1);
    expect(one.agent.size.sessions).toBe(1);
  });

  test("481 for an early dialog at the side that was called", () => {
    const one = new OneAgent();
    const dialog = one.called();
    one.act((agent, now) => agent.answer(dialog.session, { statusCode: 180 }, now));
    replace(one, dialog);
    expect(refusals(one)).toEqual([481]);
  });

  test("an early dialog of our own INVITE: hanging it up cancels it", () => {
    for (const parameters of ["", ";early-only"]) {
      const one = new OneAgent();
      const session = one.call();
      const invite = one.lastRequest("INVITE");
      one.answer(invite, 180, { tag: "bob" });
      replace(one, one.peerDialog(session, invite, "bob"), parameters);
      expect(one.told("invite").map(({ replaces }) => replaces)).toEqual([session]);
      one.act((agent, now) => agent.hangup(session, [], now));
      expect(one.instants("CANCEL")).toHaveLength(1);
    }
  });

  test("486 when only an early dialog may be replaced, and it is confirmed", () => {
    const one = new OneAgent();
    replace(one, one.callAnswered(), ";early-only");
    expect(refusals(one)).toEqual([486]);
    expect(one.told("invite")).toEqual([]);
  });

  test("603 when it has ended, but is not gone: our BYE is under way", () => {
    const one = new OneAgent();
    const dialog = one.callAnswered();
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    replace(one, dialog);
    expect(refusals(one)).toEqual([603]);
    const called = new OneAgent();
    const waiting = called.called();
    called.act((agent, now) => agent.answer(waiting.session, { statusCode: 200 }, now));
    called.act((agent, now) => agent.hangup(waiting.session, [], now));
    replace(called, waiting);
    expect(refusals(called)).toEqual([603]);
  });

  test("603 for a fork that we left", () => {
    const one = new OneAgent();
    const session = one.call();
    const invite = one.lastRequest("INVITE");
    one.answer(invite, 180, { tag: "carol" });
    one.answer(invite, 200, { tag: "bob" });
    replace(one, one.peerDialog(session, invite, "carol"));
    expect(refusals(one)).toEqual([603]);
  });

  test("481 when it is gone", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    one.ask(dialog, "BYE");
    replace(one, dialog);
    expect(refusals(one)).toEqual([481]);
  });

  test("400 for two of them, and for one that cannot be read", () => {
    const one = new OneAgent();
    const dialog = one.calledAnswered();
    replace(one, dialog, "", { lines: ["Replaces: a;to-tag=1;from-tag=2"] });
    expect(one.instants("400 INVITE")).toHaveLength(1);
    for (
      const [index, text] of ["", "a;to-tag=1", "a;from-tag=1", "a;to-tag=1;to-tag=2"].entries()
    ) {
      one.called({ callId: `c${index}`, lines: [`Replaces: ${text}`] });
    }
    expect(refusals(one)).toEqual([400, 400, 400, 400, 400]);
    expect(one.told("invite")).toHaveLength(1);
  });
});
