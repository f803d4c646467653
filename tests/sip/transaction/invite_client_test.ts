import { describe, expect, test } from "bun:test";
import {
  INVITE_CLIENT_TRANSITIONS,
  InviteClientTransaction,
} from "../../../src/sip/transaction/invite_client.ts";
import type { TransactionOutput } from "../../../src/sip/transaction/output.ts";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import {
  briefs,
  RELIABLE,
  request,
  response,
  rowsOf,
  TCP,
  textOf,
  timeline,
  UDP,
  UNRELIABLE,
} from "./messages.ts";

const INVITE = request("INVITE", {
  cseq: 7,
  lines: ["Route: <sip:p1.example;lr>, <sip:p2.example;lr>", "Route: <sip:p3.example;lr>"],
});

type State = "calling" | "proceeding" | "completed" | "accepted" | "terminated";

/** A machine in a state, entered at instant 0. */
function inState(state: State, flow: Flow = UDP): InviteClientTransaction {
  const timers = flow === UDP ? UNRELIABLE : RELIABLE;
  const to = { address: "192.0.2.77", port: 5080 };
  const machine = new InviteClientTransaction({ key: "k", request: INVITE, flow, to, timers });
  machine.start(0);
  if (state === "proceeding") machine.receive(response(INVITE, 180), flow, 0);
  if (state === "completed") machine.receive(response(INVITE, 486), flow, 0);
  if (state === "accepted") machine.receive(response(INVITE, 200), flow, 0);
  if (state === "terminated") machine.timeout(UNRELIABLE.b);
  return machine;
}

type Input = (machine: InviteClientTransaction) => TransactionOutput[];
const fail: Input = (machine) => machine.transportFailed(0);
const wait: Input = (machine) => machine.timeout(machine.deadline ?? Infinity);
const waitLong: Input = (machine) => machine.timeout(UNRELIABLE.b);
const cancelAndWait: Input = (machine) => [...machine.cancelled(0), ...waitLong(machine)];
function receive(statusCode: number): Input {
  return (machine) => machine.receive(response(INVITE, statusCode), UDP, 0);
}

/** From RFC 3261 figure 5 with RFC 6026 §7.2, and §9.1: row, input, outputs. */
const ROWS: readonly (readonly [string, Input, readonly string[]])[] = [
  ["calling timerA → calling", wait, ["send INVITE"]],
  ["calling timerB → terminated", waitLong, ["failed timeout", "terminated"]],
  ["calling transportError → terminated", fail, ["failed transport", "terminated"]],
  ["calling 1xx → proceeding", receive(100), ["response 100"]],
  ["calling 2xx → accepted", receive(200), ["response 200"]],
  ["calling 300-699 → completed", receive(302), ["send ACK", "response 302"]],
  ["proceeding 1xx → proceeding", receive(183), ["response 183"]],
  ["proceeding 2xx → accepted", receive(202), ["response 202"]],
  ["proceeding 300-699 → completed", receive(603), ["send ACK", "response 603"]],
  ["proceeding timerCancelled → terminated", cancelAndWait, ["failed timeout", "terminated"]],
  ["proceeding transportError → terminated", fail, ["failed transport", "terminated"]],
  ["completed 1xx → completed", receive(180), []],
  ["completed 300-699 → completed", receive(486), ["send ACK"]],
  ["completed timerD → terminated", wait, ["terminated"]],
  ["completed transportError → terminated", fail, ["terminated"]],
  ["accepted 1xx → accepted", receive(180), []],
  ["accepted 2xx → accepted", receive(200), ["response 200"]],
  ["accepted timerM → terminated", wait, ["terminated"]],
  ["accepted transportError → accepted", fail, []],
];

describe("RFC 3261 §17.1.1, RFC 6026 §7.2 INVITE client transaction, every arrow", () => {
  for (const [row, input, outputs] of ROWS) {
    test(row, () => {
      const [state, , , next] = row.split(" ") as [State, string, string, State];
      const machine = inState(state);
      expect(machine.state).toBe(state);
      expect(briefs(input(machine))).toEqual([...outputs]);
      expect(machine.state).toBe(next);
    });
  }

  test("the exported table has these rows, and no other", () => {
    expect(rowsOf(INVITE_CLIENT_TRANSITIONS)).toEqual(ROWS.map(([row]) => row));
  });

  test("what is in no row changes nothing", () => {
    const other = "ignored: final of another class";
    const strays: readonly (readonly [State, number])[] = [["completed", 200], ["accepted", 486]];
    for (const [state, statusCode] of strays) {
      const machine = inState(state);
      expect(briefs(receive(statusCode)(machine))).toEqual([other]);
      expect([machine.state, machine.deadline]).toEqual([state, 32000]);
    }
    expect(inState("terminated").transportFailed(0)).toEqual([]);
  });
});

