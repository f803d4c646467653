import { describe, expect, test } from "bun:test";
import type { Millis } from "../../../src/base/units.ts";
import { createResponse } from "../../../src/sip/message/build.ts";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import type { SendOutput } from "../../../src/sip/transaction/output.ts";
import {
  type TransactionKey,
  type TransactionOutput,
  TransactionTable,
} from "../../../src/sip/transaction/transaction_table.ts";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { briefs, request, type RequestParts, response, TCP, timeline, UDP } from "./messages.ts";

/** The key of the request that the outputs pass up. */
function keyOf(outputs: readonly TransactionOutput[]): TransactionKey {
  for (const output of outputs) if (output.type === "request") return output.key;
  throw new Error(`no request in ${briefs(outputs).join()}`);
}

/** The text of header `name` in the first message that is sent. */
function sentHeader(outputs: readonly TransactionOutput[], name: string): string | undefined {
  for (const output of outputs) if (output.type === "send") return output.message.headers.get(name);
  return undefined;
}

/** A table with one INVITE in it, received at instant 0. */
function withInvite(parts: RequestParts = {}, flow: Flow = UDP) {
  const table = new TransactionTable();
  const invite = request("INVITE", parts);
  const outputs = table.receiveRequest(invite, flow, 0);
  return { table, invite, key: keyOf(outputs), outputs };
}

/** When a transaction that lingers from `start` on is let go. */
function overAt(start: Millis, duration: Millis): Millis {
  return start + duration + duration / 64;
}

describe("RFC 3261 §17.2 requests from the wire", () => {
  test("a new INVITE is passed up, and gets 100 if nobody answers at once", () => {
    const { table, outputs } = withInvite();
    expect(briefs(outputs)).toEqual(["request INVITE"]);
    expect(table.deadline).toBe(0);
    expect(briefs(table.timeout(0))).toEqual(["send 100"]);
    expect(table.deadline).toBeUndefined();
  });

  test("an INVITE that is answered at once gets no 100", () => {
    const { table, invite, key } = withInvite();
    expect(briefs(table.respond(key, response(invite, 180), 0))).toEqual(["send 180"]);
    expect(table.deadline).toBeUndefined();
    expect(table.timeout(1000)).toEqual([]);
  });

  test("an INVITE that comes again gets the last response alone", () => {
    const { table, invite, key } = withInvite();
    expect(briefs(table.receiveRequest(request("INVITE"), UDP, 100))).toEqual(["send 100"]);
    table.respond(key, response(invite, 180), 200);
    expect(briefs(table.receiveRequest(request("INVITE"), UDP, 500))).toEqual(["send 180"]);
    table.respond(key, response(invite, 486), 600);
    expect(briefs(table.receiveRequest(request("INVITE"), UDP, 700))).toEqual(["send 486"]);
    expect(table.size).toBe(1);
  });

  test("RFC 6026: an INVITE that comes again after its 2xx is told of and begins nothing", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 200), 0);
    const outputs = table.receiveRequest(request("INVITE"), UDP, 500);
    expect(outputs).toMatchObject([{ type: "retransmitted", key }]);
    expect(table.size).toBe(1);
  });

  test("the ACK of a failure is absorbed, also when it comes again", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 486), 0);
    const ack = request("ACK", { toTag: "bot" });
    expect(table.receiveRequest(ack, UDP, 100)).toEqual([]);
    expect(table.receiveRequest(ack, UDP, 200)).toEqual([]);
    expect(timeline(new VirtualClock(200).runToEnd(table))).toEqual([
      [overAt(100, 5000), "terminated"],
    ]);
    expect(table.size).toBe(0);
  });

  test("the ACK of a 2xx is passed up, with a branch of its own or that of the INVITE", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 200), 0);
    for (const branch of ["z9hG4bKanother", "z9hG4bKinvite"]) {
      const ack = request("ACK", { branch, toTag: "bot" });
      expect(table.receiveRequest(ack, UDP, 10)).toEqual([{
        type: "ack",
        request: ack,
        flow: UDP,
      }]);
    }
  });

  test("an ACK for nothing is passed up and leaves nothing", () => {
    const table = new TransactionTable();
    expect(briefs(table.receiveRequest(request("ACK", { toTag: "x" }), UDP, 0))).toEqual(["ack"]);
    expect(table.size).toBe(0);
  });

  test("the same branch from another sent-by is another transaction", () => {
    const { table } = withInvite();
    const other = request("INVITE", {
      via: "UDP 192.0.2.2;branch=z9hG4bKinvite",
      callId: "call-2",
    });
    expect(briefs(table.receiveRequest(other, UDP, 0))).toEqual(["request INVITE"]);
    expect(table.size).toBe(2);
  });

  test("responses go where the Via says, with received and rport filled in", () => {
    const flow: Flow = { ...UDP, remote: { address: "203.0.113.5", port: 1234 } };
    const table = new TransactionTable();
    const [passed] = table.receiveRequest(
      request("OPTIONS", { via: "UDP 10.0.0.5:5060;rport;branch=z9hG4bKnat" }),
      flow,
      0,
    );
    if (passed?.type !== "request") throw new Error("nothing was passed up");
    const sent = table.respond(passed.key, createResponse(passed.request, 200), 0);
    expect(sent).toMatchObject([{
      type: "send",
      flow,
      to: { address: "203.0.113.5", port: 1234 },
    }]);
    expect(sentHeader(sent, "Via")).toBe(
      "SIP/2.0/UDP 10.0.0.5:5060;rport=1234;branch=z9hG4bKnat;received=203.0.113.5",
    );
  });

  test("a response for a transaction that has ended is ignored", () => {
    const { table, invite } = withInvite();
    expect(briefs(table.respond("nobody", response(invite, 200), 0))).toEqual([
      "ignored: respond without transaction",
    ]);
  });
});

