import { describe, expect, test } from "bun:test";
import { register } from "../../cli/schema.ts";
import { runCommand } from "./fake_io.ts";

describe("voicegw schema", () => {
  test("prints a JSON Schema, draft 2020-12", async () => {
    const { stdout, exitCode } = await runCommand(register, ["schema"]);
    const schema = JSON.parse(stdout) as Record<string, unknown>;
    expect(exitCode).toBe(0);
    expect(schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(Object.keys(schema.properties as object)).toContain("routes");
  });

  test("has help that says how editors use it", async () => {
    const { stdout } = await runCommand(register, ["schema", "--help"]);
    expect(stdout).toContain("yaml-language-server");
  });
});
