import { describe, expect, test } from "bun:test";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import type { SipTransport } from "../../../src/sip/transport/flow.ts";
import { flowTo, hopTo, OneAgent, SDP } from "../../support/one_agent.ts";

const ANSWER = "v=0\r\n";

function calling() {
  const one = new OneAgent();
  const session = one.call();
  const invite = one.lastRequest("INVITE");
  one.take();
  return { one, session, invite };
}

/** Method and To tag of each: `ACK bob`. */
function named(sent: readonly { readonly message: unknown }[]): string[] {
  return sent.map(({ message }) => message as SipRequest)
    .map(({ method, headers }) => `${method} ${headers.to.tag}`);
}

describe("RFC 3261 §13.2.2.4 an INVITE of ours that a proxy forked", () => {
  test("each 1xx is told, the first 2xx is the session", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.answer(invite, 183, { tag: "carol" });
    one.answer(invite, 200, { tag: "carol", body: ANSWER });
    expect(one.told("progress").map(({ response }) => response.headers.to.tag))
      .toEqual(["bob", "carol"]);
    expect(one.told("accepted")).toHaveLength(1);
    expect(one.agent.dialogOf(session)).toEqual({
      callId: invite.headers.callId,
      localTag: session,
      remoteTag: "carol",
      remoteTarget: "sip:bob@192.0.2.2",
    });
    expect(named(one.take())).toEqual(["ACK carol"]);
  });

  test("a 2xx that comes again gets the same ACK and is not told again", () => {
    const { one, invite } = calling();
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    const [first] = one.take();
    one.run(500);
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    const [second] = one.take();
    expect(second?.message.headers.get("Via")).toBe(first?.message.headers.get("Via") as string);
    expect(named([first, second] as never)).toEqual(["ACK bob", "ACK bob"]);
    expect(one.told("accepted")).toHaveLength(1);
  });

  test("a second 2xx gets ACK and BYE in its own dialog; repeated, the ACK alone", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    one.take();
    one.answer(invite, 200, { tag: "carol", contact: "<sip:carol@192.0.2.3>", body: ANSWER });
    expect(named(one.take())).toEqual(["ACK carol", "BYE carol"]);
    const bye = one.last("BYE");
    expect(bye.to.address).toBe("192.0.2.3");
    expect((bye.message as SipRequest).requestUri).toBe("sip:carol@192.0.2.3");
    expect(bye.message.headers.cseq.sequence).toBe(2);
    one.answer(invite, 200, { tag: "carol", contact: "<sip:carol@192.0.2.3>", body: ANSWER });
    expect(named(one.take())).toEqual(["ACK carol"]);
    one.answer(one.lastRequest("BYE"), 200);
    expect(one.told("terminated")).toEqual([]);
    expect(one.told("accepted")).toHaveLength(1);
    // The one that we keep is ended on its own
    one.act((agent, now) => agent.hangup(session, [], now));
    expect(named(one.take())).toEqual(["BYE bob"]);
  });

  test("what a fork that we left still sends does not touch the session", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "carol" });
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    one.answer(invite, 200, { tag: "carol", body: ANSWER });
    const carol = one.peerDialog(session, invite, "carol");
    expect(one.ask(carol, "INVITE", { body: ANSWER })?.statusCode).toBe(481);
    expect(one.ask(carol, "UPDATE", { body: ANSWER })?.statusCode).toBe(481);
    expect(one.ask(carol, "INFO")?.statusCode).toBe(481);
    expect(one.ask(carol, "BYE")?.statusCode).toBe(200);
    expect(one.ask(carol, "BYE")?.statusCode).toBe(481);
    expect(one.told("bye")).toEqual([]);
    expect(one.told("reinvite")).toEqual([]);
    expect(one.told("terminated")).toEqual([]);
    expect(one.agent.dialogOf(session)?.remoteTag).toBe("bob");
    // The one in use is untouched
    expect(one.ask(one.peerDialog(session, invite, "bob"), "BYE")?.statusCode).toBe(200);
    expect(one.told("bye")).toHaveLength(1);
  });

  test("a BYE in an early dialog ends that one alone", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.answer(invite, 180, { tag: "carol" });
    expect(one.ask(one.peerDialog(session, invite, "bob"), "BYE")?.statusCode).toBe(200);
    expect(one.told("terminated")).toEqual([]);
    one.answer(invite, 200, { tag: "carol", body: ANSWER });
    expect(one.told("accepted")).toHaveLength(1);
  });

  test("a 2xx that crosses our CANCEL gets ACK and BYE; the session is gone with the BYE", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.act((agent, now) => agent.cancel(session, [["Reason", "SIP;cause=487"]], now));
    expect(one.takeNames()).toEqual(["CANCEL"]);
    expect(one.last("CANCEL").message.headers.get("Reason")).toBe("SIP;cause=487");
    one.answer(one.lastRequest("CANCEL"), 200);
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    expect(named(one.take())).toEqual(["ACK bob", "BYE bob"]);
    expect(one.ask(one.peerDialog(session, invite, "bob"), "INFO")?.statusCode).toBe(481);
    one.take();
    one.answer(invite, 200, { tag: "bob", body: ANSWER });
    one.answer(invite, 200, { tag: "carol", body: ANSWER });
    expect(named(one.take())).toEqual(["ACK bob", "ACK carol", "BYE carol"]);
    expect(one.told("accepted")).toEqual([]);
    const bobs = one.sent.map(({ message }) => message as SipRequest)
      .find(({ method, headers }) => method === "BYE" && headers.to.tag === "bob") as SipRequest;
    one.answer(bobs, 200);
    expect(one.told("terminated")).toHaveLength(1);
    one.run(100_000);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("a 2xx that cannot be used fails the call instead of keeping it for ever", () => {
    const { one, invite } = calling();
    one.answer(invite, 200, { tag: "bob", contact: "<sip:broken", body: ANSWER });
    one.answer(invite, 200, { tag: "bob", contact: "<sip:broken", body: ANSWER });
    expect(one.told("rejected").map(({ statusCode, reasonPhrase }) => [statusCode, reasonPhrase]))
      .toEqual([[502, "Bad Gateway"]]);
    expect(one.told("terminated")).toHaveLength(1);
    // Another fork may still answer: it is left
    one.take();
    one.answer(invite, 200, { tag: "carol", body: ANSWER });
    expect(named(one.take())).toEqual(["ACK carol", "BYE carol"]);
    one.run(100_000);
    expect(one.told("accepted")).toEqual([]);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("§9.1 a CANCEL waits for a provisional response, and is none without one", () => {
    const { one, session, invite } = calling();
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.takeNames()).toEqual([]);
    one.run(300);
    one.answer(invite, 100);
    expect(one.takeNames()).toEqual(["CANCEL"]);
    const { headers, requestUri } = one.lastRequest("CANCEL");
    expect(requestUri).toBe(invite.requestUri);
    for (const name of ["From", "To", "Call-ID"]) {
      expect(headers.get(name)).toBe(invite.headers.get(name) as string);
    }
    expect(headers.getAll("Via")).toEqual(invite.headers.getAll("Via").slice(0, 1));
    expect(headers.cseq).toEqual({ sequence: 1, method: "CANCEL" });
    expect([invite.headers.maxForwards, headers.maxForwards]).toEqual([70, 70]);
    one.answer(one.lastRequest("CANCEL"), 200);
    one.answer(invite, 487, { tag: "bob" });
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([487]);
  });

  test("§9.1 a cancelled INVITE without final response is over at 64·T1", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.run(1000);
    one.act((agent, now) => agent.cancel(session, [], now));
    one.run(100_000);
    expect(one.toldAt("rejected")).toEqual([33_000]);
    expect(one.agent.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("cancelling again, or after the answer, changes nothing", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.act((agent, now) => agent.cancel(session, [], now));
    one.act((agent, now) => agent.cancel(session, [], now));
    one.answer(invite, 183, { tag: "bob" });
    expect(one.takeNames()).toEqual(["CANCEL"]);
    const other = calling();
    other.one.answer(other.invite, 200, { tag: "bob" });
    other.one.take();
    other.one.act((agent, now) => agent.cancel(other.session, [], now));
    expect(other.one.takeNames()).toEqual([]);
    expect(other.one.agent.dialogOf(other.session)).toBeDefined();
  });

  test("hanging up before the answer cancels", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 180, { tag: "bob" });
    one.act((agent, now) => agent.hangup(session, [], now));
    expect(one.takeNames()).toEqual(["CANCEL"]);
  });
});

