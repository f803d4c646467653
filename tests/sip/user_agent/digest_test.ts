import { describe, expect, test } from "bun:test";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import { hopTo, OneAgent, SDP } from "../../support/one_agent.ts";
import { hash } from "../../support/two_agents.ts";

const credentials = { username: "us", password: "secret" };

const SERVER = `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5`;
const PROXY = `Proxy-Authenticate: Digest realm="edge", nonce="p1", qop="auth", algorithm=MD5`;

function parameter(value: string | undefined, name: string): string | undefined {
  return new RegExp(`[ ,]${name}="?([^",]*)`).exec(value ?? "")?.[1];
}

/** RFC 7616 §3.4.1, computed here from what the header itself says. */
function isRight(request: SipRequest, header = "Authorization", method = request.method): boolean {
  const value = request.headers.get(header);
  const get = (name: string) => parameter(value, name);
  const ha1 = hash("md5", `us:${get("realm")}:secret`);
  const ha2 = hash("md5", `${method}:${get("uri")}`);
  const text = [ha1, get("nonce"), get("nc"), get("cnonce"), get("qop"), ha2].join(":");
  return get("uri") === request.requestUri && get("response") === hash("md5", text);
}

function challengedCall(lines: readonly string[] = [SERVER], statusCode = 401) {
  const one = new OneAgent();
  const session = one.call({ credentials });
  const first = one.lastRequest("INVITE");
  one.take();
  one.answer(first, statusCode, { tag: "x", lines });
  return { one, session, first };
}

