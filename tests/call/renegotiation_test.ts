import { describe, expect, test } from "bun:test";
import type { Call } from "../../src/call/call.ts";
import {
  confirmedCall,
  described,
  events,
  only,
  request,
  sdp,
  startedCall,
  types,
} from "./fixtures.ts";

const NOTHING = new Uint8Array();

function hold(call: Call) {
  return call.command({ command: "hold" }, 100);
}

function resume(call: Call) {
  return call.command({ command: "resume" }, 200);
}

describe("RFC 3264 §8.4 hold by the handler", () => {
  test("offers sendonly with a raised version, and takes effect with the answer", () => {
    const call = confirmedCall();
    const offer = hold(call);
    expect(types(offer)).toEqual(["reinvite"]);
    expect(described(offer)).toContain("a=sendonly");
    expect(described(offer)).toContain("o=- 42 2 IN");
    const accepted = call.renegotiation.accepted(sdp({ direction: "recvonly" }));
    expect(only(accepted, "renegotiate_media").media.direction).toBe("sendonly");
    expect(events(accepted)).toEqual([]);
  });

  test("ends with sendrecv", () => {
    const call = confirmedCall();
    hold(call);
    call.renegotiation.accepted(sdp({ direction: "recvonly" }));
    const offer = described(resume(call));
    expect(offer).toContain("a=sendrecv");
    expect(offer).toContain("o=- 42 3 IN");
    const accepted = call.renegotiation.accepted(sdp());
    expect(only(accepted, "renegotiate_media").media.direction).toBe("sendrecv");
  });

  test("keeps every stream of the session in its place (§8)", () => {
    const call = confirmedCall();
    const video = ["m=video 5000 RTP/AVP 31"];
    call.renegotiation.reinvite(request(sdp({ more: video })), "voicegw");
    const offer = described(hold(call));
    expect(offer.match(/^m=.*$/gm)).toEqual([
      "m=audio 10000 RTP/AVP 0 101",
      "m=video 0 RTP/AVP 31",
    ]);
  });

  test("goes on when the peer offers in the meantime: the answer holds it, too", () => {
    const call = confirmedCall();
    hold(call);
    call.renegotiation.accepted(sdp({ direction: "recvonly" }));
    const answer = call.renegotiation.reinvite(request(sdp({ port: 4002 })), "voicegw");
    expect(described(answer)).toContain("a=sendonly");
    expect(only(answer, "renegotiate_media").media.direction).toBe("sendonly");
  });

  test("waits for the ACK: before it, the user agent may send nothing", () => {
    const call = startedCall();
    expect(hold(call)).toEqual([]);
    expect(types(call.acknowledged(NOTHING, 150))).toEqual(["reinvite"]);
  });

  test("twice is an error, and so is resume without hold", () => {
    const call = confirmedCall();
    expect(events(resume(call))).toMatchObject([
      { event: "error", command: "resume", message: "The caller is not on hold" },
    ]);
    hold(call);
    expect(events(hold(call))).toMatchObject([
      { event: "error", command: "hold", message: "The caller is on hold already" },
    ]);
    expect(events(resume(call))).toMatchObject([{ event: "error", command: "resume" }]);
  });

  test("that is refused leaves everything as it was, and can be asked for again", () => {
    const call = confirmedCall();
    hold(call);
    const rejected = call.renegotiation.rejected(488);
    expect(rejected).toEqual([{
      type: "send_event",
      event: { event: "error", command: "hold", message: "The caller refused with 488" },
    }]);
    const answer = call.renegotiation.reinvite(request(sdp()), "voicegw");
    expect(described(answer)).toContain("a=sendrecv");
    expect(types(hold(call))).toEqual(["reinvite"]);
  });

  test("whose answer is no use leaves everything as it was", () => {
    const call = confirmedCall();
    hold(call);
    expect(events(call.renegotiation.accepted(NOTHING))).toMatchObject([{ event: "error" }]);
    expect(call.media.direction).toBe("sendrecv");
  });

  test("is refused before the answer", () => {
    const call = startedCall({ answer: "manual" });
    expect(events(hold(call))).toMatchObject([{ message: "Answer the call first" }]);
  });
});

describe("RFC 3261 §14.1 offers of both sides at once", () => {
  test("ours is made again when its time has come, with the same version", () => {
    const call = confirmedCall();
    const first = described(hold(call));
    expect(call.renegotiation.rejected(491)).toEqual([]);
    expect(described(call.renegotiation.due("retry"))).toBe(first);
    expect(types(call.renegotiation.accepted(sdp({ direction: "recvonly" })))).toEqual([
      "renegotiate_media",
    ]);
  });

  test("ours that never went out uses up no version", () => {
    const call = confirmedCall();
    hold(call);
    call.renegotiation.putOff();
    const peer = call.renegotiation.reinvite(request(sdp({ formats: "8 101" })), "voicegw");
    expect(described(peer)).toContain("o=- 42 2 IN");
    const again = described(call.renegotiation.due("retry"));
    expect(again).toContain("o=- 42 3 IN");
    expect(again).toContain("m=audio 10000 RTP/AVP 8 101");
  });
});

