import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { runCommandLine, startServe, underDeno } from "../support/command.ts";

const program = underDeno() ?? [];

describe.skipIf(program.length === 0)("the command under Deno", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(`${tmpdir()}/voicegw-deno-`);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test("demo: the echo of a child process is heard", async () => {
    const { exitCode, stdout } = await runCommandLine(["demo"], { program });
    expect(stdout).toMatch(/what we sent came back/);
    expect(stdout).toContain("the call worked");
    expect(exitCode).toBe(0);
  }, 40_000);

  test("serve takes a call from voicegw call under Bun, and drains", async () => {
    const file = `${folder}/routes.yaml`;
    writeFileSync(
      file,
      "sip: { listen: ['udp://127.0.0.1:0'] }\nrtp: { ports: 31500-31599 }\n" +
        "routes: [{ exec: [cat] }]\n",
    );
    const { server, at } = await startServe(file, { program });
    const called = await runCommandLine([
      "call",
      `sip:100@${at}`,
      ...["--duration", "1s", "--ports", "31600-31699"],
    ]);
    expect([called.exitCode, called.stderr]).toEqual([0, ""]);
    expect(called.stdout).toMatch(/what we sent came back/);
    server.signal("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(server.stderr()).toContain('"cause":"caller_hangup"');
  }, 40_000);
});
