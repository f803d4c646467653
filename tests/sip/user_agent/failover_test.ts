import { describe, expect, test } from "bun:test";
import { serializeMessage } from "../../../src/sip/message/serialize.ts";
import type { Hop } from "../../../src/sip/transport/flow.ts";
import type { UserAgentOptions } from "../../../src/sip/user_agent/user_agent.ts";
import { flowTo, hopTo, OneAgent } from "../../support/one_agent.ts";

const HOPS = [hopTo("192.0.2.11"), hopTo("192.0.2.12"), hopTo("192.0.2.13")];

function calling(options: Partial<UserAgentOptions> = {}, hops: readonly Hop[] = HOPS) {
  const one = new OneAgent(options);
  const session = one.call({ hops });
  return { one, session };
}

/** Where the INVITEs went, retransmissions left out. */
function tried(one: OneAgent): string[] {
  const invites = one.sent.filter(({ message }) =>
    message.type === "request" && message.method === "INVITE"
  );
  const byBranch = new Map(invites.map((sent) => [sent.message.headers.via.branch, sent]));
  return [...byBranch.values()].map(({ flow, to }) => `${flow.transport} ${to.address}`);
}

describe("RFC 3263 §4.3 the next destination", () => {
  test("after 503: the same request, with another branch", () => {
    const { one } = calling();
    const first = one.lastRequest("INVITE");
    one.take();
    one.answer(first, 503, { tag: "x" });
    expect(one.takeNames()).toEqual(["ACK", "INVITE"]);
    expect(one.last("ACK").to.address).toBe("192.0.2.11");
    const second = one.lastRequest("INVITE");
    expect(tried(one)).toEqual(["udp 192.0.2.11", "udp 192.0.2.12"]);
    expect(second.headers.callId).toBe(first.headers.callId);
    expect(second.headers.cseq).toEqual(first.headers.cseq);
    expect(second.headers.from).toEqual(first.headers.from);
    expect(second.headers.getAll("Via")).toHaveLength(1);
    expect(second.headers.getAll("Contact")).toHaveLength(1);
    expect(second.headers.via.branch).not.toBe(first.headers.via.branch);
    expect(one.outputs).toEqual([]);
  });

  test("after 64·T1 without any response", () => {
    const { one } = calling();
    one.run(31_999);
    expect(tried(one)).toEqual(["udp 192.0.2.11"]);
    one.run(32_000);
    expect(tried(one)).toEqual(["udp 192.0.2.11", "udp 192.0.2.12"]);
    expect(one.told("rejected")).toEqual([]);
  });

  test("after a failure of the transport, at once", () => {
    const { one } = calling();
    one.act((agent, now) => agent.transportFailed(one.last("INVITE").flow, now));
    expect(tried(one)).toEqual(["udp 192.0.2.11", "udp 192.0.2.12"]);
  });

  test("when all have failed, the last failure is told", () => {
    const { one } = calling();
    one.answer(one.lastRequest("INVITE"), 503, { tag: "x" });
    one.act((agent, now) => agent.transportFailed(one.last("INVITE").flow, now));
    one.run(100_000);
    expect(tried(one)).toEqual(["udp 192.0.2.11", "udp 192.0.2.12", "udp 192.0.2.13"]);
    expect(one.told("rejected").map(({ statusCode, response }) => [statusCode, response]))
      .toEqual([[408, undefined]]);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
    const { one: other } = calling({}, HOPS.slice(0, 1));
    other.answer(other.lastRequest("INVITE"), 503, { tag: "x" });
    const [rejected] = other.told("rejected");
    expect(rejected?.statusCode).toBe(503);
    expect(rejected?.response?.statusCode).toBe(503);
    const { one: third } = calling({}, HOPS.slice(0, 1));
    third.act((agent, now) => agent.transportFailed(third.last("INVITE").flow, now));
    expect(third.told("rejected").map(({ statusCode, response }) => [statusCode, response]))
      .toEqual([[503, undefined]]);
  });

  test("not after any other refusal", () => {
    for (const statusCode of [302, 404, 408, 480, 486, 500, 502, 504, 600, 603]) {
      const { one } = calling();
      one.answer(one.lastRequest("INVITE"), statusCode, { tag: "x" });
      expect(tried(one)).toEqual(["udp 192.0.2.11"]);
      expect(one.told("rejected").map((output) => output.statusCode)).toEqual([statusCode]);
    }
  });

  test("the session is with the hop that answered: its ACK and BYE have that flow", () => {
    const hops = [hopTo("192.0.2.11"), hopTo("192.0.2.12", 5060, "tcp")];
    const { one, session } = calling({}, hops);
    one.answer(one.lastRequest("INVITE"), 503, { tag: "x" });
    const second = one.lastRequest("INVITE");
    const contact = "<sip:bob@192.0.2.12;transport=tcp>";
    one.answer(second, 200, { tag: "bob", contact, flow: hops[1]?.flow as Hop["flow"] });
    one.act((agent, now) => agent.hangup(session, [], now));
    for (const method of ["ACK", "BYE"]) {
      expect(one.last(method).flow).toEqual(hops[1]?.flow as Hop["flow"]);
      expect(one.last(method).message.headers.get("Via")).toContain("SIP/2.0/TCP");
    }
  });

  test("a request outside of sessions goes on as well", () => {
    const one = new OneAgent();
    const options = {
      method: "OPTIONS",
      requestUri: "sip:pbx",
      from: "<sip:us@pbx>",
      to: "<sip:pbx>",
      hops: HOPS,
    };
    one.act((agent, now) => agent.request(options, now).outputs);
    one.answer(one.lastRequest("OPTIONS"), 503, { tag: "x" });
    one.run(32_000);
    expect(one.last("OPTIONS").to.address).toBe("192.0.2.13");
    one.answer(one.lastRequest("OPTIONS"), 200, { tag: "x" });
    expect(one.told("response").map(({ statusCode }) => statusCode)).toEqual([200]);
  });
});

