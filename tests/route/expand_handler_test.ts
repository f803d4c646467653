import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { expandHandler } from "../../src/route/expand_handler.ts";
import type { ExecSpec } from "../../src/route/route.ts";
import { callFacts } from "./facts.ts";

function exec(command: readonly string[], env: Readonly<Record<string, string>> = {}): ExecSpec {
  return { type: "exec", command, env, stop_after: 2000 };
}

describe("arguments of a program", () => {
  test("are filled in one by one", () => {
    const facts = callFacts({ "X-Name": "a b; rm -rf /" });
    const expanded = expandHandler(exec(["bot", "--name", "{X-Name}", "{from.user}!"]), facts);
    expect(expanded).toEqual({
      ok: true,
      handler: exec(["bot", "--name", "a b; rm -rf /", "alice!"]),
    });
  });

  test("do not become options: a leading - of the caller is refused", () => {
    const facts = callFacts({ "X-Name": "--config=/etc/evil" });
    const expanded = expandHandler(exec(["bot", "{X-Name}"]), facts);
    expect(expanded.ok ? "" : expanded.reason).toContain("--name={X-Name}");
    expect(expandHandler(exec(["bot", "--name={X-Name}"]), facts).ok).toBe(true);
    expect(expandHandler(exec(["bot", "--", "{X-Name}"]), facts).ok).toBe(true);
  });

  test("keep an argument in its place when the value is empty", () => {
    const expanded = expandHandler(exec(["bot", "{X-None}", "end"]), callFacts());
    expect(expanded.ok && expanded.handler).toEqual(exec(["bot", "", "end"]));
  });

  test("no header value adds, splits or changes what the operator wrote", () => {
    const spec = exec(["bot", "--fixed", "-x{X-A}", "--queue={X-A}", "--", "{X-A}"], {
      TENANT: "{X-A}",
      FIXED: "value",
    });
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (value) => {
      const expanded = expandHandler(spec, callFacts({ "X-A": value }));
      if (!expanded.ok) return;
      if (expanded.handler.type !== "exec") throw new Error("another kind of handler");
      const { command, env } = expanded.handler;
      expect(command).toHaveLength(6);
      expect(command.slice(0, 2)).toEqual(["bot", "--fixed"]);
      expect(command[2]?.startsWith("-x")).toBe(true);
      expect(command[3]?.startsWith("--queue=")).toBe(true);
      expect(command[4]).toBe("--");
      expect(Object.keys(env)).toEqual(["TENANT", "FIXED"]);
      expect(env.FIXED).toBe("value");
      // deno-lint-ignore no-control-regex
      expect(/[\u0000-\u001f\u007f]/.test(command.join("") + env.TENANT)).toBe(false);
    }));
  });
});

describe("other handlers", () => {
  test("a file name stays in its directory", () => {
    const handler = { type: "play", file: "prompts/{X-Lang}.wav", loop: 1 } as const;
    expect(expandHandler(handler, callFacts({ "X-Lang": "de" })))
      .toMatchObject({ ok: true, handler: { file: "prompts/de.wav" } });
    expect(expandHandler(handler, callFacts({ "X-Lang": "../../secret" })).ok).toBe(false);
  });

  test("headers of a refusal take values, and no line of their own", () => {
    const handler = { type: "reject", status: 403, headers: { "X-Room-ID": "{room_id}" } } as const;
    expect(expandHandler(handler, callFacts({ "X-Room-ID": "r1" })))
      .toMatchObject({ ok: true, handler: { headers: { "X-Room-ID": "r1" } } });
    const split = callFacts({ "X-Room-ID": "r1\r\nVia: evil" });
    expect(expandHandler(handler, split).ok).toBe(false);
  });

  test("targets of a redirect are escaped", () => {
    const handler = { type: "redirect", to: ["sip:{X-A}@b"], status: 302 } as const;
    expect(expandHandler(handler, callFacts({ "X-A": "a,b" })))
      .toMatchObject({ ok: true, handler: { to: ["sip:a%2Cb@b"] } });
  });

  test("echo has nothing to fill in", () => {
    expect(expandHandler({ type: "echo" }, callFacts()))
      .toEqual({ ok: true, handler: { type: "echo" } });
  });
});
