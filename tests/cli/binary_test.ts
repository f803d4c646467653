import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { runCommandLine, startServe } from "../support/command.ts";
import { callRoom } from "../support/caller.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUILD_TIMEOUT_MS = 60_000;

describe("the executable that the build makes", () => {
  let folder: string;
  let program: readonly string[];
  const env = { PATH: process.env["PATH"] ?? "" };

  beforeAll(() => {
    folder = mkdtempSync(`${tmpdir()}/voicegw-binary-`);
    program = [`${folder}/voicegw`];
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
    const [, ...args] = scripts.build.split(" ");
    const outfile = args.indexOf("--outfile") + 1;
    expect(outfile).toBeGreaterThan(0);
    args[outfile] = `${folder}/voicegw`;
    const built = Bun.spawnSync([process.execPath, ...args], { cwd: ROOT });
    expect([built.exitCode, built.stderr.toString()]).toEqual([0, built.stderr.toString()]);
  }, BUILD_TIMEOUT_MS);

  afterAll(() => rmSync(folder, { recursive: true }));

  test("runs the demonstration in another folder, with nothing but a PATH", async () => {
    const { exitCode, stdout } = await runCommandLine(["demo"], { program, cwd: folder, env });
    expect(stdout).toContain("the call worked");
    expect(exitCode).toBe(0);
    // In real time, which a busy machine may not have
  }, { retry: 2 });

  test("serves a call with a program there", async () => {
    writeFileSync(
      `${folder}/routes.yaml`,
      "sip: { listen: ['udp://127.0.0.1:0'] }\nrtp: { ports: 31400-31499 }\n" +
        "routes: [{ exec: [cat] }]\n",
    );
    const { server, at } = await startServe("routes.yaml", { program, cwd: folder, env });
    const result = await callRoom(at, "binary");
    expect([result.statusCode, result.endedBy]).toEqual([200, "caller"]);
    expect(result.heard.some((sample) => Math.abs(sample) > 5000)).toBe(true);
    server.signal("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(server.stderr()).toContain('"cause":"caller_hangup"');
  });
});
