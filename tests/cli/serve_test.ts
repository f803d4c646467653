import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  type CommandOptions,
  runCommandLine,
  type RunningCommand,
  startServe,
} from "../support/command.ts";
import { RawCaller } from "../support/raw_caller.ts";

const LISTEN = "sip: { listen: ['udp://127.0.0.1:0'], t1: 50ms }\nrtp: { ports: 31000-31199 }\n";
const ECHO = `${LISTEN}routes: [{ name: hear, exec: [cat] }]\n`;
const BUSY = `${LISTEN}routes: [{ name: busy, reject: 486 }]\n`;

let folder: string;
let file: string;
const open: { close(): unknown }[] = [];

beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/voicegw-serve-`);
  file = `${folder}/routes.yaml`;
});

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A server on this text, and a caller that is connected to it. */
async function serve(
  text: string,
  options: CommandOptions & { readonly args?: readonly string[] } = {},
): Promise<{ server: RunningCommand; caller: RawCaller }> {
  writeFileSync(file, text);
  const { server, at } = await startServe(file, options);
  open.push({
    close: async () => {
      server.signal("SIGTERM");
      server.signal("SIGTERM");
      await server.exited;
    },
  });
  const caller = await RawCaller.open(at);
  open.push(caller);
  return { server, caller };
}

/** The JSON lines on standard error. */
function linesOf(server: RunningCommand): readonly Record<string, unknown>[] {
  return server.stderr().trim().split("\n").map((line) => JSON.parse(line));
}

describe("voicegw serve", () => {
  test("writes one JSON object a line, with a record for every call", async () => {
    const { server, caller } = await serve(ECHO);
    const { call, answer } = await caller.establish({ headers: ["X-Room-ID: blue"] });
    caller.bye(call, answer);
    await server.says(/caller_hangup/);
    const [first, ...rest] = linesOf(server);
    expect(first).toMatchObject({ level: "INFO", message: "Listening" });
    const record = rest.find((line) => "record" in line)?.["record"];
    expect(record).toMatchObject({
      call: { room_id: "blue", route: "hear", sip_call_id: call.callId },
      handler: "exec",
      cause: "caller_hangup",
      sip_status: 200,
    });
    expect(server.stdout()).toBe("");
  });

  test("shows a person what it does: listeners, routes, one line a call", async () => {
    const { server, caller } = await serve(`${ECHO}log: { format: pretty }\n`);
    await server.says(/Ctrl-C/);
    const screen = server.stderr();
    expect(screen).toMatch(/^voicegw \S+ \(bun \S+\) is ready for calls\n/);
    expect(screen).toContain('exec ["cat"]');
    expect(screen).toContain("hear");
    const { call, answer } = await caller.establish();
    caller.bye(call, answer);
    const [line] = await server.says(/raw → 100 · .*/);
    expect(line).toContain("route hear (exec)");
    expect(line).toContain("caller_hangup");
  });

  test("names every SIP message with --trace", async () => {
    const { server, caller } = await serve(ECHO, { args: ["--trace"] });
    const call = caller.options();
    await caller.final(call, "OPTIONS");
    await server.says(/← 127\.0\.0\.1:\d+ OPTIONS sip:127/);
    await server.says(/→ 127\.0\.0\.1:\d+ 200 OK \(OPTIONS\)/);
  });

  test("draws no ladder, and looks at no message, unless asked", async () => {
    const { server, caller } = await serve(ECHO);
    const { call, answer } = await caller.establish();
    caller.bye(call, answer);
    await server.says(/caller_hangup/);
    server.signal("SIGTERM");
    await server.exited;
    expect(server.stderr()).not.toContain("adder");
  });

  test("draws a ladder behind the line of each call with --ladder", async () => {
    const pretty = `${ECHO}log: { format: pretty }\n`;
    const { server, caller } = await serve(pretty, { args: ["--ladder"] });
    const { call, answer } = await caller.establish();
    caller.bye(call, answer);
    await server.says(/200 OK \(BYE\)/);
    // Where all is slow, it rings
    const lines = server.stderr().split("\n").filter((line) => !line.includes("180 Ringing"));
    const at = lines.findIndex((line) => line.includes("raw → 100 · route hear"));
    expect(lines.slice(at + 1).map((line) => line.replace(/\d+ ms/, "N ms"))).toEqual([
      expect.stringMatching(
        /^ {2}\d\d:\d\d:\d\d\.\d{3} {2}raw → 100 · udp:\/\/127\.0\.0\.1:\d+ · caller_hangup/,
      ),
      `  Call-ID: ${call.callId}`,
      expect.stringMatching(
        /^ +N ms {2}◀── {2}INVITE sip:100@127\.0\.0\.1:\d+ · SDP 127\.0\.0\.1:9$/,
      ),
      expect.stringMatching(/^ +N ms {2}──▶ {2}200 OK \(INVITE\) · SDP 127\.0\.0\.1:31\d{3}/),
      expect.stringMatching(/^ +N ms {2}◀── {2}ACK sip:/),
      expect.stringMatching(/^ +N ms {2}◀── {2}BYE sip:/),
      expect.stringMatching(/^ +N ms {2}──▶ {2}200 OK \(BYE\)$/),
      "",
    ]);
  });

  test("draws those of some calls alone with --ladder and a text", async () => {
    const { server, caller } = await serve(BUSY, { args: ["--ladder", "+1555"] });
    for (const uri of ["sip:100@127.0.0.1", "sip:+15551@127.0.0.1"]) {
      const call = caller.invite({ uri });
      caller.ack(call, await caller.final(call));
    }
    await server.says(/"ladder":/);
    const ladders = linesOf(server).filter((line) => "ladder" in line);
    expect(ladders.map((line) => line["to"])).toEqual(["+15551"]);
  });

  test("writes a ladder as one object, of failed calls alone", async () => {
    const log = "log: { format: json, ladder: failed }\n";
    const routes = "routes: [{ when: { user: good }, exec: [cat] }, { name: busy, reject: 486 }]\n";
    const { server, caller } = await serve(`${LISTEN}${routes}${log}`);
    const good = await caller.establish({ uri: "sip:good@127.0.0.1" });
    caller.bye(good.call, good.answer);
    await caller.final(good.call, "BYE");
    const call = caller.invite();
    caller.ack(call, await caller.final(call));
    await server.says(/"ladder":/);
    const [line, ...more] = linesOf(server).filter((one) => "ladder" in one);
    expect(more).toEqual([]);
    // An ACK that a busy machine holds up has the 486 repeated
    const once = (line?.["ladder"] as { message: string }[])
      .filter(({ message }) => !message.endsWith("again"));
    expect({ ...line, ladder: once }).toMatchObject({
      message: "Ladder",
      call_id: call.callId,
      from: "raw",
      to: "100",
      end: 'refused with 486: route "busy" rejects',
      ladder: [
        { ms: 0, direction: "received", message: expect.stringMatching(/^INVITE sip:100@/) },
        { direction: "sent", message: "486 Busy Here (INVITE)" },
        { direction: "received", message: expect.stringMatching(/^ACK sip:100@/) },
      ],
    });
  });

  test("refuses a flood with few lines", async () => {
    const { server, caller } = await serve(BUSY);
    for (let count = 0; count < 40; count++) {
      const call = caller.invite();
      caller.ack(call, await caller.final(call));
    }
    await server.says(/Refused with 486/);
    expect(server.stderr().match(/Refused with 486/g)?.length).toBeLessThanOrEqual(20);
  });
});

describe("voicegw serve, signals", () => {
  test("SIGTERM: no new calls, the live one goes on, then exit status 0", async () => {
    const { server, caller } = await serve(ECHO);
    const { call, answer } = await caller.establish();
    server.signal("SIGTERM");
    await server.says(/Draining/);
    const late = caller.invite();
    const refused = await caller.final(late);
    caller.ack(late, refused);
    expect(refused.statusCode).toBe(503);
    caller.bye(call, answer);
    expect(await server.exited).toBe(0);
    expect(server.stderr()).toContain("caller_hangup");
  });

  test("SIGTERM without calls: exit status 0 at once", async () => {
    const { server } = await serve(ECHO);
    const from = performance.now();
    server.signal("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(performance.now() - from).toBeLessThan(1000);
    expect(linesOf(server).at(-1)).toMatchObject({ level: "INFO", message: "Stopped" });
  });

  test("a second one ends the live call with a BYE, exit status 0", async () => {
    const { server, caller } = await serve(ECHO);
    const { call } = await caller.establish();
    server.signal("SIGINT");
    await server.says(/Draining/);
    server.signal("SIGTERM");
    expect((await caller.request(call, "BYE")).headers.get("Reason")).toContain("cause=41");
    expect(await server.exited).toBe(0);
    expect(server.stderr()).toContain('"cause":"shutdown"');
    expect(linesOf(server).filter(({ message }) => message === "Stopped")).toHaveLength(1);
    expect(linesOf(server).at(-1)?.["message"]).toBe("Stopped");
  });

  test("SIGHUP: good routes apply to new calls, live ones stay", async () => {
    const { server, caller } = await serve(ECHO);
    const { call, answer } = await caller.establish();
    writeFileSync(file, BUSY);
    server.signal("SIGHUP");
    await server.says(/Reloaded/);
    const second = caller.invite();
    const refused = await caller.final(second);
    caller.ack(second, refused);
    expect(refused.statusCode).toBe(486);
    caller.bye(call, answer);
    await server.says(/caller_hangup/);
  });

  test("SIGHUP: a file with errors, one that is gone, or other sockets change nothing", async () => {
    const { server, caller } = await serve(ECHO);
    const { call, answer } = await caller.establish();
    writeFileSync(file, `${LISTEN}routes: [{ rejct: 486 }]\n`);
    server.signal("SIGHUP");
    await server.says(/Unknown key \\?"rejct\\?", did you mean \\?"reject\\?"\?/);
    await server.says(/Not reloaded.*routes stay/);
    rmSync(file);
    server.signal("SIGHUP");
    await server.says(/Cannot read/);
    writeFileSync(file, BUSY.replace("31000-31199", "31000-31099"));
    server.signal("SIGHUP");
    await server.says(/Not reloaded.*rtp.*restart/);
    const again = await caller.establish();
    expect(again.answer.statusCode).toBe(200);
    caller.bye(again.call, again.answer);
    caller.bye(call, answer);
    expect((await caller.final(call, "BYE")).statusCode).toBe(200);
  });
});

describe("voicegw serve that cannot start", () => {
  test("names the listener whose port is in use, exit status 1", async () => {
    const taken = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
    open.push(taken);
    writeFileSync(file, ECHO.replace("127.0.0.1:0", `127.0.0.1:${taken.port}`));
    const { exitCode, stderr } = await runCommandLine(["serve", "-c", file]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${file}: sip.listen: `);
    expect(stderr).toContain(`127.0.0.1:${taken.port}`);
    expect(stderr).toContain("another program has it");
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("names every error of its file, exit status 2", async () => {
    writeFileSync(file, "routes:\n  - exce: [cat]\nlimits: { calls: 0 }\n");
    const { exitCode, stdout, stderr } = await runCommandLine(["serve", "-c", file]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`${file}:2:5: Unknown key "exce", did you mean "exec"?`);
    expect(stderr).toContain(`${file}:3:18: `);
    expect(stderr).toContain("2 errors");
  });

  test("says which file it misses, exit status 2", async () => {
    const { exitCode, stderr } = await runCommandLine(["serve"], { cwd: folder + "/.." });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('"routes.yaml"');
    expect(stderr).toContain("--config");
    expect(stderr).not.toContain("    at ");
  });
});

