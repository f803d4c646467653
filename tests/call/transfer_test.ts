import { describe, expect, test } from "bun:test";
import type { Call } from "../../src/call/call.ts";
import { Opening } from "../../src/call/opening.ts";
import type { ReferRequest } from "../../src/sip/dialog/refer.ts";
import { confirmedCall, described, events, only, sdp, startedCall, types } from "./fixtures.ts";

const TO = "sip:200@pbx.example";
const NOTHING = new Uint8Array();

const REFER: ReferRequest = {
  uri: TO,
  headers: [],
  replaces: undefined,
  referredBy: undefined,
  wantsNotify: true,
};

function transfer(call: Call) {
  return call.command({ command: "transfer", to: TO }, 1000);
}

function progress(call: Call, statusCode: number, isFinal = false) {
  return call.transfer.progress({ statusCode, isFinal }, 2000);
}

describe("RFC 3515 transfer by the handler", () => {
  test("tells how it goes, and hangs up when it has worked", () => {
    const call = confirmedCall();
    expect(transfer(call)).toEqual([{ type: "transfer", to: TO, replaces: undefined }]);
    expect(events(progress(call, 202))).toEqual([
      { event: "transfer", status: "trying", sip_status: 202 },
    ]);
    expect(events(progress(call, 180))).toMatchObject([{ status: "trying", sip_status: 180 }]);
    expect(events(progress(call, 180))).toEqual([]);
    const outputs = progress(call, 200, true);
    expect(types(outputs)).toEqual(["send_event", "bye", "ended"]);
    expect(events(outputs)).toMatchObject([{ status: "accepted", sip_status: 200 }]);
    expect(only(outputs, "bye").headers).toEqual([
      ["Reason", 'Q.850;cause=16;text="Call transferred"'],
    ]);
    expect(only(outputs, "ended").end.cause).toBe("transferred");
  });

  test("that fails leaves the call as it was, and may be tried again", () => {
    const call = confirmedCall();
    transfer(call);
    expect(events(progress(call, 486, true))).toEqual([
      { event: "transfer", status: "failed", sip_status: 486 },
    ]);
    expect(call.state).toBe("up");
    expect(types(transfer(call))).toEqual(["transfer"]);
  });

  test("that the caller does not allow fails with its answer", () => {
    const call = confirmedCall();
    transfer(call);
    expect(events(progress(call, 603, true))).toMatchObject([{ status: "failed" }]);
  });

  test("while another is under way is an error", () => {
    const call = confirmedCall();
    transfer(call);
    expect(events(transfer(call))).toMatchObject([{ event: "error", command: "transfer" }]);
  });

  test("waits for the ACK", () => {
    const call = startedCall();
    expect(transfer(call)).toEqual([]);
    expect(types(call.acknowledged(NOTHING, 1100))).toEqual(["transfer"]);
  });

  test("to a call that there is not is an error", () => {
    const call = confirmedCall();
    call.command({ command: "transfer", replaces: "nobody" }, 1000);
    expect(events(call.transfer.impossible("There is no such call"))).toEqual([
      { event: "error", command: "transfer", message: "There is no such call" },
    ]);
    expect(types(transfer(call))).toEqual(["transfer"]);
  });

  test("is awaited when the handler is done, whatever comes of it", () => {
    for (const [status, cause] of [[200, "transferred"], [486, "handler_hangup"]] as const) {
      const call = confirmedCall();
      transfer(call);
      expect(types(call.handlerCompleted(1100))).toEqual(["finish"]);
      expect(call.mediaEvent({ type: "drained" }, 1200)).toEqual([]);
      expect(only(progress(call, status, true), "ended").end.cause).toBe(cause);
    }
  });

  test("is over when the caller hangs up first", () => {
    const call = confirmedCall();
    transfer(call);
    const outputs = call.bye(1500, "Normal call clearing (Q.850 16)");
    expect(types(outputs)).toEqual(["ended"]);
    expect(only(outputs, "ended").end.cause).toBe("caller_hangup");
    expect(progress(call, 200, true)).toEqual([]);
  });
});