describe("RFC 3261 §22.2 our INVITE is challenged", () => {
  test("401: ACK, then the same call with CSeq + 1, another branch and Authorization", () => {
    const { one, first } = challengedCall();
    expect(one.takeNames()).toEqual(["ACK", "INVITE"]);
    const ack = one.lastRequest("ACK");
    const second = one.lastRequest("INVITE");
    expect(ack.headers.cseq.sequence).toBe(1);
    expect(ack.headers.to.tag).toBe("x");
    expect(second.headers.cseq.sequence).toBe(2);
    expect(second.headers.callId).toBe(first.headers.callId);
    expect(second.headers.get("From")).toBe(first.headers.get("From"));
    expect(second.headers.get("To")).toBe(first.headers.get("To"));
    expect(second.requestUri).toBe(first.requestUri);
    expect(second.body).toEqual(first.body);
    expect(second.headers.via.branch).not.toBe(first.headers.via.branch);
    expect(second.headers.getAll("Via")).toHaveLength(1);
    expect(second.headers.getAll("Contact")).toHaveLength(1);
    expect(isRight(second)).toBe(true);
    expect(parameter(second.headers.get("Authorization"), "nc")).toBe("00000001");
    expect(one.outputs).toEqual([]);
  });

  test("407: Proxy-Authorization", () => {
    const { one } = challengedCall([PROXY], 407);
    const second = one.lastRequest("INVITE");
    expect(isRight(second, "Proxy-Authorization")).toBe(true);
    expect(second.headers.get("Authorization")).toBeUndefined();
  });

  test("a proxy and then the server behind it: both are answered", () => {
    const { one } = challengedCall([PROXY], 407);
    one.answer(one.lastRequest("INVITE"), 401, { tag: "y", lines: [SERVER] });
    const third = one.lastRequest("INVITE");
    expect(third.headers.cseq.sequence).toBe(3);
    expect(isRight(third)).toBe(true);
    expect(isRight(third, "Proxy-Authorization")).toBe(true);
    expect(one.instants("INVITE")).toHaveLength(3);
  });

  test("both in one response: both are answered", () => {
    const { one } = challengedCall([SERVER, PROXY]);
    const second = one.lastRequest("INVITE");
    expect(isRight(second)).toBe(true);
    expect(isRight(second, "Proxy-Authorization")).toBe(true);
  });

  test("stale: the new nonce is answered, once", () => {
    const { one } = challengedCall();
    const stale = `${SERVER.replace("n1", "n2")}, stale=true`;
    one.answer(one.lastRequest("INVITE"), 401, { tag: "y", lines: [stale] });
    const third = one.lastRequest("INVITE");
    expect(third.headers.cseq.sequence).toBe(3);
    expect(parameter(third.headers.get("Authorization"), "nonce")).toBe("n2");
    one.answer(third, 401, { tag: "z", lines: [stale.replace("n2", "n3")] });
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([401]);
  });

  test("the wrong password: 401 reaches the owner after one try", () => {
    const { one } = challengedCall();
    one.take();
    one.answer(one.lastRequest("INVITE"), 401, { tag: "y", lines: [SERVER] });
    expect(one.takeNames()).toEqual(["ACK"]);
    expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([401]);
    expect(one.told("terminated")).toHaveLength(1);
    expect(one.agent.size.sessions).toBe(0);
  });

  test("proxies that challenge without end are left", () => {
    const { one } = challengedCall();
    for (let realm = 0; realm < 20 && one.told("rejected").length === 0; realm++) {
      const lines = [SERVER.replace("pbx", `realm-${realm}`)];
      one.answer(one.lastRequest("INVITE"), 401, { tag: `y${realm}`, lines });
    }
    expect(one.told("rejected")).toHaveLength(1);
    expect(one.lastRequest("INVITE").headers.cseq.sequence).toBeLessThan(9);
  });

  test("without credentials, or without hash functions, 401 reaches the owner", () => {
    for (const [options, extra] of [[{}, {}], [{ hash: undefined }, { credentials }]] as const) {
      const one = new OneAgent(options as object);
      one.call(extra);
      one.answer(one.lastRequest("INVITE"), 401, { tag: "x", lines: [SERVER] });
      expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([401]);
      expect(one.instants("INVITE")).toHaveLength(1);
    }
  });

  test("a challenge that nobody can answer (Basic, unknown algorithm) reaches the owner", () => {
    for (const line of [`WWW-Authenticate: Basic realm="pbx"`, SERVER.replace("MD5", "WHIRL")]) {
      const { one } = challengedCall([line]);
      expect(one.told("rejected").map(({ statusCode }) => statusCode)).toEqual([401]);
    }
  });

  test("§9.1: a call that was given up is not sent again", () => {
    const one = new OneAgent();
    const session = one.call({ credentials });
    const invite = one.lastRequest("INVITE");
    one.answer(invite, 100);
    one.act((agent, now) => agent.cancel(session, [], now));
    one.answer(invite, 401, { tag: "x", lines: [SERVER] });
    expect(one.instants("INVITE")).toHaveLength(1);
    expect(one.told("rejected")).toHaveLength(1);
  });

  test("§9.1: the CANCEL of the second try waits for a provisional response to that one", () => {
    const one = new OneAgent();
    const session = one.call({ credentials });
    one.answer(one.lastRequest("INVITE"), 100);
    one.answer(one.lastRequest("INVITE"), 401, { tag: "x", lines: [SERVER] });
    one.take();
    one.act((agent, now) => agent.cancel(session, [], now));
    expect(one.takeNames()).toEqual([]);
    const second = one.lastRequest("INVITE");
    one.answer(second, 100);
    expect(one.takeNames()).toEqual(["CANCEL"]);
    const cancel = one.lastRequest("CANCEL");
    expect(cancel.headers.cseq.sequence).toBe(2);
    expect(cancel.headers.get("Via")).toBe(second.headers.get("Via") as string);
    // §22.1: a CANCEL cannot be challenged, and needs no credentials
    expect(cancel.headers.has("Authorization")).toBe(false);
  });
});

