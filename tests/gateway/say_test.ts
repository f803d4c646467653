import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { findSound } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { childrenOf } from "../support/processes.ts";

/** Two sounds that are told apart, of no whole number of frames. */
const HIGH = tone(1_300, 207, RATE);
const LOW = tone(600, 151, RATE);
/** What the program speaks, at a rate that no call has. */
const SPEECH = tone(900, 200, 22_050);
const SPOKEN = tone(900, 200, RATE);

const folder = mkdtempSync(`${tmpdir()}/voicegw-say-`);
const high = `${folder}/high.wav`;
const low = `${folder}/low.raw`;

/** A line of shell as a route's command: its braces are no placeholders; the log has its events. */
function shell(line: string): Record<string, unknown> {
  const script = `cat <&3 >&2 & ${line}`.replaceAll("{", "{{");
  return { command: ["sh", "-c", script, "sh", low], stop_after: "100ms" };
}

/** How much of what was heard, at the best place, is that sound: up to 1. */
function likeness(sound: Int16Array, heard: Int16Array): number {
  // The first samples may have been lost on the way
  const early = Int16Array.from([...new Int16Array(RATE / 50), ...heard]);
  return Math.abs(findSound(sound, early, { rate: RATE, delayMax: 500 }).correlation);
}

/** A command, as a line of shell. */
function send(command: Readonly<Record<string, unknown>>): string {
  return `echo '${JSON.stringify(command)}' >&3;`;
}

describe("announcements in a call", () => {
  let server: RunningGateway;
  let web: Server;
  let children = 0;

  beforeAll(async () => {
    writeFileSync(high, serializeWav(HIGH, RATE));
    writeFileSync(low, new Uint8Array(LOW.buffer));
    writeFileSync(`${folder}/speech.wav`, serializeWav(SPEECH, 22_050));
    web = createServer((request, response) => {
      if (request.url === "/high.wav") response.end(serializeWav(HIGH, RATE));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const mark = (name: string) => send({ command: "mark", name });
    const play = send({ command: "play", file: high });
    const say = send({ command: "say", text: "Hello" });
    const forever = send({ command: "play", file: high, loop: true });
    const handlers: Readonly<Record<string, string>> = {
      order: `cat "$1"; ${play} sleep 0.25; cat "$1"; ${say} ${mark("said")} sleep 0.9; exit 0`,
      last: `${play} exit 0`,
      url: `${send({ command: "play", url: `${url}/high.wav` })} exit 0`,
      broken: `${send({ command: "play", file: "/nowhere.wav" })} ${
        send({ command: "play", url: `${url}/none.wav` })
      } ${send({ command: "say", text: "Hi", voice: "../x" })} ${play} exit 0`,
      cleared: `${forever} sleep 0.4; ${send({ command: "clear" })} ${
        mark("clear")
      } sleep 0.2; exit 0`,
      endless: `${forever} exit 0`,
      stuck: `${send({ command: "say", text: "stuck" })} sleep 60`,
    };
    const routes = Object.entries(handlers).map(([room, line]) => ({
      name: room,
      when: { "X-Room-ID": room },
      exec: shell(line),
    }));
    const program =
      `[ "$1" = stuck ] && head -c 320 /dev/zero && sleep 60; cat ${folder}/speech.wav`;
    server = await startGateway({
      routes,
      speech: { tts: ["sh", "-c", program, "sh", "{text}", "{voice}"] },
    });
  });

  beforeEach(() => {
    server.records.length = 0;
    server.logs.length = 0;
    children = childrenOf().length;
  });

  afterEach(async () => {
    await server.idle();
    await until(() => childrenOf().length <= children, 3_000, () => `${childrenOf()}`);
  });

  afterAll(async () => {
    web.closeAllConnections();
    web.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Events that a program was told, of one name. */
  function events(name: string): readonly Record<string, unknown>[] {
    return server.logs.filter((line) => line.startsWith(`{"event":"${name}"`))
      .map((line) => JSON.parse(line));
  }

  test("stand where the program puts them, between what it writes", async () => {
    const { heard } = await callRoom(server.udp, "order", { duration: 4_000 });
    const before = Int16Array.from([...LOW, ...HIGH, ...LOW]);
    expect(likeness(before, heard)).toBeGreaterThan(0.96);
    const after = heard.subarray(before.length - RATE / 50);
    expect(likeness(SPOKEN, after)).toBeGreaterThan(0.96);
    const [said] = events("mark");
    expect(said?.["name"]).toBe("said");
    const playedMs = (before.length + SPOKEN.length) * 1000 / RATE;
    expect(Math.abs(Number(said?.["played_ms"]) - playedMs)).toBeLessThan(30);
  });

  test("are heard to their end when the program is done", async () => {
    const result = await callRoom(server.udp, "last", { duration: 4_000 });
    expect(result.endedBy).toBe("callee");
    expect(likeness(HIGH, result.heard)).toBeGreaterThan(0.97);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "handler_hangup" });
  });

  test("come from a web server, which a program of ours may choose anywhere", async () => {
    const { heard } = await callRoom(server.udp, "url", { duration: 4_000 });
    expect(likeness(HIGH, heard)).toBeGreaterThan(0.97);
    // A busy machine brings the sound in pieces
  }, { retry: 2 });

  test("that fail are errors for the program, and the next one is heard", async () => {
    const { heard } = await callRoom(server.udp, "broken", { duration: 4_000 });
    expect(likeness(HIGH, heard)).toBeGreaterThan(0.97);
    const logged = server.logs.join("\n");
    expect(logged).toMatch(/play: .*nowhere\.wav/);
    expect(logged).toMatch(/play: .*none\.wav answered 404: is the path right\?/);
    expect(logged).toMatch(/say: There is no voice of the name/);
  });

  test("stop at a clear, and what was heard is told", async () => {
    await callRoom(server.udp, "cleared", { duration: 4_000 });
    const [cleared] = events("cleared");
    expect(cleared).toMatchObject({ reason: "command" });
    expect(Number(cleared?.["played_ms"])).toBeGreaterThan(200);
    expect(Number(cleared?.["played_ms"])).toBeLessThan(700);
    expect(events("mark").map(({ played_ms }) => played_ms)).toEqual([cleared?.["played_ms"]]);
  });

  test("without end last until the caller hangs up", async () => {
    const result = await callRoom(server.udp, "endless", { duration: 700 });
    expect(result.endedBy).toBe("caller");
    expect(result.heard.length).toBeGreaterThan(RATE / 4);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "caller_hangup" });
  });

  test("leave no program behind that is still speaking", async () => {
    await callRoom(server.udp, "stuck", { duration: 300 });
    expect((await server.ended(1))[0]).toMatchObject({ cause: "caller_hangup" });
  });
});
