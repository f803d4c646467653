import { describe, expect, test } from "bun:test";
import {
  INVITE_SERVER_TRANSITIONS,
  InviteServerTransaction,
} from "../../../src/sip/transaction/invite_server.ts";
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

const INVITE = request("INVITE");
const ACK = request("ACK", { toTag: "bot" });

function create(flow: Flow = UDP): InviteServerTransaction {
  const timers = flow === UDP ? UNRELIABLE : RELIABLE;
  return new InviteServerTransaction({ key: "k", flow, to: flow.remote, timers });
}

type State = "proceeding" | "completed" | "accepted" | "confirmed" | "terminated";

/** A machine in a state, entered at instant 0. */
function inState(state: State, flow: Flow = UDP): InviteServerTransaction {
  const machine = create(flow);
  machine.start(INVITE, 0);
  if (state === "accepted") machine.respond(response(INVITE, 200), 0);
  if (state === "completed" || state === "confirmed") machine.respond(response(INVITE, 486), 0);
  if (state === "confirmed") machine.receive(ACK, 0);
  if (state === "terminated") {
    machine.respond(response(INVITE, 200), 0);
    machine.timeout(UNRELIABLE.l);
  }
  return machine;
}

type Input = (machine: InviteServerTransaction) => TransactionOutput[];
const receiveInvite: Input = (machine) => machine.receive(INVITE, 0);
const receiveAck: Input = (machine) => machine.receive(ACK, 0);
const fail: Input = (machine) => machine.transportFailed(0);
const wait: Input = (machine) => machine.timeout(machine.deadline ?? Infinity);
const waitLong: Input = (machine) => machine.timeout(UNRELIABLE.h);
function respond(statusCode: number): Input {
  return (machine) => machine.respond(response(INVITE, statusCode), 0);
}

/** From RFC 3261 figure 7 with RFC 6026 §7.1: row, input, outputs, and the flow when it matters. */
const ROWS: readonly (readonly [string, Input, readonly string[], Flow?])[] = [
  ["proceeding INVITE → proceeding", receiveInvite, ["send 100"]],
  ["proceeding silence → proceeding", wait, ["send 100"]],
  ["proceeding 1xx → proceeding", respond(180), ["send 180"]],
  ["proceeding 2xx → accepted", respond(200), ["send 200"]],
  ["proceeding 300-699 → completed", respond(404), ["send 404"]],
  ["proceeding transportError → proceeding", fail, []],
  ["proceeding connectionLost → terminated", fail, ["terminated"], TCP],
  ["completed INVITE → completed", receiveInvite, ["send 486"]],
  ["completed ACK → confirmed", receiveAck, []],
  ["completed timerG → completed", wait, ["send 486"]],
  ["completed timerH → terminated", waitLong, ["terminated"]],
  ["completed transportError → completed", fail, []],
  ["completed connectionLost → terminated", fail, ["terminated"], TCP],
  ["accepted INVITE → accepted", receiveInvite, ["retransmitted"]],
  ["accepted ACK → accepted", receiveAck, ["ack"]],
  ["accepted 2xx → accepted", respond(200), ["send 200"]],
  ["accepted timerL → terminated", wait, ["terminated"]],
  ["accepted transportError → accepted", fail, []],
  ["accepted connectionLost → terminated", fail, ["terminated"], TCP],
  ["confirmed INVITE → confirmed", receiveInvite, []],
  ["confirmed ACK → confirmed", receiveAck, []],
  ["confirmed timerI → terminated", wait, ["terminated"]],
  ["confirmed transportError → confirmed", fail, []],
  // Over a connection timer I is zero: nothing can be lost in Confirmed there
];

describe("RFC 3261 §17.2.1, RFC 6026 §7.1 INVITE server transaction, every arrow", () => {
  for (const [row, input, outputs, flow] of ROWS) {
    test(row, () => {
      const [state, , , next] = row.split(" ") as [State, string, string, State];
      const machine = inState(state, flow);
      expect(machine.state).toBe(state);
      expect(briefs(input(machine))).toEqual([...outputs]);
      expect(machine.state).toBe(next);
    });
  }

  test("the exported table has these rows, and no other", () => {
    expect(rowsOf(INVITE_SERVER_TRANSITIONS)).toEqual(ROWS.map(([row]) => row));
  });

  test("what is in no row changes nothing", () => {
    const late = "ignored: response after a final";
    const strays: readonly (readonly [State, Input, string])[] = [
      ["proceeding", receiveAck, "ignored: ACK before a final"],
      ["completed", respond(180), late],
      ["completed", respond(200), late],
      ["completed", respond(500), late],
      ["accepted", respond(180), late],
      ["accepted", respond(487), late],
      ["confirmed", respond(200), late],
      ["terminated", respond(200), late],
    ];
    expect(inState("terminated").transportFailed(0)).toEqual([]);
    for (const [state, input, output] of strays) {
      const machine = inState(state);
      const { deadline } = machine;
      expect(briefs(input(machine))).toEqual([output]);
      expect([machine.state, machine.deadline]).toEqual([state, deadline]);
    }
  });
});

