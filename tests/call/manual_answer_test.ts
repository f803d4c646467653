import { describe, expect, test } from "bun:test";
import {
  BOT,
  described,
  events,
  makeCall,
  only,
  PLAY,
  request,
  sdp,
  startedCall,
  types,
} from "./fixtures.ts";

const MANUAL = { answer: "manual" } as const;
const LATE = { answer: "manual", hasOffer: false } as const;
const NOTHING = new Uint8Array();

describe("a route with answer: manual", () => {
  test("rings with open media once the handler runs, and is not answered by that", () => {
    const call = makeCall(MANUAL);
    expect(types(call.begin())).toEqual(["bind_rtp"]);
    call.rtpBound(10_000, 10);
    expect(types(call.handlerStarted(20))).toEqual(["open_media"]);
    expect(call.timeout(50)).toEqual([{ type: "answer", answer: { statusCode: 180 } }]);
    expect(call.state).toBe("ringing");
  });

  test("does not ring after early media has begun", () => {
    const call = makeCall(MANUAL);
    call.begin();
    call.rtpBound(10_000, 0);
    call.handlerStarted(0);
    expect(only(call.handlerWrote(), "answer").answer.statusCode).toBe(183);
    expect(call.timeout(50)).toEqual([]);
  });

  test("is answered by the command, once", () => {
    const call = startedCall(MANUAL);
    const outputs = call.command({ command: "answer" }, 500);
    expect(only(outputs, "answer").answer.statusCode).toBe(200);
    expect(described(outputs)).toContain("m=audio 10000");
    expect(events(call.command({ command: "answer" }, 600))).toEqual([
      { event: "error", command: "answer", message: "The call is answered already" },
    ]);
    expect(only(call.bye(1500), "ended").end).toMatchObject({ setupMs: 500, durationMs: 1000 });
  });

  test("rings by the command, without a description, as often as it is said", () => {
    const call = startedCall(MANUAL);
    const ringing = [{ type: "answer" as const, answer: { statusCode: 180 } }];
    expect(call.command({ command: "ring" }, 20)).toEqual(ringing);
    expect(call.timeout(50)).toEqual([]);
    expect(call.command({ command: "ring" }, 100)).toEqual(ringing);
  });

  test("is refused with the status and reason of the command", () => {
    const call = startedCall(MANUAL);
    const outputs = call.command({ command: "reject", status: 486, reason: "Not now" }, 100);
    expect(only(outputs, "answer").answer).toEqual({ statusCode: 486, reasonPhrase: "Not now" });
    expect(only(outputs, "ended").end).toMatchObject({
      cause: "rejected",
      sipStatus: 486,
      detail: "Not now",
    });
  });

  test("is declined by hangup, and when the handler is done without an answer", () => {
    const hungUp = startedCall(MANUAL).command({ command: "hangup" }, 100);
    expect(only(hungUp, "answer").answer.statusCode).toBe(603);
    const call = startedCall(MANUAL);
    expect(types(call.handlerCompleted(100))).toEqual(["finish"]);
    const outputs = call.mediaEvent({ type: "drained" }, 900);
    expect(only(outputs, "answer").answer.statusCode).toBe(603);
    expect(only(outputs, "ended").end).toMatchObject({ cause: "handler_hangup", sipStatus: 603 });
  });

  test("ends when nobody answers in time", () => {
    const call = startedCall(MANUAL);
    call.timeout(50);
    expect(call.deadline).toBe(60_000);
    expect(only(call.timeout(60_000), "ended").end).toMatchObject({
      cause: "setup_timeout",
      detail: "the handler did not answer in time",
    });
  });

  test("is answered at once when a handler takes over that cannot give commands", () => {
    const call = startedCall({ ...MANUAL, handlers: [BOT, PLAY] });
    expect(types(call.handlerFailed("died", 100))).toEqual(["handler_failed", "start_handler"]);
    const outputs = call.handlerStarted(110);
    expect(types(outputs)).toEqual(["answer"]);
    expect(only(outputs, "answer").answer.statusCode).toBe(200);
  });

  test("has commands out of place refused, and goes on", () => {
    const call = startedCall(MANUAL);
    for (const command of ["hold", "resume"] as const) {
      expect(events(call.command({ command }, 100))).toMatchObject([{ event: "error", command }]);
    }
    const transfer = call.command({ command: "transfer", to: "sip:2@example.com" }, 100);
    expect(events(transfer)).toMatchObject([{ event: "error", command: "transfer" }]);
    expect(call.state).toBe("ringing");
    const up = startedCall();
    for (const command of [{ command: "ring" }, { command: "reject", status: 486 }] as const) {
      expect(events(up.command(command, 100))).toMatchObject([{ event: "error" }]);
    }
    expect(up.state).toBe("up");
  });

  test("tells keys and marks before the answer, and misses no RTP", () => {
    const call = startedCall(MANUAL);
    const key = call.mediaEvent(
      { type: "dtmf", digit: "1", durationMs: 100, source: "rfc4733" },
      50,
    );
    expect(events(key)).toMatchObject([{ event: "dtmf" }]);
    expect(events(call.mediaEvent({ type: "mark", name: "a", playedMs: 20 }, 60))).toHaveLength(1);
  });
});

