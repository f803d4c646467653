import { describe, expect, test } from "bun:test";
import { runCommandLine } from "../support/command.ts";

describe("voicegw demo", () => {
  test("answers a call of its own with cat, shows what was heard, and ends with 0", async () => {
    const { exitCode, stdout, stderr } = await runCommandLine(["demo"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("    exec: [cat]".trim());
    expect(stdout).toMatch(/──▶ {2}INVITE sip:100@127\.0\.0\.1:\d+/);
    expect(stdout).toMatch(/played {2}[▁▂▃▄▅▆▇█ ]+\n {2}heard {3}[▁▂▃▄▅▆▇█ ]+\n/);
    expect(stdout).toContain("the call worked");
    expect(stdout).toMatch(/demo → 100 · route echo \(exec\) · .* · caller_hangup · PCMU/);
    const echo = /^ +Echo +yes: what we sent came back, (\d+\.\d) % alike$/m.exec(stdout);
    // Exact but for the mu-law: less would mean that the echo has holes
    expect(Number(echo?.[1])).toBeGreaterThan(95);
    // In real time, which a busy machine may not have
  }, { retry: 2 });
});
