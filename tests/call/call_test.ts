import { describe, expect, test } from "bun:test";
import { Call, type CallOutput } from "../../src/call/call.ts";
import { SessionMedia } from "../../src/call/session_media.ts";
import type { HandlerSpec } from "../../src/route/route.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { createRequest } from "../../src/sip/message/build.ts";
import { FACTS } from "../support/call_facts.ts";

const ECHO: HandlerSpec = { type: "echo" };
const PLAY: HandlerSpec = { type: "play", file: "sorry.wav", loop: 1 };
const REJECT: HandlerSpec = { type: "reject", status: 486, headers: {} };

function offer(direction = "sendrecv", address = "192.0.2.1"): Uint8Array {
  return new TextEncoder().encode(
    [
      "v=0",
      "o=- 1 1 IN IP4 192.0.2.1",
      "s=-",
      `c=IN IP4 ${address}`,
      "t=0 0",
      "m=audio 4000 RTP/AVP 0 101",
      "a=rtpmap:101 telephone-event/8000",
      `a=${direction}`,
      "",
    ].join("\r\n"),
  );
}

function makeCall(handlers: readonly HandlerSpec[] = [ECHO], hasOffer = true): Call {
  const media = new SessionMedia({
    address: "192.0.2.2",
    codecs: ["PCMU", "PCMA"],
    dtmfPayloadType: 101,
    sdpSessionId: "42",
  });
  if (hasOffer) media.negotiate(offer());
  return new Call(
    { facts: FACTS, handlers, media, hasOffer, setupMax: 60_000, durationMax: 3_600_000 },
    0,
  );
}

function upCall(handlers?: readonly HandlerSpec[]): Call {
  const call = makeCall(handlers);
  call.rtpBound(10_000, 10);
  call.handlerStarted(20);
  return call;
}

function types(outputs: readonly CallOutput[]): string[] {
  return outputs.map((output) => output.type);
}

function endOf(outputs: readonly CallOutput[]) {
  const ends = outputs.filter((output) => output.type === "ended");
  expect(ends).toHaveLength(1);
  return (ends[0] as CallOutput & { type: "ended" }).end;
}

function bodyOf(outputs: readonly CallOutput[], type: "answer" | "answer_reinvite"): string {
  const output = outputs.find((candidate) => candidate.type === type);
  const answer = output?.type === type ? output.answer : undefined;
  return new TextDecoder().decode(answer?.body?.bytes ?? new Uint8Array());
}

function reinvite(body: Uint8Array): SipRequest {
  return createRequest({
    method: "INVITE",
    requestUri: "sip:bot@example.com",
    headers: [],
    body,
    contentType: "application/sdp",
  });
}

describe("call set-up", () => {
  test("binds RTP, starts the handler, rings while it starts, and answers when it runs", () => {
    const call = makeCall();
    expect(types(call.begin())).toEqual(["bind_rtp"]);
    expect(types(call.rtpBound(10_000, 10))).toEqual(["start_handler"]);
    expect(call.deadline).toBe(50);
    expect(call.timeout(49)).toEqual([]);
    expect(call.timeout(50)).toEqual([{ type: "answer", answer: { statusCode: 180 } }]);
    expect(call.timeout(1000)).toEqual([]);
    const outputs = call.handlerStarted(1000);
    expect(types(outputs)).toEqual(["open_media", "answer"]);
    expect(bodyOf(outputs, "answer")).toContain("m=audio 10000 RTP/AVP 0 101");
  });

  test("does not ring where it is soon answered, or over", () => {
    const answered = makeCall();
    answered.begin();
    answered.rtpBound(10_000, 20);
    answered.handlerStarted(49);
    expect(answered.timeout(50)).toEqual([]);
    const refused = makeCall();
    refused.begin();
    refused.rtpUnavailable("none left", 0);
    expect(refused.timeout(50)).toEqual([]);
  });

  test("answers 503 with Retry-After when there are no ports", () => {
    const outputs = makeCall().rtpUnavailable("none left", 5);
    expect(outputs[0]).toMatchObject({
      answer: { statusCode: 503, headers: [["Retry-After", "5"]] },
    });
    expect(endOf(outputs).sipStatus).toBe(503);
  });

  test("offers in the 200 and opens the media with the ACK when the INVITE had no SDP", () => {
    const call = makeCall([ECHO], false);
    call.rtpBound(10_000, 10);
    const accepted = call.handlerStarted(20);
    expect(types(accepted)).toEqual(["answer"]);
    expect(bodyOf(accepted, "answer")).toContain("m=audio 10000 RTP/AVP 0 8 101");
    expect(types(call.acknowledged(offer(), 30))).toEqual(["open_media"]);
  });

  test("hangs up when the ACK brings no answer to our offer", () => {
    const call = makeCall([ECHO], false);
    call.rtpBound(10_000, 10);
    call.handlerStarted(20);
    expect(types(call.acknowledged(new Uint8Array(), 30))).toEqual(["bye", "ended"]);
  });

  test("refuses when the handler does not start in time", () => {
    const call = makeCall();
    call.rtpBound(10_000, 10);
    call.timeout(50);
    expect(call.deadline).toBe(60_000);
    expect(call.timeout(59_999)).toEqual([]);
    const outputs = call.timeout(60_000);
    expect(types(outputs)).toEqual(["answer", "ended"]);
    expect(endOf(outputs)).toMatchObject({ cause: "setup_timeout", sipStatus: 503 });
  });
});