describe("RFC 3261 §9.1 CANCEL of an INVITE with several destinations", () => {
  test("follows the hop that was used last", () => {
    const { one, session } = calling();
    one.answer(one.lastRequest("INVITE"), 503, { tag: "x" });
    const second = one.lastRequest("INVITE");
    one.answer(second, 180, { tag: "bob" });
    one.act((agent, now) => agent.cancel(session, [], now));
    const cancel = one.last("CANCEL");
    expect(cancel.to.address).toBe("192.0.2.12");
    expect(cancel.message.headers.get("Via")).toBe(second.headers.get("Via") as string);
  });

  test("goes to the address of the hop, where that is not the far end of its flow", () => {
    const hop = {
      flow: flowTo({ address: "192.0.2.99", port: 5060 }),
      to: HOPS[0]?.to as Hop["to"],
    };
    const { one, session } = calling({}, [hop]);
    one.answer(one.lastRequest("INVITE"), 180, { tag: "bob" });
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.last("CANCEL").to).toEqual(hop.to);
  });

  test("waits for a provisional response of that hop, whatever the one before said", () => {
    const { one, session } = calling();
    one.answer(one.lastRequest("INVITE"), 100);
    one.answer(one.lastRequest("INVITE"), 503, { tag: "x" });
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.instants("CANCEL")).toEqual([]);
    one.answer(one.lastRequest("INVITE"), 100);
    expect(one.last("CANCEL").to.address).toBe("192.0.2.12");
  });

  test("a call that was given up is tried nowhere else", () => {
    const { one, session } = calling();
    one.act((agent, now) => agent.cancel(session, [], now));
    one.run(100_000);
    expect(tried(one)).toEqual(["udp 192.0.2.11"]);
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([408]);
    for (const fail of ["503", "timeout", "transport"]) {
      const { one: other, session: id } = calling();
      const invite = other.lastRequest("INVITE");
      other.answer(invite, 180, { tag: "bob" });
      other.act((agent, now) => agent.cancel(id, [], now));
      if (fail === "503") other.answer(invite, 503, { tag: "bob" });
      if (fail === "transport") {
        other.act((agent, now) => agent.transportFailed(other.last("INVITE").flow, now));
      }
      other.run(100_000);
      expect(tried(other)).toEqual(["udp 192.0.2.11"]);
      expect(other.told("rejected")).toHaveLength(1);
    }
  });
});