describe("RFC 3261 §12.1.2, §13.2.2.4 route sets", () => {
  const loose = (...hosts: readonly string[]) =>
    hosts.map((host) => `Record-Route: <sip:${host};lr>`);

  test("the calling side reverses Record-Route, and goes through the nearest proxy first", () => {
    const { one, session, invite } = calling();
    one.answer(invite, 200, { tag: "bob", lines: loose("192.0.2.51", "192.0.2.50") });
    one.act((agent, now) => agent.hangup(session, [], now));
    for (const method of ["ACK", "BYE"]) {
      const { message, to } = one.last(method);
      expect(message.headers.routes).toEqual(["<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>"]);
      expect((message as SipRequest).requestUri).toBe("sip:bob@192.0.2.2");
      expect(to).toEqual({ address: "192.0.2.50", port: 5060 });
    }
  });

  test("the called side keeps the order, and echoes it in its responses", () => {
    const one = new OneAgent();
    const lines = loose("192.0.2.51", "192.0.2.50");
    const dialog = one.calledAnswered({ lines });
    const { headers } = one.last("200 INVITE").message;
    expect(headers.recordRoutes).toEqual(["<sip:192.0.2.51;lr>", "<sip:192.0.2.50;lr>"]);
    one.act((agent, now) => agent.hangup(dialog.session, [], now));
    const { message, to } = one.last("BYE");
    expect(message.headers.routes).toEqual(["<sip:192.0.2.51;lr>", "<sip:192.0.2.50;lr>"]);
    expect(to.address).toBe("192.0.2.51");
  });

  test("the 2xx sets the route set anew; the PRACK goes through that of the 1xx", () => {
    const { one, session, invite } = calling();
    const reliable = ["Require: 100rel", "RSeq: 1"];
    one.answer(invite, 183, { tag: "bob", lines: [...reliable, ...loose("192.0.2.50")] });
    one.answer(invite, 200, { tag: "bob", lines: loose("192.0.2.60") });
    one.act((agent, now) => agent.hangup(session, [], now));
    expect(one.lastRequest("PRACK").headers.routes).toEqual(["<sip:192.0.2.50;lr>"]);
    expect(one.last("PRACK").to.address).toBe("192.0.2.50");
    expect(one.lastRequest("ACK").headers.routes).toEqual(["<sip:192.0.2.60;lr>"]);
    expect(one.lastRequest("BYE").headers.routes).toEqual(["<sip:192.0.2.60;lr>"]);
  });

  test("each fork has its own", () => {
    const { one, invite } = calling();
    one.answer(invite, 180, { tag: "bob", lines: loose("192.0.2.50") });
    one.answer(invite, 200, { tag: "carol", lines: loose("192.0.2.60") });
    expect(one.last("ACK").to.address).toBe("192.0.2.60");
    one.answer(invite, 200, { tag: "bob", lines: loose("192.0.2.50") });
    expect(one.last("BYE").to.address).toBe("192.0.2.50");
  });

  test("§12.2.1.1 a strict first router gets the Request-URI, the target the last Route", () => {
    const { one, session, invite } = calling();
    const strict = "Record-Route: <sip:192.0.2.50>";
    const reliable = ["Require: 100rel", "RSeq: 1"];
    one.answer(invite, 183, { tag: "bob", lines: [...reliable, ...loose("192.0.2.51"), strict] });
    one.answer(invite, 200, { tag: "bob", lines: [...loose("192.0.2.51"), strict] });
    one.act((agent, now) => agent.hangup(session, [], now));
    for (const method of ["PRACK", "ACK", "BYE"]) {
      const { message, to } = one.last(method);
      expect((message as SipRequest).requestUri).toBe("sip:192.0.2.50");
      expect(message.headers.routes).toEqual(["<sip:192.0.2.51;lr>", "<sip:bob@192.0.2.2>"]);
      expect(to.address).toBe("192.0.2.50");
    }
  });

  test("§8.1.2 our INVITE through given proxies, loose or strict; its CANCEL as well", () => {
    const one = new OneAgent();
    const session = one.call({ routes: ["<sip:192.0.2.50;lr>"], hops: [hopTo("192.0.2.50")] });
    const invite = one.lastRequest("INVITE");
    expect(invite.headers.routes).toEqual(["<sip:192.0.2.50;lr>"]);
    expect(invite.requestUri).toBe("sip:bob@192.0.2.2");
    one.answer(invite, 180, { tag: "bob" });
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.lastRequest("CANCEL").headers.routes).toEqual(["<sip:192.0.2.50;lr>"]);
    expect(one.last("CANCEL").to.address).toBe("192.0.2.50");
    one.call({ routes: ["<sip:192.0.2.50>"], hops: [hopTo("192.0.2.50")] });
    const strict = one.lastRequest("INVITE");
    expect(strict.requestUri).toBe("sip:192.0.2.50");
    expect(strict.headers.routes).toEqual(["<sip:bob@192.0.2.2>"]);
  });
});

