import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import twilio from "twilio";
import { tone } from "../../src/audio/tone.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { speech } from "../audio/sounds.ts";
import { type Answer, WebStub } from "../handler/webhook/rig.ts";
import { callRoom } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { heardMs } from "../support/heard_tone.ts";

const RATE = 8000;
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const PROMPT = tone(440, 600, RATE);
const GOODBYE = tone(880, 160, RATE);

/** What is heard of them at least: frames at both ends are cut. */
const PROMPT_MS = 600;
const GOODBYE_MS = 100;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "voicegw-webhook-"));
  open.push({ close: () => rmSync(made, { recursive: true }) });
  return made;
}

function wav(samples: Int16Array): Response {
  return new Response(new Uint8Array(serializeWav(samples, RATE)), {
    headers: { "content-type": "audio/wav" },
  });
}

/** A gateway with one route to a web server, and others behind it. */
async function start(
  webhook: Record<string, unknown>,
  more: readonly unknown[] = [],
  route: Record<string, unknown> = {},
): Promise<RunningGateway> {
  const routes = [{ name: "web", webhook: { retries: 0, ...webhook }, ...route }, ...more];
  const server = await startGateway({ routes });
  open.push({ close: () => server.stop() });
  return server;
}

function serve(answer: Answer): WebStub {
  const web = new WebStub(answer);
  open.push(web);
  return web;
}

const GATHER = { action: "gather", input: ["dtmf"], digits: 1, timeout_ms: 5000 };

describe("a menu in JSON, on a hono server", () => {
  test("is played, interrupted by a key, answered, and told of to the end", async () => {
    const asked: string[] = [];
    const unsigned: string[] = [];
    const verifier = new Webhook(SECRET);
    const app = new Hono();
    app.use(async (context, next) => {
      if (context.req.method === "POST") {
        const headers = Object.fromEntries(context.req.raw.headers);
        try {
          verifier.verify(await context.req.text(), headers as Record<string, string>);
        } catch (error) {
          unsigned.push(String(error));
        }
      }
      await next();
    });
    app.get("/menu.wav", () => wav(PROMPT));
    app.get("/bye.wav", () => wav(GOODBYE));
    app.post("/voice", async (context) => {
      const { type, data } = await context.req.json();
      asked.push(type);
      if (type !== "call.incoming") return context.body(null, 204);
      asked.push(data.call.room_id);
      const prompts = [{ action: "play", url: "/menu.wav" }];
      return context.json([{ ...GATHER, prompts, url: "/menu" }, { action: "hangup" }]);
    });
    app.post("/menu", async (context) => {
      const { data } = await context.req.json();
      asked.push(`menu ${data.digits}`);
      return context.json([{ action: "play", url: "bye.wav" }, { action: "hangup" }]);
    });
    const web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
    open.push({ close: () => web.stop(true) });
    const url = `http://127.0.0.1:${web.port}/voice`;
    const server = await start({ url, secret: SECRET });
    const result = await callRoom(server.udp, "menu", { digits: "2", linger: 5000 });
    expect(result).toMatchObject({ statusCode: 200, endedBy: "callee" });
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "handler_hangup", handler: "webhook" });
    await server.idle();
    expect(asked).toEqual(["call.incoming", "menu", "menu 2", "call.ended"]);
    expect(unsigned).toEqual([]);
    // The key cut the prompt short, and the goodbye came whole
    expect(heardMs(result.heard, 440)).toBeLessThan(PROMPT_MS - 100);
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
  });
});