describe("RFC 3261 §17.2.3 RFC 2543 clients", () => {
  const via = "UDP 192.0.2.1";

  test("retransmissions and the ACK of a failure find their INVITE without a branch", () => {
    const { table, invite, key } = withInvite({ via });
    expect(briefs(table.receiveRequest(request("INVITE", { via }), UDP, 500))).toEqual([
      "send 100",
    ]);
    table.respond(key, response(invite, 486), 600);
    const ack = request("ACK", { via, toTag: "bot" });
    expect(table.receiveRequest(ack, UDP, 700)).toEqual([]);
    expect(timeline(new VirtualClock(700).runToEnd(table))).toEqual([
      [overAt(700, 5000), "terminated"],
    ]);
  });

  test("an ACK with a To tag that is not ours belongs elsewhere", () => {
    const { table, invite, key } = withInvite({ via });
    table.respond(key, response(invite, 486), 0);
    const ack = request("ACK", { via, toTag: "other" });
    expect(briefs(table.receiveRequest(ack, UDP, 100))).toEqual(["ack"]);
    expect(table.deadline).toBe(500);
  });
});

describe("RFC 3261 §9.2 CANCEL", () => {
  test("while ringing gets 200 with the To tag of the INVITE, and is told of", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 180, "ringer"), 0);
    const cancel = request("CANCEL", { branch: "z9hG4bKinvite" });
    const outputs = table.receiveRequest(cancel, UDP, 100);
    expect(briefs(outputs)).toEqual(["send 200", "cancel"]);
    expect(outputs[1]).toMatchObject({ key, request: cancel, flow: UDP });
    expect(sentHeader(outputs, "To")).toBe("<sip:bot@192.0.2.9>;tag=ringer");
    expect(briefs(table.respond(key, response(invite, 487, "ringer"), 100))).toEqual(["send 487"]);
  });

  test("again gets the same 200, and is not told of again", () => {
    const { table } = withInvite();
    const [ok] = table.receiveRequest(request("CANCEL", { branch: "z9hG4bKinvite" }), UDP, 0);
    const again = table.receiveRequest(request("CANCEL", { branch: "z9hG4bKinvite" }), UDP, 500);
    expect(briefs(again)).toEqual(["send 200"]);
    expect((again[0] as SendOutput).bytes).toBe((ok as SendOutput).bytes);
  });

  test("that crosses our 200 gets 200, and the call does not hear of it", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 200), 0);
    const outputs = table.receiveRequest(request("CANCEL", { branch: "z9hG4bKinvite" }), UDP, 50);
    expect(briefs(outputs)).toEqual(["send 200", "ignored: CANCEL after a final"]);
    expect(sentHeader(outputs, "To")).toMatch(/;tag=bot$/);
  });

  test("for nothing gets 481 with a To tag, and ends like any transaction", () => {
    const table = new TransactionTable();
    const outputs = table.receiveRequest(request("CANCEL"), UDP, 0);
    expect(briefs(outputs)).toEqual(["send 481", "cancel nothing"]);
    expect(sentHeader(outputs, "To")).toMatch(/;tag=[0-9a-f]{16}$/);
    expect(timeline(new VirtualClock().runToEnd(table))).toEqual([
      [overAt(0, 32000), "terminated"],
    ]);
  });

  test("before any tagged response still gets a To tag", () => {
    const { table } = withInvite();
    const outputs = table.receiveRequest(request("CANCEL", { branch: "z9hG4bKinvite" }), UDP, 0);
    expect(sentHeader(outputs, "To")).toMatch(/;tag=[0-9a-f]{16}$/);
  });
});

