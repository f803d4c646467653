import { describe, expect, test } from "bun:test";
import {
  NON_INVITE_CLIENT_TRANSITIONS,
  NonInviteClientTransaction,
} from "../../../src/sip/transaction/non_invite_client.ts";
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
  timeline,
  UDP,
  UNRELIABLE,
} from "./messages.ts";

const OPTIONS = request("OPTIONS");

type State = "trying" | "proceeding" | "completed" | "terminated";

/** A machine in a state, entered at instant 0. */
function inState(state: State, flow: Flow = UDP): NonInviteClientTransaction {
  const timers = flow === UDP ? UNRELIABLE : RELIABLE;
  const machine = new NonInviteClientTransaction({
    key: "k",
    request: OPTIONS,
    flow,
    to: flow.remote,
    timers,
  });
  machine.start(0);
  if (state === "proceeding") machine.receive(response(OPTIONS, 100), flow, 0);
  if (state === "completed") machine.receive(response(OPTIONS, 200), flow, 0);
  if (state === "terminated") machine.timeout(UNRELIABLE.f);
  return machine;
}

type Input = (machine: NonInviteClientTransaction) => TransactionOutput[];
const fail: Input = (machine) => machine.transportFailed(0);
const wait: Input = (machine) => machine.timeout(machine.deadline ?? Infinity);
const waitLong: Input = (machine) => machine.timeout(UNRELIABLE.f);
function receive(statusCode: number): Input {
  return (machine) => machine.receive(response(OPTIONS, statusCode), UDP, 0);
}

/** From RFC 3261 figure 6: row, input, outputs. */
const ROWS: readonly (readonly [string, Input, readonly string[]])[] = [
  ["trying timerE → trying", wait, ["send OPTIONS"]],
  ["trying timerF → terminated", waitLong, ["failed timeout", "terminated"]],
  ["trying transportError → terminated", fail, ["failed transport", "terminated"]],
  ["trying 1xx → proceeding", receive(100), ["response 100"]],
  ["trying 200-699 → completed", receive(405), ["response 405"]],
  ["proceeding timerE → proceeding", wait, ["send OPTIONS"]],
  ["proceeding timerF → terminated", waitLong, ["failed timeout", "terminated"]],
  ["proceeding transportError → terminated", fail, ["failed transport", "terminated"]],
  ["proceeding 1xx → proceeding", receive(199), ["response 199"]],
  ["proceeding 200-699 → completed", receive(200), ["response 200"]],
  ["completed 1xx → completed", receive(100), []],
  ["completed 200-699 → completed", receive(200), []],
  ["completed timerK → terminated", wait, ["terminated"]],
  ["completed transportError → terminated", fail, ["terminated"]],
];

describe("RFC 3261 §17.1.2 non-INVITE client transaction, every arrow of figure 6", () => {
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
    expect(rowsOf(NON_INVITE_CLIENT_TRANSITIONS)).toEqual(ROWS.map(([row]) => row));
  });
});

describe("RFC 3261 §17.1.2 non-INVITE client transaction", () => {
  test("retransmits at T1 doubling to T2 until timer F, the same bytes", () => {
    const machine = inState("trying");
    const timed = new VirtualClock().runToEnd(machine);
    const repeats = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    expect(timeline(timed)).toEqual([
      ...repeats.map((at): [number, string] => [at, "send OPTIONS"]),
      [32000, "failed timeout"],
      [32000, "terminated"],
    ]);
    expect(timed[1]?.output).toBe(timed[0]?.output as TransactionOutput);
  });

  test("in Proceeding the running timer E is kept and the next ones are T2", () => {
    const machine = inState("trying");
    const clock = new VirtualClock();
    clock.runUntil(machine, 600);
    machine.receive(response(OPTIONS, 100), UDP, 600);
    expect(timeline(clock.runUntil(machine, 12000))).toEqual([
      [1500, "send OPTIONS"],
      [5500, "send OPTIONS"],
      [9500, "send OPTIONS"],
    ]);
    expect(timeline(clock.runToEnd(machine)).at(-1)).toEqual([32000, "terminated"]);
  });

  test("absorbs repeated finals for T4", () => {
    const machine = inState("trying");
    machine.receive(response(OPTIONS, 200), UDP, 250);
    expect(timeline(new VirtualClock(250).runToEnd(machine))).toEqual([[5250, "terminated"]]);
  });

  test("over a reliable transport it repeats nothing until timer F", () => {
    const machine = inState("trying", TCP);
    expect(timeline(new VirtualClock().runToEnd(machine))).toEqual([
      [32000, "failed timeout"],
      [32000, "terminated"],
    ]);
  });

  test("over a reliable transport it ends with the final response", () => {
    const machine = inState("trying", TCP);
    const outputs = machine.receive(response(OPTIONS, 200), TCP, 0);
    expect(briefs(outputs)).toEqual(["response 200", "terminated"]);
    expect(machine.deadline).toBeUndefined();
  });

  test("a wake-up that comes seconds late sends once, and not in a burst", () => {
    const machine = inState("trying");
    expect(machine.timeout(499)).toEqual([]);
    expect(briefs(machine.timeout(9000))).toEqual(["send OPTIONS"]);
    expect(machine.timeout(9000)).toEqual([]);
    expect(machine.deadline).toBe(10000);
  });
});
