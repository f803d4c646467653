import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  type GatewayConfig,
  type RunningGateway,
  startGateway,
  until,
} from "../support/gateway.ts";
import { rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { RawPeer, shell } from "./raw_peer.ts";

/** A mu-law code: what the caller says. */
const OURS = 0x9f;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

interface World {
  readonly server: RunningGateway;
  readonly peer: RawPeer;
}

async function start(routes: GatewayConfig["routes"]): Promise<World> {
  const server = await startGateway({ routes });
  open.push({ close: () => server.stop() });
  const peer = await RawPeer.open(server.udp);
  open.push(peer);
  return { server, peer };
}

async function openRtp(): Promise<RtpPeer> {
  const rtp = await RtpPeer.open("127.0.0.1");
  open.push(rtp);
  return rtp;
}

/** An answered call, with the RTP of its caller. */
async function answered({ peer }: World) {
  const rtp = await openRtp();
  const call = peer.invite({ sdp: sdpOf("127.0.0.1", rtp.port) });
  const answer = await call.response("INVITE", 200);
  call.request("ACK");
  return { call, rtp, target: rtpTargetOf(answer) };
}

/** Waits for an event that a handler wrote to its standard error. */
async function logged({ server }: World, ...parts: readonly string[]): Promise<string> {
  const find = () => server.logs.find((line) => parts.every((part) => line.includes(part)));
  await until(() => find() !== undefined, 5000, () => `${parts} in ${server.logs.join("\n")}`);
  return find() as string;
}

function hands(name: string): string {
  return `echo '{"command":"route","name":"${name}"}' >&3`;
}

/** Events go to the log. */
const LOGS = "cat <&3 >&2";

describe("the command route", () => {
  test("gives a live call to another route's program, and ends the first one", async () => {
    const world = await start([
      { name: "first", when: { to: "*" }, exec: shell(`${hands("second")}; ${LOGS}`) },
      { name: "second", exec: shell(`${LOGS} & exec cat`) },
    ]);
    const { call, rtp, target } = await answered(world);
    const end = JSON.parse(await logged(world, '"event":"end"', '"cause":"routed"'));
    expect(end).toMatchObject({ route: "second", sip_status: 200 });
    expect(end.statistics.packets_sent).toBeGreaterThanOrEqual(0);
    const begun = JSON.parse(await logged(world, '"event":"start"', '"route":"second"'));
    expect(begun).toMatchObject({ answered: true, audio: { rate: 8000 } });
    for (let round = 0; round < 100 && rtp.countOf(OURS) < 5; round++) {
      await rtp.stream(target, OURS, 5);
    }
    expect(rtp.countOf(OURS)).toBeGreaterThan(4);
    call.request("BYE");
    const [record] = await world.server.ended(1);
    expect(record).toMatchObject({ cause: "caller_hangup", call: { route: "second" } });
    await logged(world, '"event":"end"', '"cause":"caller_hangup"');
    expect(world.server.logs).toContain('Handed over to route "second"');
    await world.server.idle();
  });

  test("drops what the first one has queued, and hears nothing of it any more", async () => {
    // In one write, so that what is queued does not depend on how a pipe was filled
    const folder = mkdtempSync(`${tmpdir()}/voicegw-route-`);
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    writeFileSync(`${folder}/sound.raw`, new Uint8Array(160_000).fill(0x40));
    const flood = `cat ${folder}/sound.raw`;
    const world = await start([
      {
        name: "first",
        when: { to: "*" },
        exec: {
          // The command may be heard before sound that was written a moment ago
          command: shell(`${flood}; sleep 0.25; ${hands("second")}; ${flood}; exec sleep 5`),
          stop_after: "100ms",
        },
      },
      { name: "second", exec: shell(`${LOGS} & exec sleep 5`) },
    ]);
    const { call } = await answered(world);
    await logged(world, '"event":"start"', '"route":"second"');
    await Bun.sleep(300);
    call.request("BYE");
    const [record] = await world.server.ended(1);
    expect(record?.statistics.played_ms).toBeLessThan(3000);
    expect(record?.statistics.dropped_ms).toBeGreaterThan(1000);
    expect(record?.cause).toBe("caller_hangup");
    await world.server.idle();
  });

  test("of a name that there is not is an error, and the call goes on", async () => {
    const world = await start([
      { name: "first", exec: shell(`${hands("nobody")}; ${LOGS} & exec cat`) },
    ]);
    const { call } = await answered(world);
    const error = JSON.parse(await logged(world, '"event":"error"'));
    expect(error).toEqual({
      event: "error",
      command: "route",
      message: 'There is no route "nobody"',
    });
    call.request("BYE");
    await world.server.ended(1);
  });

  test("before the answer lets the other one answer, and a reject refuse", async () => {
    const first = (name: string) => ({
      name: `to-${name}`,
      answer: "manual",
      when: { "X-To": name },
      exec: shell(`${hands(name)}; ${LOGS}`),
    });
    const world = await start([
      first("echo"),
      first("busy"),
      { name: "echo", echo: true },
      { name: "busy", reject: 486 },
    ]);
    const sdp = sdpOf("127.0.0.1", 9);
    const one = world.peer.invite({ sdp, headers: ["X-To: echo"] });
    await one.response("INVITE", 200);
    one.request("ACK");
    one.request("BYE");
    await world.server.ended(1);
    const two = world.peer.invite({ sdp, headers: ["X-To: busy"] });
    await two.response("INVITE", 486);
    two.request("ACK");
    const records = await world.server.ended(2);
    expect(records[1]).toMatchObject({ cause: "refused", sip_status: 486 });
    await world.server.idle();
  });

  test("goes along on_error when the other one cannot start", async () => {
    const world = await start([
      { name: "first", when: { to: "*" }, exec: shell(`${hands("second")}; ${LOGS}`) },
      { name: "second", exec: ["voicegw-no-such-program"], on_error: "third" },
      { name: "third", exec: shell(`echo '{"command":"hangup","cause":"third"}' >&3; ${LOGS}`) },
    ]);
    const { call } = await answered(world);
    await call.next("BYE");
    expect((await world.server.ended(1))[0]).toMatchObject({
      cause: "handler_hangup",
      detail: "third",
    });
    await world.server.idle();
  });

  test("between two that hand a call to each other comes to an end", async () => {
    const route = (name: string, other: string, when?: unknown) => ({
      name,
      ...(when === undefined ? {} : { when }),
      exec: shell(`${hands(other)}; grep -m 1 '"error"' <&3 >&2`),
    });
    const world = await start([
      route("first", "second", { to: "*" }),
      route("second", "first", { to: "nobody" }),
    ]);
    const { call } = await answered(world);
    await logged(world, "20 times");
    const handed = world.server.logs.filter((line) => line.startsWith("Handed over"));
    expect(handed).toHaveLength(20);
    await call.next("BYE");
    await world.server.idle();
  });

  test("leaves a program that does not go to its end, while the call lives on", async () => {
    const world = await start([
      {
        name: "first",
        when: { to: "*" },
        exec: { command: shell(`trap '' TERM; ${hands("second")}; sleep 30`), stop_after: "100ms" },
      },
      { name: "second", echo: true },
    ]);
    const { call } = await answered(world);
    await until(() => world.server.logs.length > 0, 3000, () => "not handed over");
    call.request("BYE");
    await world.server.ended(1);
    expect(world.server.gateway.held["handlers"]).toBe(1);
    await world.server.idle();
  });
});

describe("the command redirect", () => {
  test("sends the caller elsewhere before the answer, RFC 3261 §8.3", async () => {
    const command = '{"command":"redirect","to":["sip:200@example.com","sip:300@example.com"]}';
    const world = await start([
      { name: "first", answer: "manual", exec: shell(`echo '${command}' >&3; ${LOGS}`) },
    ]);
    const call = world.peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    const response = await call.response("INVITE", 302);
    expect(response.headers.getAll("Contact").join(", ")).toBe(
      "<sip:200@example.com>, <sip:300@example.com>",
    );
    call.request("ACK");
    expect((await world.server.ended(1))[0]).toMatchObject({
      cause: "redirected",
      detail: "to sip:200@example.com",
      sip_status: 302,
    });
    await world.server.idle();
  });
});

describe("max_calls", () => {
  test("gives one more call 503 with Retry-After, and takes it when there is room", async () => {
    const world = await start([{ name: "small", max_calls: 1, echo: true }]);
    const { call } = await answered(world);
    const more = world.peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    const refused = await more.response("INVITE", 503);
    expect(refused.headers.get("Retry-After")).toBe("5");
    more.request("ACK");
    expect(world.server.logs.join("\n")).toContain('max_calls of route "small": 1 call is up');
    call.request("BYE");
    await world.server.ended(1);
    const { call: next } = await answered(world);
    next.request("BYE");
    await world.server.idle();
  });

  test("gives one more call to on_error", async () => {
    const world = await start([
      { name: "small", when: { to: "*" }, max_calls: 1, echo: true, on_error: "overflow" },
      { name: "overflow", reject: 486 },
    ]);
    const { call } = await answered(world);
    const more = world.peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    await more.response("INVITE", 486);
    more.request("ACK");
    call.request("BYE");
    await world.server.idle();
  });

  test("holds for calls that are handed over too, which stay where they are", async () => {
    const world = await start([
      { name: "first", when: { "X-A": "1" }, exec: shell(`${hands("small")}; ${LOGS}`) },
      { name: "small", max_calls: 1, echo: true },
    ]);
    const { call } = await answered(world);
    const handing = world.peer.invite({ sdp: sdpOf("127.0.0.1", 9), headers: ["X-A: 1"] });
    await handing.response("INVITE", 200);
    handing.request("ACK");
    expect(await logged(world, '"event":"error"')).toContain(
      'max_calls of route \\"small\\": 1 call is up',
    );
    handing.request("BYE");
    call.request("BYE");
    await world.server.ended(2);
    await world.server.idle();
  });
});
