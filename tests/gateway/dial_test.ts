import { afterEach, describe, expect, test } from "bun:test";
import { type GatewayConfig, type RunningGateway, startGateway } from "../support/gateway.ts";

const servers: RunningGateway[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function start(given: GatewayConfig): Promise<RunningGateway> {
  const server = await startGateway(given);
  servers.push(server);
  return server;
}

describe("a call that the gateway places", () => {
  test("gives whom it reaches to the route's handler, both ways", async () => {
    const far = await start({ routes: [{ name: "echo", echo: true }] });
    const near = await start({ routes: [{ name: "bot", exec: ["cat"] }] });
    const call = await near.gateway.dial({
      to: `sip:100@${far.udp}`,
      route: "bot",
      from: "sip:bot@example.com",
      headers: { "X-Room-ID": "outgoing" },
    });
    expect(await call.answer).toEqual({ answered: true, statusCode: 200, reasonPhrase: "OK" });
    await Bun.sleep(300);
    expect(far.gateway.calls).toBe(1);
    call.hangup();
    const [record] = await near.ended(1);
    expect(record).toMatchObject({ cause: "operator_hangup", handler: "exec", sip_status: 200 });
    expect(record?.call).toMatchObject({
      id: call.id,
      route: "bot",
      room_id: "outgoing",
      from: { uri: "sip:bot@example.com" },
      user: "100",
    });
    const [heard] = await far.ended(1);
    expect(heard?.call).toMatchObject({
      room_id: "outgoing",
      sip_call_id: record?.call.sip_call_id,
    });
    expect(heard?.cause).toBe("caller_hangup");
    await near.idle();
    await far.idle();
  });

  test("says with which status it was refused", async () => {
    const far = await start({ routes: [{ reject: 486 }] });
    const near = await start({ routes: [{ name: "bot", exec: ["cat"] }] });
    const call = await near.gateway.dial({ to: `sip:100@${far.udp}`, route: "bot" });
    expect(await call.answer).toMatchObject({ answered: false, statusCode: 486 });
    const [record] = await near.ended(1);
    expect(record).toMatchObject({ cause: "dial_failed", sip_status: 486, duration_ms: 0 });
    await near.idle();
  });

  test("is cancelled while it rings", async () => {
    const far = await start({
      routes: [{ answer: "manual", exec: ["sh", "-c", "cat > /dev/null"] }],
    });
    const near = await start({ routes: [{ name: "bot", exec: ["cat"] }] });
    const call = await near.gateway.dial({ to: `sip:100@${far.udp}`, route: "bot" });
    await Bun.sleep(200);
    call.hangup();
    expect(await call.answer).toMatchObject({ answered: false, statusCode: 487 });
    expect((await far.ended(1))[0]).toMatchObject({ cause: "caller_cancel" });
    await near.idle();
    await far.idle();
  });

  test("goes to a trunk with its credentials, and to its second server when the first is down", async () => {
    const far = await start({
      sip: { auth: { users: { acme: { password: "secret" } } } },
      routes: [{ name: "echo", when: { auth_user: "acme" }, echo: true }],
    });
    const near = await start({
      trunks: {
        carrier: {
          uri: ["sip:127.0.0.1:9;transport=tcp", `sip:${far.udp}`],
          username: "acme",
          password: "secret",
        },
      },
      routes: [{ name: "bot", exec: ["cat"] }],
    });
    const call = await near.gateway.dial({ to: "+15551234", trunk: "carrier", route: "bot" });
    expect(await call.answer).toMatchObject({ answered: true, statusCode: 200 });
    call.hangup();
    expect((await far.ended(1))[0]?.call).toMatchObject({ user: "+15551234", auth_user: "acme" });
    await near.idle();
  });

  test("ends in order at a server that may not call us, RFC 3261 §9.1, §15.1.1", async () => {
    const far = await start({
      routes: [
        { when: { user: "200" }, answer: "manual", exec: ["sh", "-c", "cat > /dev/null"] },
        { echo: true },
      ],
    });
    const near = await start({
      sip: { allow: ["192.0.2.0/24"] },
      routes: [{ name: "bot", exec: ["cat"] }],
    });
    const answered = await near.gateway.dial({ to: `sip:100@${far.udp}`, route: "bot" });
    expect(await answered.answer).toMatchObject({ answered: true });
    answered.hangup();
    const ringing = await near.gateway.dial({ to: `sip:200@${far.udp}`, route: "bot" });
    await Bun.sleep(200);
    ringing.hangup();
    await far.ended(2);
    await near.idle();
    expect(near.gateway.counters.get("sources_refused")).toBe(0);
  });

  test("RFC 3261 §20.20 refuses a header, From or To that would make another request of it", async () => {
    const near = await start({ routes: [{ name: "bot", exec: ["cat"] }] });
    const to = "sip:100@127.0.0.1:9";
    const bad: readonly (readonly [object, string])[] = [
      [{ headers: { "X-A": "a\r\nVia: x" } }, "holds CR, LF or NUL"],
      [{ headers: { "X A": "1" } }, "not the name of a header"],
      [{ headers: { "call-id": "1" } }, "written by voicegw"],
      [{ from: "<sip:a@h>;tag=1" }, "leave out its tag"],
      [{ from: "sip:a@h\r\nX: y" }, "no well-formed URI"],
      [{ to: `${to}\r\nX: y` }, "no SIP URI"],
      [{ to: `${to}?X-A=1` }, "has no headers"],
      [{ to: "sip:1@h;transport=sctp" }, 'no transport "sctp"'],
    ];
    for (const [given, words] of bad) {
      await expect(near.gateway.dial({ to, route: "bot", ...given })).rejects.toThrow(words);
    }
    await near.idle();
    expect(near.records).toEqual([]);
  });

  test("cannot be tried without a trunk, a route or a place of that name", async () => {
    const near = await start({
      routes: [{ name: "bot", exec: ["cat"] }, { name: "no", reject: 403 }],
    });
    const to = "sip:100@127.0.0.1:9";
    const dial = (options: Parameters<typeof near.gateway.dial>[0]) => near.gateway.dial(options);
    const problem = (options: Parameters<typeof dial>[0]) =>
      dial(options).then(() => "none", (error: Error) => `${error.name}: ${error.message}`);
    expect(await problem({ to, route: "other" }))
      .toBe('OutboundCallError: There is no route "other"');
    expect(await problem({ to, route: "no" })).toContain("no handler");
    expect(await problem({ to, trunk: "x", route: "bot" })).toContain('There is no trunk "x"');
    expect(await problem({ to: "nonsense", route: "bot" })).toContain('Cannot call "nonsense"');
    await near.idle();
  });
});