describe("RFC 3261 §17.2.1 INVITE server transaction", () => {
  test("passes the INVITE up, and sends 100 without To tag when nobody answers at once", () => {
    const machine = create();
    const outputs = machine.start(request("INVITE", { lines: ["Timestamp: 54"] }), 7);
    expect(briefs(outputs)).toEqual(["request INVITE"]);
    expect(machine.deadline).toBe(7);
    const [trying] = machine.timeout(7);
    if (trying?.type !== "send") throw new Error("nothing was sent");
    expect(trying.to).toEqual(UDP.remote);
    expect(textOf(trying.bytes)).toMatch(/^SIP\/2\.0 100 Trying\r\n/);
    expect(textOf(trying.bytes)).toMatch(/\r\nTo: <sip:bot@192.0.2.9>\r\n/);
    expect(textOf(trying.bytes)).toMatch(/\r\nTimestamp: 54\r\n/);
  });

  test("answers a retransmitted INVITE with the last provisional, the same bytes", () => {
    const machine = inState("proceeding");
    machine.respond(response(INVITE, 180), 10);
    const [ringing] = machine.respond(response(INVITE, 183), 20);
    expect(machine.receive(INVITE, 500)).toEqual([ringing as TransactionOutput]);
    expect(machine.receive(INVITE, 1500)[0]).toBe(ringing as TransactionOutput);
  });

  test("waits in Proceeding without a deadline, once something was said", () => {
    for (const say of [wait, receiveInvite, respond(180)]) {
      const machine = inState("proceeding");
      say(machine);
      expect(machine.deadline).toBeUndefined();
    }
  });

  test("retransmits 486 at T1 doubling to T2 until timer H", () => {
    const machine = inState("proceeding");
    const clock = new VirtualClock(1000);
    machine.respond(response(INVITE, 486), 1000);
    const repeats = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    expect(timeline(clock.runToEnd(machine))).toEqual([
      ...repeats.map((at): [number, string] => [1000 + at, "send 486"]),
      [33000, "terminated"],
    ]);
  });

  test("stops retransmitting at the ACK, and ends T4 later", () => {
    const machine = inState("completed");
    const clock = new VirtualClock();
    expect(timeline(clock.runUntil(machine, 600))).toEqual([[500, "send 486"]]);
    expect(machine.receive(ACK, 600)).toEqual([]);
    expect(timeline(clock.runToEnd(machine))).toEqual([[5600, "terminated"]]);
  });

  test("over a reliable transport it repeats nothing and ends with the ACK", () => {
    const machine = inState("completed", TCP);
    expect(machine.deadline).toBe(32000);
    expect(briefs(machine.receive(ACK, 700))).toEqual(["terminated"]);
    expect(machine.deadline).toBeUndefined();
  });

  test("over a reliable transport it still ends without ACK at timer H", () => {
    const machine = inState("completed", TCP);
    expect(timeline(new VirtualClock().runToEnd(machine))).toEqual([[32000, "terminated"]]);
  });

  test("RFC 6026 §7.1: accepted ends at timer L, over any transport", () => {
    for (const flow of [UDP, TCP]) {
      const machine = inState("accepted", flow);
      expect(timeline(new VirtualClock().runToEnd(machine))).toEqual([[32000, "terminated"]]);
    }
  });

  test("RFC 6026 §7.1: a 2xx that the user repeats goes out again, and moves no timer", () => {
    const machine = inState("proceeding");
    const ok = response(INVITE, 200);
    machine.respond(ok, 0);
    expect(briefs(machine.respond(ok, 500))).toEqual(["send 200"]);
    expect(machine.deadline).toBe(32000);
  });

  test("knows the To tag of its responses", () => {
    const machine = inState("proceeding");
    expect(machine.toTag).toBeUndefined();
    machine.respond(response(INVITE, 180, "ringer"), 0);
    expect(machine.toTag).toBe("ringer");
  });

  test("a wake-up too early does nothing; one too late sends once and keeps the schedule", () => {
    const machine = inState("completed");
    expect(machine.timeout(499)).toEqual([]);
    expect(briefs(machine.timeout(1600))).toEqual(["send 486"]);
    expect(machine.deadline).toBe(2600);
    expect(briefs(machine.timeout(40000))).toEqual(["terminated"]);
    expect(machine.timeout(50000)).toEqual([]);
  });
});