describe("RFC 3261 §18.1.1 requests that are too long for a datagram", () => {
  const BIG = { bytes: new Uint8Array(1200).fill(0x61), contentType: "application/sdp" };
  const streamHop = ({ to }: Hop): Hop => ({ flow: flowTo(to, "tcp"), to });

  function big(options: Partial<UserAgentOptions>, hops: readonly Hop[] = HOPS) {
    const one = new OneAgent(options);
    const session = one.call({ hops, body: BIG });
    return { one, session };
  }

  test("go over the stream, with its Via and Contact", () => {
    const { one } = big({ streamHop });
    const { message, flow, to } = one.last("INVITE");
    expect(flow.transport).toBe("tcp");
    expect(to.address).toBe("192.0.2.11");
    expect(message.headers.get("Via")).toContain("SIP/2.0/TCP ");
    expect(message.headers.get("Contact")).toContain("transport=tcp");
    one.run(10_000);
    expect(one.instants("INVITE")).toEqual([0]);
  });

  test("short ones do not", () => {
    const { one } = calling({ streamHop });
    expect(one.last("INVITE").flow.transport).toBe("udp");
  });

  test("none that goes over UDP has more than 1300 bytes, as long as there is a stream", () => {
    for (let bytes = 300; bytes < 1300; bytes += 7) {
      const one = new OneAgent({ streamHop });
      const body = { bytes: new Uint8Array(bytes).fill(0x61), contentType: "application/sdp" };
      const { outputs } = one.agent.invite({
        requestUri: "sip:bob@192.0.2.2",
        from: "<sip:us@192.0.2.1>",
        to: "<sip:bob@192.0.2.2>",
        hops: HOPS,
        body,
      }, 0);
      for (const output of outputs) {
        if (output.type !== "send" || output.flow.transport !== "udp") continue;
        expect(output.bytes.length).toBeLessThan(1301);
      }
    }
  });

  test("go over UDP all the same when the stream fails, to the same destination", () => {
    const { one } = big({ streamHop });
    one.act((agent, now) => agent.transportFailed(one.last("INVITE").flow, now));
    expect(tried(one)).toEqual(["tcp 192.0.2.11", "udp 192.0.2.11"]);
    expect(one.last("INVITE").message.headers.getAll("Contact")).toEqual(["<sip:192.0.2.1:5060>"]);
    one.act((agent, now) => agent.transportFailed(one.last("INVITE").flow, now));
    expect(tried(one).at(-1)).toBe("tcp 192.0.2.12");
  });

  test("go over UDP where there is no stream", () => {
    expect(big({}).one.last("INVITE").flow.transport).toBe("udp");
    expect(big({ streamHop: () => undefined }).one.last("INVITE").flow.transport).toBe("udp");
  });

  test("over a stream already, stay there", () => {
    const hops = [hopTo("192.0.2.11", 5061, "tls")];
    expect(big({ streamHop }, hops).one.last("INVITE").flow.transport).toBe("tls");
  });

  test("the CANCEL goes over the stream, too", () => {
    const { one, session } = big({ streamHop });
    one.answer(one.lastRequest("INVITE"), 180, { tag: "bob", flow: one.last("INVITE").flow });
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.last("CANCEL").flow.transport).toBe("tcp");
  });

  test("stay on the stream when they are challenged", () => {
    const one = new OneAgent({ streamHop });
    one.call({ hops: HOPS, body: BIG, credentials: { username: "us", password: "secret" } });
    const { flow } = one.last("INVITE");
    const lines = [`WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`];
    one.answer(one.lastRequest("INVITE"), 401, { tag: "x", lines, flow });
    expect(one.instants("INVITE")).toHaveLength(2);
    expect(one.last("INVITE").flow).toEqual(flow);
    expect(one.last("INVITE").message.headers.get("Contact")).toContain("transport=tcp");
  });

  test("count their credentials", () => {
    for (let bytes = 300; bytes < 1000; bytes += 7) {
      const one = new OneAgent({ streamHop });
      const body = { bytes: new Uint8Array(bytes).fill(0x61), contentType: "application/sdp" };
      one.call({ hops: HOPS, body, credentials: { username: "us", password: "secret" } });
      if (one.last("INVITE").flow.transport !== "udp") break;
      const lines = [`WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`];
      one.answer(one.lastRequest("INVITE"), 401, { tag: "x", lines });
      const { flow, message } = one.last("INVITE");
      if (flow.transport === "udp") {
        expect(serializeMessage(message).length).toBeLessThan(1301);
      }
    }
  });

  test("a call that was given up is not sent over UDP when its stream fails", () => {
    const { one, session } = big({ streamHop });
    one.act((agent, now) => agent.cancel(session, [], now));
    one.act((agent, now) => agent.transportFailed(one.last("INVITE").flow, now));
    expect(tried(one)).toEqual(["tcp 192.0.2.11"]);
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([503]);
  });
});