describe("RFC 3261 §8.1.1.7, §8.1.1.8 Via and Contact by the transport of the flow", () => {
  const rows: readonly [SipTransport, string][] = [
    ["udp", "<sip:192.0.2.1:5060>"],
    ["tcp", "<sip:192.0.2.1:5060;transport=tcp>"],
    ["tls", "<sip:192.0.2.1:5060;transport=tls>"],
    ["ws", "<sip:192.0.2.1:5060;transport=ws>"],
    ["wss", "<sips:192.0.2.1:5060;transport=ws>"],
  ];
  for (const [transport, contact] of rows) {
    test(`${transport}: in INVITE, ACK and BYE of ours, and in our 2xx`, () => {
      const one = new OneAgent();
      const hop = hopTo("192.0.2.2", 5060, transport);
      const session = one.call({ hops: [hop] });
      const invite = one.lastRequest("INVITE");
      expect(invite.headers.get("Contact")).toBe(contact);
      const words = { tag: "bob", flow: hop.flow, body: ANSWER };
      const parameter = transport === "udp" ? "" : `;transport=${transport}`;
      one.answer(invite, 200, { ...words, contact: `<sip:bob@192.0.2.2:5060${parameter}>` });
      one.act((agent, now) => agent.hangup(session, [], now));
      for (const method of ["INVITE", "ACK", "BYE"]) {
        const { message, flow, to } = one.last(method);
        expect(message.headers.get("Via")).toMatch(
          new RegExp(
            `^SIP/2.0/${transport.toUpperCase()} 192.0.2.1:5060;rport;branch=z9hG4bK\\w+$`,
          ),
        );
        expect(flow).toEqual(hop.flow);
        expect(to).toEqual({ address: "192.0.2.2", port: 5060 });
      }
      const other = new OneAgent();
      const flow = flowTo({ address: "192.0.2.2", port: 40_000 }, transport);
      const dialog = other.called({ flow, body: ANSWER });
      const answer = { statusCode: 200, body: SDP };
      other.act((agent, now) => agent.answer(dialog.session, answer, now));
      expect(other.last("200 INVITE").message.headers.get("Contact")).toBe(contact);
    });
  }

  test("sips: is answered with sips: over TLS, and kept within the dialog", () => {
    const secure = "<sips:192.0.2.1:5060;transport=tls>";
    const one = new OneAgent();
    const hop = hopTo("192.0.2.2", 5061, "tls");
    const session = one.call({ hops: [hop], requestUri: "sips:bob@192.0.2.2" });
    const invite = one.lastRequest("INVITE");
    expect(invite.headers.get("Contact")).toBe(secure);
    const contact = "<sips:bob@192.0.2.2>";
    one.answer(invite, 200, { tag: "bob", flow: hop.flow, body: ANSWER, contact });
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    expect(one.lastRequest("INVITE").headers.get("Contact")).toBe(secure);
    for (const transport of ["tls", "tcp"] as const) {
      const other = new OneAgent();
      const flow = flowTo({ address: "192.0.2.2", port: 40_000 }, transport);
      const dialog = other.called({ flow, uri: "sips:bot@192.0.2.1", body: ANSWER });
      const answer = { statusCode: 200, body: SDP };
      other.act((agent, now) => agent.answer(dialog.session, answer, now));
      // A proxy in front of us has ended TLS
      const plain = "<sip:192.0.2.1:5060;transport=tcp>";
      expect(other.last("200 INVITE").message.headers.get("Contact"))
        .toBe(transport === "tls" ? secure : plain);
    }
  });

  test("a connection that the caller opened carries our BYE, whatever its Contact says", () => {
    for (const transport of ["ws", "wss"] as const) {
      const one = new OneAgent();
      const flow = flowTo({ address: "192.0.2.2", port: 40_000 }, transport);
      // RFC 7118 §5: a browser cannot be reached at its Contact
      const contact = `<sip:x@df7jal23ls0d.invalid;transport=ws>`;
      const dialog = one.calledAnswered({ flow, contact });
      one.act((agent, now) => agent.hangup(dialog.session, [], now));
      expect(one.last("BYE").flow).toEqual(flow);
      expect(one.last("BYE").to).toEqual(flow.remote);
      expect(one.lastRequest("BYE").requestUri).toBe("sip:x@df7jal23ls0d.invalid;transport=ws");
    }
  });

  test("an IPv6 address of ours stands in brackets", () => {
    const one = new OneAgent({ identity: () => ({ address: "2001:db8::1", port: 5080 }) });
    one.call();
    const { headers } = one.lastRequest("INVITE");
    expect(headers.get("Via")).toContain("SIP/2.0/UDP [2001:db8::1]:5080;");
    expect(headers.get("Contact")).toBe("<sip:[2001:db8::1]:5080>");
  });
});
