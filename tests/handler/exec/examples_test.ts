import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { HandlerCommand } from "../../../src/call/handler_message.ts";
import type { Handler } from "../../../src/handler/handler.ts";
import { dtmf, END, type RecordingHost, START } from "../recording_host.ts";
import { prepare, wait } from "./exec_fixture.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

function installed(...programs: readonly string[]): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return programs.every((program) => folders.some((folder) => existsSync(`${folder}/${program}`)));
}

/** The command of a route of an example. */
function commandOf(file: string, route = 0): readonly string[] {
  return parse(readFileSync(`${root}/examples/${file}`, "utf8")).routes[route].exec;
}

function startExample(
  file: string,
  route = 0,
): { readonly handler: Handler; readonly host: RecordingHost } {
  const made = prepare(commandOf(file, route), { cwd: root, stop_after: 1_000 });
  made.host.keep = true;
  // Stands for a call that plays in no time.
  made.host.onCommand = (command) => answer(made.handler, command);
  made.handler.start(START);
  return made;
}

function answer(handler: Handler, command: HandlerCommand): void {
  if (command.command === "mark") {
    handler.receiveEvent({ event: "mark", name: command.name, played_ms: 0 });
  } else if (command.command === "clear") {
    handler.receiveEvent({ event: "cleared", reason: "command", played_ms: 0, dropped_ms: 7 });
  }
}

/** Gives the handler audio, twenty times as fast as a caller does. */
async function speak(handler: Handler, pcm: Uint8Array): Promise<void> {
  for (let start = 0; start + 320 <= pcm.length; start += 320) {
    handler.receiveAudio(pcm.subarray(start, start + 320));
    await wait(1);
  }
}

/** Spoken text at the rate of a telephone, with silence on both sides. */
function spoken(text: string): Uint8Array {
  const script = `espeak-ng --stdout -v en-us -s 140 "${text}" | ` +
    "sox -t wav - -t raw -r 8000 -e signed -b 16 -c 1 - pad 0.3 1.0 2>/dev/null";
  return new Uint8Array(spawnSync("sh", ["-c", script], { maxBuffer: 1 << 24 }).stdout);
}

function sine(millis: number): Uint8Array {
  const pcm = new Uint8Array(millis * 16);
  const view = new DataView(pcm.buffer);
  for (let index = 0; index < millis * 8; index++) {
    view.setInt16(index * 2, Math.round(8_000 * Math.sin(2 * Math.PI * 440 * index / 8_000)), true);
  }
  return pcm;
}

/** Runs of sound, separated by at least 40 ms of silence. */
function bursts(pcm: Uint8Array): number {
  const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.length);
  let count = 0;
  let silence = 320;
  for (let index = 0; index < pcm.length / 2; index++) {
    if (Math.abs(view.getInt16(index * 2, true)) < 100) {
      silence++;
      continue;
    }
    if (silence >= 320) count++;
    silence = 0;
  }
  return count;
}

describe("example echo.yaml", () => {
  test("gives back what the caller says", async () => {
    const { handler, host } = startExample("echo.yaml");
    await speak(handler, sine(200));
    await host.until(() => host.audioBytes === 3_200);
    expect(host.pcm).toEqual(sine(200));
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
  });
});

describe.skipIf(!installed("sox", "stdbuf"))("example filter.yaml (sox)", () => {
  for (const [route, name] of ["deep", "trembling"].entries()) {
    test(`route ${name} changes the voice and holds none of it back for long`, async () => {
      const { handler, host } = startExample("filter.yaml", route);
      const input = sine(1_000);
      await speak(handler, input);
      await host.until(() => host.audioBytes > input.length - 6_400);
      expect(host.pcm).not.toEqual(input.slice(0, host.audioBytes));
      expect(host.pcm.some((byte) => byte !== 0)).toBe(true);
      handler.stop(END);
      expect(await host.untilEnded()).toEqual({ type: "stopped" });
    });
  }
});

describe.skipIf(!installed("bun"))("example bot.ts", () => {
  test("plays a melody, beeps for keys, is silenced, hangs up", async () => {
    const { handler, host } = startExample("bot.yaml");
    const melody = 16 * 600;
    await host.until(() => host.audioBytes === melody);
    handler.receiveEvent(dtmf("3"));
    await host.until(() => host.audioBytes === melody + 16 * 3 * 240);
    expect(bursts(host.pcm.slice(melody))).toBe(3);
    handler.receiveEvent(dtmf("*"));
    await host.until(() => host.logged.includes("silenced, 7 ms were not heard"));
    handler.receiveEvent(dtmf("#"));
    await host.until(() => host.of("command").length === 3);
    expect(host.of("command").map((each) => each.command)).toEqual([
      { command: "clear" },
      { command: "mark", name: "farewell" },
      { command: "hangup", cause: "the caller pressed #" },
    ]);
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(host.logged[0]).toBe("a call from sip:alice@example.com");
  });
});

const TALKING = ["python3", "pocketsphinx_continuous", "espeak-ng", "sox"] as const;

describe.skipIf(!installed(...TALKING))(`example talking-bot (${TALKING.join(", ")})`, () => {
  test("greets, tells the time, is interrupted, says goodbye and is done", async () => {
    const { handler, host } = startExample("talking-bot/routes.yaml");
    await host.until(() => host.of("command").length === 1, 10_000);
    expect(bursts(host.pcm)).toBeGreaterThan(1);
    await speak(handler, spoken("what time is it"));
    await host.until(() => host.logged.includes("heard: what time is it"), 10_000);
    await host.until(() => host.of("command").length === 2, 10_000);
    expect(host.logged.some((line) => /^says: It is \d\d hours/.test(line))).toBe(true);
    // The next answer has not been played yet when the caller speaks again.
    host.onCommand = (command) => command.command === "clear" && answer(handler, command);
    await speak(handler, spoken("help"));
    await host.until(() => host.of("command").length === 3, 10_000);
    await speak(handler, spoken("goodbye"));
    expect(await host.untilEnded(10_000)).toEqual({ type: "completed" });
    expect(host.logged).toContain("interrupted, 7 ms were not heard");
    expect(host.logged).toContain("heard: goodbye");
  }, 40_000);
});