describe("end of a call", () => {
  test("is told once, whatever comes after it", () => {
    const call = upCall();
    endOf(call.bye(100));
    const later = [
      ...call.bye(101),
      ...call.hangup("shutdown", 102),
      ...call.handlerFailed("late", 103),
      ...call.handlerCompleted(104),
      ...call.cancelled(105),
      ...call.mediaEvent({ type: "timeout" }, 106),
      ...call.ackTimeout(107),
      ...call.command({ command: "hangup" }, 108),
      ...call.timeout(1e9),
      ...call.crashed("late", 109),
    ];
    expect(later).toEqual([]);
    expect(call.deadline).toBeUndefined();
  });

  test("has its cause, and a BYE only where the caller does not know", () => {
    const causes: readonly [string, (call: Call) => CallOutput[], boolean][] = [
      ["caller_hangup", (call) => call.bye(1000), false],
      ["ack_timeout", (call) => call.ackTimeout(1000), true],
      ["handler_hangup", (call) => call.command({ command: "hangup" }, 1000), true],
      ["handler_failed", (call) => call.handlerFailed("exited with status 3", 1000), true],
      ["media_timeout", (call) => call.mediaEvent({ type: "timeout" }, 1000), true],
      ["duration_limit", (call) => call.timeout(3_600_020), true],
      ["shutdown", (call) => call.hangup("shutdown", 1000), true],
      ["internal_error", (call) => call.crashed("bug", 1000), true],
    ];
    for (const [cause, act, byes] of causes) {
      const outputs = act(upCall());
      expect({ cause: endOf(outputs).cause, byes: types(outputs).includes("bye") })
        .toEqual({ cause, byes } as never);
    }
  });

  test("puts the Q.850 cause into the BYE (RFC 3326)", () => {
    const outputs = upCall().mediaEvent({ type: "timeout" }, 1000);
    expect(outputs[0]).toEqual({
      type: "bye",
      headers: [["Reason", 'Q.850;cause=102;text="No audio received"']],
    });
  });

  test("counts its length from the 200", () => {
    expect(endOf(upCall().bye(1020))).toMatchObject({ durationMs: 1000, setupMs: 20 });
  });
});

describe("on_error", () => {
  test("starts the next handler before the answer, which then comes from that one", () => {
    const call = makeCall([ECHO, PLAY]);
    call.rtpBound(10_000, 10);
    const outputs = call.handlerFailed("not found", 15);
    expect(types(outputs)).toEqual(["handler_failed", "start_handler"]);
    expect(types(call.handlerStarted(20))).toEqual(["open_media", "answer"]);
  });

  test("hands a live call over without a second 200", () => {
    const call = upCall([ECHO, PLAY]);
    expect(types(call.handlerFailed("died", 500))).toEqual(["handler_failed", "start_handler"]);
    expect(call.handlerStarted(510)).toEqual([]);
  });

  test("ends with 503 when the chain is used up before the answer", () => {
    const call = makeCall([ECHO]);
    call.rtpBound(10_000, 10);
    const outputs = call.handlerFailed("not found", 15);
    expect(types(outputs)).toEqual(["handler_failed", "answer", "ended"]);
    expect(endOf(outputs)).toMatchObject({ cause: "handler_failed", sipStatus: 503 });
  });

  test("ends with the status of a reject at the end of the chain", () => {
    const call = makeCall([ECHO, REJECT]);
    call.rtpBound(10_000, 10);
    expect(endOf(call.handlerFailed("not found", 15))).toMatchObject({ sipStatus: 486 });
  });
});

