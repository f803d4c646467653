import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tone } from "../../src/audio/tone.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import { configFrom } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { WebStub } from "../handler/webhook/rig.ts";
import { startWsServer } from "../handler/websocket/ws_server.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** A gateway whose calls go to a server, and are told that they cannot where it is unwell. */
async function start(
  route: Record<string, unknown>,
  breaker: Record<string, unknown>,
): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), "voicegw-breaker-"));
  open.push({ close: () => rmSync(folder, { recursive: true }) });
  const sorry = join(folder, "sorry.wav");
  writeFileSync(sorry, serializeWav(tone(440, 100, RATE), RATE));
  const server = await startGateway({
    routes: [{ ...route, on_error: { play: sorry } }],
    breaker,
  });
  open.push({ close: () => server.stop() });
  return server;
}

/** A port of loopback that nobody listens at. */
async function closedPort(): Promise<number> {
  const socket = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = socket;
  socket.stop(true);
  await Bun.sleep(0);
  return port;
}

const call = (server: RunningGateway) => callRoom(server.udp, "a", { linger: 2000 });

describe("a server that cannot be reached", () => {
  test("is left alone by all calls, and taken again when it is well", async () => {
    const port = await closedPort();
    const url = `ws://127.0.0.1:${port}/`;
    const server = await start({ websocket: url }, { failures: 2, pause: "700ms" });
    for (let index = 0; index < 4; index++) {
      expect((await call(server)).statusCode).toBe(200);
    }
    const failures = () => server.logs.filter((line) => line.startsWith("Handler failed: "));
    expect(failures()).toHaveLength(4);
    const alone = failures().filter((line) => line.includes("is left alone for"));
    expect(alone).toHaveLength(2);
    expect(server.logs.filter((line) => line.includes("2 failures in a row"))).toEqual([
      `ws://127.0.0.1:${port}: 2 failures in a row, left alone for 700ms; calls go to on_error`,
    ]);
    const bot = await startWsServer({
      port,
      onConnection: (peer) => void setTimeout(() => peer.socket.close(1000), 50),
    });
    open.push({ close: () => bot.stop() });
    await Bun.sleep(700);
    await call(server);
    expect(bot.peers).toHaveLength(1);
    expect(server.logs).toContain(`ws://127.0.0.1:${port} answers again`);
    expect(failures()).toHaveLength(4);
    await server.idle();
  });

  test("is asked for ever where no failures are too many", async () => {
    const url = `ws://127.0.0.1:${await closedPort()}/`;
    const server = await start({ websocket: url }, { failures: 0 });
    for (let index = 0; index < 7; index++) await call(server);
    expect(server.logs.filter((line) => line.includes("left alone"))).toEqual([]);
  });
});

describe("a web server that is unwell", () => {
  test("gets no more requests for a while", async () => {
    const web = new WebStub(() => new Response("", { status: 500 }));
    open.push(web);
    const webhook = { url: web.url, retries: 0 };
    const server = await start({ webhook }, { failures: 2, pause: "1h" });
    await call(server);
    await call(server);
    const asked = web.asked.length;
    expect(asked).toBeGreaterThanOrEqual(2);
    await call(server);
    expect(web.asked).toHaveLength(asked);
    const failed = server.logs.filter((line) => line.startsWith("Handler failed: "));
    expect(failed).toHaveLength(3);
    expect(failed[2]).toContain("is left alone for");
    expect(failed[2]).toContain("on_error goes on with play");
  });
});

describe("another configuration", () => {
  const given = (more: Record<string, unknown>, port: number) =>
    configFrom({
      sip: { listen: ["udp://127.0.0.1:0"] },
      rtp: { ports: "29300-29399" },
      routes: [{ websocket: `ws://127.0.0.1:${port}/` }],
      ...more,
    });

  async function run(config: Config) {
    const logs: string[] = [];
    const gateway = new Gateway({
      runtime: createRuntime(),
      config,
      environment: {},
      observer: { log: (_level, message) => void logs.push(message) },
    });
    await gateway.start();
    open.push({ close: () => gateway.stop() });
    const at = gateway.listeners[0]?.split("//")[1] ?? "";
    return { gateway, logs, call: () => callRoom(at, "a") };
  }

  test("says anew when a server is left alone, without a restart", async () => {
    const port = await closedPort();
    const { gateway, logs, call } = await run(
      given({ breaker: { failures: 1, pause: "1h" } }, port),
    );
    await call();
    await call();
    const alone = () => logs.filter((line) => line.includes("is left alone for")).length;
    expect(alone()).toBe(1);
    expect(await gateway.reload(given({ breaker: { failures: 0 } }, port))).toEqual([]);
    await call();
    expect(alone()).toBe(1);
  });

  test("needs a restart for another API, or none", async () => {
    const port = await closedPort();
    const { gateway } = await run(given({ api: { listen: "127.0.0.1:0" } }, port));
    const answer = await fetch(`http://${gateway.api}/healthz`);
    expect(await answer.json()).toEqual({
      ...{ status: "serving", calls: 0, busy_pct: 0 },
      ...{ lag_ms_p50: 0, lag_ms_p90: 0, lag_ms_max: 0 },
    });
    expect(await gateway.reload(given({ api: { listen: "127.0.0.1:0", url: "http://a" } }, port)))
      .toEqual(["api.url"]);
    expect(await gateway.reload(given({}, port))).toEqual(["api"]);
    const own = given({ api: { listen: "127.0.0.1:0" }, http: { targets: "any" } }, port);
    expect(await gateway.reload(own)).toEqual([]);
    const { api } = gateway;
    await gateway.stop();
    await expect(fetch(`http://${api}/healthz`)).rejects.toThrow();
  });

  test("that cannot be served is not served at all", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    open.push({ close: () => taken.stop(true) });
    const api = { listen: `127.0.0.1:${taken.port}` };
    await expect(run(given({ api }, 1))).rejects.toThrow(`${taken.port}`);
    const listen = [`tcp://127.0.0.1:${taken.port}`];
    const free = await closedPort();
    const config = given({ sip: { listen }, api: { listen: `127.0.0.1:${free}` } }, 1);
    await expect(run(config)).rejects.toThrow(`${taken.port}`);
    await expect(fetch(`http://127.0.0.1:${free}/healthz`)).rejects.toThrow();
  });
});