describe("voicegw, any command", () => {
  const COMMANDS = ["serve", "check", "route", "call", "demo", "schema"];

  test("explains itself with --help, exit status 0", async () => {
    const results = await Promise.all(
      COMMANDS.map((command) => runCommandLine([command, "--help"])),
    );
    for (const [index, { exitCode, stdout, stderr }] of results.entries()) {
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(stdout).toContain(`Usage: voicegw ${COMMANDS[index]}`);
    }
    const whole = await runCommandLine(["--help"]);
    for (const command of COMMANDS) expect(whole.stdout).toContain(`  ${command}`);
    expect(whole.exitCode).toBe(0);
  });

  test("refuses what it does not know with what was meant, exit status 2", async () => {
    const [command, option, argument, nothing] = await Promise.all([
      runCommandLine(["srve"]),
      runCommandLine(["serve", "--confg", "x"]),
      runCommandLine(["call"]),
      runCommandLine([]),
    ]);
    expect([command.exitCode, option.exitCode, argument.exitCode, nothing.exitCode])
      .toEqual([2, 2, 2, 2]);
    expect(command.stderr).toContain("Did you mean serve?");
    expect(option.stderr).toContain("Did you mean --config?");
    expect(argument.stderr).toContain("missing required argument 'uri'");
    expect(nothing.stderr).toContain("First steps:");
  });

  test("tells its version", async () => {
    const { exitCode, stdout } = await runCommandLine(["--version"]);
    expect([exitCode, stdout]).toEqual([0, `${version()}\n`]);
  });
});

function version(): string {
  const path = new URL("../../package.json", import.meta.url).pathname;
  return JSON.parse(readFileSync(path, "utf8")).version;
}
