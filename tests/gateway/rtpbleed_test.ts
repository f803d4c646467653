import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { serializeWav } from "../../src/audio/wav.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer, sampleOf } from "../support/rtp_peer.ts";

/** Mu-law codes: what the caller says, and what the intruder does. */
const OURS = 0x9f;
const THEIRS = 0xaa;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function startEcho(rtp: Record<string, unknown> = {}, routes: readonly unknown[] = []) {
  const server: RunningGateway = await startGateway({
    routes: [...routes, { echo: true }],
    sip: { t1: "50ms" },
    rtp,
  });
  open.push({ close: () => server.stop() });
  const caller = await RawCaller.open(server.udp);
  open.push(caller);
  return { server, caller };
}

async function openRtp(address: string, ssrc?: number): Promise<RtpPeer> {
  const peer = await RtpPeer.open(address, ssrc);
  open.push(peer);
  return peer;
}

describe("RTPbleed: packets from elsewhere during a call", () => {
  for (const [what, address] of [["address", "127.0.0.2"], ["port", "127.0.0.1"]] as const) {
    test(`from another ${what} are neither heard nor answered, and are counted`, async () => {
      const { server, caller } = await startEcho();
      const peer = await openRtp("127.0.0.1");
      const intruder = await openRtp(address, 0x6666);
      const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", peer.port) });
      const target = rtpTargetOf(answer);
      peer.send(target, OURS);
      await Promise.all([peer.stream(target, OURS, 30), intruder.stream(target, THEIRS, 30)]);
      await until(() => peer.countOf(OURS) >= 29, 2000, () => `${peer.countOf(OURS)} echoed`);
      caller.bye(call, answer);
      const [record] = await server.ended(1);
      expect(intruder.received).toHaveLength(0);
      expect(peer.countOf(THEIRS)).toBe(0);
      expect(record?.statistics).toMatchObject({ packets_refused: 30, packets_received: 31 });
    });
  }

  test("from another address before the caller's first are not taken for it", async () => {
    const { server, caller } = await startEcho();
    const peer = await openRtp("127.0.0.1");
    const intruder = await openRtp("127.0.0.2", 0x6666);
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", peer.port) });
    const target = rtpTargetOf(answer);
    await intruder.stream(target, THEIRS, 5);
    await peer.stream(target, OURS, 10);
    await until(() => peer.countOf(OURS) >= 9, 2000, () => `${peer.countOf(OURS)} echoed`);
    caller.bye(call, answer);
    expect((await server.ended(1))[0]?.statistics).toMatchObject({ packets_refused: 5 });
    expect(intruder.received).toHaveLength(0);
    expect(peer.countOf(THEIRS)).toBe(0);
  });

  test("do not keep a call alive whose caller has gone silent", async () => {
    const { server, caller } = await startEcho({ timeout: "1s" });
    const intruder = await openRtp("127.0.0.2", 0x6666);
    const { answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", 9) });
    await intruder.stream(rtpTargetOf(answer), THEIRS, 60);
    expect((await server.ended(1))[0]?.cause).toBe("media_timeout");
  });
});

describe("rtp.latch: strict, an SDP that names somebody else", () => {
  test("aims no audio at them before any has come from there", async () => {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-latch-`);
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    const second = new Int16Array(8000).fill(sampleOf(OURS));
    writeFileSync(`${folder}/second.wav`, serializeWav(second, 8000));
    const { server, caller } = await startEcho({ latch: "strict" }, [
      { play: { file: `${folder}/second.wav`, loop: true } },
    ]);
    const named = await openRtp("127.0.0.3");
    const stranger = await openRtp("127.0.0.2", 0x6666);
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.3", named.port) });
    const target = rtpTargetOf(answer);
    await stranger.stream(target, THEIRS, 10);
    await Bun.sleep(200);
    expect([named.received.length, stranger.received.length]).toEqual([0, 0]);
    named.send(target, THEIRS);
    await until(() => named.countOf(OURS) >= 10, 2000, () => `${named.received.length} came`);
    expect(stranger.received).toHaveLength(0);
    caller.bye(call, answer);
    const [record] = await server.ended(1);
    expect(record?.statistics).toMatchObject({ packets_refused: 10, packets_received: 1 });
    // What fell due before there was anybody to hear it is not said to have been heard
    const { played_ms, packets_sent } = record?.statistics ?? { played_ms: 0, packets_sent: 0 };
    expect(played_ms).toBe(packets_sent * 20);
  });

  test("gets it at once with rtp.latch: auto, from the caller's address too", async () => {
    const { server, caller } = await startEcho({ latch: "auto" });
    // Behind NAT: the SDP names an address that nothing comes from
    const natted = await openRtp("127.0.0.1");
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.3", 9) });
    await natted.stream(rtpTargetOf(answer), OURS, 10);
    await until(() => natted.countOf(OURS) >= 9, 2000, () => `${natted.received.length} came`);
    caller.bye(call, answer);
    expect((await server.ended(1))[0]?.statistics).toMatchObject({ packets_refused: 0 });
  });
});
