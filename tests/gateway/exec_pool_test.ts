import { afterEach, describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { untilNoneWith } from "../support/processes.ts";
import { sdpOf } from "../support/raw_caller.ts";
import { RawPeer, shell } from "./raw_peer.ts";

const MARKER = "GATEWAY_POOL=here";
const env = { GATEWAY_POOL: "here" };
const TELLS = 'read -r start <&3; echo "$$ $start" >&2; cat <&3 >&2';

/** A handler that ends at once. */
const BYE = { exec: ["true"] };

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

function pool(size: number, script = TELLS) {
  return { name: "bot", exec: { command: shell(script), env, pool: size } };
}

async function start(
  route: unknown,
  rtp?: { readonly ports: string },
): Promise<{ server: RunningGateway; peer: RawPeer }> {
  const server = await startGateway({ routes: [route], ...(rtp === undefined ? {} : { rtp }) });
  open.push({ close: () => server.stop() });
  const peer = await RawPeer.open(server.udp);
  open.push(peer);
  return { server, peer };
}

async function waiting({ gateway }: RunningGateway, count: number): Promise<void> {
  await until(() => gateway.pooled === count, 3000, () => `${gateway.pooled} programs wait`);
}

describe("a route with pool", () => {
  test("has programs before the first call, which learn of theirs by start", async () => {
    const { server, peer } = await start(pool(2));
    await waiting(server, 2);
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9), headers: ["X-Room-ID: r1"] });
    await call.response("INVITE", 200);
    call.request("ACK");
    await until(() => server.logs.length > 0, 3000, () => "nothing logged");
    expect(server.logs[0]).toMatch(/^\d+ \{"event":"start".*"room_id":"r1"/);
    await waiting(server, 2);
    call.request("BYE");
    await server.ended(1);
    await server.idle();
    expect(server.gateway.pooled).toBe(2);
  });

  test("takes a burst of calls that is larger than the pool", async () => {
    const { server, peer } = await start(pool(1));
    await waiting(server, 1);
    const calls = [1, 2, 3, 4].map(() => peer.invite({ sdp: sdpOf("127.0.0.1", 9) }));
    for (const call of calls) {
      await call.response("INVITE", 200);
      call.request("ACK");
    }
    const starts = () => server.logs.filter((line) => line.includes('"event":"start"')).length;
    await until(() => starts() === 4, 3000, () => `${starts()} programs know their call`);
    for (const call of calls) call.request("BYE");
    await server.ended(4);
    await server.idle();
  });

  test("follows a reload: programs of routes that stay wait on, those of others end", async () => {
    const rtp = { ports: "29610-29699" };
    const { server } = await start(pool(3), rtp);
    await waiting(server, 3);
    const reload = (...routes: unknown[]) => {
      const sip = { listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"] };
      return server.gateway.reload(configFrom({ sip, rtp, routes }));
    };
    expect(await reload(pool(1), { ...pool(1, "sleep 60"), name: "other" })).toEqual([]);
    await waiting(server, 2);
    await server.idle();
    expect(server.logs).toEqual([]);
    expect(await reload({ echo: true })).toEqual([]);
    expect(server.gateway.pooled).toBe(0);
    await server.idle();
    await untilNoneWith(MARKER);
  });

  test("leaves no program behind when the gateway stops", async () => {
    const { server, peer } = await start(pool(3));
    await waiting(server, 3);
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    await call.response("INVITE", 200);
    call.request("ACK");
    await server.stop();
    expect(server.gateway.pooled).toBe(0);
    expect(server.gateway.held).toMatchObject({ programs: 0, handlers: 0 });
    await untilNoneWith(MARKER);
  });

  test("ends programs that got no call as soon as it drains", async () => {
    const { server } = await start(pool(2));
    await waiting(server, 2);
    await server.gateway.drain();
    expect(server.gateway.pooled).toBe(0);
    await server.idle();
  });

  test("goes on to on_error when its program dies on its call", async () => {
    const { server, peer } = await start({
      ...pool(1, "read -r start <&3; exit 3"),
      on_error: BYE,
    });
    await waiting(server, 1);
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    await call.response("INVITE", 200);
    call.request("ACK");
    await call.next("BYE");
    expect((await server.ended(1))[0]?.cause).toBe("handler_hangup");
    expect(server.logs.join("\n")).toContain("exited with status 3; on_error goes on with exec");
    await server.idle();
  });
});

describe("a program that fails at once, five times in a row", () => {
  test("is not started again for a while: calls go on to on_error without it", async () => {
    const exec = shell("echo started >&2; exit 3");
    const { server, peer } = await start({ exec, on_error: { reject: 480 } });
    for (let call = 1; call <= 7; call++) {
      const caller = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
      await caller.response("INVITE", call <= 5 ? 200 : 480);
      caller.request("ACK");
      await server.ended(call);
    }
    expect(server.logs.filter((line) => line === "started")).toHaveLength(5);
    const told = server.logs.join("\n");
    expect(told).toContain('exec "sh": exited with status 3: started; on_error goes on with');
    expect(told).toContain("5 failures in a row, left alone for 30s");
    expect(told).toContain("has failed 5 times in a row and is left alone for");
    await server.idle();
  });
});
