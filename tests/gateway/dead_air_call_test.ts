import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tone } from "../../src/audio/tone.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import { speech } from "../audio/sounds.ts";
import { WebStub } from "../handler/webhook/rig.ts";
import { startWsServer, type WsServer } from "../handler/websocket/ws_server.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { heardMs } from "../support/heard_tone.ts";

/** What bots say, what is played while they are awaited, and what is played after them. */
const JINGLE = tone(700, 400, RATE);
const PROMPT = tone(1000, 250, RATE);
const SORRY = tone(440, 300, RATE);

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** Sound files by their names. */
function sounds(): { readonly prompt: string; readonly sorry: string } {
  const folder = mkdtempSync(join(tmpdir(), "voicegw-dead-air-"));
  open.push({ close: () => rmSync(folder, { recursive: true }) });
  const [prompt, sorry] = [join(folder, "prompt.wav"), join(folder, "sorry.wav")];
  writeFileSync(prompt, serializeWav(PROMPT, RATE));
  writeFileSync(sorry, serializeWav(SORRY, RATE));
  return { prompt, sorry };
}

async function start(route: Record<string, unknown>): Promise<RunningGateway> {
  const server = await startGateway({ routes: [route] });
  open.push({ close: () => server.stop() });
  return server;
}

/** A server whose connections from the second on wait for `letIn`, or for ever. */
async function slowServer(
  say: (connection: number, send: (message: Uint8Array | string) => void) => void,
): Promise<{ readonly server: WsServer; readonly letIn: () => void }> {
  const waiting: (() => void)[] = [];
  let asked = 0;
  const server = await startWsServer({
    verifyClient: (_info, answer) => {
      if (++asked === 1) answer(true);
      else waiting.push(() => answer(true));
    },
    onConnection: (peer) => say(server.peers.length, (message) => peer.socket.send(message)),
  });
  const letIn = () => waiting.splice(0).forEach((go) => go());
  // One that is kept waiting would not let it end
  open.push({ close: () => (letIn(), server.stop()) });
  return { server, letIn };
}

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

/** A tone that fades counts to its end. */
const FADED = -40;

const MARK = JSON.stringify({ command: "mark", name: "said" });

