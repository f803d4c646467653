import { describe, expect, test } from "bun:test";
import {
  NON_INVITE_SERVER_TRANSITIONS,
  NonInviteServerTransaction,
} from "../../../src/sip/transaction/non_invite_server.ts";
import { serializeMessage } from "../../../src/sip/message/serialize.ts";
import type { SendOutput, TransactionOutput } from "../../../src/sip/transaction/output.ts";
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

const BYE = request("BYE", { toTag: "bot" });

type State = "trying" | "proceeding" | "completed" | "terminated";

/** A machine in a state, entered at instant 0. */
function inState(state: State, flow: Flow = UDP): NonInviteServerTransaction {
  const timers = flow === UDP ? UNRELIABLE : RELIABLE;
  const machine = new NonInviteServerTransaction({ key: "k", flow, to: flow.remote, timers });
  machine.start(BYE, 0);
  if (state === "proceeding") machine.respond(response(BYE, 100), 0);
  if (state === "completed" || state === "terminated") machine.respond(response(BYE, 200), 0);
  if (state === "terminated") machine.timeout(UNRELIABLE.j);
  return machine;
}

type Input = (machine: NonInviteServerTransaction) => TransactionOutput[];
const receive: Input = (machine) => machine.receive(BYE, 0);
const fail: Input = (machine) => machine.transportFailed(0);
const wait: Input = (machine) => machine.timeout(machine.deadline ?? Infinity);
function respond(statusCode: number): Input {
  return (machine) => machine.respond(response(BYE, statusCode), 0);
}

/** From RFC 3261 figure 8: row, input, outputs. */
const ROWS: readonly (readonly [string, Input, readonly string[]])[] = [
  ["trying request → trying", receive, []],
  ["trying 1xx → proceeding", respond(100), ["send 100"]],
  ["trying 200-699 → completed", respond(200), ["send 200"]],
  ["trying transportError → terminated", fail, ["terminated"]],
  ["proceeding request → proceeding", receive, ["send 100"]],
  ["proceeding 1xx → proceeding", respond(182), ["send 182"]],
  ["proceeding 200-699 → completed", respond(699), ["send 699"]],
  ["proceeding transportError → terminated", fail, ["terminated"]],
  ["completed request → completed", receive, ["send 200"]],
  ["completed timerJ → terminated", wait, ["terminated"]],
  ["completed transportError → terminated", fail, ["terminated"]],
];

describe("RFC 3261 §17.2.2 non-INVITE server transaction, every arrow of figure 8", () => {
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
    expect(rowsOf(NON_INVITE_SERVER_TRANSITIONS)).toEqual(ROWS.map(([row]) => row));
  });

  test("what is in no row changes nothing", () => {
    for (const statusCode of [100, 200, 500]) {
      const machine = inState("completed");
      expect(briefs(respond(statusCode)(machine))).toEqual(["ignored: response after a final"]);
      expect([machine.state, machine.deadline]).toEqual(["completed", 32000]);
    }
    expect(inState("terminated").receive(BYE, 0)).toEqual([]);
    expect(inState("terminated").transportFailed(0)).toEqual([]);
  });
});

describe("RFC 3261 §17.2.2 non-INVITE server transaction", () => {
  test("passes the request up and sends nothing by itself", () => {
    const machine = new NonInviteServerTransaction({
      key: "k",
      flow: UDP,
      to: UDP.remote,
      timers: UNRELIABLE,
    });
    expect(machine.start(BYE, 0)).toEqual([
      { type: "request", key: "k", request: BYE, flow: UDP },
    ]);
    expect(machine.deadline).toBeUndefined();
  });

  test("repeats the same bytes for each retransmission until timer J", () => {
    const machine = inState("trying");
    const clock = new VirtualClock();
    const [ok] = machine.respond(response(BYE, 200), 0) as [SendOutput];
    for (const at of [500, 31999]) {
      const [again] = machine.receive(BYE, at) as [SendOutput];
      expect(again).toMatchObject({ type: "send", flow: ok.flow, to: ok.to });
      expect(again.bytes).toBe(ok.bytes);
      expect(textOf(serializeMessage(again.message))).toBe(textOf(ok.bytes));
    }
    expect(timeline(clock.runToEnd(machine))).toEqual([[32000, "terminated"]]);
  });

  test("over a reliable transport it ends with the final response", () => {
    const machine = inState("trying", TCP);
    expect(briefs(machine.respond(response(BYE, 200), 0))).toEqual(["send 200", "terminated"]);
    expect(machine.deadline).toBeUndefined();
  });

  test("a wake-up too early does nothing, one too late ends it once", () => {
    const machine = inState("completed");
    expect(machine.timeout(31999)).toEqual([]);
    expect(briefs(machine.timeout(90000))).toEqual(["terminated"]);
    expect(machine.timeout(90001)).toEqual([]);
  });
});