describe("a menu in TwiML, by Twilio's own library", () => {
  const TOKEN = "0123456789abcdef0123456789abcdef";

  test("is played, answered by keys, and signed so that the library takes it", async () => {
    const forged: string[] = [];
    const forms: Record<string, string>[] = [];
    const web = serve(({ method, path, headers, text }) => {
      if (path === "/menu.wav") return wav(PROMPT);
      if (path === "/bye.wav") return wav(GOODBYE);
      const form = Object.fromEntries(new URLSearchParams(text));
      const signature = headers.get("x-twilio-signature") ?? "";
      const url = new URL(path, web.url).href;
      if (!twilio.validateRequest(TOKEN, signature, url, form)) forged.push(`${method} ${path}`);
      forms.push({ path, ...form });
      const response = new twilio.twiml.VoiceResponse();
      if (path === "/voice") {
        response.gather({ numDigits: 1, action: "/menu" }).play("/menu.wav");
      } else if (path === "/menu") response.play("/bye.wav");
      return new Response(response.toString(), { headers: { "content-type": "text/xml" } });
    });
    const status = new URL("/status", web.url).href;
    const webhook = {
      url: web.url,
      protocol: "twilio",
      auth_token: TOKEN,
      status_callback: status,
    };
    const server = await start(webhook);
    const result = await callRoom(server.udp, "menu", { digits: "2", linger: 5000 });
    expect(result).toMatchObject({ statusCode: 200, endedBy: "callee" });
    expect(heardMs(result.heard, 440)).toBeLessThan(PROMPT_MS - 100);
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
    await server.idle();
    expect(forged).toEqual([]);
    const asked = forms.filter(({ path }) => path !== "/status");
    expect(asked).toHaveLength(2);
    expect(asked[0]).toMatchObject({ CallStatus: "ringing", "SipHeader_X-Room-ID": "menu" });
    expect(asked[1]).toMatchObject({ CallStatus: "in-progress", Digits: "2" });
    const told = forms.filter(({ path }) => path === "/status");
    expect(told.map(({ CallStatus }) => CallStatus))
      .toEqual(["initiated", "ringing", "in-progress", "completed"]);
  });
});

describe("what a web server can do with a call", () => {
  test("refuse it, before it is answered", async () => {
    const web = serve(() => [{ action: "reject", status: 486, reason: "Not now" }]);
    const server = await start({ url: web.url });
    const result = await callRoom(server.udp, "a");
    expect(result).toMatchObject({ statusCode: 486, reasonPhrase: "Not now", answered: false });
    await server.idle();
    expect(web.types).toEqual(["call.incoming", "call.ended"]);
  });

  test("give it to a program of the route", async () => {
    const web = serve(({ type }) =>
      type === "call.incoming" ? [{ action: "exec", program: "echo" }] : undefined
    );
    const server = await start({ url: web.url, programs: { echo: ["cat"] } });
    const result = await callRoom(server.udp, "a", { sound: PROMPT, linger: 100 });
    expect(heardMs(result.heard, 440)).toBeGreaterThan(400);
    await server.idle();
    expect(web.types).toEqual(["call.incoming", "call.ended"]);
  });

  test("hand it to another route", async () => {
    const file = join(folder(), "bye.wav");
    writeFileSync(file, serializeWav(GOODBYE, RATE));
    const web = serve(({ type }) =>
      type === "call.incoming" ? [{ action: "route", name: "bye" }] : undefined
    );
    const server = await start({ url: web.url }, [{ name: "bye", play: file }]);
    const result = await callRoom(server.udp, "a", { linger: 2000 });
    expect(result.endedBy).toBe("callee");
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
    await server.idle();
  });

  test("record what the caller says, complete though the caller hangs up", async () => {
    const recordings = folder();
    const web = serve(({ type }) =>
      type === "call.incoming" ? [{ action: "record", silence_ms: 0, beep: true }] : undefined
    );
    const server = await start({ url: web.url, recordings });
    const sound = tone(600, 1000, RATE);
    const result = await callRoom(server.udp, "a", { sound, linger: 100 });
    expect(heardMs(result.heard, 1000)).toBeGreaterThan(400);
    await server.idle();
    expect(web.types).toEqual(["call.incoming", "call.recorded", "call.ended"]);
    const { file, duration_ms } = web.of("call.recorded")?.data ?? {};
    const { samples } = parseWav(readFileSync(String(file)));
    expect(Math.abs(samples.length - Number(duration_ms) * 8)).toBeLessThan(8);
    // The beep took the first half second
    expect(heardMs(samples, 600)).toBeGreaterThan(300);
    expect(heardMs(samples, 600)).toBeLessThan(700);
  });

  test("answer each utterance with a sound", async () => {
    const web = serve(({ headers }) =>
      headers.has("x-voicegw-utterance") ? wav(GOODBYE) : undefined
    );
    const server = await start({ url: web.url, audio: "utterances" });
    const sound = new Int16Array(1.6 * RATE);
    sound.set(speech(RATE, -20).subarray(0, 0.7 * RATE), RATE / 5);
    const result = await callRoom(server.udp, "a", { sound, linger: 500 });
    await server.idle();
    const said = web.asked.filter(({ headers }) => headers.has("x-voicegw-utterance"));
    expect(said.length).toBeGreaterThan(0);
    expect(parseWav(said[0]?.bytes ?? new Uint8Array(0)).sampleRate).toBe(RATE);
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
  });

  test("take its audio and give its own, in one request", async () => {
    const web = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        if (request.headers.has("x-voicegw-audio")) return new Response(request.body);
        await request.text();
        return new Response(null, { status: 204 });
      },
    });
    open.push({ close: () => web.stop(true) });
    const url = `http://127.0.0.1:${web.port}/`;
    const server = await start({ url, audio: "stream" });
    const result = await callRoom(server.udp, "a", { sound: PROMPT, linger: 100 });
    expect(heardMs(result.heard, 440)).toBeGreaterThan(400);
    await server.idle();
  });
});

