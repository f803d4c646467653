import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import {
  type GatewayConfig,
  type RunningGateway,
  startGateway,
  until,
} from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { SilentPipe } from "../support/silent_pipe.ts";

/** Closed after each test, whatever became of it. */
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** A gateway and a caller for one test. */
async function start(
  given: Partial<GatewayConfig> = {},
): Promise<{ server: RunningGateway; caller: RawCaller }> {
  // With a T1 of 50 ms, what takes 32 s at the default is over after 3.2 s
  const server = await startGateway({
    routes: [{ echo: true }],
    ...given,
    sip: { t1: "50ms", ...given.sip },
  });
  open.push({ close: () => server.stop() });
  const caller = await RawCaller.open(server.udp);
  open.push(caller);
  return { server, caller };
}

async function openRtp(address?: string): Promise<RtpPeer> {
  const peer = await RtpPeer.open(address);
  open.push(peer);
  return peer;
}

describe("the end of a call", () => {
  let pipe: SilentPipe;

  beforeAll(() => {
    pipe = new SilentPipe();
  });

  afterAll(() => pipe.close());

  test("by the caller's BYE", async () => {
    const { server, caller } = await start();
    const { call, answer } = await caller.establish();
    caller.bye(call, answer);
    expect((await caller.final(call, "BYE")).statusCode).toBe(200);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "caller_hangup", sip_status: 200 });
    await server.idle();
  });

  test("by the caller's CANCEL while it rings", async () => {
    const { server, caller } = await start({ routes: [{ play: pipe.path }] });
    const call = caller.invite();
    await caller.status(call, 180);
    caller.cancel(call);
    expect((await caller.final(call, "CANCEL")).statusCode).toBe(200);
    const final = await caller.final(call);
    caller.ack(call, final);
    expect(final.statusCode).toBe(487);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "caller_cancel", sip_status: 487 });
    await server.idle();
  });

  test("by the stop of the gateway while it rings: 503", async () => {
    const { server, caller } = await start({ routes: [{ play: pipe.path }] });
    const call = caller.invite();
    await caller.status(call, 180);
    await server.stop();
    const final = await caller.final(call);
    expect([final.statusCode, final.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(server.records.map(({ cause }) => cause as string)).toEqual(["shutdown"]);
    expect(server.gateway.held).toMatchObject({ calls: 0, handlers: 0, ports: 0, admitted: 0 });
  });

  test("by a handler that does not start in time: 503", async () => {
    const { server, caller } = await start({
      routes: [{ play: pipe.path }],
      limits: { setup: "1s" },
    });
    const call = caller.invite();
    const final = await caller.final(call);
    caller.ack(call, final);
    expect([final.statusCode, final.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "setup_timeout", sip_status: 503 });
    await server.idle();
  });

  test("by a caller that sends no audio: BYE with Q.850 cause 102", async () => {
    const { server, caller } = await start({ rtp: { timeout: "1s" } });
    const { call } = await caller.establish();
    const bye = await caller.request(call, "BYE");
    expect(bye.headers.get("Reason")).toContain("cause=102");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "media_timeout", detail: "no RTP from the caller" });
    expect(Math.abs((record?.duration_ms ?? 0) - 1000)).toBeLessThan(200);
    await server.idle();
  });

  test("is not the silence of a caller on hold", async () => {
    const { server, caller } = await start({ rtp: { timeout: "1s" } });
    const sdp = sdpOf("127.0.0.1", 9, { lines: ["a=rtpmap:0 PCMU/8000", "a=sendonly"] });
    const inactive = sdp.replace("sendonly", "inactive");
    const { call, answer } = await caller.establish({ sdp: inactive });
    await Bun.sleep(1300);
    expect(server.records).toEqual([]);
    caller.bye(call, answer);
    expect((await server.ended(1))[0]?.cause).toBe("caller_hangup");
  });

  test("by the limit of its length: BYE with Q.850 cause 31", async () => {
    const { server, caller } = await start({ limits: { duration: "1s" } });
    const { call } = await caller.establish();
    const bye = await caller.request(call, "BYE");
    expect(bye.headers.get("Reason")).toContain("cause=31");
    const [record] = await server.ended(1);
    expect(record?.cause).toBe("duration_limit");
    expect(Math.abs((record?.duration_ms ?? 0) - 1000)).toBeLessThan(200);
    await server.idle();
  });

  test("by an ACK that never comes: BYE after 64·T1", async () => {
    const { server, caller } = await start({ sip: { t1: "10ms" } });
    const call = caller.invite();
    await caller.final(call);
    const bye = await caller.request(call, "BYE");
    expect(bye.headers.get("Reason")).toContain("cause=102");
    expect((await server.ended(1))[0]).toMatchObject({ cause: "ack_timeout" });
    await server.idle();
  });

  test("is an end even when our BYE is never answered", async () => {
    const { server, caller } = await start({ sip: { t1: "10ms" }, limits: { duration: "1s" } });
    caller.answersBye = false;
    const { call } = await caller.establish();
    await caller.request(call, "BYE");
    expect((await server.ended(1))[0]?.cause).toBe("duration_limit");
    await server.idle();
    const byes = caller.requests.filter(({ method }) => method === "BYE");
    expect(byes.length).toBeGreaterThan(3);
  });
});

