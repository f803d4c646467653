import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import type { RunningGateway } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { type BaresipCodec, baresipRate } from "./baresip.ts";
import {
  ALL_CODECS,
  CODEC_ROWS,
  type CodecRow,
  expectEcho,
  expectWhole,
  SOUND_MS,
  soundOf,
  WIDEBAND_RATE,
} from "./codec_rows.ts";
import { baresipEcho, linphoneEcho } from "./echo_calls.ts";
import type { LinphoneCodec } from "./linphone.ts";
import { laterCorrelations, PhoneRig } from "./phone_rig.ts";
import { sweep, widebandShare } from "./sound.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** It hears L16 with the bytes of each sample exchanged, whoever sends it. */
const LINPHONE_CODECS: readonly LinphoneCodec[] = ["PCMU", "PCMA", "G722", "opus"];
/** What is sent is well above that. */
const WIDEBAND_SHARE_MIN = 0.4;

let rig: PhoneRig;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/voicegw-codecs-`);
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

/** A program that hears and says 16 000 samples a second, and an echo of 8000. */
function startGateway(): Promise<RunningGateway> {
  return rig.gateway({
    rtp: { codecs: ALL_CODECS, rtcp_interval: "500ms" },
    routes: [
      { when: { user: "wide" }, exec: ["cat"], rate: WIDEBAND_RATE },
      { echo: true },
    ],
  });
}

function rowOf(codec: BaresipCodec): CodecRow {
  return CODEC_ROWS.find((row) => row.codec === codec) as CodecRow;
}

describe("the sounds of these tests", () => {
  test("have most of their power above 4 kHz, or none there", () => {
    const share = (codec: BaresipCodec) =>
      widebandShare(soundOf(rowOf(codec), WIDEBAND_RATE), WIDEBAND_RATE);
    expect(share("G722")).toBeGreaterThan(0.5);
    expect(share("PCMU")).toBeLessThan(0.001);
  });
});

describe("baresip calls the gateway", () => {
  for (const row of CODEC_ROWS) {
    const { codec, isWideband } = row;
    const bands = isWideband ? "all of what it says, above 4 kHz too" : "what it says";
    peerTest(`with ${codec}, a handler of 16 kHz: hears ${bands}`, ["baresip"], async () => {
      const server = await startGateway();
      const record = await baresipEcho(rig, server, { row });
      expect(record.statistics.packets_refused).toBe(0);
      await server.idle();
    });
  }

  for (const codec of ["G722", "opus", "L16/44100"] as const) {
    peerTest(
      `with ${codec}, an echo of 8 kHz: hears what fits into that`,
      ["baresip"],
      async () => {
        const server = await startGateway();
        const rate = baresipRate(codec);
        const phone = await rig.baresip({ codec, sound: sweep(SOUND_MS, { rate }) });
        await phone.command("dial", `sip:echo@${server.udp}`);
        await phone.event("CALL_CLOSED");
        expectEcho({ ...rowOf(codec), isWideband: false }, { ...await phone.finish(), rate });
        expectWhole((await server.ended(1))[0], rowOf(codec));
        await server.idle();
      },
    );
  }
});

describe("Linphone calls the gateway", () => {
  for (const codec of LINPHONE_CODECS) {
    const row = rowOf(codec);
    peerTest(`with ${codec}: hears what it says`, ["linphone"], async () => {
      const server = await startGateway();
      await linphoneEcho(rig, server, { row, codec });
      await server.idle();
    }, { retries: 2 });
  }
});

describe("baresip is called by voicegw call", () => {
  for (const codec of ["G722", "opus"] as const) {
    peerTest(`with ${codec}: sound both ways, above 4 kHz too`, ["baresip"], async () => {
      const row = rowOf(codec);
      const rate = baresipRate(codec);
      const phone = await rig.baresip({ codec, sound: soundOf(row, rate), answers: true });
      const question = `${folder}/question.wav`;
      const answer = `${folder}/answer.wav`;
      await Bun.write(question, serializeWav(soundOf(row, rate), rate));
      const { exitCode, output } = await voicegwCall(phone.uri, [
        ...["--codec", `${codec},PCMU`, "--play", question, "--record", answer],
        ...["--duration", "2200ms", "--json"],
      ]);
      expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({
        exitCode: 0,
        output: "",
      });
      expect(output).toContain(`"codec":"${codec}"`);
      const { sent, heard } = await phone.finish();
      expectEcho(row, { sent: soundOf(row, rate), heard, rate });
      const { samples, sampleRate } = parseWav(readFileSync(answer));
      expect(sampleRate).toBe(codec === "opus" ? 48_000 : WIDEBAND_RATE);
      // The first packets find a program that has just begun, and what is late is made up for
      const later = laterCorrelations(sent, samples, { rate });
      expect(later.length).toBeGreaterThanOrEqual(2);
      for (const found of later) expect(Math.abs(found)).toBeGreaterThan(row.correlationMin);
      expect(widebandShare(samples, rate)).toBeGreaterThan(WIDEBAND_SHARE_MIN);
    });
  }
});
