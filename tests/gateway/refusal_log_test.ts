import { afterEach, describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { explainRefusal, RefusalLog } from "../../src/gateway/refusal_log.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import {
  type GatewayConfig,
  type RunningGateway,
  startGateway,
  until,
} from "../support/gateway.ts";
import { RawCaller, type RawInvite, sdpOf } from "../support/raw_caller.ts";

const ECHO: GatewayConfig = { routes: [{ name: "hear", when: { user: "100" }, echo: true }] };

const open: { stop?(): unknown; close?(): unknown }[] = [];

afterEach(async () => {
  // The gateway first: its callers answer the BYEs
  for (const item of open.splice(0)) await (item.stop?.() ?? item.close?.());
});

async function start(
  config: GatewayConfig,
): Promise<{ gateway: RunningGateway; caller: RawCaller }> {
  const gateway = await startGateway(config);
  open.push(gateway);
  const caller = await RawCaller.open(gateway.udp);
  open.push(caller);
  return { gateway, caller };
}

/** Resolves with the only line that the gateway has logged. */
async function only(gateway: RunningGateway): Promise<string> {
  await until(() => gateway.logs.length > 0, 5000, () => "no line");
  expect(gateway.logs).toHaveLength(1);
  return gateway.logs[0] as string;
}

/** What an INVITE is refused with, and the line that says so. */
async function refusal(given: RawInvite, config = ECHO): Promise<[number, string]> {
  const { gateway, caller } = await start(config);
  const call = caller.invite(given);
  const response = await caller.final(call);
  caller.ack(call, response);
  return [response.statusCode, await only(gateway)];
}

function plain(method: string, lines: readonly string[] = []): string {
  return [
    `${method} sip:100@127.0.0.1 SIP/2.0`,
    "Via: SIP/2.0/UDP 127.0.0.1:5;branch=z9hG4bK-plain;rport",
    "Max-Forwards: 70",
    "From: <sip:a@127.0.0.1>;tag=1",
    "To: <sip:100@127.0.0.1>",
    "Call-ID: plain",
    `CSeq: 1 ${method}`,
    ...lines,
    "Content-Length: 0",
    "",
    "",
  ].join("\n");
}

describe("an INVITE that is refused gives one line", () => {
  test("404: no route", async () => {
    expect(await refusal({ uri: "sip:777@127.0.0.1" })).toEqual([
      404,
      'Refused with 404: no route matches a call to "777"; voicegw route says why not',
    ]);
  });

  test("the operator's own refusal and redirection", async () => {
    const routes = [
      { name: "gone", when: { user: "1" }, reject: 404 },
      { name: "away", redirect: "sip:x@192.0.2.7" },
    ];
    expect(await refusal({ uri: "sip:1@127.0.0.1" }, { routes }))
      .toEqual([404, 'Refused with 404: route "gone" rejects']);
    expect(await refusal({}, { routes })).toEqual([
      302,
      'Redirected with 302: route "away" redirects',
    ]);
  });

  test("400, 415, 416, 420, 422", async () => {
    expect(await refusal({ sdp: "v=7\n" }))
      .toEqual([
        400,
        expect.stringMatching(/^Refused with 400: the INVITE of the other side is mal/),
      ]);
    expect(await refusal({ contentType: "text/plain" }))
      .toEqual([
        415,
        "Refused with 415: the body of the INVITE cannot be read: Content-Type text/plain",
      ]);
    const routes = [{ echo: true }];
    expect(await refusal({ uri: "fax:100" }, { routes })).toEqual([
      416,
      'Refused with 416: URI scheme "fax" cannot be called: only sip, sips and tel can',
    ]);
    expect(await refusal({ headers: ["Require: gruu"] })).toEqual([
      420,
      "Refused with 420: Require: gruu is not supported; let the other side not require it",
    ]);
    expect(await refusal({ headers: ["Supported: timer", "Session-Expires: 60"] })).toEqual([
      422,
      "Refused with 422: sip.min_session_expires is 90 s, and the other side asks for a shorter" +
      " session timer; it should try again with a longer one",
    ]);
  });

  test("486: a session id twice", async () => {
    const { gateway, caller } = await start(ECHO);
    const headers = ["X-Session-ID: s1"];
    await caller.establish({ headers });
    const second = caller.invite({ headers });
    caller.ack(second, await caller.final(second));
    expect(await only(gateway)).toBe(
      'Refused with 486: X-Session-ID "s1" is in use by a live call; every call needs one of its own',
    );
  });

  test("488: no codec of ours", async () => {
    const sdp = sdpOf("127.0.0.1", 9, { formats: "18", lines: ["a=rtpmap:18 G729/8000"] });
    const [status, line] = await refusal({ sdp });
    expect(status).toBe(488);
    expect(line).toMatch(/^Refused with 488: the media that the INVITE offers cannot be used: ./);
  });

  test("503: a limit, by its key", async () => {
    const { gateway, caller } = await start({ ...ECHO, limits: { calls: 1 } });
    await caller.establish();
    const second = caller.invite();
    caller.ack(second, await caller.final(second));
    expect(await only(gateway)).toBe("Refused with 503: limits.calls: 1 calls are up");
  });

  test("403: a source that may not call, where it is told so", async () => {
    const sip = { allow: ["192.0.2.0/24"], refuse: "403" };
    expect(await refusal({}, { ...ECHO, sip })).toEqual([
      403,
      "Refused with 403: sip.allow does not have this source; add it there if it may call",
    ]);
  });
});