describe("RFC 3261 §8.2.2.2 merged requests", () => {
  test("the same request over another branch gets 482, without 100, and is not passed up", () => {
    const { table } = withInvite();
    const outputs = table.receiveRequest(request("INVITE", { branch: "z9hG4bKfork" }), UDP, 0);
    expect(briefs(outputs)).toEqual(["send 482", "ignored: merged request"]);
    const ack = request("ACK", { branch: "z9hG4bKfork", toTag: "x" });
    expect(table.receiveRequest(ack, UDP, 10)).toEqual([]);
  });

  test("is no longer merged once the first has ended", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 486), 0);
    new VirtualClock().runToEnd(table);
    const outputs = table.receiveRequest(request("INVITE", { branch: "z9hG4bKb" }), UDP, 40000);
    expect(briefs(outputs)).toEqual(["request INVITE"]);
  });

  test("credentials sent with the CSeq of the challenged request are no merger", () => {
    const { table, invite, key } = withInvite();
    table.respond(key, response(invite, 401), 0);
    const outputs = table.receiveRequest(request("INVITE", { branch: "z9hG4bKb" }), UDP, 10);
    expect(briefs(outputs)).toEqual(["request INVITE"]);
  });

  test("requests within a dialog are never merged", () => {
    const table = new TransactionTable();
    for (const branch of ["z9hG4bKa", "z9hG4bKb"]) {
      const info = request("INFO", { branch, toTag: "bot" });
      expect(briefs(table.receiveRequest(info, UDP, 0))).toEqual(["request INFO"]);
    }
  });
});