describe("RFC 3261 §13.2.1 early media", () => {
  test("is described by a 183 with the first audio, once, and the same again in the 200", () => {
    const call = startedCall(MANUAL);
    const early = call.handlerWrote();
    expect(only(early, "answer").answer.statusCode).toBe(183);
    expect(call.handlerWrote()).toEqual([]);
    const final = call.command({ command: "answer" }, 500);
    expect(described(final)).toBe(described(early));
    expect(call.handlerWrote()).toEqual([]);
  });

  test("is none on a route that answers by itself", () => {
    expect(startedCall().handlerWrote()).toEqual([]);
  });

  test("follows an offer that comes in an UPDATE before the answer", () => {
    const call = startedCall({ ...MANUAL, reliable: true });
    call.handlerWrote();
    const update = call.renegotiation.offer(request(sdp({ port: 4002 }), "UPDATE"), "voicegw");
    expect(types(update)).toEqual(["answer_offer", "renegotiate_media"]);
    expect(described(update)).toContain("o=- 42 1 IN");
  });
});

describe("RFC 3262 §5 early media for an INVITE without SDP", () => {
  test("is our offer in the 183, answered by the PRACK, and in no 200 after that", () => {
    const call = startedCall({ ...LATE, reliable: true });
    expect(described(call.handlerWrote())).toContain("m=audio 10000 RTP/AVP 0 8 101");
    expect(types(call.provisionalAcknowledged(sdp(), 50))).toEqual(["open_media"]);
    const outputs = call.command({ command: "answer" }, 100);
    expect(outputs).toEqual([{ type: "answer", answer: { statusCode: 200 } }]);
    expect(call.acknowledged(NOTHING, 120)).toEqual([]);
  });

  test("ends the call with 488 when the PRACK brings no answer", () => {
    const call = startedCall({ ...LATE, reliable: true });
    call.handlerWrote();
    const outputs = call.provisionalAcknowledged(NOTHING, 50);
    expect(only(outputs, "answer").answer.statusCode).toBe(488);
    expect(only(outputs, "ended").end.detail).toBe("The PRACK brought no SDP answer");
  });

  test("waits for the ACK when the caller does not take reliable responses", () => {
    const call = startedCall(LATE);
    expect(call.handlerWrote()).toEqual([]);
    expect(described(call.command({ command: "answer" }, 100))).toContain("m=audio 10000");
    expect(types(call.acknowledged(sdp(), 150))).toEqual(["open_media"]);
  });

  test("cannot be heard of a handler that is done before: the call is declined", () => {
    const outputs = startedCall(LATE).handlerCompleted(100);
    expect(only(outputs, "answer").answer.statusCode).toBe(603);
  });

  test("is played to its end when the handler is done before the PRACK", () => {
    const call = startedCall({ ...LATE, reliable: true });
    call.handlerWrote();
    expect(call.handlerCompleted(100)).toEqual([]);
    expect(types(call.provisionalAcknowledged(sdp(), 150))).toEqual(["open_media", "finish"]);
  });

  test("ends with 504 of the user agent when there is never a PRACK (§3)", () => {
    const call = startedCall({ ...MANUAL, reliable: true });
    call.handlerWrote();
    call.command({ command: "answer" }, 100);
    const outputs = call.prackTimeout(32_000);
    expect(types(outputs)).toEqual(["ended"]);
    expect(only(outputs, "ended").end).toMatchObject({ cause: "prack_timeout", sipStatus: 504 });
  });
});