describe("RFC 3261 §17.1.1 INVITE client transaction", () => {
  test("retransmits at T1 doubling without limit until timer B, the same bytes", () => {
    const machine = inState("calling");
    const timed = new VirtualClock().runToEnd(machine);
    expect(timeline(timed)).toEqual([
      [500, "send INVITE"],
      [1500, "send INVITE"],
      [3500, "send INVITE"],
      [7500, "send INVITE"],
      [15500, "send INVITE"],
      [31500, "send INVITE"],
      [32000, "failed timeout"],
      [32000, "terminated"],
    ]);
    expect(timed[1]?.output).toBe(timed[0]?.output as TransactionOutput);
  });

  test("over a reliable transport it sends once and gives up at timer B", () => {
    expect(timeline(new VirtualClock().runToEnd(inState("calling", TCP)))).toEqual([
      [32000, "failed timeout"],
      [32000, "terminated"],
    ]);
  });

  test("a provisional response stops retransmission and timer B", () => {
    expect(inState("proceeding").deadline).toBeUndefined();
  });

  test("absorbs repeated finals for 32 s, each acknowledged with the same bytes", () => {
    const machine = inState("calling");
    const [ack] = machine.receive(response(INVITE, 486), UDP, 100);
    expect(machine.receive(response(INVITE, 486), UDP, 600)).toEqual([ack as TransactionOutput]);
    expect(timeline(new VirtualClock(600).runToEnd(machine))).toEqual([[32100, "terminated"]]);
  });

  test("over a reliable transport it ends with the final response", () => {
    const outputs = inState("calling", TCP).receive(response(INVITE, 486), TCP, 0);
    expect(briefs(outputs)).toEqual(["send ACK", "response 486", "terminated"]);
  });

  test("RFC 6026 §7.2: passes every 2xx up until timer M, over any transport", () => {
    for (const flow of [UDP, TCP]) {
      const machine = inState("calling", flow);
      machine.receive(response(INVITE, 200, "one"), flow, 100);
      const outputs = machine.receive(response(INVITE, 200, "two"), flow, 30000);
      expect(briefs(outputs)).toEqual(["response 200"]);
      expect(timeline(new VirtualClock(30000).runToEnd(machine))).toEqual([
        [32100, "terminated"],
      ]);
    }
  });

  test("§17.1.1.3: the ACK of a failure is made from the INVITE and the To of the response", () => {
    const [ack] = inState("calling").receive(response(INVITE, 486, "busy"), UDP, 0);
    if (ack?.type !== "send") throw new Error("nothing was sent");
    expect(ack.to).toEqual({ address: "192.0.2.77", port: 5080 });
    expect(textOf(ack.bytes).split("\r\n")).toEqual([
      "ACK sip:bot@192.0.2.9 SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKinvite",
      "Max-Forwards: 70",
      "Route: <sip:p1.example;lr>, <sip:p2.example;lr>",
      "Route: <sip:p3.example;lr>",
      "From: Alice <sip:alice@192.0.2.1>;tag=alice",
      "To: <sip:bot@192.0.2.9>;tag=busy",
      "Call-ID: call-1",
      "CSeq: 7 ACK",
      "Content-Length: 0",
      "",
      "",
    ]);
  });

  test("§9.1: a cancelled INVITE without a final response ends after 64 T1", () => {
    const machine = inState("proceeding");
    machine.cancelled(1000);
    machine.cancelled(2000);
    expect(timeline(new VirtualClock(1000).runToEnd(machine))).toEqual([
      [33000, "failed timeout"],
      [33000, "terminated"],
    ]);
  });

  test("§9.1: a CANCEL that went out before the first provisional counts too", () => {
    const machine = inState("calling");
    machine.cancelled(100);
    machine.receive(response(INVITE, 100), UDP, 200);
    expect(machine.deadline).toBe(32100);
  });

  test("§9.1: a late 487 still ends a cancelled INVITE in the usual way", () => {
    const machine = inState("proceeding");
    machine.cancelled(0);
    const outputs = machine.receive(response(INVITE, 487), UDP, 31000);
    expect(briefs(outputs)).toEqual(["send ACK", "response 487"]);
    expect(machine.deadline).toBe(63000);
  });

  test("a wake-up too early does nothing; one too late sends once and keeps the schedule", () => {
    const machine = inState("calling");
    expect(machine.timeout(499.9)).toEqual([]);
    expect(briefs(machine.timeout(600))).toEqual(["send INVITE"]);
    expect(machine.deadline).toBe(1500);
  });
});