describe("refusals of an INVITE", () => {
  /** Sends one INVITE that is to be refused, and acknowledges it. */
  async function refusal(caller: RawCaller, invite: Parameters<RawCaller["invite"]>[0] = {}) {
    const call = caller.invite(invite);
    const final = await caller.final(call);
    caller.ack(call, final);
    return final;
  }

  test("503 with Retry-After above the limit of calls, until one ends", async () => {
    const { server, caller } = await start({ limits: { calls: 1 } });
    const { call, answer } = await caller.establish();
    const refused = await refusal(caller);
    expect([refused.statusCode, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
    caller.bye(call, answer);
    await server.ended(1);
    const again = await caller.establish();
    expect(again.answer.statusCode).toBe(200);
    caller.bye(again.call, again.answer);
    await server.idle();
  });

  test("503 with Retry-After when there is no pair of ports left, until one is", async () => {
    const { server, caller } = await start({ rtp: { ports: "29500-29501" } });
    const { call, answer } = await caller.establish();
    const refused = await refusal(caller);
    expect([refused.statusCode, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(server.logs.join()).toContain("rtp.ports: no free pair of ports among 1");
    caller.bye(call, answer);
    await server.idle();
    const again = await caller.establish();
    expect(again.answer.statusCode).toBe(200);
    caller.bye(again.call, again.answer);
    await server.idle();
    expect(server.records.map(({ cause }) => cause as string))
      .toEqual(["refused", "caller_hangup", "caller_hangup"]);
  });

  test("404 without a route", async () => {
    const { server, caller } = await start({
      routes: [{ when: { "X-Room-ID": "blue" }, echo: true }],
    });
    expect((await refusal(caller)).statusCode).toBe(404);
    expect((await refusal(caller, { headers: ["X-Room-ID: red"] })).statusCode).toBe(404);
    await server.idle();
    expect(server.records).toEqual([]);
    expect(server.gateway.counters.get("calls_refused")).toBe(2);
  });

  test("486 for the X-Session-ID of a live call, which is free again after its end", async () => {
    const { server, caller } = await start();
    const headers = ["X-Session-ID: one"];
    const { call, answer } = await caller.establish({ headers });
    expect((await refusal(caller, { headers: ["x-session-id: one"] })).statusCode).toBe(486);
    const other = await caller.establish({ headers: ["X-Session-ID: two"] });
    expect(other.answer.statusCode).toBe(200);
    caller.bye(other.call, other.answer);
    caller.bye(call, answer);
    await server.ended(2);
    const again = await caller.establish({ headers });
    expect(again.answer.statusCode).toBe(200);
    caller.bye(again.call, again.answer);
    await server.idle();
  });

  test("415 with Accept, 420 with Unsupported, 488 with Warning, 416, 400", async () => {
    const { server, caller } = await start();
    const wrongType = await refusal(caller, { contentType: "text/plain", sdp: "hello" });
    expect([wrongType.statusCode, wrongType.headers.get("Accept")])
      .toEqual([415, "application/sdp"]);
    const required = await refusal(caller, { headers: ["Require: 100rel, sec-agree"] });
    expect([required.statusCode, required.headers.get("Unsupported")]).toEqual([420, "sec-agree"]);
    const formats = { formats: "18", lines: ["a=rtpmap:18 G729/8000"] };
    const codec = await refusal(caller, { sdp: sdpOf("127.0.0.1", 9, formats) });
    expect(codec.statusCode).toBe(488);
    expect(codec.headers.get("Warning")).toMatch(/^30\d \S+ ".+"$/);
    expect((await refusal(caller, { uri: "mailto:bot@example.com" })).statusCode).toBe(416);
    expect((await refusal(caller, { sdp: "v=0\nm=nonsense" })).statusCode).toBe(400);
    await server.idle();
    expect(server.records).toEqual([]);
  });

  test("none at all for a source that sip.allow does not have: it is counted", async () => {
    const { server, caller } = await start({ sip: { allow: ["203.0.113.0/24"] } });
    caller.invite();
    caller.options();
    const { counters } = server.gateway;
    await until(() => counters.get("sources_refused") === 2, 2000, () => "not counted");
    await Bun.sleep(100);
    expect(caller.responses).toEqual([]);
    expect(counters.get("messages_received")).toBe(0);
  });

  test("403 for such a source with refuse: 403", async () => {
    const { server, caller } = await start({
      sip: { allow: ["203.0.113.0/24"], refuse: "403" },
    });
    expect((await refusal(caller)).statusCode).toBe(403);
    await server.idle();
    expect(server.records).toEqual([]);
  });
});

describe("RFC 3264 §5 an INVITE without an offer", () => {
  test("gets ours in the 200, its answer comes in the ACK, and audio flows", async () => {
    const { server, caller } = await start();
    const peer = await openRtp();
    const call = caller.invite({ sdp: "" });
    const answer = await caller.final(call);
    expect(answer.headers.get("Content-Type")).toBe("application/sdp");
    const target = rtpTargetOf(answer);
    expect(target.address).toBe("127.0.0.1");
    caller.ack(call, answer, sdpOf("127.0.0.1", peer.port));
    await peer.stream(target, 0x9f, 20);
    await until(() => peer.countOf(0x9f) >= 18, 2000, () => `${peer.countOf(0x9f)} echoed`);
    caller.bye(call, answer);
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "caller_hangup", codec: "PCMU" });
    await server.idle();
  });

  test("whose ACK brings no answer is ended", async () => {
    const { server, caller } = await start();
    const { call } = await caller.establish({ sdp: "" });
    await caller.request(call, "BYE");
    expect((await server.ended(1))[0]).toMatchObject({
      cause: "refused",
      detail: "The ACK brought no SDP answer",
    });
    await server.idle();
  });
});

describe("a gateway that is to end", () => {
  test("drains: no new calls, the live one goes on to its end", async () => {
    const { server, caller } = await start();
    const { call, answer } = await caller.establish();
    let drained = false;
    const draining = server.gateway.drain().then(() => drained = true);
    const probe = caller.options();
    const unwell = await caller.final(probe, "OPTIONS");
    expect(unwell.statusCode).toBe(503);
    const late = caller.invite();
    const refused = await caller.final(late);
    caller.ack(late, refused);
    expect([refused.statusCode, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect([drained, server.records.length, server.gateway.calls]).toEqual([false, 0, 1]);
    caller.bye(call, answer);
    await draining;
    expect(server.records.map(({ cause }) => cause as string)).toEqual(["caller_hangup"]);
  });

  test("stops: every live call gets a BYE with its reason", async () => {
    const { server, caller } = await start({ routes: [{ exec: ["cat"] }] });
    const calls = [await caller.establish(), await caller.establish()];
    await server.stop();
    for (const { call } of calls) {
      const bye = await caller.request(call, "BYE");
      expect(bye.headers.get("Reason")).toContain("cause=41");
    }
    expect(server.records.map(({ cause }) => cause as string)).toEqual(["shutdown", "shutdown"]);
    expect(server.gateway.held).toMatchObject({
      calls: 0,
      handlers: 0,
      ports: 0,
      admitted: 0,
      sessions: 0,
    });
  });
});

describe("a gateway that reloads", () => {
  test("takes routes and limits for new calls, and leaves live ones alone", async () => {
    const rtp = { ports: "29510-29599" };
    const { server, caller } = await start({ rtp });
    const { call, answer } = await caller.establish();
    const config = configFrom({
      sip: { listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], t1: "50ms" },
      rtp,
      limits: { calls: 7 },
      routes: [{ reject: 486 }],
    });
    expect(await server.gateway.reload(config)).toEqual([]);
    const second = caller.invite();
    const refused = await caller.final(second);
    caller.ack(second, refused);
    expect(refused.statusCode).toBe(486);
    expect(server.gateway.calls).toBe(1);
    caller.bye(call, answer);
    expect((await server.ended(1))[0]?.cause).toBe("caller_hangup");
    await server.idle();
  });

  test("takes nothing over when sockets would have to change, and names the keys", async () => {
    const { server, caller } = await start();
    const config = configFrom({ routes: [{ reject: 486 }] });
    expect(await server.gateway.reload(config)).toEqual(["sip.listen", "sip.t1", "rtp.ports"]);
    const { call, answer } = await caller.establish();
    expect(answer.statusCode).toBe(200);
    caller.bye(call, answer);
    await server.idle();
  });
});
