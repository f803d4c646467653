import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { resample } from "../../src/audio/resampler.ts";
import { levelOf } from "../../src/audio/tone.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { ExampleServer, startExample } from "../examples/example.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";

const PEERS = ["espeak-ng", "pocketsphinx", "pocketsphinx-en-us", "python3"];
const BOT = ["python3", "examples/utterance-bot/server.py"];

/** Calls in real time beside each other, and a recognizer that shares the machine with them. */
const OPTIONS = { timeoutMs: 40_000, isConcurrent: true, retries: 1 };

/** Runs the example, and a gateway that gives its calls to it. */
async function withBot(
  use: (gateway: RunningGateway, server: ExampleServer) => Promise<void>,
): Promise<void> {
  const server = await ExampleServer.start(BOT);
  try {
    const gateway = await startExample("utterance-bot/routes.yaml", { url: server.url });
    await use(gateway, server).finally(() => gateway.stop());
  } finally {
    await server.close();
  }
}

/** A spoken text behind some silence, and silence behind it. */
function spoken(text: string, beforeMs: number, afterMs: number): Int16Array {
  const { stdout } = spawnSync("espeak-ng", ["--stdout", "-v", "en-us", "-s", "140", text]);
  const wav = parseWav(stdout);
  const voice = resample(wav.samples, wav.sampleRate, RATE);
  const all = new Int16Array(voice.length + (beforeMs + afterMs) * RATE / 1000);
  all.set(voice, beforeMs * RATE / 1000);
  return all;
}

/** Milliseconds of sound. */
function loudMs(samples: Int16Array): number {
  let frames = 0;
  for (let at = 0; at + 160 <= samples.length; at += 160) {
    if (levelOf(samples.subarray(at, at + 160)) > -35) frames++;
  }
  return frames * 20;
}

describe("examples/utterance-bot", () => {
  peerTest(
    "greets, answers a question, and hangs up when it is told goodbye",
    PEERS,
    () =>
      withBot(async (gateway, server) => {
        const [question, goodbye] = [
          spoken("what time is it", 3500, 5500),
          spoken("goodbye", 0, 0),
        ];
        const sound = Int16Array.from([...question, ...goodbye]);
        const result = await callRoom(gateway.udp, "a", { sound, linger: 10_000 });
        expect(result).toMatchObject({ statusCode: 200, endedBy: "callee" });
        expect(server.lines).toContain("heard: what time is it");
        expect(server.lines.join("\n")).toMatch(/says: It is \d+ hours and \d+ minutes/);
        expect(server.lines).toContain("heard: goodbye");
        // The greeting before the question, the answer behind it
        const asked = 3.5 * RATE;
        expect(loudMs(result.heard.subarray(0, asked))).toBeGreaterThan(800);
        expect(loudMs(result.heard.subarray(asked))).toBeGreaterThan(1500);
        const [record] = await gateway.ended(1);
        expect(record).toMatchObject({ cause: "handler_hangup", handler: "webhook" });
        await gateway.idle();
        expect(server.lines.at(-1)).toBe("call.ended");
      }),
    OPTIONS,
  );

  peerTest(
    "stops its greeting for a caller who speaks over it",
    PEERS,
    () =>
      withBot(async (gateway, server) => {
        const sound = spoken("what time is it", 700, 1000);
        const { heard } = await callRoom(gateway.udp, "a", { sound, linger: 3000 });
        expect(server.lines).toContain("heard: what time is it");
        expect(loudMs(heard.subarray(0, 0.7 * RATE))).toBeGreaterThan(200);
        const [record] = await gateway.ended(1);
        expect(record?.statistics.dropped_ms).toBeGreaterThan(200);
        await gateway.idle();
      }),
    OPTIONS,
  );
});

describe("curl in our place", () => {
  peerTest("asks the example as we do, and gets its answer", [...PEERS, "curl"], async () => {
    const server = await ExampleServer.start(BOT);
    try {
      const ask = (type: string, body: Uint8Array) => {
        const { stdout, status } = spawnSync("curl", [
          ...["--silent", "--fail", "--max-time", "20", "--data-binary", "@-"],
          ...["--header", `Content-Type: ${type}`, "--header", "X-Voicegw-Call-Id: 1"],
          ...[
            "--header",
            "X-Voicegw-Utterance: 1",
            "--header",
            "X-Voicegw-At-Ms: 3500",
            server.url,
          ],
        ], { input: body });
        return { status, answer: new Uint8Array(stdout) };
      };
      const question = serializeWav(spoken("what time is it", 200, 200), RATE);
      const { status, answer } = ask("audio/wav", question);
      expect(status).toBe(0);
      expect(parseWav(answer).samples.length).toBeGreaterThan(8000);
      const told = new TextEncoder().encode('{"type":"call.ended","data":{"call_id":"1"}}');
      expect(ask("application/json", told)).toMatchObject({ status: 0 });
      await until(() => server.lines.includes("call.ended"), 3000, () => server.lines.join("\n"));
      expect(server.lines).toContain("heard: what time is it");
    } finally {
      await server.close();
    }
  }, { timeoutMs: 40_000 });
});

/**
 * What `curl` gets and sends is all that a server needs: no headers beside those of HTTP, a file
 * for an answer or nothing.
 */
describe("a server that is a script", () => {
  peerTest("answers each sentence with a WAV file, or with 204", ["espeak-ng"], async () => {
    const beep = new Uint8Array(spawnSync("espeak-ng", ["--stdout", "I have heard you"]).stdout);
    const asked: string[] = [];
    const web = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        const body = new Uint8Array(await request.arrayBuffer());
        const isSound = request.headers.get("content-type") === "audio/wav";
        asked.push(isSound ? `${parseWav(body).sampleRate} Hz` : "JSON");
        // Like `nc`: no Content-Type at all
        return isSound ? new Response(beep) : new Response(null, { status: 204 });
      },
    });
    const gateway = await startGateway({
      routes: [{ webhook: { url: `http://127.0.0.1:${web.port}`, audio: "utterances" } }],
    });
    const { heard, answered } = await callRoom(gateway.udp, "a", {
      sound: spoken("hello there", 300, 1500),
      linger: 1500,
    });
    expect(answered).toBe(true);
    expect(asked.filter((each) => each === "8000 Hz").length).toBeGreaterThan(0);
    expect(loudMs(heard)).toBeGreaterThan(500);
    await gateway.idle();
    await gateway.stop();
    await web.stop(true);
  }, OPTIONS);
});
