import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { findSound } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { runCommandLine } from "../support/command.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";

const RATE = 8000;
/** Short of the default two seconds of tone, to be quick. */
const SHORT = ["--duration", "700ms", "--ports", "31200-31399"];

let folder: string;
let server: RunningGateway;

beforeAll(async () => {
  folder = mkdtempSync(`${tmpdir()}/voicegw-call-`);
  server = await startGateway({
    routes: [
      { when: { user: "echo" }, echo: true },
      { when: { user: "keys" }, exec: ["sh", "-c", "cat <&3 >&2"] },
      { when: { user: "busy" }, reject: 486 },
      { when: { user: "mute" }, exec: ["sleep", "5"] },
      { when: { "X-Room-ID": "blue", from: "ann" }, exec: ["true"] },
    ],
  });
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function call(user: string, ...args: readonly string[]) {
  return runCommandLine(["call", `sip:${user}@${server.udp}`, ...SHORT, ...args]);
}

describe("voicegw call", () => {
  test("says how the call went, step by step, and ends with 0", async () => {
    const { exitCode, stdout, stderr } = await call("echo");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ +0 ms {2}──▶ {2}INVITE sip:echo@127/);
    expect(stdout).toMatch(/◀── {2}200 OK \(INVITE\)\n.*──▶ {2}ACK sip:/);
    expect(stdout).toMatch(/──▶ {2}BYE sip:.*\n.*◀── {2}200 OK \(BYE\)\n/);
    expect(stdout).toMatch(/^Answered +after \d+(\.\d)? ms, PCMU$/m);
    expect(stdout).toMatch(/^Echo +what we sent came back/m);
    expect(stdout).toMatch(/^Result +the call worked$/m);
  });

  test("--record writes what came back into a WAV file", async () => {
    const sound = tone(600, 500, RATE);
    await Bun.write(`${folder}/question.wav`, serializeWav(sound, RATE));
    const { exitCode } = await call(
      "echo",
      ...["--play", `${folder}/question.wav`, "--record", `${folder}/answer.wav`],
    );
    expect(exitCode).toBe(0);
    const { samples, sampleRate } = parseWav(readFileSync(`${folder}/answer.wav`));
    expect(sampleRate).toBe(RATE);
    expect(Math.abs(samples.length / 8 - 700)).toBeLessThan(60);
    const { correlation } = findSound(sound, samples, { rate: RATE, delayMax: 200 });
    expect(correlation).toBeGreaterThan(0.98);
  });

  test("--digits arrive at the handler", async () => {
    const { exitCode } = await call("keys", "--digits", "4#", "--tone", "0", "--duration", "900ms");
    // Nothing is said to us in this call, but it is shorter than what that needs to be a failure
    expect(exitCode).toBe(0);
    await until(() => server.logs.some((line) => line.includes('"end"')), 3000, () => "no end");
    const digits = server.logs.flatMap((line) => /"digit":"(.)"/.exec(line)?.[1] ?? []);
    expect(digits).toEqual(["4", "#"]);
  });

  test("--json prints one object", async () => {
    const { exitCode, stdout } = await call("echo", "--json");
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ answered: true, worked: true, codec: "PCMU" });
  });

  test("--header and --from are what the gateway routes by", async () => {
    const { stdout } = await call(
      "any",
      ...["--header", "X-Room-ID: blue", "--from", "sip:ann@example.com"],
    );
    expect(stdout).toContain("the other side hung up (Q.850;cause=16");
  });

  test("--codec PCMA is offered alone", async () => {
    const { stdout } = await call("echo", "--codec", "PCMA");
    expect(stdout).toMatch(/^Answered +after .*, PCMA$/m);
  });

  test("a refusal is a failure: exit status 1, with its status", async () => {
    const { exitCode, stdout } = await call("busy");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("not answered: 486 Busy Here");
  });

  test("no audio at all is a failure that says where to look", async () => {
    const { exitCode, stdout } = await call("mute", "--duration", "1100ms");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("no audio came back");
    expect(stdout).toContain("firewalls");
  });

  test("nobody there is a failure with its reason, in words", async () => {
    const noHost = await runCommandLine(["call", "sip:1@no-such-host.invalid"]);
    expect([noHost.exitCode, noHost.stderr])
      .toEqual([1, 'Cannot look up "no-such-host.invalid": no such host\n']);
    const noFile = await call("echo", "--play", `${folder}/none.wav`);
    expect(noFile.exitCode).toBe(1);
    expect(noFile.stderr).toContain("none.wav");
    expect(noFile.stderr).not.toContain("    at ");
  });

  test("a recording that cannot be written is a failure; how the call went is told", async () => {
    const { exitCode, stdout, stderr } = await call("echo", "--record", `${folder}/none/heard.wav`);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`Cannot write "${folder}/none/heard.wav": no such file\n`);
    expect(stdout).toContain("the call worked");
  });

  test("refuses options that make no sense, and says what to write: status 2", async () => {
    const uses: readonly (readonly [readonly string[], string])[] = [
      [["--digits", "12x"], "0-9 * # A-D"],
      [["--duration", "5"], "5s"],
      [["--codec", "opus"], "PCMU"],
      [["--header", "nonsense"], "'Name: value'"],
      [["--ports", "9"], "40000-49999"],
      [["--tone", "99999"], "3400"],
    ];
    const results = await Promise.all(uses.map(([args]) => call("echo", ...args)));
    for (const [index, { exitCode, stderr }] of results.entries()) {
      expect([uses[index]?.[0], exitCode]).toEqual([uses[index]?.[0], 2]);
      expect(stderr).toContain(uses[index]?.[1] as string);
    }
  });

  test("refuses a target that is no address, with an example", async () => {
    for (const target of ["100", "tel:+15551234", "http://example.com"]) {
      const { exitCode, stderr } = await runCommandLine(["call", target]);
      expect([target, exitCode > 0]).toEqual([target, true]);
      expect(stderr).toContain("sip:100@127.0.0.1:5060");
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });
});
