import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { openDescriptors } from "../support/processes.ts";
import { echoIn, longestSilence, noise, tracksOf } from "../support/recording.ts";

type Route = Readonly<Record<string, unknown>>;

async function withGateway(
  route: Route,
  body: (server: RunningGateway) => Promise<void>,
): Promise<void> {
  const server = await startGateway({ routes: [route] });
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

/** A program that asks for this, one action after another, and echoes meanwhile. */
function asking(...steps: readonly (string | number)[]): readonly string[] {
  const lines = steps.map((step) =>
    typeof step === "number"
      ? `sleep ${step}`
      : `echo '{"command":"record","action":"${step}"}' >&3`
  );
  // Events come out as lines of the log; a shell gives what runs beside it no input of its own
  const script = `exec 4<&0; cat <&3 >&2 & cat <&4 & echo=$!; ${lines.join("; ")}; wait $echo`;
  return ["sh", "-c", script.replaceAll("{", "{{")];
}

describe("a recorded call", () => {
  const folder = mkdtempSync(join(tmpdir(), "voicegw-record-"));

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A test with a gateway of its own, beside the others. What it hears is in real time. */
  function served(name: string, route: Route, body: (server: RunningGateway) => Promise<void>) {
    test.concurrent(name, () => withGateway(route, body), { retry: 2 });
  }

  test("has the caller on the left, and what it heard at that moment on the right", async () => {
    const handlers = [
      { name: "echo", echo: true },
      { name: "pipe", exec: ["cat"] },
      { name: "wide", echo: true, rate: 16_000 },
    ];
    const routes = handlers.map((handler) => ({
      ...handler,
      when: { "X-Room-ID": handler.name },
      record: join(folder, `${handler.name}.wav`),
    }));
    const server = await startGateway({ routes });
    const sound = noise(500, RATE);
    await Promise.all(routes.map(({ name }) => callRoom(server.udp, name, { sound })));
    const records = await server.ended(3);
    for (const { name, record: path, rate = RATE } of routes) {
      const tracks = tracksOf(path);
      expect(tracks.rate).toBe(rate);
      const echo = echoIn(tracks, 200);
      expect(echo.correlation).toBeGreaterThan(0.95);
      // A frame comes in whole before it goes out
      expect(echo.delayMs).toBeGreaterThan(19);
      expect(echo.delayMs).toBeLessThan(80);
      const length = tracks.left.length * 1000 / rate;
      const record = records.find(({ call }) => call.route === name);
      expect(record?.recording).toEqual({
        file: path,
        duration_ms: Math.round(length),
        lost_ms: 0,
      });
      expect(Math.abs(length - (record?.duration_ms ?? 0))).toBeLessThan(20);
    }
    await server.idle();
    await server.stop();
  });

  served("makes its folders, and leaves files alone that are there", {
    echo: true,
    record: join(folder, "a/b/{room_id}.wav"),
  }, async (server) => {
    const sound = noise(60, RATE);
    await Promise.all([1, 2, 3].map(() => callRoom(server.udp, "blue", { sound })));
    const records = await server.ended(3);
    const names = records.map(({ recording }) => recording?.file ?? "");
    const expected = ["blue-2.wav", "blue-3.wav", "blue.wav"];
    expect(names.toSorted()).toEqual(expected.map((name) => join(folder, "a/b", name)));
    expect(readdirSync(join(folder, "a/b")).toSorted()).toEqual(expected);
    for (const name of names) expect(tracksOf(name).left.length).toBeGreaterThan(0);
  });

  const paused = join(folder, "paused.wav");
  served("begins at the command, is silent while paused, and ends at another", {
    exec: asking(0.3, "start", 0.3, "pause", 0.3, "resume", 0.3, "stop", "start"),
    record: { file: paused, on: "command" },
  }, async (server) => {
    await callRoom(server.udp, "blue", { sound: noise(1500, RATE) });
    const [record] = await server.ended(1);
    const { left, right, rate } = tracksOf(record?.recording?.file ?? "");
    const length = record?.recording?.duration_ms ?? 0;
    expect(Math.abs(length - 1000)).toBeLessThan(200);
    for (const track of [left, right]) {
      expect(Math.abs(longestSilence(track, rate) - 320)).toBeLessThan(80);
    }
    // Before and after the pause
    for (const at of [100, length - 250]) {
      expect(echoIn({ rate, left, right }, at).correlation).toBeGreaterThan(0.7);
    }
    expect(server.logs.join()).toContain("The recording is over, and a call has one only");
  });

  const file = join(folder, "file");
  const path = join(file, "call.wav");
  served("goes on where the file cannot be written: the handler hears of it", {
    exec: asking(0.2, "pause"),
    record: path,
  }, async (server) => {
    writeFileSync(file, "this is no folder");
    const result = await callRoom(server.udp, "blue", { sound: noise(500, RATE) });
    const [record] = await server.ended(1);
    expect([result.statusCode, record?.cause]).toEqual([200, "caller_hangup"]);
    expect(record?.recording).toBeUndefined();
    const message = `Cannot create "${path}": a part of its path is no directory`;
    expect(server.logs).toContain(`The recording ends: ${message}`);
    expect(server.logs).toContain(JSON.stringify({ event: "error", message, command: "record" }));
    expect(server.logs.join()).toContain("The recording is over");
    expect(server.gateway.counters.get("recordings_failed")).toBe(1);
    await server.idle();
  });

  served("is not recorded where a header could leave the folder", {
    echo: true,
    record: join(folder, "{X-Name}.wav"),
  }, async (server) => {
    const headers = [["X-Name", "../evil"]] as const;
    await callRoom(server.udp, "blue", { headers, sound: noise(60, RATE) });
    const [record] = await server.ended(1);
    expect([record?.cause, record?.recording]).toEqual(["caller_hangup", undefined]);
    expect(server.logs.join()).toContain('The value of {X-Name} holds "/"');
    expect(existsSync(join(folder, "../evil.wav"))).toBe(false);
  });

  const stopped = join(folder, "stopped.wav");
  served("is complete when the gateway stops in the middle of it", {
    echo: true,
    record: stopped,
  }, async (server) => {
    const call = callRoom(server.udp, "blue", { sound: noise(3000, RATE) });
    await until(() => existsSync(stopped), 5000, () => "no file");
    await Bun.sleep(400);
    await server.stop();
    const length = server.records[0]?.recording?.duration_ms ?? 0;
    expect(length).toBeGreaterThan(350);
    expect(Math.abs(tracksOf(stopped).left.length * 1000 / RATE - length)).toBeLessThan(1);
    await call;
  });

  const many = { echo: true, record: join(folder, "many/{id}.wav") };
  test("leaves nothing open, however many there are", () =>
    withGateway(many, async (server) => {
      const short = { sound: noise(60, RATE), linger: 20 };
      await callRoom(server.udp, "blue", short);
      await server.idle();
      const before = openDescriptors();
      await Promise.all(Array.from({ length: 20 }, () => callRoom(server.udp, "blue", short)));
      await server.ended(21);
      await server.idle();
      // Ports rest for a while after their call
      await until(() => openDescriptors() <= before, 5000, () => `${openDescriptors()} open`);
      const files = readdirSync(join(folder, "many")).map((name) => join(folder, "many", name));
      expect(files).toHaveLength(21);
      for (const each of files) expect(tracksOf(each).left.length).toBeGreaterThan(0);
    }));
});