describe("RFC 3515 REFER of the caller", () => {
  test("is declined where the operator does not allow it", () => {
    const outputs = confirmedCall().referral.receive(REFER, false);
    expect(outputs).toEqual([{ type: "answer_refer", answer: { statusCode: 603 } }]);
  });

  test("is accepted, told 100 at once, and placed", () => {
    const outputs = confirmedCall().referral.receive(REFER, true);
    expect(types(outputs)).toEqual(["answer_refer", "notify_refer", "refer"]);
    expect(only(outputs, "answer_refer").answer.statusCode).toBe(202);
    expect(only(outputs, "notify_refer").statusCode).toBe(100);
  });

  test("is told how the new call goes, up to its end", () => {
    const { referral } = makeReferral();
    expect(referral.progress(100)).toEqual([]);
    expect(referral.progress(180, "Ringing")).toEqual([
      { type: "notify_refer", statusCode: 180, phrase: "Ringing" },
    ]);
    expect(types(referral.progress(486, "Busy Here"))).toEqual(["notify_refer"]);
    expect(referral.progress(200)).toEqual([]);
    expect(types(referral.receive(REFER, true))).toContain("refer");
  });

  test("while another is under way gets 491", () => {
    const outputs = makeReferral().referral.receive(REFER, true);
    expect(only(outputs, "answer_refer").answer.statusCode).toBe(491);
  });

  test("before the answer or after the end is declined", () => {
    const ringing = startedCall({ answer: "manual" }).referral.receive(REFER, true);
    expect(only(ringing, "answer_refer").answer.statusCode).toBe(603);
    const call = confirmedCall();
    call.bye(100);
    expect(types(call.referral.receive(REFER, true))).toEqual(["answer_refer"]);
  });
});

describe("RFC 3891 a session that takes the place of another", () => {
  test("brings its own descriptions, and the handler hears nothing of it", () => {
    const call = confirmedCall();
    const media = call.media.successor("77");
    media.negotiate(sdp({ address: "192.0.2.50", port: 5000, formats: "8 101" }));
    const opening = new Opening({ media, hasOffer: true, reliable: false });
    const answer = new TextDecoder().decode(opening.final()?.bytes);
    expect(answer).toContain("o=- 77 1 IN");
    expect(answer).toContain("m=audio 10000 RTP/AVP 8 101");
    const outputs = call.join({ media, opening, isConfirmed: false }, 500);
    expect(types(outputs)).toEqual(["renegotiate_media"]);
    expect(only(outputs, "renegotiate_media").media.remote).toEqual({
      address: "192.0.2.50",
      port: 5000,
    });
    // Later offers are made from the new session's descriptions, once its ACK is here
    expect(call.command({ command: "hold" }, 600)).toEqual([]);
    expect(described(call.acknowledged(NOTHING, 700))).toContain("o=- 77 2 IN");
  });

  test("without an offer gets its answer by the ACK", () => {
    const call = confirmedCall();
    const media = call.media.successor("77");
    const opening = new Opening({ media, hasOffer: false, reliable: false });
    opening.final();
    expect(call.join({ media, opening, isConfirmed: false }, 500)).toEqual([]);
    const outputs = call.acknowledged(sdp({ port: 5000 }), 600);
    expect(types(outputs)).toEqual(["renegotiate_media"]);
  });

  test("keeps the hold that the handler has asked for", () => {
    const call = confirmedCall();
    call.command({ command: "hold" }, 100);
    call.renegotiation.accepted(sdp({ direction: "recvonly" }));
    const media = call.media.successor("77");
    media.negotiate(sdp({ port: 5000 }));
    expect(media.current?.direction).toBe("sendonly");
  });

  test("ends a transfer that is under way with the session that it was asked for in", () => {
    const call = confirmedCall();
    transfer(call);
    const media = call.media.successor("77");
    media.negotiate(sdp({ port: 5000 }));
    const opening = Opening.settled(media);
    const outputs = call.join({ media, opening, isConfirmed: true }, 1500);
    expect(events(outputs)).toMatchObject([{ event: "transfer", status: "failed" }]);
  });

  test("takes no place in a call that rings or is over", () => {
    expect(startedCall({ answer: "manual" }).isReplaceable).toBe(false);
    const call = confirmedCall();
    expect(call.isReplaceable).toBe(true);
    call.bye(100);
    expect(call.isReplaceable).toBe(false);
  });
});

function makeReferral(): Call {
  const call = confirmedCall();
  call.referral.receive(REFER, true);
  return call;
}