describe("another request that is refused gives one line", () => {
  test("405 and 501", async () => {
    const { gateway, caller } = await start(ECHO);
    caller.send(plain("REGISTER"));
    caller.send(plain("SUBSCRIBE"));
    caller.send(plain("FROBNICATE"));
    await until(() => gateway.logs.length === 3, 5000, () => `${gateway.logs}`);
    expect(gateway.logs).toEqual([
      "Refused with 405: REGISTER is not taken, since this is no registrar: register at the PBX",
      'Refused with 405: "SUBSCRIBE" is not taken',
      'Refused with 501: "FROBNICATE" is not known',
    ]);
  });

  test("481: of no call that is up", async () => {
    const { gateway, caller } = await start(ECHO);
    caller.send(plain("BYE"));
    expect(await only(gateway)).toBe(
      "Refused with 481: BYE for a call that is not up here; it may be over, or of another server",
    );
  });

  test("REFER that sip.refer does not allow", async () => {
    const { gateway, caller } = await start(ECHO);
    const { call, answer } = await caller.establish();
    const to = answer.headers.get("To") ?? "";
    caller.send(
      plain("REFER", ["Refer-To: <sip:b@192.0.2.7>", "Contact: <sip:a@127.0.0.1>"])
        .replace("Call-ID: plain", `Call-ID: ${call.callId}`)
        .replace("CSeq: 1", "CSeq: 2")
        .replace(/From: .*/, `From: <sip:raw@127.0.0.1>;tag=${call.tag}`)
        .replace(/To: <sip:100.*/, `To: ${to}`),
    );
    expect(await only(gateway)).toBe(
      "Refused with 603: sip.refer does not let the other side send calls elsewhere; the call goes on",
    );
  });

  test("no SIP at all", async () => {
    const { gateway, caller } = await start(ECHO);
    caller.send("\u0016\u0003\u0001\u0002 hello");
    expect(await only(gateway)).toMatch(/^Dropped what is no SIP message: ./);
  });

  test("400, with an answer", async () => {
    const { gateway, caller } = await start(ECHO);
    caller.send(plain("INVITE"));
    expect(await only(gateway)).toBe(
      "Refused with 400: the INVITE of the other side is malformed: Contact is missing",
    );
  });
});