describe("handler of a call", () => {
  test("that is done has its audio played before the BYE", () => {
    const call = upCall();
    expect(types(call.handlerCompleted(100))).toEqual(["finish"]);
    expect(types(call.mediaEvent({ type: "drained" }, 900))).toEqual(["bye", "ended"]);
  });

  test("hears once of a key that comes by RTP and by INFO", () => {
    const call = upCall();
    const info = createRequest({
      method: "INFO",
      requestUri: "sip:bot@example.com",
      headers: [],
      body: new TextEncoder().encode("Signal=5\r\nDuration=100\r\n"),
      contentType: "application/dtmf-relay",
    });
    const key = { type: "dtmf", digit: "5", durationMs: 100, source: "rfc4733" } as const;
    expect(call.mediaEvent(key, 1000)).toHaveLength(1);
    expect(call.info(info, 1100)).toEqual([]);
    expect(call.mediaEvent(key, 1300)).toHaveLength(1);
    expect(call.info(info, 3000)).toHaveLength(1);
  });

  test("hears of digits, marks and clears", () => {
    const call = upCall();
    const [dtmf] = call.mediaEvent({
      type: "dtmf",
      digit: "5",
      durationMs: 99.6,
      source: "rfc4733",
    }, 50);
    expect(dtmf).toEqual({
      type: "send_event",
      event: { event: "dtmf", digit: "5", duration_ms: 100, source: "rfc4733" },
    });
    const [cleared] = call.cleared({ playedMs: 40, droppedMs: 960 }, "command");
    expect(cleared).toMatchObject({ event: { event: "cleared", played_ms: 40, dropped_ms: 960 } });
  });
});

describe("RFC 3264 §8 re-INVITE", () => {
  test("answers hold with the mirrored direction, a raised version, and tells the handler", () => {
    const call = makeCall();
    call.rtpBound(10_000, 10);
    const first = bodyOf(call.handlerStarted(20), "answer");
    const outputs = call.renegotiation.reinvite(reinvite(offer("sendonly")), "voicegw");
    expect(types(outputs)).toEqual(["answer_reinvite", "renegotiate_media", "send_event"]);
    const held = bodyOf(outputs, "answer_reinvite");
    expect(first).toContain("o=- 42 1 IN");
    expect(held).toContain("a=recvonly");
    expect(held).toContain("o=- 42 2 IN");
  });

  test("keeps the version when nothing changes", () => {
    const call = upCall();
    const outputs = call.renegotiation.reinvite(reinvite(offer()), "voicegw");
    expect(bodyOf(outputs, "answer_reinvite")).toContain("o=- 42 1 IN");
    expect(types(outputs)).not.toContain("send_event");
  });

  test("takes a zero address for hold, and tells of the resumption", () => {
    const call = upCall();
    const held = call.renegotiation.reinvite(reinvite(offer("sendrecv", "0.0.0.0")), "voicegw");
    expect(held.at(-1)).toEqual({ type: "send_event", event: { event: "hold" } });
    const resumed = call.renegotiation.reinvite(reinvite(offer()), "voicegw");
    expect(resumed.at(-1)).toEqual({ type: "send_event", event: { event: "resume" } });
  });

  test("leaves the session as it was when the offer cannot be taken (RFC 3261 §14.2)", () => {
    const call = upCall();
    const video = new TextDecoder().decode(offer()).replace("m=audio", "m=video");
    const outputs = call.renegotiation.reinvite(
      reinvite(new TextEncoder().encode(video)),
      "voicegw",
    );
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toMatchObject({ answer: { statusCode: 488 } });
    expect(call.state).toBe("up");
  });
});
