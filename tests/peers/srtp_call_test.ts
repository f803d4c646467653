import { afterEach, beforeEach, describe, expect } from "bun:test";
import type { RunningGateway } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { baresipRate } from "./baresip.ts";
import { ALL_CODECS, CODEC_ROWS, WIDEBAND_RATE } from "./codec_rows.ts";
import { baresipEcho, linphoneEcho } from "./echo_calls.ts";
import type { LinphoneCodec, LinphoneSuite } from "./linphone.ts";
import { PhoneRig } from "./phone_rig.ts";
import { sweep } from "./sound.ts";
import { voicegwCall } from "./voicegw_call.ts";

const LINPHONE_ROWS: readonly { readonly codec: LinphoneCodec; readonly suite: LinphoneSuite }[] = [
  { codec: "PCMU", suite: "AES_CM_128_HMAC_SHA1_80" },
  { codec: "PCMA", suite: "AES_CM_128_HMAC_SHA1_32" },
  { codec: "G722", suite: "AES_CM_128_HMAC_SHA1_32" },
  { codec: "opus", suite: "AES_CM_128_HMAC_SHA1_80" },
];

/** As each stream begins, Linphone opens the way through NATs with two packets that are no RTP. */
const STUN_PACKETS = 2;
const PTIME_MS = 20;
const PACKETS_TOLERANCE = 10;

let rig: PhoneRig;

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

/** Whatever is not encrypted is refused. */
function startGateway(): Promise<RunningGateway> {
  return rig.gateway({
    rtp: { codecs: ALL_CODECS, srtp: "required", rtcp_interval: "500ms" },
    routes: [
      { when: { user: "wide" }, exec: ["cat"], rate: WIDEBAND_RATE },
      { echo: true },
    ],
  });
}

describe("baresip calls the gateway with RTP/SAVP, RFC 4568", () => {
  for (const row of CODEC_ROWS) {
    const { codec } = row;
    peerTest(`with ${codec}: hears what it says`, ["baresip"], async () => {
      const server = await startGateway();
      const record = await baresipEcho(rig, server, { row, srtp: true });
      expect(record.statistics.packets_refused).toBe(0);
      await server.idle();
    });
  }

  peerTest(
    "hold and resume: keys and packet counts go on; reports are read",
    ["baresip"],
    async () => {
      const server = await startGateway();
      const phone = await rig.baresip({ sound: sweep(15_000), srtp: true });
      await phone.command("dial", `sip:echo@${server.udp}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(1000);
      await phone.command("hold");
      await Bun.sleep(1000);
      await phone.command("resume");
      // It reports five seconds after that
      await Bun.sleep(5500);
      await phone.command("hangup");
      await phone.event("CALL_CLOSED");
      const { output } = await phone.finish();
      const [record] = await server.ended(1);
      const statistics = record?.statistics;
      expect(record?.cause).toBe("caller_hangup");
      // What we cannot decrypt we refuse, and what it cannot is not in its last figures
      const received = [...output.matchAll(/audio=\d+\/(\d+) \(bit\/s\)/g)].at(-1)?.[1];
      expect(Number(received)).toBeGreaterThan(50_000);
      expect(statistics).toMatchObject({ packets_lost: 0, packets_refused: 0, remote_loss_pct: 0 });
      const talked = ((record?.duration_ms ?? 0) - 1000) / PTIME_MS;
      expect(talked).toBeGreaterThan(300);
      for (const packets of [statistics?.packets_received, statistics?.packets_sent]) {
        expect(Math.abs((packets ?? 0) - talked)).toBeLessThanOrEqual(PACKETS_TOLERANCE);
      }
      expect(statistics?.rtcp_received).toBeGreaterThan(0);
      expect(statistics?.round_trip_ms).toBeLessThan(1000);
      expect(statistics?.mos).toBeGreaterThan(4);
      await server.idle();
    },
  );
});

describe("Linphone calls the gateway with RTP/SAVP, RFC 4568", () => {
  for (const { codec, suite } of LINPHONE_ROWS) {
    const row = CODEC_ROWS.find((other) => other.codec === codec) as (typeof CODEC_ROWS)[number];
    peerTest(`with ${codec} under ${suite}`, ["linphone"], async () => {
      const server = await startGateway();
      const record = await linphoneEcho(rig, server, { row, codec, suite });
      expect(record.statistics.packets_refused).toBeLessThanOrEqual(STUN_PACKETS);
      await server.idle();
    }, { retries: 2 });
  }
});

describe("baresip is called by voicegw call --srtp", () => {
  for (const codec of ["PCMU", "opus"] as const) {
    peerTest(`with ${codec}: encrypted both ways`, ["baresip"], async () => {
      const phone = await rig.baresip({
        codec,
        sound: sweep(5000, { rate: baresipRate(codec) }),
        srtp: true,
        answers: true,
      });
      const { exitCode, output } = await voicegwCall(phone.uri, [
        ...["--codec", codec, "--srtp", "--duration", "1500ms"],
      ]);
      const { heard } = await phone.finish();
      expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({
        exitCode: 0,
        output: "",
      });
      expect(output).toMatch(
        new RegExp(`^Answered .*, ${codec}, encrypted with AES_CM_128_HMAC_SHA1_80$`, "m"),
      );
      expect(output).toMatch(/^Heard .* dBFS/m);
      expect(heard.length / baresipRate(codec)).toBeGreaterThan(1.2);
    });
  }
});

describe("Linphone is called by voicegw call --srtp", () => {
  peerTest("of our suites it takes the one that it has", ["linphone"], async () => {
    const suite = "AES_CM_128_HMAC_SHA1_32";
    const phone = await rig.linphone({ suite, answers: true });
    const { exitCode, output } = await voicegwCall(phone.uri, ["--srtp", "--duration", "1500ms"]);
    const heard = await phone.finish();
    expect({ exitCode, output: exitCode === 0 ? "" : `${output}\n${phone.output}` })
      .toEqual({ exitCode: 0, output: "" });
    expect(output).toContain(`encrypted with ${suite}`);
    expect(heard.length).toBeGreaterThan(8000);
  });
});