describe("RFC 3261 §17.1 our own requests", () => {
  const to = UDP.remote;

  test("responses find their transaction by branch and CSeq method", () => {
    const table = new TransactionTable();
    const bye = request("BYE", { branch: "z9hG4bKours", toTag: "bob" });
    const { key, outputs } = table.send(bye, UDP, to, 0);
    expect(outputs).toMatchObject([{ type: "send", flow: UDP, to }]);
    const ok = response(bye, 200);
    expect(table.receiveResponse(ok, TCP, 30)).toEqual([
      { type: "response", key, response: ok, flow: TCP },
    ]);
    expect(table.receiveResponse(ok, UDP, 40)).toEqual([]);
    expect(timeline(new VirtualClock(40).runToEnd(table))).toEqual([
      [overAt(30, 5000), "terminated"],
    ]);
  });

  test("a response to nothing is ignored", () => {
    const stray = ["ignored: response without transaction"];
    const table = new TransactionTable();
    table.send(request("INVITE", { branch: "z9hG4bKours" }), UDP, to, 0);
    const options = request("OPTIONS", { branch: "z9hG4bKours" });
    expect(briefs(table.receiveResponse(response(options, 200), UDP, 0))).toEqual(stray);
    const bare = request("OPTIONS", { via: "UDP 192.0.2.9" });
    expect(briefs(table.receiveResponse(response(bare, 200), UDP, 0))).toEqual(stray);
  });

  test("RFC 6026: forked and repeated 2xx are all passed up", () => {
    const table = new TransactionTable();
    const invite = request("INVITE", { branch: "z9hG4bKours" });
    table.send(invite, UDP, to, 0);
    for (const tag of ["one", "one", "two"]) {
      const outputs = table.receiveResponse(response(invite, 200, tag), UDP, 10);
      expect(briefs(outputs)).toEqual(["response 200"]);
    }
  });

  test("§9.1: a CANCEL gives its INVITE 64 T1 to end", () => {
    const table = new TransactionTable();
    const invite = request("INVITE", { branch: "z9hG4bKours" });
    const { key } = table.send(invite, UDP, to, 0);
    table.receiveResponse(response(invite, 180), UDP, 100);
    expect(table.deadline).toBeUndefined();
    const cancel = request("CANCEL", { branch: "z9hG4bKours" });
    table.send(cancel, UDP, to, 1000);
    table.receiveResponse(response(cancel, 200), UDP, 1100);
    expect(timeline(new VirtualClock(1100).runToEnd(table))).toEqual([
      [overAt(1100, 5000), "terminated"],
      [33000, "failed timeout"],
      [33000, "terminated"],
    ]);
    expect(briefs(table.receiveResponse(response(invite, 487), UDP, 33001))).toEqual([
      "ignored: response without transaction",
    ]);
    expect(key).toBeDefined();
  });

  test("an ACK, a missing branch and a branch in use are refused, and change nothing", () => {
    const table = new TransactionTable();
    table.send(request("OPTIONS"), UDP, to, 0);
    const bad = [request("ACK"), request("INFO", { via: "UDP h" }), request("OPTIONS")];
    for (const one of bad) expect(() => table.send(one, UDP, to, 0)).toThrow(RangeError);
    expect(table.size).toBe(1);
  });

  test("our server and client transactions of the same branch do not meet", () => {
    const { table, invite } = withInvite();
    table.send(invite, UDP, to, 0);
    expect(table.size).toBe(2);
    expect(briefs(table.receiveResponse(response(invite, 180), UDP, 10))).toEqual(["response 180"]);
    expect(briefs(table.receiveRequest(request("INVITE"), UDP, 20))).toEqual(["send 100"]);
  });
});

describe("transport failure", () => {
  test("a lost connection fails our requests on it and ends those that came over it", () => {
    const table = new TransactionTable();
    table.receiveRequest(request("INVITE"), TCP, 0);
    table.send(request("OPTIONS", { branch: "z9hG4bKours" }), TCP, TCP.remote, 0);
    table.send(request("OPTIONS", { branch: "z9hG4bKelsewhere" }), UDP, UDP.remote, 0);
    const sameConnection: Flow = { ...TCP };
    expect(briefs(table.transportFailed(sameConnection, 10))).toEqual([
      "terminated",
      "failed transport",
      "terminated",
    ]);
    expect(table.size).toBe(1);
    expect(table.transportFailed(TCP, 20)).toEqual([]);
  });

  test("RFC 6026 §7.1: a datagram that was not taken keeps the INVITE of that peer known", () => {
    const { table, invite, key } = withInvite();
    expect(table.transportFailed(UDP, 10)).toEqual([]);
    expect(briefs(table.receiveRequest(request("INVITE"), UDP, 500))).toEqual(["send 100"]);
    expect(briefs(table.respond(key, response(invite, 200), 600))).toEqual(["send 200"]);
  });

  test("a flow to another peer is not concerned", () => {
    const table = new TransactionTable();
    table.send(request("OPTIONS"), UDP, UDP.remote, 0);
    const other: Flow = { ...UDP, remote: { ...UDP.remote, port: 5061 } };
    expect(table.transportFailed(other, 10)).toEqual([]);
    expect(briefs(table.transportFailed(UDP, 10))).toEqual(["failed transport", "terminated"]);
  });
});

