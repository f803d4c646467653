import { describe, expect, test } from "bun:test";
import type { Call, CallOutput } from "../../src/call/call.ts";
import { Opening } from "../../src/call/opening.ts";
import { parseHandlerCommand } from "../../src/call/parse_command.ts";
import {
  confirmedCall,
  events,
  makeCall,
  request,
  sdp,
  sessionMedia,
  startedCall,
} from "./fixtures.ts";

const decoder = new TextDecoder();

/** A call whose peer takes no telephone-events. */
function withoutEvents(start: typeof startedCall = confirmedCall): Call {
  const media = sessionMedia();
  media.negotiate(sdp({ formats: "0" }));
  return start({ media });
}

function press(call: Call, digits: string, now = 100, duration = 160): CallOutput[] {
  return call.command({ command: "dtmf", digits, duration_ms: duration }, now);
}

/** Bodies of the INFOs that are to be sent. */
function infos(outputs: readonly CallOutput[]): string[] {
  return outputs.flatMap((output) =>
    output.type === "send_info" ? [decoder.decode(output.body.bytes)] : []
  );
}

function errors(outputs: readonly CallOutput[]): unknown[] {
  return events(outputs).map((event) => (event as { message?: string }).message);
}

describe("keys that the handler presses, by telephone-events", () => {
  test("where they were agreed on, at once, also before the answer", () => {
    const expected = [{ type: "send_digits", digits: "12#", durationMs: 160 }];
    expect(press(startedCall(), "12#")).toEqual(expected as CallOutput[]);
    const ringing = startedCall({ answer: "manual" });
    expect(ringing.state).toBe("ringing");
    expect(press(ringing, "12#")).toEqual(expected as CallOutput[]);
  });

  test("are refused while nobody listens", () => {
    const call = confirmedCall();
    call.renegotiation.reinvite(request(sdp({ direction: "sendonly" })), "voicegw");
    expect(errors(press(call, "1"))).toEqual(["The caller has put us on hold, wait for resume"]);
  });

  test("queue, within a bound that is free again once they are sent", () => {
    const call = confirmedCall();
    for (let round = 0; round < 4; round++) {
      expect(press(call, "1".repeat(64))).toHaveLength(1);
    }
    expect(errors(press(call, "1"))).toEqual([
      "Too many digits wait to be sent, send fewer",
    ]);
    call.mediaEvent({ type: "digitsSent" }, 200);
    expect(press(call, "1")).toHaveLength(1);
  });
});

