import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { serializeWav } from "../../src/audio/wav.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";

const RATE = 16_000;

describe("a route with a rate", () => {
  let server: RunningGateway | undefined;
  let caller: RawCaller | undefined;
  let peer: RtpPeer | undefined;
  const folder = mkdtempSync(join(tmpdir(), "voicegw-rate-"));

  afterEach(async () => {
    caller?.close();
    peer?.close();
    await server?.stop();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A call to the one route, up to its 200. */
  async function callTo(route: Readonly<Record<string, unknown>>) {
    server = await startGateway({ routes: [{ rate: RATE, ...route }] });
    caller = await RawCaller.open(server.udp);
    peer = await RtpPeer.open();
    const established = await caller.establish({ sdp: sdpOf("127.0.0.1", peer.port) });
    return { ...established, server, caller, peer };
  }

  test("tells it to a program, and takes its audio at it", async () => {
    // 200 ms of 16 bits
    const script = 'echo "rate $VOICEGW_RATE" >&2; cat <&3 >&2 & head -c 6400 /dev/zero; sleep 0.5';
    const called = await callTo({ exec: ["sh", "-c", script] });
    const { server } = called;
    const playedAll = () => called.peer.received.length >= 10;
    await until(playedAll, 5000, () => `${called.peer.received.length} packets`);
    expect(called.peer.received.every(({ payload }) => payload.length === 160)).toBe(true);
    called.caller.bye(called.call, called.answer);
    const [record] = await server.ended(1);
    expect(record?.statistics.played_ms).toBe(200);
    expect(server.logs).toContain(`rate ${RATE}`);
    const start = server.logs.find((line) => line.includes('"event":"start"')) ?? "{}";
    expect(JSON.parse(start).audio).toMatchObject({ rate: RATE, codec: "PCMU" });
  });

  test("gives a program one second of samples a second, whatever the codec", async () => {
    // 100 ms of 16 bits come back as they are
    const called = await callTo({ exec: ["head", "-c", "3200"] });
    await called.peer.stream(rtpTargetOf(called.answer), 0x9f, 25);
    const [record] = await called.server.ended(1);
    expect(record?.statistics.played_ms).toBe(100);
    expect(called.peer.countOf(0x9f)).toBeGreaterThan(0);
  });

  test("plays a recording at its own pace", async () => {
    const file = join(folder, "tone.wav");
    const samples = new Int16Array(3000).map((_, at) => Math.round(8000 * Math.sin(at / 5)));
    writeFileSync(file, serializeWav(samples, 10_000));
    const called = await callTo({ play: file });
    const [record] = await called.server.ended(1);
    expect(record?.cause).toBe("handler_hangup");
    expect(record?.statistics.played_ms).toBe(300);
  });
});