describe("RFC 3261 §22.1, §22.2 credentials within the dialog", () => {
  function answered() {
    const { one, session, first } = challengedCall();
    const second = one.lastRequest("INVITE");
    one.take();
    one.answer(second, 200, { tag: "bob", body: "v=0\r\n" });
    return { one, session, second, dialog: one.peerDialog(session, first, "bob") };
  }

  test("the ACK of the 2xx carries those of the INVITE", () => {
    const { one, second } = answered();
    const ack = one.lastRequest("ACK");
    expect(ack.headers.cseq.sequence).toBe(2);
    expect(ack.headers.get("Authorization")).toBe(second.headers.get("Authorization") as string);
  });

  test("the BYE carries some at once, counted on", () => {
    const { one, session } = answered();
    one.act((agent, now) => agent.hangup(session, [], now));
    const bye = one.lastRequest("BYE");
    expect(bye.headers.cseq.sequence).toBe(3);
    expect(isRight(bye)).toBe(true);
    expect(parameter(bye.headers.get("Authorization"), "nc")).toBe("00000002");
  });

  test("a BYE that is challenged anew is sent again, and ends the session once", () => {
    const { one, session } = answered();
    one.act((agent, now) => agent.hangup(session, [], now));
    one.answer(one.lastRequest("BYE"), 401, {
      lines: [`${SERVER.replace("n1", "n2")}, stale=true`],
    });
    const bye = one.lastRequest("BYE");
    expect(bye.headers.cseq.sequence).toBe(4);
    expect(parameter(bye.headers.get("Authorization"), "nonce")).toBe("n2");
    expect(one.told("terminated")).toHaveLength(0);
    one.answer(bye, 200);
    expect(one.told("terminated")).toEqual([{ type: "terminated", session, byeAnswered: true }]);
  });

  test("a BYE whose credentials are refused ends the session all the same", () => {
    const { one, session } = answered();
    one.act((agent, now) => agent.hangup(session, [], now));
    one.answer(one.lastRequest("BYE"), 403);
    expect(one.told("terminated")).toHaveLength(1);
    expect(one.agent.size.sessions).toBe(0);
  });

  test("a re-INVITE carries some at once; challenged, it comes again; its ACK has its own", () => {
    const { one, session } = answered();
    one.act((agent, now) => agent.reinvite(session, { body: SDP }, now));
    const first = one.lastRequest("INVITE");
    expect(isRight(first)).toBe(true);
    one.answer(first, 407, { lines: [PROXY] });
    const second = one.lastRequest("INVITE");
    expect(second.headers.cseq.sequence).toBe(first.headers.cseq.sequence + 1);
    expect(isRight(second, "Proxy-Authorization")).toBe(true);
    expect(second.headers.getAll("Authorization")).toHaveLength(1);
    one.answer(second, 200, { body: "v=0\r\n" });
    expect(one.told("reinvite_accepted")).toHaveLength(1);
    const ack = one.lastRequest("ACK");
    expect(ack.headers.cseq.sequence).toBe(second.headers.cseq.sequence);
    for (const name of ["Authorization", "Proxy-Authorization"]) {
      expect(ack.headers.getAll(name)).toEqual(second.headers.getAll(name));
    }
  });

  test("a REFER that is challenged hears of the NOTIFYs that name its second CSeq", () => {
    const { one, session, dialog } = answered();
    one.act((agent, now) => agent.refer(session, { to: "sip:carol@192.0.2.3" }, now));
    one.answer(one.lastRequest("REFER"), 407, { lines: [PROXY] });
    const refer = one.lastRequest("REFER");
    one.answer(refer, 202);
    const notify = one.ask(dialog, "NOTIFY", {
      lines: [
        `Event: refer;id=${refer.headers.cseq.sequence}`,
        "Subscription-State: terminated;reason=noresource",
      ],
      body: "SIP/2.0 200 OK\r\n",
      contentType: "message/sipfrag",
    });
    expect(notify?.statusCode).toBe(200);
    expect(one.told("referred").map(({ statusCode }) => statusCode)).toEqual([202, 200]);
  });

  test("a PRACK that is challenged takes a CSeq that no later request of the dialog has", () => {
    const one = new OneAgent();
    const session = one.call({ credentials });
    const invite = one.lastRequest("INVITE");
    const reliable = (rseq: number) => ({
      tag: "bob",
      lines: ["Require: 100rel", `RSeq: ${rseq}`],
    });
    one.answer(invite, 180, reliable(1));
    one.answer(one.lastRequest("PRACK"), 407, { lines: [PROXY] });
    one.answer(invite, 183, reliable(2));
    one.answer(invite, 200, { tag: "bob", body: "v=0\r\n" });
    one.act((agent, now) => agent.hangup(session, [], now));
    const numbers = one.sent.map(({ message }) => message as SipRequest)
      .filter(({ method }) => method === "PRACK" || method === "BYE")
      .map(({ method, headers }) => `${headers.cseq.sequence} ${method}`);
    expect(numbers).toEqual(["2 PRACK", "3 PRACK", "4 PRACK", "5 BYE"]);
  });
});

