import { beforeEach, describe, expect, test } from "bun:test";
import type { CallRecord } from "../../src/call/call_record.ts";
import { EMPTY_STATISTICS } from "../../src/call/call_record.ts";
import type { EndCause } from "../../src/call/handler_message.ts";
import { CallTrace } from "../../src/gateway/trace.ts";
import { KEPT_FIRST, type Ladder, LEG_STEPS_MAX } from "../../src/gateway/trace_leg.ts";
import { traceLine } from "../../src/gateway/trace_line.ts";
import type { SipMessage, SipRequest } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import type { Flow } from "../../src/sip/transport/flow.ts";
import { FACTS } from "../support/call_facts.ts";

const FLOW: Flow = {
  transport: "udp",
  listener: 0,
  local: { address: "192.0.2.1", port: 5060 },
  remote: { address: "192.0.2.2", port: 5060 },
};

interface Words {
  readonly callId?: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly uri?: string;
  readonly toTag?: string;
  readonly lines?: readonly string[];
  readonly body?: string;
}

function head(start: string, method: string, words: Words): SipMessage {
  const { callId = "a", cseq = 1, lines = [], body = "", toTag } = words;
  const text = [
    start,
    `Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK-${words.branch ?? `${callId}-${method}-${cseq}`}`,
    "From: Alice <sip:alice@192.0.2.2>;tag=1",
    `To: <sip:100@192.0.2.1>${toTag === undefined ? "" : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    ...lines,
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
  return parseMessage(new TextEncoder().encode(text));
}

function request(method: string, words: Words = {}): SipRequest {
  return head(`${method} ${words.uri ?? "sip:100@192.0.2.1"} SIP/2.0`, method, words) as SipRequest;
}

function response(status: number, phrase: string, method: string, words: Words = {}): SipMessage {
  return head(`SIP/2.0 ${status} ${phrase}`, method, { toTag: "2", ...words });
}

function record(cause: EndCause, callId = "a", detail = ""): CallRecord {
  return {
    call: { ...FACTS, id: `id-of-${callId}`, sip_call_id: callId },
    handler: "exec",
    started_at: 0,
    duration_ms: 0,
    cause,
    detail,
    sip_status: 200,
    codec: "",
    statistics: EMPTY_STATISTICS,
  };
}

/** What the ladders say, one text for each. */
function texts(ladders: readonly Ladder[]): string[] {
  return ladders.map(({ steps }) =>
    steps.map(({ direction, text }) => `${direction === "sent" ? ">" : "<"} ${text}`).join("\n")
  );
}

let trace: CallTrace;
let now: number;

beforeEach(() => {
  trace = new CallTrace({ mode: "all" });
  now = 1000;
});

function received(message: SipMessage): void {
  trace.message("received", message, FLOW, now);
}

function sent(message: SipMessage): void {
  trace.message("sent", message, FLOW, now);
}

/** A call that is answered. */
function setUp(words: Words = {}): void {
  received(request("INVITE", words));
  sent(response(200, "OK", "INVITE", words));
  received(request("ACK", { ...words, branch: `${words.callId ?? "a"}-ack`, toTag: "2" }));
}

/** The caller hangs up. */
function hangUp(words: Words = {}): void {
  const said = { ...words, cseq: 9, toTag: "2" };
  received(request("BYE", said));
  sent(response(200, "OK", "BYE", said));
}

describe("the trace of a call", () => {
  test("is handed out at once when all has been said", () => {
    setUp();
    now = 3000;
    hangUp();
    expect(trace.timeout(now)).toEqual([]);
    trace.ended(record("caller_hangup"), now);
    expect(trace.deadline).toBe(now);
    const ladders = trace.timeout(now);
    expect(texts(ladders)).toEqual([[
      "< INVITE sip:100@192.0.2.1",
      "> 200 OK (INVITE)",
      "< ACK sip:100@192.0.2.1",
      "< BYE sip:100@192.0.2.1",
      "> 200 OK (BYE)",
    ].join("\n")]);
    expect(ladders[0]).toMatchObject({
      callId: "a",
      call: "id-of-a",
      from: "alice",
      to: "100",
      startedAt: 1000,
      end: "caller_hangup",
      leftOut: 0,
    });
    expect(ladders[0]?.steps.at(-1)).toMatchObject({
      afterMs: 2000,
      peer: "udp://192.0.2.2:5060",
    });
    expect([trace.size, trace.deadline]).toEqual([{ legs: 0, steps: 0 }, undefined]);
  });

  test("waits for the answer to our BYE, 35 seconds at most", () => {
    setUp();
    trace.ended(record("handler_hangup"), now);
    sent(request("BYE", { cseq: 7, toTag: "2" }));
    expect(trace.timeout(now)).toEqual([]);
    expect(trace.deadline).toBe(now + 35_000);
    now += 100;
    received(response(200, "OK", "BYE", { cseq: 7 }));
    expect(texts(trace.timeout(now))[0]).toContain("< 200 OK (BYE)");

    setUp({ callId: "b" });
    trace.ended(record("handler_hangup", "b"), now);
    sent(request("BYE", { callId: "b", cseq: 7, toTag: "2" }));
    expect(trace.timeout(now + 34_999)).toEqual([]);
    expect(texts(trace.timeout(now + 35_000))[0]).toMatch(/> BYE sip:100@192.0.2.1$/);
  });

  test("says which messages came again", () => {
    received(request("INVITE"));
    received(request("INVITE"));
    sent(response(200, "OK", "INVITE"));
    sent(response(200, "OK", "INVITE"));
    trace.ended(record("ack_timeout"), now);
    expect(texts(trace.timeout(now + 35_000))[0]?.split("\n")).toEqual([
      "< INVITE sip:100@192.0.2.1",
      "< INVITE sip:100@192.0.2.1 · again",
      "> 200 OK (INVITE)",
      "> 200 OK (INVITE) · again",
    ]);
  });

  test("begins with an INVITE, and not again with a late copy of it", () => {
    received(request("OPTIONS", { callId: "o" }));
    received(request("BYE", { callId: "p", toTag: "2" }));
    expect(trace.size.legs).toBe(0);
    setUp();
    hangUp();
    trace.ended(record("caller_hangup"), now);
    expect(trace.timeout(now)).toHaveLength(1);
    received(request("INVITE"));
    received(request("BYE", { cseq: 9, toTag: "2" }));
    expect(trace.size.legs).toBe(0);
  });

  test("keeps the first and the latest of too many messages", () => {
    setUp();
    for (let cseq = 10; cseq < 10 + LEG_STEPS_MAX; cseq++) {
      received(request("INFO", { cseq, toTag: "2" }));
      sent(response(200, "OK", "INFO", { cseq }));
    }
    hangUp({});
    trace.ended(record("caller_hangup"), now);
    const [ladder] = trace.timeout(now);
    expect(ladder?.steps).toHaveLength(LEG_STEPS_MAX);
    expect(ladder?.leftOut).toBe(3 + 2 * LEG_STEPS_MAX + 2 - LEG_STEPS_MAX);
    expect(ladder?.steps[0]?.text).toContain("INVITE");
    expect(ladder?.steps[KEPT_FIRST - 1]?.afterMs).toBe(0);
    expect(ladder?.steps.at(-1)?.text).toBe("200 OK (BYE)");
  });

  test("gives way, oldest first, when there are too many calls or messages", () => {
    trace = new CallTrace({ mode: "all", legsMax: 3, stepsMax: 10 });
    for (const callId of ["a", "b", "c", "d"]) received(request("INVITE", { callId }));
    expect([trace.size, trace.dropped]).toEqual([{ legs: 3, steps: 3 }, 1]);
    for (let cseq = 2; cseq < 12; cseq++) received(request("INFO", { callId: "d", cseq }));
    expect(trace.size.legs).toBe(1);
    expect(trace.dropped).toBe(3);
    trace.ended(record("caller_hangup", "a"), now);
    expect(trace.timeout(now)).toEqual([]);
  });

  test("is of the calls alone that were asked for", () => {
    for (const text of ["ALICE", "100@192", "call-7"]) {
      trace = new CallTrace({ mode: "all", text });
      received(request("INVITE", { callId: "call-7" }));
      expect(trace.size.legs).toBe(1);
    }
    trace = new CallTrace({ mode: "all", text: "bob" });
    received(request("INVITE"));
    expect(trace.size.legs).toBe(0);
  });
});

describe("the trace of failed calls", () => {
  beforeEach(() => {
    trace = new CallTrace({ mode: "failed" });
  });

  for (
    const cause of ["caller_hangup", "caller_cancel", "handler_hangup", "transferred"] as const
  ) {
    test(`leaves out ${cause}`, () => {
      setUp();
      hangUp();
      trace.ended(record(cause), now);
      expect(trace.timeout(now)).toEqual([]);
      expect(trace.size.legs).toBe(0);
    });
  }

  for (const cause of ["media_timeout", "handler_failed", "ack_timeout", "rejected"] as const) {
    test(`has ${cause}, and its detail`, () => {
      setUp();
      hangUp();
      trace.ended(record(cause, "a", "why"), now);
      expect(trace.timeout(now).map(({ end }) => end)).toEqual([`${cause}: why`]);
    });
  }

  test("has an INVITE that was refused, with the ACK", () => {
    const invite = request("INVITE");
    received(invite);
    trace.refused({ statusCode: 404, reason: "no route", request: invite, flow: FLOW }, now);
    sent(response(404, "Not Found", "INVITE"));
    expect(trace.timeout(now)).toEqual([]);
    received(request("ACK", { branch: "a-INVITE-1", toTag: "2" }));
    const [ladder] = trace.timeout(now);
    expect(ladder?.end).toBe("refused with 404: no route");
    expect(ladder?.steps).toHaveLength(3);
    expect(ladder && "call" in ladder).toBe(false);
  });

  test("takes a redirection, and a refusal within a call, for no failure", () => {
    const invite = request("INVITE");
    received(invite);
    trace.refused({ statusCode: 302, reason: "away", request: invite, flow: FLOW }, now);
    sent(response(302, "Moved", "INVITE"));
    expect(trace.timeout(now + 35_000)).toEqual([]);
    setUp({ callId: "b" });
    const again = request("INVITE", { callId: "b", cseq: 2, toTag: "2" });
    received(again);
    trace.refused({ statusCode: 491, reason: "glare", request: again, flow: FLOW }, now);
    sent(response(491, "Request Pending", "INVITE", { callId: "b", cseq: 2 }));
    expect(trace.timeout(now + 60_000)).toEqual([]);
    expect(trace.size.legs).toBe(1);
  });

  test("goes on when the caller comes again with another password", () => {
    const first = request("INVITE");
    received(first);
    sent(response(401, "Unauthorized", "INVITE"));
    received(request("ACK", { branch: "a-INVITE-1", toTag: "2" }));
    expect(trace.timeout(now)).toEqual([]);
    setUp({ cseq: 2 });
    hangUp();
    trace.ended(record("media_timeout"), now);
    expect(trace.timeout(now)[0]?.steps).toHaveLength(8);
  });

  test("has a caller who was asked for a password and never came again", () => {
    received(request("INVITE"));
    sent(response(401, "Unauthorized", "INVITE"));
    received(request("ACK", { branch: "a-INVITE-1", toTag: "2" }));
    expect(trace.timeout(now + 31_999)).toEqual([]);
    expect(trace.timeout(now + 32_000).map(({ end }) => end))
      .toEqual(["asked for a password, and heard no more"]);
  });

  test("has what is up for hours without a word, as far as it is known", () => {
    setUp();
    expect(trace.timeout(now + 3_600_000)).toEqual([]);
    expect(trace.timeout(now + 2 * 3_600_000).map(({ end }) => end)).toEqual(["heard no more"]);
  });
});

describe("a call that goes over to another leg", () => {
  test("RFC 3891: an INVITE with Replaces is of the call that it names", () => {
    setUp();
    const lines = ["Replaces: a;to-tag=2;from-tag=1"];
    setUp({ callId: "b", lines });
    hangUp({ callId: "a" });
    hangUp({ callId: "b" });
    trace.ended(record("media_timeout"), now);
    expect(trace.timeout(now).map(({ callId, call }) => [callId, call]))
      .toEqual([["a", "id-of-a"], ["b", "id-of-a"]]);
  });

  test("RFC 3515 §2.4.3: the INVITE that a REFER brings about is of the same call", () => {
    setUp();
    const uri = "sip:bob@192.0.2.3";
    const refer = { cseq: 3, toTag: "2" };
    received(request("REFER", { ...refer, lines: [`Refer-To: <${uri}>`] }));
    sent(response(202, "Accepted", "REFER", refer));
    sent(request("INVITE", { callId: "b", uri }));
    received(response(200, "OK", "INVITE", { callId: "b" }));
    sent(request("ACK", { callId: "b", branch: "b-ack", toTag: "2" }));
    hangUp();
    trace.ended(record("caller_hangup"), now);
    expect(texts(trace.timeout(now))[1]).toMatch(/^> INVITE sip:bob@192\.0\.2\.3\n< 200 OK/);
    // A call of our own to the same place is another one
    setUp({ callId: "c" });
    sent(request("INVITE", { callId: "d", uri }));
    trace.ended(record("caller_hangup", "c"), now);
    expect(trace.timeout(now).map(({ callId }) => callId)).toEqual(["c"]);
  });

  test("a refused INVITE with Replaces is a ladder of its own", () => {
    setUp();
    const invite = request("INVITE", { callId: "b", lines: ["Replaces: a;to-tag=2;from-tag=1"] });
    received(invite);
    trace.refused({ statusCode: 488, reason: "codec", request: invite, flow: FLOW }, now);
    sent(response(488, "Not Acceptable Here", "INVITE", { callId: "b" }));
    expect(trace.timeout(now + 35_000).map(({ callId }) => callId)).toEqual(["b"]);
    expect(trace.size.legs).toBe(1);
  });
});

describe("the line of a message", () => {
  test("says where a session description wants its audio, and none of its keys", () => {
    const body = [
      "v=0",
      "o=- 1 1 IN IP4 192.0.2.2",
      "s=-",
      "c=IN IP4 192.0.2.9",
      "t=0 0",
      "a=sendonly",
      "m=audio 4000 RTP/SAVP 0",
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0",
      "",
    ].join("\r\n");
    const line = traceLine(request("INVITE", { lines: ["Content-Type: application/sdp"], body }));
    expect(line).toBe("INVITE sip:100@192.0.2.1 · SDP 192.0.2.9:4000 RTP/SAVP sendonly");
  });

  test("says that there are credentials, and nothing of them", () => {
    const lines = [
      'Authorization: Digest username="pbx", response="5ecre7"',
      'Proxy-Authorization: Digest username="pbx", response="5ecre7"',
    ];
    const line = traceLine(request("INVITE", { uri: "sip:100:5ecre7@192.0.2.1", lines }));
    expect(line).toBe("INVITE sip:100:…@192.0.2.1 · with credentials");
  });

  test("has the headers that matter, of a Refer-To the host", () => {
    const refer = request("REFER", {
      lines: ["Refer-To: <sip:b@192.0.2.7?Replaces=x%3Bto-tag%3D5>"],
    });
    expect(traceLine(refer)).toBe("REFER sip:100@192.0.2.1 · to 192.0.2.7");
    const warning = 'Warning: 305 voicegw "Incompatible media format"';
    expect(traceLine(response(488, "Not Acceptable Here", "INVITE", { lines: [warning] })))
      .toBe(`488 Not Acceptable Here (INVITE) · ${warning}`);
    const lines = ["Require: 100rel", "RSeq: 7"];
    expect(traceLine(response(183, "Session Progress", "INVITE", { lines })))
      .toBe("183 Session Progress (INVITE) · Require: 100rel · RSeq: 7");
    expect(traceLine(request("PRACK", { lines: ["RAck: 7 1 INVITE"] })))
      .toBe("PRACK sip:100@192.0.2.1 · RAck: 7 1 INVITE");
    const moved = ["Contact: <sip:x@192.0.2.8>"];
    expect(traceLine(response(302, "Moved", "INVITE", { lines: moved })))
      .toBe("302 Moved (INVITE) · to 192.0.2.8");
    const fragment = { lines: ["Content-Type: message/sipfrag"], body: "SIP/2.0 180 Ringing\r\n" };
    expect(traceLine(request("NOTIFY", fragment))).toBe(
      "NOTIFY sip:100@192.0.2.1 · says 180 Ringing",
    );
  });

  test("names the type of another body, and not what is in it", () => {
    const body = "Signal=1\r\nDuration=160\r\n";
    const line = traceLine(
      request("INFO", { lines: ["Content-Type: application/dtmf-relay"], body }),
    );
    expect(line).toBe("INFO sip:100@192.0.2.1 · application/dtmf-relay");
  });

  test("is printable and short, whatever the other side writes", () => {
    const lines = [`Reason: ${"x".repeat(500)}`, `Warning: ${"y".repeat(500)}`, "Event: \u001b[2J"];
    const line = traceLine(request("INVITE", { uri: `sip:${"z".repeat(900)}@a`, lines }));
    expect(line.length).toBeLessThanOrEqual(400);
    expect(line).not.toMatch(/\p{Cc}/u);
  });
});
