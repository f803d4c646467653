import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ADAPTER_CHECKS } from "./adapter_checks.ts";

const deno = fileURLToPath(new URL("../../node_modules/.bin/deno", import.meta.url));
const script = fileURLToPath(new URL("./deno_checks.ts", import.meta.url));

describe.skipIf(!existsSync(deno))("adapter of deno", () => {
  for (const flags of [["--unstable-net"], []]) {
    test(`passes all checks with ${flags[0] ?? "no flags"}`, () => {
      const ran = spawnSync(deno, ["run", "-A", ...flags, script], {
        encoding: "utf8",
        timeout: 50_000,
      });
      const lines = ran.stdout.trim().split("\n").map((line) => JSON.parse(line));
      expect(lines).toEqual(
        Object.keys(ADAPTER_CHECKS).map((name) => ({ runtime: "deno", name })),
      );
      // Nothing is left that keeps the program alive.
      expect([ran.status, ran.signal, ran.stderr]).toEqual([0, null, ""]);
    }, 60_000);
  }
});
