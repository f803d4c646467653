import { afterEach, describe, expect, test } from "bun:test";
import { findSound } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import type { OutboundCallOptions } from "../../src/gateway/outbound_options.ts";
import type { SrtpPolicy } from "../../src/sdp/profile.ts";
import type { SipMessage } from "../../src/sip/message/message.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { shell } from "./raw_peer.ts";

const SUITE = "AES_CM_128_HMAC_SHA1_80";
/** Two codings with 8 bits a sample leave that much. */
const CORRELATION_MIN = 0.98;

const open: RunningGateway[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

async function start(srtp: SrtpPolicy, route: object = { echo: true }): Promise<RunningGateway> {
  const server = await startGateway({ rtp: { srtp, rtcp_interval: "500ms" }, routes: [route] });
  open.push(server);
  return server;
}

/** Calls; what the final response to the INVITE says of why is returned too. */
async function call(server: RunningGateway, given: Partial<OutboundCallOptions>) {
  let warning = "";
  const descriptions: string[] = [];
  const result = await callRoom(server.udp, "any", {
    ...given,
    onMessage: (direction: string, message: SipMessage) => {
      if (direction === "sent") return;
      warning ||= message.headers.get("Warning") ?? "";
      if (message.body.length > 0) descriptions.push(new TextDecoder().decode(message.body));
    },
  });
  return { result, warning, descriptions };
}

describe("RFC 4568 what rtp.srtp lets in", () => {
  test("never: an offer of RTP/SAVP gets 488, with the profile that is needed", async () => {
    const server = await start("never");
    const { result, warning } = await call(server, { srtp: "required" });
    expect(result).toMatchObject({ answered: false, statusCode: 488 });
    expect(warning).toMatch(/^302 \S+ "Incompatible transport protocol: needs RTP\/AVP"$/);
    await server.idle();
  });

  test("required: an offer of RTP/AVP gets 488, with the profile that is needed", async () => {
    const server = await start("required");
    const { result, warning } = await call(server, { srtp: "never" });
    expect(result).toMatchObject({ answered: false, statusCode: 488 });
    expect(warning).toMatch(/^302 \S+ "Incompatible transport protocol: needs RTP\/SAVP"$/);
    await server.idle();
  });

  test("optional: either is answered as it is offered", async () => {
    const server = await start("optional");
    const plain = await call(server, { srtp: "optional" });
    expect(plain.result).toMatchObject({ answered: true, suite: undefined });
    expect(plain.descriptions[0]).toContain(" RTP/AVP 0");
    expect(plain.descriptions[0]).not.toContain("a=crypto");
    const secure = await call(server, { srtp: "required" });
    expect(secure.result).toMatchObject({ answered: true, suite: SUITE });
    expect(secure.descriptions[0]).toContain(" RTP/SAVP 0");
    expect(secure.descriptions[0]?.match(/^a=crypto:\d+ \S+ inline:/gm)).toHaveLength(1);
  });
});

describe("a call under SRTP", () => {
  test("is heard both ways, and both sides report", async () => {
    const server = await start("required");
    const sound = tone(440, 800, RATE);
    const { result } = await call(server, { srtp: "required", sound, duration: 2000 });
    const { correlation } = findSound(sound, result.heard, { rate: RATE, delayMax: 300 });
    expect(correlation).toBeGreaterThan(CORRELATION_MIN);
    const [record] = await server.ended(1);
    for (const statistics of [result.statistics, record?.statistics]) {
      expect(statistics).toMatchObject({ packets_lost: 0, packets_refused: 0, remote_loss_pct: 0 });
      expect(statistics?.rtcp_received).toBeGreaterThan(0);
      expect(statistics?.round_trip_ms).toBeLessThan(1000);
    }
  });

  test("is heard before the answer and after it, RFC 3960 §3.1", async () => {
    // Plays a tone, and answers in its midst
    const script = `sleep 0.2; cat "$1" & sleep 0.6; echo '{"command":"answer"}' >&3; wait`;
    const file = `${process.env["TMPDIR"] ?? "/tmp"}/voicegw-early-${process.pid}.raw`;
    await Bun.write(file, tone(440, 1400, RATE));
    const server = await start("required", { exec: shell(script, file), answer: "manual" });
    const { result } = await call(server, {
      srtp: "required",
      duration: 700,
    });
    await Bun.file(file).delete();
    expect(result).toMatchObject({ answered: true, suite: SUITE });
    expect(result.statistics).toMatchObject({ packets_lost: 0, packets_refused: 0 });
    for (const heard of [result.early, result.heard]) {
      const sound = tone(440, 300, RATE);
      const { correlation } = findSound(sound, heard, { rate: RATE, delayMax: 400 });
      expect(Math.abs(correlation)).toBeGreaterThan(CORRELATION_MIN);
    }
  });
});