describe("a web server that cannot be followed", () => {
  const file = join(tmpdir(), `voicegw-sorry-${process.pid}.wav`);
  writeFileSync(file, serializeWav(GOODBYE, RATE));

  test.each(
    [
      ["is down", "http://127.0.0.1:1/", undefined, "nothing listens"],
      ["is slow", "", () => new Promise(() => {}), "in time"],
      ["answers HTML", "", () => new Response("<!DOCTYPE html>"), "HTML"],
      ["sends too much", "", () => new Response("x".repeat(300_000)), "256 KiB"],
      ["sends bad JSON", "", () => new Response("{"), "bad JSON"],
      ["asks for what there is not", "", () => [{ action: "dance" }], 'Unknown action "dance"'],
    ] as const,
  )("%s: the caller hears what on_error says", async (_, url, answer, why) => {
    const web = serve(answer ?? (() => undefined));
    const server = await start({ url: url || web.url, timeout: "200ms" }, [
      { name: "sorry", play: file },
    ], { on_error: "sorry" });
    const result = await callRoom(server.udp, "a", { linger: 2000 });
    expect(result).toMatchObject({ statusCode: 200, endedBy: "callee" });
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
    await until(
      () => server.logs.some((line) => line.includes(why)),
      1000,
      () => server.logs.join(),
    );
    await server.idle();
  });

  test("in the middle of a call too", async () => {
    const web = serve(({ type }) =>
      type === "call.incoming" ? [GATHER] : new Response("oh", { status: 500 })
    );
    const server = await start({ url: web.url }, [{ name: "sorry", play: file }], {
      on_error: "sorry",
    });
    const result = await callRoom(server.udp, "a", { digits: "1", linger: 5000 });
    expect(result).toMatchObject({ statusCode: 200, endedBy: "callee" });
    expect(heardMs(result.heard, 880)).toBeGreaterThan(GOODBYE_MS);
    await server.idle();
  });

  test("takes the call with it, where there is no on_error", async () => {
    const server = await start({ url: "http://127.0.0.1:1/" });
    expect(await callRoom(server.udp, "a")).toMatchObject({ statusCode: 503 });
    await server.idle();
  });
});