describe("a caller whose bot is lost", () => {
  test("hears the handler of on_error after the limit", async () => {
    const { sorry } = sounds();
    const { server: bot } = await slowServer((_connection, send) => send(bytesOf(JINGLE)));
    const server = await start({
      websocket: { url: bot.url, reconnect: { tries: 5 } },
      dead_air: "600ms",
      on_error: { play: sorry },
    });
    const calling = callRoom(server.udp, "lost", { linger: 60_000 });
    await until(() => bot.peers.length === 1, 5000, () => "no connection");
    await Bun.sleep(500);
    bot.peers[0]?.socket.terminate();
    const result = await calling;
    expect(result.endedBy).toBe("callee");
    expect(heardMs(result.heard, 700, FADED)).toBeGreaterThan(300);
    expect(heardMs(result.heard, 440, FADED)).toBeGreaterThan(200);
    const quiet = `Nothing was heard for 600ms while it waited for ${bot.url.slice(0, -1)}`;
    expect(server.logs).toContain(`Handler failed: ${quiet}; on_error goes on with play`);
    await server.idle();
  });

  test("hears a sound meanwhile, which is none of the bot's", async () => {
    const { prompt } = sounds();
    const { server: bot, letIn } = await slowServer((connection, send) => {
      if (connection === 1) send(bytesOf(JINGLE));
      else {
        send(bytesOf(JINGLE));
        send(MARK);
      }
    });
    const server = await start({
      websocket: { url: bot.url, reconnect: { tries: 5 } },
      dead_air: { limit: "500ms", play: prompt },
      barge_in: "clear",
    });
    // The caller speaks over it, and not over the bot
    const sound = new Int16Array(2200 * RATE / 1000);
    sound.set(speech(RATE, -20).subarray(0, 900 * RATE / 1000), 1300 * RATE / 1000);
    const calling = callRoom(server.udp, "waits", { linger: 60_000, sound });
    await until(() => bot.peers.length === 1, 5000, () => "no connection");
    await Bun.sleep(500);
    bot.peers[0]?.socket.terminate();
    await Bun.sleep(2000);
    letIn();
    await until(() => bot.peers[1]?.events("mark").length === 1, 5000, () => "no mark");
    bot.peers[1]?.socket.close(1000);
    const result = await calling;
    const [record] = await server.ended(1);
    expect(heardMs(result.heard, 700, FADED)).toBeGreaterThan(600);
    const prompted = heardMs(result.heard, 1000, FADED);
    expect(prompted).toBeGreaterThan(1000);
    expect(prompted).toBeLessThan(1900);
    expect(bot.peers[1]?.events("mark")).toEqual([
      { event: "mark", name: "said", played_ms: 800 },
    ]);
    expect(bot.peers[1]?.events("speech").map(({ state }) => state)).toContain("started");
    expect(bot.peers[1]?.events("cleared")).toEqual([]);
    expect(record).toMatchObject({
      cause: "handler_hangup",
      statistics: { played_ms: 800, dropped_ms: 0 },
    });
    expect(server.logs.filter((line) => line.includes(": plays "))).toHaveLength(1);
    await server.idle();
  });

  test("hears nothing more of the sound when that was all", async () => {
    const { prompt } = sounds();
    const { server: bot } = await slowServer((_connection, send) => send(bytesOf(JINGLE)));
    const server = await start({
      websocket: { url: bot.url, reconnect: 1, timeout: "1200ms" },
      dead_air: { limit: "500ms", play: prompt },
    });
    const calling = callRoom(server.udp, "ends", { linger: 60_000 });
    await until(() => bot.peers.length === 1, 5000, () => "no connection");
    await Bun.sleep(500);
    bot.peers[0]?.socket.terminate();
    const result = await calling;
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "handler_failed", statistics: { played_ms: 400 } });
    expect(heardMs(result.heard, 1000, FADED)).toBeGreaterThan(500);
    await server.idle();
  });
});

describe("a caller whose web server is slow", () => {
  test("hears the sound until that has answered", async () => {
    const { prompt } = sounds();
    const web = new WebStub(async ({ type, path }) => {
      if (path === "/slow") {
        await Bun.sleep(1300);
        return [{ action: "pause", duration_ms: 300 }, { action: "hangup" }];
      }
      return type === "call.incoming"
        ? [{ action: "answer" }, { action: "redirect", url: "/slow" }]
        : undefined;
    });
    open.push(web);
    const server = await start({
      webhook: { url: web.url },
      dead_air: { limit: "500ms", play: prompt },
    });
    const result = await callRoom(server.udp, "slow", { linger: 60_000 });
    const [record] = await server.ended(1);
    const prompted = heardMs(result.heard, 1000, FADED);
    expect(prompted).toBeGreaterThan(500);
    expect(prompted).toBeLessThan(1200);
    expect(record?.statistics).toMatchObject({ played_ms: 300, dropped_ms: 0 });
    await server.idle();
  });
});

describe("a caller of a handler that takes over", () => {
  test("does not wait for ever for it to start", async () => {
    const { sorry } = sounds();
    const { server: bot } = await slowServer(() => {});
    // The first of its connections is not that of the call
    const first = new WebSocket(bot.url);
    await until(() => bot.peers.length === 1, 5000, () => "no connection");
    open.push({ close: () => first.close() });
    const server = await startGateway({
      routes: [
        {
          exec: { command: ["sh", "-c", "sleep 0.2; exit 3"] },
          dead_air: "600ms",
          on_error: "bot",
        },
        {
          name: "bot",
          when: { to: "never" },
          websocket: { url: bot.url, timeout: "30s" },
          on_error: { play: sorry },
        },
      ],
    });
    open.push({ close: () => server.stop() });
    const result = await callRoom(server.udp, "starts", { linger: 60_000 });
    expect(heardMs(result.heard, 440, FADED)).toBeGreaterThan(200);
    expect(result.durationMs).toBeLessThan(4000);
    expect(server.logs.some((line) => line.includes("Nothing was heard for 600ms"))).toBe(true);
    await server.idle();
  });
});