describe("limits", () => {
  function filled(transactionsMax: number): TransactionTable {
    const table = new TransactionTable({ transactionsMax });
    for (let index = 0; index < transactionsMax; index++) {
      table.receiveRequest(numbered("INVITE", index), UDP, 0);
    }
    return table;
  }

  function numbered(method: string, index: number, toTag?: string): SipRequest {
    const parts = { branch: `z9hG4bK${index}`, callId: `call-${index}` };
    return request(method, toTag === undefined ? parts : { ...parts, toTag });
  }

  test("a full table refuses new requests with 503 and Retry-After, and keeps nothing", () => {
    const table = filled(8);
    const outputs = table.receiveRequest(numbered("INVITE", 99), UDP, 0);
    expect(briefs(outputs)).toEqual(["send 503", "ignored: transactions at their limit"]);
    expect(sentHeader(outputs, "Retry-After")).toMatch(/^[1-9][0-9]*$/);
    expect(table.size).toBe(8);
    // §8.2.7: the same request gets the same response, To tag and all
    const again = table.receiveRequest(numbered("INVITE", 99), UDP, 500);
    expect(sentHeader(again, "To")).toBe(sentHeader(outputs, "To"));
  });

  test("a full table still takes what ends calls, up to a second limit", () => {
    const table = filled(8);
    for (const index of [20, 21]) {
      const bye = numbered("BYE", index, "bot");
      expect(briefs(table.receiveRequest(bye, UDP, 0))).toEqual(["request BYE"]);
    }
    const third = table.receiveRequest(numbered("BYE", 22, "bot"), UDP, 0);
    expect(briefs(third)[0]).toBe("send 503");
    expect(table.size).toBe(10);
    const cancel = table.receiveRequest(numbered("CANCEL", 3), UDP, 0);
    expect(briefs(cancel)).toEqual(["send 200", "cancel"]);
    expect(table.size).toBe(10);
  });

  test("retransmissions and ACKs of what is known are taken at the limit", () => {
    const table = filled(2);
    expect(briefs(table.receiveRequest(numbered("INVITE", 0), UDP, 500))).toEqual(["send 100"]);
  });

  test("timers that would never end are refused", () => {
    for (const timers of [{ t1: 0, t2: 4000, t4: 5000 }, { t1: 500, t2: NaN, t4: 5000 }]) {
      expect(() => new TransactionTable({ timers })).toThrow(RangeError);
    }
  });
});

describe("timers of the table", () => {
  test("one deadline, the earliest of all; what is due at once comes in order of deadlines", () => {
    const table = new TransactionTable();
    table.send(request("OPTIONS", { branch: "z9hG4bKa" }), UDP, UDP.remote, 100);
    table.send(request("INFO", { branch: "z9hG4bKb" }), UDP, UDP.remote, 0);
    expect(table.deadline).toBe(500);
    expect(table.timeout(499)).toEqual([]);
    expect(briefs(table.timeout(700))).toEqual(["send INFO", "send OPTIONS"]);
    expect(table.deadline).toBe(1500);
  });

  test("other values of T1, T2 and T4 are kept", () => {
    const table = new TransactionTable({ timers: { t1: 10, t2: 40, t4: 50 } });
    const options = request("OPTIONS");
    table.send(options, UDP, UDP.remote, 0);
    const clock = new VirtualClock();
    expect(timeline(clock.runUntil(table, 110)).map(([at]) => at)).toEqual([10, 30, 70, 110]);
    table.receiveResponse(response(options, 200), UDP, 110);
    expect(timeline(clock.runToEnd(table))).toEqual([[overAt(110, 50), "terminated"]]);
  });
});