describe("RFC 3261 §22.2 requests outside of sessions", () => {
  const register = {
    method: "REGISTER",
    requestUri: "sip:pbx",
    from: "<sip:us@pbx>",
    to: "<sip:us@pbx>",
    hops: [hopTo("192.0.2.2")],
    callId: "registration",
    fromTag: "t",
    contact: { user: "us", parameters: ";expires=600" },
    credentials,
  };

  test("a second REGISTER with the same credentials goes on with the nonce: nc=00000002", () => {
    const one = new OneAgent();
    one.act((agent, now) => agent.request({ ...register, sequence: 1 }, now).outputs);
    one.answer(one.lastRequest("REGISTER"), 401, { tag: "x", lines: [SERVER] });
    const second = one.lastRequest("REGISTER");
    expect(second.headers.cseq.sequence).toBe(2);
    expect(second.headers.from.tag).toBe("t");
    expect(second.headers.get("Contact")).toBe("<sip:us@192.0.2.1:5060>;expires=600");
    expect(isRight(second)).toBe(true);
    one.answer(second, 200);
    expect(one.told("response").map(({ statusCode }) => statusCode)).toEqual([200]);
    one.act((agent, now) => agent.request({ ...register, sequence: 3 }, now).outputs);
    const third = one.lastRequest("REGISTER");
    expect(third.headers.cseq.sequence).toBe(3);
    expect(third.headers.callId).toBe("registration");
    expect(parameter(third.headers.get("Authorization"), "nc")).toBe("00000002");
    expect(isRight(third)).toBe(true);
  });

  test("without credentials or hash functions 401 is the response; nothing is left", () => {
    const rows = [[{}, undefined], [{ hash: undefined }, credentials]] as const;
    for (const [options, given] of rows) {
      const one = new OneAgent(options as object);
      const request = { ...register, credentials: given };
      one.act((agent, now) => agent.request(request, now).outputs);
      one.answer(one.lastRequest("REGISTER"), 401, { tag: "x", lines: [SERVER] });
      expect(one.told("response").map(({ statusCode }) => statusCode)).toEqual([401]);
      expect(one.agent.size.requests).toBe(0);
    }
  });

  test("§8.1.3.1: no response counts as 408, no way to send as 503", () => {
    const one = new OneAgent();
    one.act((agent, now) => agent.request(register, now).outputs);
    one.run(40_000);
    expect(one.told("response").map(({ statusCode }) => statusCode)).toEqual([408]);
    expect(one.toldAt("response")).toEqual([32_000]);
    one.act((agent, now) => agent.request(register, now).outputs);
    one.act((agent, now) => agent.transportFailed(one.last("REGISTER").flow, now));
    expect(one.told("response").map(({ statusCode }) => statusCode)).toEqual([408, 503]);
  });
});
