import { describe, expect, test } from "bun:test";
import { formatLadder, ladderFields, ladderLine } from "../../cli/ladder.ts";
import { LadderLog } from "../../cli/ladder_log.ts";
import { openLog } from "../../cli/log.ts";
import { KEPT_FIRST, type Ladder, type LadderStep } from "../../src/gateway/trace_leg.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import type { Flow } from "../../src/sip/transport/flow.ts";

const STARTED_AT = new Date("2025-01-02T03:04:05.678Z");

const STEP: LadderStep = {
  direction: "received",
  afterMs: 0,
  peer: "udp://192.0.2.1:5060",
  text: "INVITE sip:100@a",
};

const LADDER: Ladder = {
  callId: "abc@pbx",
  call: "id",
  from: "alice",
  to: "100",
  startedAt: 0,
  steps: [STEP, { ...STEP, direction: "sent", afterMs: 12.4, text: "404 Not Found (INVITE)" }],
  leftOut: 0,
  end: "refused with 404",
};

const FLOW: Flow = {
  transport: "udp",
  listener: 0,
  local: { address: "192.0.2.2", port: 5060 },
  remote: { address: "192.0.2.1", port: 5060 },
};

function invite(callId: string): SipRequest {
  const lines = [
    "INVITE sip:100@192.0.2.2 SIP/2.0",
    `Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-${callId}`,
    "From: <sip:alice@192.0.2.1>;tag=1",
    "To: <sip:100@192.0.2.2>",
    `Call-ID: ${callId}`,
    "CSeq: 1 INVITE",
    "Content-Length: 0",
    "",
    "",
  ];
  return parseMessage(new TextEncoder().encode(lines.join("\r\n"))) as SipRequest;
}

describe("a ladder for a person", () => {
  test("has a heading, the Call-ID, and a line for each message", () => {
    expect(formatLadder(LADDER, STARTED_AT)).toBe(
      "  03:04:05.678  alice → 100 · udp://192.0.2.1:5060 · refused with 404\n" +
        "  Call-ID: abc@pbx\n" +
        "       0 ms  ◀──  INVITE sip:100@a\n" +
        "      12 ms  ──▶  404 Not Found (INVITE)\n",
    );
  });

  test("names the far end of each message when there are several", () => {
    const steps = [STEP, { ...STEP, peer: "tcp://[2001:db8::1]:5060" }];
    expect(formatLadder({ ...LADDER, steps }, STARTED_AT)).toBe(
      "  03:04:05.678  alice → 100 · 2 peers · refused with 404\n" +
        "  Call-ID: abc@pbx\n" +
        "       0 ms  ◀──  udp://192.0.2.1:5060      INVITE sip:100@a\n" +
        "       0 ms  ◀──  tcp://[2001:db8::1]:5060  INVITE sip:100@a\n",
    );
  });

  test("says how many messages it leaves out, and where", () => {
    const steps = Array.from({ length: KEPT_FIRST + 5 }, () => STEP);
    const lines = formatLadder({ ...LADDER, steps, leftOut: 7 }, STARTED_AT).split("\n");
    expect(lines[2 + KEPT_FIRST]).toContain("…  7 messages left out");
    expect(lines).toHaveLength(2 + KEPT_FIRST + 1 + 5 + 1);
  });

  test("moves no cursor", () => {
    const text = formatLadder({ ...LADDER, from: "a\u001b[2J", callId: "\u0007" }, STARTED_AT);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  test("is drawn alike for calls that we place", () => {
    expect(ladderLine({ direction: "sent", afterMs: 5.5, text: "BYE sip:a" }))
      .toBe("     6 ms  ──▶  BYE sip:a\n");
  });
});

describe("a ladder for a program", () => {
  test("is one object", () => {
    expect(ladderFields({ ...LADDER, leftOut: 3 }, STARTED_AT)).toEqual({
      call_id: "abc@pbx",
      call: "id",
      from: "alice",
      to: "100",
      started_at: STARTED_AT.getTime(),
      end: "refused with 404",
      left_out: 3,
      ladder: [
        {
          ms: 0,
          direction: "received",
          peer: "udp://192.0.2.1:5060",
          message: "INVITE sip:100@a",
        },
        {
          ms: 12,
          direction: "sent",
          peer: "udp://192.0.2.1:5060",
          message: "404 Not Found (INVITE)",
        },
      ],
    });
  });
});

describe("the log of ladders", () => {
  test("writes at most twenty a second, and says how many more there were", async () => {
    let written = "";
    let now = 0;
    const write = (text: string) => {
      written += text;
    };
    const log = await openLog({ level: "error", format: "pretty", write });
    let due: (() => void) | undefined;
    const ladders = new LadderLog({
      runtime: {
        now: () => now,
        wallClock: () => STARTED_AT.getTime() + now,
        setTimer: (callback) => {
          due = callback;
          return { cancel: () => {} };
        },
      },
      log,
      format: "pretty",
      trace: { mode: "all" },
    });
    for (let count = 0; count < 25; count++) {
      const request = invite(`call-${count}`);
      ladders.observer.message("received", request, FLOW, now);
      ladders.observer.refused({ statusCode: 404, reason: "no", request, flow: FLOW }, now);
    }
    now = 5000;
    due?.();
    ladders.close();
    log.flush();
    expect(written.match(/Call-ID: /g)).toHaveLength(20);
    expect(written).toContain("5 more ladders were left out: too many calls at once\n");
  });
});
