import { describe, expect, test } from "bun:test";
import {
  execExitFailure,
  execStartFailure,
  limitedCommand,
} from "../../../src/handler/exec/exec_limits.ts";
import type { ExecLimits, ExecSpec } from "../../../src/route/route.ts";
import { END, START } from "../recording_host.ts";
import { prepare, shell } from "./exec_fixture.ts";

function specOf(limits?: ExecLimits): ExecSpec {
  const spec = { type: "exec", command: ["bot", "-x"], env: {}, stop_after: 100 } as const;
  return limits === undefined ? spec : { ...spec, limits };
}

describe("limits of a program", () => {
  test("stand in front of its argv, which they end by --", () => {
    expect(limitedCommand(["-bot", "-x"], { nice: 5, memory: 1_000_000, cpu: 1500 })).toEqual(
      "nice -n 5 -- prlimit --as=1000000 --cpu=2:3 -- -bot -x".split(" "),
    );
    expect(limitedCommand(["bot"], { nice: 0 })).toEqual(["nice", "-n", "0", "--", "bot"]);
    expect(limitedCommand(["bot"], {})).toEqual(["bot"]);
    expect(limitedCommand(["bot"])).toEqual(["bot"]);
  });

  test("name the package where the system does not have them", () => {
    const error = { code: "ENOENT", message: "m" };
    expect(execStartFailure(specOf({ memory: 1e9 }), error)).toBe(
      'exec "bot": its limits need the program prlimit, install util-linux or remove "limits"',
    );
    expect(execStartFailure(specOf(), error)).toContain("not found, install it");
  });

  test("are named as the reason of an end that they may have caused", () => {
    const limits = { cpu: 1500, memory: 512e6 };
    const killed = (signal: string, given: ExecLimits, lastLine = "") =>
      execExitFailure(specOf(given), { code: undefined, signal }, lastLine);
    expect(killed("SIGXCPU", limits)).toBe('exec "bot": was killed by SIGXCPU (limits.cpu is 2 s)');
    expect(killed("SIGKILL", { memory: 2 ** 31 })).toContain("(limits.memory is 2 GiB)");
    expect(killed("SIGTERM", limits)).toBe('exec "bot": was killed by SIGTERM');
    expect(killed("SIGSEGV", { nice: 3 })).toBe('exec "bot": was killed by SIGSEGV');
    const out = execExitFailure(specOf(limits), { code: 1, signal: undefined }, "MemoryError");
    expect(out).toBe('exec "bot": exited with status 1 (limits.memory is 512 MB): MemoryError');
  });

  test("hold for the program and for what it starts", async () => {
    const script = "nice >&2; ulimit -v >&2; ulimit -t >&2; sh -c 'ulimit -v' >&2";
    const limits = { nice: 7, memory: 512 << 20, cpu: 30_000 };
    const { handler, host } = shell(script, { limits });
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.logged).toEqual(["7", "524288", "30", "524288"]);
  });

  test("end a program that takes more, by name", async () => {
    const cpu = shell("while :; do :; done", { limits: { cpu: 1000 } });
    cpu.handler.start(START);
    expect(await cpu.host.untilEnded()).toEqual({
      type: "failed",
      reason: 'exec "sh": was killed by SIGXCPU (limits.cpu is 1 s)',
    });
    const memory = prepare(["head", "-c", "64M", "/dev/zero"], { limits: { memory: 1_000_000 } });
    memory.handler.start(START);
    const end = await memory.host.untilEnded();
    expect(end.type === "failed" && end.reason).toContain("(limits.memory is 1 MB)");
    memory.handler.stop(END);
  });

  test("leave the reason of a program that is not there as it is", async () => {
    for (const limits of [{ nice: 1 }, { cpu: 1000 }, { nice: 1, memory: 1e9 }]) {
      const { handler, host } = prepare(["voicegw-no-such-program"], { limits });
      handler.start(START);
      expect(await host.untilEnded()).toEqual({
        type: "failed",
        reason: 'exec "voicegw-no-such-program": not found, install it or give its full path',
      });
    }
    const { handler, host } = prepare(["/etc/passwd"], { limits: { cpu: 1000 } });
    handler.start(START);
    expect(await host.untilEnded()).toMatchObject({
      reason: expect.stringContaining("make it executable"),
    });
  });
});
