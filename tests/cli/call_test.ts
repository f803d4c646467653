import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { findSound } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { callRoom } from "../support/caller.ts";
import { runCommandLine, type RunningCommand, startCommand } from "../support/command.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { type Reply, type ScriptedPeer, startUdpPeer } from "../support/scripted_peer.ts";

const RATE = 8000;
/** Short of the default two seconds of tone, to be quick. */
const SHORT = ["--duration", "700ms", "--ports", "31200-31399"];

let folder: string;
let server: RunningGateway;

beforeAll(async () => {
  folder = mkdtempSync(`${tmpdir()}/voicegw-call-`);
  await Bun.write(`${folder}/bot.wav`, serializeWav(tone(1000, 3000, RATE), RATE));
  server = await startGateway({
    // A handler that is silent is not to be heard
    rtp: { keep_alive: "0s" },
    routes: [
      { when: { user: "echo" }, echo: true },
      { when: { user: "keys" }, exec: ["sh", "-c", "cat <&3 >&2"] },
      { when: { user: "busy" }, reject: 486 },
      { when: { user: "bot" }, play: `${folder}/bot.wav` },
      { when: { user: "mute" }, exec: ["sleep", "5"] },
      { when: { "X-Room-ID": "blue", from: "ann" }, exec: ["true"] },
    ],
  });
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const callees: ScriptedPeer[] = [];

afterEach(() => {
  for (const callee of callees.splice(0)) callee.close();
});

/**
 * A callee without any rules of its own.
 *
 * @param answer The responses to a request, as status codes; 487 is that of the INVITE.
 */
async function startCallee(
  answer: (request: SipRequest) => readonly number[],
  reasonPhrase?: string,
): Promise<ScriptedPeer> {
  let replyToInvite: Reply = () => {};
  const callee = await startUdpPeer((request, reply) => {
    if (request.method === "INVITE") replyToInvite = reply;
    for (const status of answer(request)) {
      (status === 487 ? replyToInvite : reply)(status, { reasonPhrase });
    }
  });
  callees.push(callee);
  return callee;
}

/** Rings until it is cancelled. */
function ring({ method }: SipRequest): readonly number[] {
  if (method === "INVITE") return [180];
  return method === "CANCEL" ? [200, 487] : [];
}

/** Starts a call that lasts until it is told to end, and waits for what it prints. */
async function startCall(target: string, printed: RegExp): Promise<RunningCommand> {
  const args = ["--duration", "25s", "--ports", "31400-31599"];
  const command = startCommand(["call", target, ...args]);
  const found = () => printed.test(command.stdout());
  await until(found, 10_000, () => `no ${printed} in: ${command.stdout()}${command.stderr()}`);
  return command;
}

function call(user: string, ...args: readonly string[]) {
  return runCommandLine(["call", `sip:${user}@${server.udp}`, ...SHORT, ...args]);
}

describe("voicegw call", () => {
  test("says how the call went, step by step, and ends with 0", async () => {
    const { exitCode, stdout, stderr } = await call("echo");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ +0 ms {2}──▶ {2}INVITE sip:echo@127/);
    expect(stdout).toMatch(/◀── {2}200 OK \(INVITE\).*\n.*──▶ {2}ACK sip:/);
    expect(stdout).toMatch(/──▶ {2}BYE sip:.*\n.*◀── {2}200 OK \(BYE\)\n/);
    expect(stdout).toMatch(/^Answered +after \d+(\.\d)? ms, PCMU$/m);
    expect(stdout).toMatch(/^Length +0\.7\d s, we hung up$/m);
    expect(stdout).toMatch(/^Heard +0\.\d+ s at -\d+ dBFS, the first packet .* after the answer$/m);
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
    const figures: Record<string, unknown> = JSON.parse(stdout);
    expect(figures).toMatchObject({
      ...{ worked: true, result: "the call worked", answered: true, sip_status: 200 },
      ...{ ended_by: "caller", codec: "PCMU" },
    });
    expect(figures["echo_percent"]).toBeGreaterThan(95);
    expect(Object.keys(figures)).toContain("first_audio_ms");
  });

  test("--json has names as call records have them, and times in tenths of a millisecond", async () => {
    const { stdout } = await call("echo", "--json");
    const { statistics, ...figures } = JSON.parse(stdout);
    const all = Object.entries({ ...figures, ...statistics });
    expect(all.map(([name]) => name).filter((name) => !/^[a-z]+(_[a-z][a-z0-9]*)*$/.test(name)))
      .toEqual(
        [],
      );
    const numbers = all.filter(([, value]) => typeof value === "number");
    expect(numbers.length).toBeGreaterThan(15);
    const isScore = (name: string) => /mos$|_pct$/.test(name);
    const fine = numbers.filter(([name, value]) =>
      !(isScore(name) ? /^\d+(\.\d{1,2})?$/ : /^-?\d+(\.\d)?$/).test(`${value}`)
    );
    expect(fine).toEqual([]);
  });

  test("an echo that --duration cuts short is compared as far as it was heard", async () => {
    const { stdout } = await call("echo");
    const [, percent] = /^Echo +yes: what we sent came back, (\d+\.\d) % alike$/m.exec(stdout) ??
      [];
    expect(Number(percent)).toBeGreaterThan(95);
  });

  test("other sound than ours is no failure, and silence is not compared at all", async () => {
    const [bot, mute, silent] = await Promise.all([
      call("bot"),
      call("mute"),
      call("echo", "--tone", "0"),
    ]);
    expect(bot.stdout).toMatch(/^Echo +no: what came back is other sound$/m);
    expect(bot.exitCode).toBe(0);
    expect(mute.stdout).toMatch(/^Heard +nothing: no packet came$/m);
    expect(mute.stdout).not.toMatch(/^Echo/m);
    expect(silent.stdout).not.toMatch(/^Echo/m);
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
      [["--codec", "opsu"], "PCMU"],
      [["--codec", "opus,pcmu,opus"], "once"],
      [["--header", "nonsense"], "'Name: value'"],
      [["--header", "cseq: 9"], "voicegw writes it itself"],
      [["--ports", "9"], "40000-49999"],
      [["--ports", "40001-40002"], "an even port and the one after it"],
      [["--from", "ann"], "sip:ann@example.com"],
      [["--local", "0.0.0.0"], "10.0.0.5"],
      [["--proxy", "nobody"], "sip:proxy.example.com"],
      [["--ca", "ca.pem", "--insecure"], "--insecure"],
      [["--user", "ann"], "VOICEGW_PASSWORD"],
      [["--local", "localhost"], "10.0.0.5"],
      [["--tone", "99999"], "3400"],
    ];
    const results = await Promise.all(uses.map(([args]) => call("echo", ...args)));
    for (const [index, { exitCode, stderr }] of results.entries()) {
      expect([uses[index]?.[0], exitCode]).toEqual([uses[index]?.[0], 2]);
      expect(stderr).toContain(uses[index]?.[1] as string);
    }
  });

  test("refuses a target that is no SIP URI, with an example: status 2", async () => {
    for (const target of ["100", "tel:+15551234", "http://example.com", "sip:"]) {
      const { exitCode, stdout, stderr } = await runCommandLine(["call", target]);
      expect([target, exitCode, stdout]).toEqual([target, 2, ""]);
      expect(stderr).toContain(`"${target}": this is no SIP URI`);
      expect(stderr).toContain("sip:100@127.0.0.1:5060");
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });

  test("refuses a transport that there is not, with those that there are: status 2", async () => {
    const targets = [
      ["sip:1@127.0.0.1;transport=sctp", "write udp, tcp, tls, ws or wss"],
      ["sips:1@127.0.0.1;transport=udp", "write transport=tls"],
    ] as const;
    for (const [target, words] of targets) {
      const { exitCode, stderr } = await runCommandLine(["call", target]);
      expect([target, exitCode]).toEqual([target, 2]);
      expect(stderr).toContain(words);
    }
  });

  test("explains its options with defaults as a user writes them", async () => {
    const { stdout } = await runCommandLine(["call", "--help"]);
    expect(stdout).not.toMatch(/default: *[[{]|default: ""|30000/);
    expect(stdout).toMatch(/default:\s+30s/);
    expect(stdout).toMatch(/default:\s+40000-49999/);
  });
});

describe("voicegw call that nobody answers", () => {
  test("ends after --ring-timeout though there was no response, and says where to look", async () => {
    const callee = await startCallee(() => []);
    const from = performance.now();
    const silent = await runCommandLine(["call", `sip:1@${callee.at}`, "--ring-timeout", "200ms"]);
    expect(silent.exitCode).toBe(1);
    expect(silent.stdout).toMatch(
      /^Result +not answered: 408 No answer; no response at all: look/m,
    );
    await callee.expectMethods("INVITE");
    expect(performance.now() - from).toBeLessThan(5000);
  });

  test("is cancelled after --ring-timeout, which is the reason that it names", async () => {
    const callee = await startCallee(ring);
    const args = ["--ring-timeout", "200ms"];
    const { exitCode, stdout } = await runCommandLine(["call", `sip:1@${callee.at}`, ...args]);
    expect(exitCode).toBe(1);
    await callee.expectMethods("INVITE", "CANCEL", "ACK");
    expect(stdout).toContain("◀──  487 Request Terminated (INVITE)");
    expect(stdout).toMatch(/^Result +not answered: 408 No answer$/m);
  });
});

describe("voicegw call, signals", () => {
  test("Ctrl-C during the call sends BYE; the report follows, the call had worked", async () => {
    const before = server.records.length;
    const command = await startCall(`sip:echo@${server.udp}`, /ACK sip:/);
    await Bun.sleep(300);
    command.signal("SIGINT");
    expect(await command.exited).toBe(0);
    expect(command.stderr()).toBe("Hanging up; a second signal ends at once\n");
    expect(command.stdout()).toMatch(/──▶ {2}BYE sip:.*\n.*◀── {2}200 OK \(BYE\)\n/);
    expect(command.stdout()).toMatch(/^Length +\d\.\d+ s, we hung up$/m);
    expect(command.stdout()).toMatch(/^Result +the call worked$/m);
    const [record] = (await server.ended(before + 1)).slice(before);
    expect(record?.cause).toBe("caller_hangup");
  });

  test("SIGTERM while it rings sends CANCEL: exit status 1", async () => {
    const callee = await startCallee(ring);
    const command = await startCall(`sip:1@${callee.at}`, /180 Ringing/);
    command.signal("SIGTERM");
    expect(await command.exited).toBe(1);
    await callee.expectMethods("INVITE", "CANCEL", "ACK");
    expect(command.stdout()).toMatch(/^Result +not answered: 487 Cancelled$/m);
  });

  test("a second one ends at once, whatever the other side does", async () => {
    const callee = await startCallee(({ method }) => method === "INVITE" ? [180] : []);
    const command = await startCall(`sip:1@${callee.at}`, /180 Ringing/);
    command.signal("SIGINT");
    await until(() => callee.methods().includes("CANCEL"), 5000, () => "no CANCEL");
    const from = performance.now();
    command.signal("SIGINT");
    expect(await command.exited).toBe(1);
    expect(performance.now() - from).toBeLessThan(2000);
  });
});

describe("a call that we place, ended by its signal", () => {
  test("before it began: no INVITE goes out", async () => {
    const callee = await startCallee(ring);
    const result = await callRoom(callee.at, "any", { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ statusCode: 487, answered: false, setupMs: 0 });
    await Bun.sleep(50);
    expect(callee.methods()).toEqual([]);
  });

  test("before any response: the CANCEL waits for a provisional one, RFC 3261 §9.1", async () => {
    const callee = await startCallee(ring);
    const controller = new AbortController();
    const result = await callRoom(callee.at, "any", {
      signal: controller.signal,
      onMessage: (direction) => {
        if (direction === "sent") controller.abort();
      },
    });
    expect(result).toMatchObject({ statusCode: 487, reasonPhrase: "Cancelled", responded: true });
    await callee.expectMethods("INVITE", "CANCEL", "ACK");
  });

  test("before any response, and none comes: it ends within T1", async () => {
    const callee = await startCallee(() => []);
    const from = performance.now();
    const result = await callRoom(callee.at, "any", { signal: AbortSignal.timeout(50) });
    expect(result).toMatchObject({ statusCode: 487, responded: false });
    expect(performance.now() - from).toBeLessThan(1500);
  });

  test("while it is up: what was heard until then is there", async () => {
    const result = await callRoom(server.udp, "any", {
      target: `sip:echo@${server.udp}`,
      duration: 20_000,
      signal: AbortSignal.timeout(500),
    });
    expect(result).toMatchObject({ statusCode: 200, answered: true, endedBy: "caller" });
    expect(result.heard.length).toBeGreaterThan(1000);
    expect(result.durationMs).toBeLessThan(2000);
  });
});

describe("voicegw call and a peer that writes control characters", () => {
  test("moves no cursor with them", async () => {
    const callee = await startCallee(() => [486], "Busy\x1b[31m");
    const { exitCode, stdout } = await runCommandLine(["call", `sip:1@${callee.at}`]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^Result +not answered: 486 Busy�\[31m$/m);
    expect(stdout).not.toContain("\x1b");
  });
});
