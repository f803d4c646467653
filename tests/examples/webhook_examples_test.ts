import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { Webhook } from "standardwebhooks";
import { levelOf, tone } from "../../src/audio/tone.ts";
import { parseWav } from "../../src/audio/wav.ts";
import { speech } from "../audio/sounds.ts";
import { callRoom, RATE } from "../support/caller.ts";
import type { RunningGateway } from "../support/gateway.ts";
import { missingPeers } from "../support/peer_table.ts";
import { unavailableTest } from "../support/peers.ts";
import { heardMs } from "../support/heard_tone.ts";
import { ExampleServer, startExample } from "./example.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const TOKEN = "0123456789abcdef0123456789abcdef";

/** Frequencies of the chimes, and what is heard of one at least: its end fades out. */
const [MENU, HOURS, MESSAGE, PROGRAM, OPERATOR, SORRY, GOODBYE] = [
  660,
  880,
  550,
  770,
  990,
  330,
  440,
];
const CHIME_MS = 300;

/** What the caller says: a tone of a frequency of its own, or speech. */
const TONE = 1300;
const VOICE = speech(RATE, -20);

/** Calls in real time, some beside each other. */
const TIMEOUT_MS = 20_000;

const recordings = mkdtempSync(`${tmpdir()}/voicegw-examples-`);
/** What a bot for `<Stream>` was told: it hangs up as soon as it has the call. */
const streams: unknown[] = [];
const bot = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response("", { status: 400 }),
  websocket: {
    message: (socket, text) => {
      const { event } = JSON.parse(String(text));
      streams.push(event);
      if (event === "start") socket.close(1000);
    },
  },
});

interface Example {
  readonly name: string;
  readonly file: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly webhook: Readonly<Record<string, unknown>>;
  /** What a request without a signature is answered with. */
  readonly refusal: number;
  /** Programs that it needs. */
  readonly peers: readonly string[];
}

const EXAMPLES: readonly Example[] = [
  {
    name: "webhook-ivr",
    file: "webhook-ivr/routes.yaml",
    command: [process.execPath, "examples/webhook-ivr/server.ts"],
    env: { IVR_SECRET: SECRET, PATIENCE_MS: "500" },
    webhook: { programs: { echo: ["head", "-c", "16000"] }, recordings },
    refusal: 401,
    peers: [],
  },
  {
    name: "twiml-ivr",
    file: "twiml-ivr/routes.yaml",
    command: ["python3", "examples/twiml-ivr/server.py"],
    env: { TWILIO_AUTH_TOKEN: TOKEN, PATIENCE: "1", STREAM_URL: `ws://127.0.0.1:${bot.port}/` },
    webhook: { recordings },
    refusal: 403,
    peers: ["python3"],
  },
];

afterAll(async () => {
  await bot.stop(true);
  rmSync(recordings, { recursive: true });
});

for (const example of EXAMPLES) {
  const missing = missingPeers(example.peers);
  const problem = `Not installed: ${missing.join(", ")}`;
  if (missing.length > 0) unavailableTest(`examples/${example.name}`, problem);
  else describe(`examples/${example.name}`, () => testExample(example));
}

function testExample({ name, file, command, env, webhook, refusal }: Example): void {
  let server: ExampleServer;
  let gateway: RunningGateway;

  beforeAll(async () => {
    server = await ExampleServer.start(command, env);
    gateway = await startExample(file, { url: server.url, env, webhook });
  });

  afterAll(async () => {
    await gateway.idle();
    await gateway.stop();
    await server.close();
  });

  const call = (digits: string, linger: number, sound = tone(TONE, 300, RATE)) =>
    callRoom(gateway.udp, name, { digits, linger, sound });

  test.concurrent("is asked by nobody who does not know the secret", async () => {
    const body = "CallStatus=ringing";
    const response = await fetch(`${server.url}/voice`, { method: "POST", body });
    expect(response.status).toBe(refusal);
    expect(await response.text()).toBe("The signature is wrong\n");
  }, TIMEOUT_MS);

  test.concurrent("1 tells the hours, and plays the menu again", async () => {
    const { heard, statusCode } = await call("1", 1500);
    expect(statusCode).toBe(200);
    expect(heardMs(heard, HOURS)).toBeGreaterThan(CHIME_MS);
    expect(heardMs(heard, MENU)).toBeGreaterThan(CHIME_MS);
  }, TIMEOUT_MS);

  test.concurrent("2 records what the caller says, also of one who hangs up", async () => {
    const said = new Int16Array(2 * RATE);
    for (let at = 0; at < said.length; at += VOICE.length) {
      said.set(VOICE.subarray(0, said.length - at), at);
    }
    const { heard } = await call("2", 300, said);
    expect(heardMs(heard, MESSAGE)).toBeGreaterThan(CHIME_MS);
    await server.says(/^recorded/);
    const told = server.lines.find((line) => line.startsWith("recorded")) ?? "";
    const { samples } = parseWav(readFileSync(told.slice(told.indexOf("/"))));
    expect(samples.length / RATE).toBeGreaterThan(0.3);
    expect(levelOf(samples)).toBeGreaterThan(-35);
  }, TIMEOUT_MS);

  test.concurrent("3 gives the call to a program, and gets it back", async () => {
    const { heard } = await call("3", 1200, tone(TONE, 1500, RATE));
    expect(heardMs(heard, PROGRAM)).toBeGreaterThan(CHIME_MS);
    expect(heardMs(heard, MENU)).toBeGreaterThan(CHIME_MS);
    if (name === "webhook-ivr") expect(heardMs(heard, TONE)).toBeGreaterThan(500);
    else expect(streams).toContain("start");
  }, TIMEOUT_MS);

  test.concurrent("0 transfers; who cannot be transferred is told", async () => {
    const { heard } = await call("0", 2000);
    expect(heardMs(heard, OPERATOR)).toBeGreaterThan(CHIME_MS);
    expect(heardMs(heard, SORRY)).toBeGreaterThan(CHIME_MS);
  }, TIMEOUT_MS);

  test.concurrent("who presses nothing hears the menu three times, and goodbye", async () => {
    const { heard, endedBy } = await call("", 9000);
    expect(endedBy).toBe("callee");
    expect(heardMs(heard, MENU)).toBeGreaterThan(3 * CHIME_MS);
    expect(heardMs(heard, MENU)).toBeLessThan(3 * 500 + 100);
    expect(heardMs(heard, GOODBYE)).toBeGreaterThan(CHIME_MS);
  }, TIMEOUT_MS);
}

test.concurrent("examples/webhook-ivr runs under Deno too", async () => {
  const deno = `${ROOT}/node_modules/deno/deno`;
  const server = await ExampleServer.start([deno, "run", "-A", "examples/webhook-ivr/server.ts"], {
    IVR_SECRET: SECRET,
  });
  const body = JSON.stringify({ type: "call.incoming", data: { call: { id: "a" } } });
  const at = new Date();
  const response = await fetch(`${server.url}/voice`, {
    method: "POST",
    body,
    headers: {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(SECRET).sign("msg_1", at, body),
    },
  });
  expect(await response.json()).toMatchObject([{ action: "gather", digits: 1 }]);
  const sound = await fetch(`${server.url}/sounds/menu.wav`);
  const { samples } = parseWav(new Uint8Array(await sound.arrayBuffer()));
  expect(heardMs(samples, MENU)).toBeGreaterThan(CHIME_MS);
  await server.close();
}, TIMEOUT_MS);
