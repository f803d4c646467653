import { afterEach, describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller } from "../support/raw_caller.ts";
import { type ScriptedPeer, startUdpPeer } from "../support/scripted_peer.ts";

const open: { close(): void | Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const PORTS = "29610-29649";
const SIP = { allow: ["203.0.113.0/24"], t1: "50ms" };

async function start(): Promise<
  { server: RunningGateway; contact: string; registrar: ScriptedPeer }
> {
  const registrar = await startUdpPeer((request, reply) => {
    reply(200, { headers: [["Contact", request.headers.get("Contact") ?? ""]] });
  });
  open.push(registrar);
  const server = await startGateway({
    routes: [{ name: "registered", when: { registration: "office" }, echo: true }],
    sip: SIP,
    rtp: { ports: PORTS },
    registrations: [{
      name: "office",
      registrar: `sip:${registrar.at}`,
      aor: "sip:100@pbx.example.com",
    }],
  });
  open.push({ close: () => server.stop() });
  const isUp = () => server.gateway.registrations[0]?.registered === true;
  await until(isUp, 3000, () => "not registered");
  return { server, registrar, contact: registrar.requests[0]?.headers.contact?.uri ?? "" };
}

describe("RFC 3261 §10 a call that comes through a registration", () => {
  test("is let in though sip.allow does not have its source, and carries the name", async () => {
    const { server, contact } = await start();
    const caller = await RawCaller.open(server.udp);
    open.push(caller);
    const { call, answer } = await caller.establish({ uri: contact });
    caller.bye(call, answer);
    const [record] = await server.ended(1);
    expect(record?.call).toMatchObject({ registration: "office", route: "registered" });
    expect(record?.cause).toBe("caller_hangup");
    await server.idle();
  });

  test("can be ended after the registration is gone", async () => {
    const { server, contact } = await start();
    const caller = await RawCaller.open(server.udp);
    open.push(caller);
    const { call, answer } = await caller.establish({ uri: contact });
    const without = configFrom({
      sip: { listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], ...SIP },
      rtp: { ports: PORTS },
      routes: [{ echo: true }],
    });
    expect(await server.gateway.reload(without)).toEqual([]);
    await until(() => server.gateway.held.requests === 0, 3000, () => "still registered");
    caller.bye(call, answer);
    expect((await caller.final(call, "BYE")).statusCode).toBe(200);
    expect((await server.ended(1))[0]?.cause).toBe("caller_hangup");
    // New calls are not let in: for a moment the address is still answered
    const late = caller.invite({ uri: contact });
    const refused = await caller.final(late);
    expect(refused.statusCode).toBe(403);
    caller.ack(late, refused);
    await server.idle();
  });
});
