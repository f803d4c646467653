import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { flood } from "../support/invite_flood.ts";
import { RawCaller } from "../support/raw_caller.ts";

const FLOODER = "127.0.0.2";
const CALLER = "127.0.0.3";
const FLOOD = { perSecond: 2000, ms: 3000 };

/** Somebody else calls so often, meanwhile. */
const CALLS = 15;
const CALL_INTERVAL_MS = 200;
/** From INVITE to 200, most of them: a machine that is busy with other tests stops now and then. */
const SETUP_MS_MAX = 100;
const SLOW_MAX = 3;

/** Calls before the flood, so that no first time is measured. */
const WARM_UP_CALLS = 5;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** The limits are those that a gateway has by default; only its timers are quick. */
async function start(): Promise<RunningGateway> {
  const server = await startGateway({
    routes: [{ echo: true }],
    sip: { t1: "50ms" },
    limits: { calls_per_second: 300 },
    rtp: { ports: "31000-32767" },
  });
  open.push({ close: () => server.stop() });
  return server;
}

/** Calls and hangs up again and again; returns how long each took to be answered. */
async function callOften(caller: RawCaller, calls: number): Promise<readonly number[]> {
  const took: number[] = [];
  for (let count = 0; count < calls; count++) {
    const begun = performance.now();
    const { call, answer } = await caller.establish();
    took.push(Math.round(performance.now() - begun));
    expect(answer.statusCode).toBe(200);
    caller.bye(call, answer);
    expect((await caller.final(call, "BYE")).statusCode).toBe(200);
    await Bun.sleep(Math.max(0, begun + CALL_INTERVAL_MS - performance.now()));
  }
  return took;
}

describe("a flood from one source", () => {
  test("of INVITEs keeps no other from calling, and leaves nothing behind", async () => {
    const server = await start();
    const caller = await RawCaller.open(server.udp, CALLER);
    open.push(caller);
    await callOften(caller, WARM_UP_CALLS);
    const [report, took] = await Promise.all([
      flood(server.udp, FLOODER, FLOOD),
      callOften(caller, CALLS),
    ]);
    expect(report.sent).toBeGreaterThan((FLOOD.perSecond * FLOOD.ms) / 1000 / 2);
    const slow = took.filter((ms) => ms > SETUP_MS_MAX);
    expect({ slow: slow.length <= SLOW_MAX, took }).toEqual({ slow: true, took });
    // What its share lets through costs something; the rest is looked at and dropped
    const { counters } = server.gateway;
    expect(counters.get("requests_limited")).toBeGreaterThan(report.sent / 2);
    expect(server.gateway.held["calls"]).toBeLessThanOrEqual(400);
    // One line for what is dropped, and few for what is refused
    expect(server.logs.length).toBeLessThan(100);
    await server.idle(15_000);
    expect((await callOften(caller, 1))[0]).toBeLessThan(SETUP_MS_MAX);
    await server.idle();
  }, 30_000);

  test("of datagrams that are no SIP is dropped, and not logged one by one", async () => {
    const server = await start();
    const flooder = await RawCaller.open(server.udp, FLOODER);
    const caller = await RawCaller.open(server.udp, CALLER);
    open.push(flooder, caller);
    for (let count = 0; count < 5000; count++) flooder.send(`INVITE nonsense ${count}\n\n`);
    await until(
      () => server.gateway.counters.get("messages_malformed") > 100,
      5000,
      () => JSON.stringify(server.gateway.counters.snapshot()),
    );
    await callOften(caller, 2);
    // Whoever forges a source must not shut it out
    expect(server.gateway.blocked).toEqual([]);
    expect(server.logs.length).toBeLessThan(50);
    await server.idle();
  }, 20_000);
});
