import { describe, expect, test } from "bun:test";
import { exitFailure, startFailure } from "../../../src/handler/exec/exit_reason.ts";

describe("reasons of failed programs", () => {
  test("a start that failed names the fix", () => {
    const reason = (code: string): string => startFailure("bot", { code, message: "m" }, undefined);
    expect(reason("ENOENT")).toBe('exec "bot": not found, install it or give its full path');
    expect(reason("EACCES")).toBe(
      'exec "bot": not allowed to run, make it executable with chmod +x',
    );
    expect(reason("EMFILE")).toContain("raise the system's limits");
    expect(reason("EODD")).toBe('exec "bot": cannot start: m');
  });

  test("an exit tells status or signal, and the last words", () => {
    expect(exitFailure("bot", { code: 3, signal: undefined }, "")).toBe(
      'exec "bot": exited with status 3',
    );
    expect(exitFailure("bot", { code: undefined, signal: "SIGSEGV" }, "")).toBe(
      'exec "bot": was killed by SIGSEGV',
    );
    expect(exitFailure("bot", { code: 1, signal: undefined }, "x".repeat(999))).toHaveLength(
      'exec "bot": exited with status 1: '.length + 200,
    );
  });
});
