import { describe, expect, test } from "bun:test";
import type { SipResponse } from "../../../src/sip/message/message.ts";
import { OneAgent } from "../../support/one_agent.ts";

/** A request with a Max-Forwards that cannot be read. */
function feedBroken(method: string, via = "192.0.2.2:5060;rport"): OneAgent {
  const one = new OneAgent();
  one.feed([
    `${method} sip:bot@192.0.2.1 SIP/2.0`,
    `Via: SIP/2.0/UDP ${via};branch=z9hG4bKb`,
    "Max-Forwards: many",
    "From: <sip:ann@192.0.2.2>;tag=ann",
    "To: <sip:bot@192.0.2.1>",
    "Call-ID: c",
    `CSeq: 1 ${method}`,
  ]);
  return one;
}

describe("RFC 3261 §8.2, RFC 4475 requests that cannot be read", () => {
  test("get 400 with a tag of ours, to where they came from", () => {
    const one = feedBroken("INVITE", "10.0.0.9:5070;rport");
    expect(one.sent).toHaveLength(1);
    const { message, to } = one.sent[0] as (typeof one.sent)[number];
    expect((message as SipResponse).statusCode).toBe(400);
    expect(message.headers.via).toMatchObject({ received: "192.0.2.2", rport: 5060 });
    expect(message.headers.to.tag).toBeDefined();
    expect(to).toEqual({ address: "192.0.2.2", port: 5060 });
    expect(one.told("ignored")).toHaveLength(0);
    expect(one.told("refused").map(({ statusCode }) => statusCode)).toEqual([400]);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("an ACK gets nothing, nor does what is no request at all", () => {
    const ack = feedBroken("ACK");
    expect(ack.sent).toEqual([]);
    expect(ack.told("ignored")).toHaveLength(1);
    const noise = new OneAgent();
    noise.feed(["hello"]);
    noise.feed(["SIP/2.0 200 OK", "CSeq: many INVITE"]);
    expect(noise.sent).toEqual([]);
    expect(noise.told("ignored")).toHaveLength(2);
  });

  test("a response to nothing of ours is ignored", () => {
    const one = new OneAgent();
    const session = one.call();
    const invite = one.lastRequest("INVITE");
    const headers = invite.headers.clone().set("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother");
    one.answer({ ...invite, headers }, 200, { tag: "bob" });
    expect(one.told("accepted")).toEqual([]);
    expect(one.told("ignored")).toHaveLength(1);
    expect(one.agent.dialogOf(session)).toBeUndefined();
  });
});