describe("RFC 6086 §4 keys that the handler presses, by INFO", () => {
  test("one request a key, each after the answer to the one before, and at the pace of keys", () => {
    const call = withoutEvents();
    const first = press(call, "5#", 100, 200);
    expect(first).toMatchObject([{ body: { contentType: "application/dtmf-relay" } }]);
    expect(infos(first)).toEqual(["Signal=5\r\nDuration=200\r\n"]);
    expect(infos(press(call, "A", 110))).toEqual([]);
    expect(call.infoAnswered(200, 150)).toEqual([]);
    expect(call.deadline).toBe(380);
    expect(infos(call.timeout(379))).toEqual([]);
    expect(infos(call.timeout(380))).toEqual(["Signal=#\r\nDuration=200\r\n"]);
    // An answer that comes later than the next key is due
    expect(infos(call.timeout(900))).toEqual([]);
    expect(infos(call.infoAnswered(200, 1000))).toEqual(["Signal=A\r\nDuration=160\r\n"]);
    expect(call.infoAnswered(200, 1010)).toEqual([]);
    expect(call.deadline).toBe(20 + 3_600_000);
  });

  test("with pauses", () => {
    const call = withoutEvents();
    expect(infos(press(call, "w1,2", 100))).toEqual([]);
    expect(infos(call.timeout(600))).toHaveLength(1);
    call.infoAnswered(200, 610);
    expect(infos(call.timeout(840))).toEqual([]);
    expect(infos(call.timeout(2839))).toEqual([]);
    expect(infos(call.timeout(2840))).toEqual(["Signal=2\r\nDuration=160\r\n"]);
  });

  test("always, where the route says so", () => {
    const call = confirmedCall({ dtmf: "info" });
    expect(infos(press(call, "1"))).toHaveLength(1);
    expect(press(confirmedCall({ dtmf: "inband" }), "1")).toMatchObject([{ type: "send_digits" }]);
  });

  test("wait for the caller's ACK, and cannot be before the answer", () => {
    const call = withoutEvents(startedCall);
    expect(press(call, "1")).toEqual([]);
    expect(infos(call.acknowledged(new Uint8Array(), 200))).toHaveLength(1);
    const media = sessionMedia();
    media.negotiate(sdp({ formats: "0" }));
    const ringing = startedCall({ media, answer: "manual" });
    expect(events(press(ringing, "1"))).toEqual([
      { event: "error", message: "Answer the call first", command: "dtmf" },
    ]);
  });

  test("wait for the agreement, where the caller's ACK brings it", () => {
    const call = makeCall({ hasOffer: false });
    call.rtpBound(10_000, 10);
    call.handlerStarted(20);
    expect(press(call, "1")).toEqual([]);
    const outputs = call.acknowledged(sdp(), 200);
    expect(outputs.map(({ type }) => type)).toEqual(["open_media", "send_digits"]);
  });

  test("that the caller refuses are an error, and the rest is not sent", () => {
    const call = withoutEvents();
    press(call, "123");
    expect(events(call.infoAnswered(405, 150))).toEqual([
      {
        event: "error",
        message: "The caller refused a key by INFO with 405",
        command: "dtmf",
      },
    ]);
    expect(infos(call.timeout(10_000))).toEqual([]);
    expect(infos(press(call, "4", 20_000))).toHaveLength(1);
  });

  test("queue within a bound", () => {
    const call = withoutEvents();
    for (let round = 0; round < 4; round++) press(call, "1".repeat(64));
    expect(infos(press(call, "1"))).toEqual([]);
    expect(errors(press(call, "11"))).toHaveLength(1);
  });

  test("are given up when somebody takes the caller's place", () => {
    const call = withoutEvents();
    press(call, "123");
    const media = sessionMedia();
    media.negotiate(sdp({ formats: "0" }));
    const opening = Opening.settled(media);
    const outputs = call.join({ media, opening, isConfirmed: true }, 200);
    expect(errors(outputs)).toEqual(["Somebody else took the caller's place, press again"]);
    expect(call.infoAnswered(200, 210)).toEqual([]);
    expect(infos(call.timeout(10_000))).toEqual([]);
  });

  test("are awaited when the handler is done", () => {
    const call = withoutEvents();
    press(call, "12");
    expect(call.handlerCompleted(110)).toEqual([{ type: "finish" }]);
    expect(call.mediaEvent({ type: "drained" }, 120)).toEqual([]);
    expect(call.infoAnswered(200, 130)).toEqual([]);
    expect(infos(call.timeout(call.deadline ?? 0))).toHaveLength(1);
    expect(call.infoAnswered(200, 400).map(({ type }) => type)).toEqual(["bye", "ended"]);
  });

  test("are no reason to stay when the caller is gone", () => {
    const call = withoutEvents();
    press(call, "12");
    call.bye(150);
    expect(call.deadline).toBeUndefined();
    expect(call.infoAnswered(200, 160)).toEqual([]);
  });
});

describe("keys of a command", () => {
  test("are what a handler may write", () => {
    const parsed = parseHandlerCommand({ command: "dtmf", digits: "1w2" });
    expect(parsed.ok && confirmedCall().command(parsed.command, 100)).toEqual([
      { type: "send_digits", digits: "1w2", durationMs: 160 },
    ]);
  });
});