describe("RFC 4028 §7.4 refresh by re-INVITE", () => {
  test("offers what was described last, version included", () => {
    const call = startedCall();
    call.acknowledged(NOTHING, 30);
    const before = described(call.renegotiation.reinvite(request(sdp()), "voicegw"));
    expect(described(call.renegotiation.due("refresh"))).toBe(before);
  });

  test("says the same direction while the peer holds us", () => {
    const call = confirmedCall();
    const held = described(
      call.renegotiation.reinvite(request(sdp({ direction: "sendonly" })), "voicegw"),
    );
    expect(described(call.renegotiation.due("refresh"))).toBe(held);
    const accepted = call.renegotiation.accepted(sdp({ direction: "sendonly" }));
    expect(only(accepted, "renegotiate_media").media.direction).toBe("recvonly");
  });

  test("that fails is no business of the handler", () => {
    const call = confirmedCall();
    call.renegotiation.due("refresh");
    expect(call.renegotiation.rejected(500)).toEqual([]);
    call.renegotiation.due("refresh");
    expect(call.renegotiation.accepted(NOTHING)).toEqual([]);
    expect(call.state).toBe("up");
  });

  test("lets a hold that comes meanwhile wait for its end", () => {
    const call = confirmedCall();
    call.renegotiation.due("refresh");
    expect(hold(call)).toEqual([]);
    const outputs = call.renegotiation.accepted(sdp());
    expect(types(outputs)).toEqual(["renegotiate_media", "reinvite"]);
    expect(described(outputs)).toContain("a=sendonly");
  });

  test("is spared by an offer of ours that is under way", () => {
    const call = confirmedCall();
    hold(call);
    expect(call.renegotiation.due("refresh")).toEqual([]);
  });
});

describe("RFC 3311 §5.2 offers in UPDATE", () => {
  test("are answered, and the media follows to another address and codec", () => {
    const call = confirmedCall();
    const offer = sdp({ address: "192.0.2.9", port: 4444, formats: "8 101" });
    const outputs = call.renegotiation.offer(request(offer, "UPDATE"), "voicegw");
    expect(types(outputs)).toEqual(["answer_offer", "renegotiate_media"]);
    expect(only(outputs, "renegotiate_media").media).toMatchObject({
      codec: "PCMA",
      remote: { address: "192.0.2.9", port: 4444 },
    });
  });

  test("put the handler on hold like a re-INVITE", () => {
    const call = confirmedCall();
    const held = call.renegotiation.offer(
      request(sdp({ direction: "sendonly" }), "UPDATE"),
      "voicegw",
    );
    expect(events(held)).toEqual([{ event: "hold" }]);
  });

  test("that cannot be taken get 488 with a Warning, and nothing changes", () => {
    const call = confirmedCall();
    const before = call.media.current;
    const outputs = call.renegotiation.offer(request(sdp({ formats: "18" }), "UPDATE"), "voicegw");
    expect(types(outputs)).toEqual(["answer_offer"]);
    const { answer } = only(outputs, "answer_offer");
    expect(answer.statusCode).toBe(488);
    expect(answer.headers?.[0]?.[0]).toBe("Warning");
    expect(call.media.current).toBe(before as never);
  });

  test("get 481 when the call is over", () => {
    const call = confirmedCall();
    call.bye(100);
    const outputs = call.renegotiation.offer(request(sdp(), "UPDATE"), "voicegw");
    expect(only(outputs, "answer_offer").answer.statusCode).toBe(481);
  });
});

describe("RFC 3264 §8 re-INVITE without an offer", () => {
  test("gets ours of all codecs, every stream in its place, and the ACK brings the answer", () => {
    const call = confirmedCall();
    const video = ["m=video 5000 RTP/AVP 31"];
    call.renegotiation.reinvite(request(sdp({ more: video })), "voicegw");
    const offer = call.renegotiation.reinvite(request(NOTHING), "voicegw");
    expect(described(offer).match(/^m=.*$/gm)).toEqual([
      "m=audio 10000 RTP/AVP 0 8 101",
      "m=video 0 RTP/AVP 31",
    ]);
    const answer = sdp({ formats: "8", more: ["m=video 0 RTP/AVP 31"] });
    const outputs = call.renegotiation.reinviteAcknowledged(answer);
    expect(only(outputs, "renegotiate_media").media.codec).toBe("PCMA");
  });
});
