import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { makeEnvironment, makePoolEnvironment } from "../../../src/handler/exec/environment.ts";
import { START } from "../recording_host.ts";
import { FACTS } from "../../support/call_facts.ts";

function make(
  headers: Record<string, string>,
  parent: Record<string, string> = {},
  route: Record<string, string> = {},
): ReturnType<typeof makeEnvironment> {
  const start = { ...START, call: { ...FACTS, x_headers: headers } };
  return makeEnvironment({ parent, start, route });
}

/** Variables that no fact of the fixture's call gives. */
function extra(made: ReturnType<typeof makeEnvironment>): Record<string, string> {
  if (!made.ok) throw new Error(made.reason);
  return Object.fromEntries(
    Object.entries(made.env).filter(([name]) => !name.startsWith("VOICEGW_")),
  );
}

describe("environment of a program", () => {
  test("names X-headers as CGI does", () => {
    expect(extra(make({ "X-Tenant-ID": "acme", "x-foo.bar": "1", "X-Ünï": "2" }))).toEqual({
      SIP_X_TENANT_ID: "acme",
      SIP_X_FOO_BAR: "1",
      SIP_X__N_: "2",
    });
  });

  test("the first of two headers that give one name wins", () => {
    expect(extra(make({ "X-A-B": "first", "X-A.B": "second" }))).toEqual({ SIP_X_A_B: "first" });
  });

  test("no header replaces what is not its own", () => {
    const parent = { PATH: "/bin", LD_PRELOAD: "", SIP_X_A: "parent" };
    expect(extra(make({ "PATH": "evil", "X-A": "header", "LD_PRELOAD": "evil" }, parent))).toEqual({
      PATH: "/bin",
      LD_PRELOAD: "",
      SIP_X_A: "header",
    });
  });

  test("the route's own variables win", () => {
    const made = make({ "X-A": "header" }, { LANG: "C" }, { LANG: "de", SIP_X_A: "route" });
    expect(extra(made)).toEqual({ LANG: "de", SIP_X_A: "route" });
  });

  test("values with NUL are refused by name, not by value", () => {
    const made = make({ "X-Secret": "a\0b" });
    expect(made).toEqual({
      ok: false,
      reason: 'The value of "SIP_X_SECRET" holds a NUL character',
    });
  });

  test("whatever the headers are, they name and change nothing but SIP_X_ variables", () => {
    const parent = { PATH: "/bin", SHELL: "/bin/sh" };
    const own = { TENANT: "acme" };
    const texts = fc.string({ unit: "binary", maxLength: 20 });
    const names = fc.oneof(texts, texts.map((text) => `X-${text}`), fc.constantFrom("PATH", "x-a"));
    fc.assert(fc.property(fc.dictionary(names, texts), (headers) => {
      const made = make(headers, parent, own);
      if (!made.ok) return expect(JSON.stringify(headers)).toContain("\\u0000");
      expect(made.env).toMatchObject({ ...parent, ...own, VOICEGW_CALL_ID: FACTS.id });
      for (const name of Object.keys(extra(made))) {
        if (!(name in parent) && !(name in own)) expect(name).toMatch(/^SIP_X_[A-Z0-9_]*$/);
      }
    }));
  });

  test("of a program that waits for its call holds nothing of any call", () => {
    const parent = { PATH: "/bin" };
    expect(makePoolEnvironment({ parent, route: { MODEL: "small" } })).toEqual({
      ok: true,
      env: { PATH: "/bin", MODEL: "small", VOICEGW_POOL: "1", VOICEGW_CONTROL_FD: "3" },
    });
    expect(makePoolEnvironment({ parent, route: { MODEL: "a\0" } }).ok).toBe(false);
  });

  test("names are limited in number and length", () => {
    const headers: Record<string, string> = { [`X-${"a".repeat(500)}`]: "1" };
    for (let count = 0; count < 500; count++) headers[`X-H${count}`] = "v";
    expect(Object.keys(extra(make(headers)))).toHaveLength(64);
  });
});