describe("who is not heard is named, a flood of them once", () => {
  test("a source that sip.allow does not have", async () => {
    const { gateway, caller } = await start({ ...ECHO, sip: { allow: ["192.0.2.0/24"] } });
    for (let count = 0; count < 20; count++) caller.invite();
    expect(await only(gateway)).toBe("sip.allow does not have 127.0.0.1: nothing is answered");
  });

  test("a scanner", async () => {
    const { gateway, caller } = await start(ECHO);
    for (let count = 0; count < 20; count++) {
      caller.invite({ headers: ["User-Agent: friendly-scanner"] });
    }
    expect(await only(gateway)).toBe(
      'sip.block.scanners: 127.0.0.1 calls itself "friendly-scanner": nothing is answered',
    );
  });

  test("one that sends too much", async () => {
    const sip = { per_source: { requests_per_second: 5 } };
    const { gateway, caller } = await start({ ...ECHO, sip });
    for (let count = 0; count < 30; count++) caller.options();
    expect(await only(gateway)).toBe(
      "sip.per_source.requests_per_second: 127.0.0.1 sends more, the rest is dropped",
    );
  });
});

describe("connections that do not come to be", () => {
  const failure = {
    role: "opened",
    transport: "tls",
    remote: { address: "10.0.0.7", port: 5061 },
    why: "its certificate has\nexpired",
  } as const;

  function open(): { log: RefusalLog; lines: string[] } {
    const lines: string[] = [];
    const observer = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    return { log: new RefusalLog({ observer, config: () => configFrom(ECHO) }), lines };
  }

  test("are told of once in ten minutes, unless the reason changes", () => {
    const { log, lines } = open();
    for (const now of [0, 5000, 599_999]) log.unconnected(failure, now);
    expect(lines)
      .toEqual(["warning No connection to tls://10.0.0.7:5061: its certificate has\ufffdexpired"]);
    log.unconnected({ ...failure, why: "nothing listens there" }, 599_999);
    log.unconnected(failure, 599_999);
    log.unconnected(failure, 1_300_000);
    expect(lines).toHaveLength(4);
  });

  test("of peers are told of, but not each of a flood", () => {
    const { log, lines } = open();
    for (let peer = 0; peer < 100; peer++) log.unconnected({ ...failure, role: "accepted" }, 0);
    expect(lines[0]).toMatch(/^info No connection from tls:\/\/10.0.0.7:5061: its certificate/);
    expect(lines).toHaveLength(10);
  });
});

describe("digest, in the operator's words", () => {
  const config = configFrom({
    routes: [{ echo: true }],
    sip: { auth: { users: { pbx: { password: "secret" } } } },
  });

  function explain(username: string, fault: string): string {
    const authorization = `Authorization: Digest username="${username}", realm="voicegw",` +
      ' nonce="n", uri="sip:100@127.0.0.1", response="0123456789abcdef0123456789abcdef",' +
      " algorithm=MD5, qop=auth, nc=00000001, cnonce=c";
    const bytes = new TextEncoder().encode(
      plain("INVITE", [authorization]).replaceAll("\n", "\r\n"),
    );
    const request = parseMessage(bytes) as SipRequest;
    const flow = {
      transport: "udp",
      listener: 0,
      local: { address: "127.0.0.1", port: 1 },
      remote: { address: "127.0.0.1", port: 2 },
    } as const;
    return explainRefusal({ statusCode: 401, reason: `digest: ${fault}`, request, flow }, config);
  }

  test("tells a wrong password from a user that is not there", () => {
    const fault = "Wrong user or password";
    expect(explain("pbx", fault)).toBe('sip.auth: the password of user "pbx" is wrong');
    expect(explain("toString", fault)).toBe('sip.auth: there is no user "toString"');
    expect(explain("pbx", "The nonce count was used before"))
      .toBe('sip.auth: The nonce count was used before (user "pbx")');
  });

  test("a caller who is asked for a password is not refused", async () => {
    const sip = { auth: { users: { pbx: { password: "secret" } } } };
    const { gateway, caller } = await start({ ...ECHO, sip });
    const call = caller.invite();
    expect((await caller.final(call)).statusCode).toBe(401);
    expect(gateway.logs).toEqual([]);
    expect(gateway.gateway.counters.get("calls_refused")).toBe(0);
  });
});
