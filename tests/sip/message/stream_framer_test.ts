import { describe, expect, test } from "bun:test";
import { SIP_LIMITS } from "../../../src/sip/message/limits.ts";
import { type FramerOutput, StreamFramer } from "../../../src/sip/message/stream_framer.ts";
import { bytesOf, INVITE, inviteAnd, inviteWith, OK, refusalOf, textOf } from "./fixtures.ts";

/** Outputs as text, a ping as the word. */
function shown(outputs: readonly FramerOutput[]): string[] {
  return outputs.map((one) => one.type === "ping" ? "ping" : textOf(one.bytes));
}

function frame(text: string): string[] {
  return shown(new StreamFramer().receive(bytesOf(text)));
}

describe("RFC 3261 §18.3 messages on a stream", () => {
  test("are cut by Content-Length", () => {
    expect(frame(INVITE + OK + INVITE)).toEqual([INVITE, OK, INVITE]);
  });

  test("take the compact form, folded and with white space", () => {
    const text = inviteWith("Content-Length", "l \t:\r\n 3");
    const whole = text.slice(0, text.indexOf("v=0") + 3);
    expect(frame(whole)).toEqual([whole]);
  });

  test("come out the same byte by byte", () => {
    const text = `\r\n${INVITE}\r\n\r\n${OK}\r\n${INVITE}`;
    const framer = new StreamFramer();
    const outputs = [...bytesOf(text)].flatMap((byte) => framer.receive(Uint8Array.of(byte)));
    expect(shown(outputs)).toEqual([INVITE, "ping", OK, INVITE]);
    expect(shown(outputs)).toEqual(frame(text));
  });

  test("are copies: neither the input nor a later message changes them", () => {
    const framer = new StreamFramer();
    const input = bytesOf(OK);
    const [first] = framer.receive(input);
    input.fill(0);
    framer.receive(bytesOf(INVITE));
    expect(first?.type === "message" && textOf(first.bytes)).toBe(OK);
  });

  test("wait for their last byte", () => {
    const framer = new StreamFramer();
    expect(framer.receive(bytesOf(INVITE.slice(0, -1)))).toEqual([]);
    expect(shown(framer.receive(bytesOf(INVITE.slice(-1))))).toEqual([INVITE]);
    expect(framer.receive(new Uint8Array(0))).toEqual([]);
  });

  test("many in a row need no more memory than one", () => {
    const framer = new StreamFramer();
    for (let count = 0; count < 2_000; count++) {
      expect(framer.receive(bytesOf(INVITE))).toHaveLength(1);
    }
  });
});

describe("RFC 5626 §3.5.1 keep-alives", () => {
  test("two line breaks are a ping, one is a pong and no output", () => {
    expect(frame("\r\n\r\n")).toEqual(["ping"]);
    expect(frame("\r\n")).toEqual([]);
    expect(frame("\r\n\r\n\r\n\r\n")).toEqual(["ping", "ping"]);
    expect(frame(`\r\n${OK}\r\n`)).toEqual([OK]);
  });
});

describe("a stream that cannot go on", () => {
  test.each([
    ["is missing", undefined],
    ["is not a number", "Content-Length: x"],
    ["is negative", "Content-Length: -1"],
    ["comes twice", "Content-Length: 3\r\nl: 3"],
  ])("a Content-Length that %s ends it, with the request to answer", (_, line) => {
    const framer = new StreamFramer();
    const text = inviteWith("Content-Length", line);
    const refusal = refusalOf(() => framer.receive(bytesOf(text)));
    expect(refusal.statusCode).toBe(400);
    expect(refusal.request?.headers.callId).toBe("a84b4c76e66710@192.0.2.5");
    expect(framer.failure).toBe(refusal);
    expect(refusalOf(() => framer.receive(bytesOf(OK)))).toBe(refusal);
  });

  test("a malformed header does not end it: the message is refused by the parser", () => {
    const text = inviteAnd("no colon");
    expect(frame(text + OK)).toEqual([text, OK]);
  });

  test("what came before the fault comes out first", () => {
    const framer = new StreamFramer();
    const broken = inviteWith("Content-Length", undefined);
    expect(shown(framer.receive(bytesOf(OK + broken)))).toEqual([OK]);
    expect(framer.failure?.statusCode).toBe(400);
    expect(() => framer.receive(new Uint8Array(0))).toThrow("Content-Length");
  });

  test("CR or LF alone between messages ends it", () => {
    for (const text of ["\rX", "\n", "\r\n\n", "\r\r"]) {
      expect(refusalOf(() => frame(text)).statusCode).toBe(400);
    }
  });

  test("limits end it before more is kept", () => {
    const limits = { ...SIP_LIMITS, messageBytesMax: 1_000, bodyBytesMax: 50 };
    const status = (text: string) =>
      refusalOf(() => new StreamFramer(limits).receive(bytesOf(text))).statusCode;
    expect(status("x".repeat(1_001))).toBe(513);
    expect(status(inviteAnd(`X: ${"x".repeat(1_000)}`))).toBe(513);
    expect(status(inviteWith("Content-Length", "Content-Length: 51"))).toBe(413);
    const loose = { ...limits, bodyBytesMax: 4_000_000_000 };
    const long = inviteWith("Content-Length", "Content-Length: 4000000000");
    expect(refusalOf(() => new StreamFramer(loose).receive(bytesOf(long))).statusCode).toBe(513);
  });

  test("a head that never ends is cut off however slowly it comes", () => {
    const framer = new StreamFramer({ ...SIP_LIMITS, messageBytesMax: 500 });
    const drip = () => {
      for (let count = 0; count < 1_000; count++) framer.receive(bytesOf("a"));
    };
    expect(refusalOf(drip).statusCode).toBe(513);
  });
});
