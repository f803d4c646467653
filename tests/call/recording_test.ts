import { describe, expect, test } from "bun:test";
import type { Call, CallOptions, CallOutput } from "../../src/call/call.ts";
import type { RecordingOrder } from "../../src/call/call_output.ts";
import type { RecordCommand } from "../../src/call/handler_message.ts";
import { FACTS } from "../support/call_facts.ts";
import { confirmedCall, events, makeCall, startedCall, types } from "./fixtures.ts";

const ON_ANSWER = { file: "calls/{id}.wav", on: "answer" } as const;
const ON_COMMAND = { file: "calls/{id}.wav", on: "command" } as const;

function orders(outputs: readonly CallOutput[]): RecordingOrder[] {
  return outputs.flatMap((output) => output.type === "record" ? [output.order] : []);
}

/** What each action of a handler brings: the order's action, or the message of the error. */
function after(call: Call, ...actions: RecordCommand["action"][]): unknown[] {
  return actions.map((action) => {
    const outputs = call.command({ command: "record", action }, 100);
    const [error] = events(outputs) as { message?: string }[];
    return orders(outputs)[0]?.action ?? error?.message;
  });
}

describe("the recording of a call", () => {
  test("begins with the answer, in a file that is named by the call", () => {
    const call = makeCall({ record: ON_ANSWER });
    expect(orders(call.rtpBound(10_000, 10))).toEqual([]);
    const outputs = call.handlerStarted(20);
    expect(types(outputs)).toEqual(["open_media", "answer", "record"]);
    expect(orders(outputs)).toEqual([{ action: "start", file: `calls/${FACTS.id}.wav` }]);
    expect(call.recording.state).toBe("on");
  });

  test("begins with the answer that the handler gives, not before", () => {
    const call = startedCall({ record: ON_ANSWER, answer: "manual" });
    expect(call.recording.state).toBe("off");
    expect(orders(call.command({ command: "ring" }, 30))).toEqual([]);
    expect(orders(call.command({ command: "answer" }, 40))).toHaveLength(1);
  });

  test("begins once: another handler that takes over does not begin it anew", () => {
    const handlers: CallOptions["handlers"] = [{ type: "echo" }, { type: "echo" }];
    const call = startedCall({ record: ON_ANSWER, handlers });
    expect(orders(call.handlerFailed("gone", 30))).toEqual([]);
    expect(orders(call.handlerStarted(40))).toEqual([]);
  });

  test("begins at the handler's command, before the answer too", () => {
    expect(after(confirmedCall({ record: ON_COMMAND }), "start")).toEqual(["start"]);
    const ringing = startedCall({ record: ON_COMMAND, answer: "manual" });
    expect(after(ringing, "start")).toEqual(["start"]);
    expect(orders(ringing.command({ command: "answer" }, 40))).toEqual([]);
  });

  test("is interrupted and ended by commands; what is out of place gets an error event", () => {
    const call = confirmedCall({ record: ON_COMMAND });
    const notBegun = "The recording has not begun, send start";
    expect(after(call, "pause", "resume", "stop")).toEqual([notBegun, notBegun, notBegun]);
    expect(after(call, "start", "start", "resume")).toEqual([
      "start",
      "The recording runs already, send pause or stop",
      "The recording runs already, send pause or stop",
    ]);
    expect(after(call, "pause", "pause", "start", "resume", "pause", "stop")).toEqual([
      "pause",
      "The recording is paused, send resume or stop",
      "The recording is paused, send resume or stop",
      "resume",
      "pause",
      "stop",
    ]);
    const over = "The recording is over, and a call has one only";
    expect(after(call, "start", "pause", "resume", "stop")).toEqual([over, over, over, over]);
  });

  test("is there where the route has one alone", () => {
    const call = confirmedCall();
    expect(after(call, "start")).toEqual(["The route records nothing, give it the key record"]);
    expect(call.state).toBe("up");
  });

  test("does not begin where a value could leave the directory; the call goes on", () => {
    const facts = { ...FACTS, room_id: "../../etc/passwd" };
    const call = makeCall({ record: { file: "calls/{room_id}.wav", on: "answer" }, facts });
    call.rtpBound(10_000, 10);
    const outputs = call.handlerStarted(20);
    const reason = expect.stringMatching(/^The value of \{room_id\} holds "\/", /);
    expect(orders(outputs)).toEqual([{ action: "fail", reason }] as unknown as RecordingOrder[]);
    expect(events(outputs)).toEqual([{ event: "error", command: "record", message: reason }]);
    expect([call.state, call.recording.state]).toEqual(["up", "over"]);
  });

  test("ends when its file fails, and the handler is told", () => {
    const call = confirmedCall({ record: ON_ANSWER });
    const outputs = call.recording.failed("The disk is full");
    expect(events(outputs)).toEqual([
      { event: "error", command: "record", message: "The disk is full" },
    ]);
    expect(after(call, "resume")).toEqual(["The recording is over, and a call has one only"]);
    expect(call.state).toBe("up");
  });

  test("does not begin with an answer that ends the call", () => {
    const call = startedCall({ record: ON_ANSWER, answer: "manual" });
    expect(orders(call.command({ command: "reject", status: 486 }, 40))).toEqual([]);
  });
});
