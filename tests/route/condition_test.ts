import { describe, expect, test } from "bun:test";
import { ANY_OF_MAX, compileCondition, testCondition } from "../../src/route/condition.ts";
import { callFacts, condition, lookup } from "./facts.ts";

function holds(
  key: string,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
  input: Parameters<typeof callFacts>[1] = {},
): boolean {
  return testCondition(condition(key, value), callFacts(headers, input), lookup(headers)).ok;
}

describe("conditions on headers", () => {
  test("find the header in any case", () => {
    expect(holds("x-tenant-id", "acme", { "X-Tenant-ID": "acme" })).toBe(true);
    expect(holds("Subject", "hi", { subject: "hi" })).toBe(true);
  });

  test("do not hold when the header is absent", () => {
    expect(holds("X-A", "*")).toBe(false);
  });

  test("true is present and false is absent, and an empty header is absent", () => {
    expect(holds("X-A", true, { "X-A": "1" })).toBe(true);
    expect(holds("X-A", true)).toBe(false);
    expect(holds("X-A", false)).toBe(true);
    expect(holds("X-A", false, { "X-A": "1" })).toBe(false);
    expect(holds("X-A", true, { "X-A": "  " })).toBe(false);
  });

  test("a list holds when any of its entries does", () => {
    const list = ["sales", "ret*", false];
    expect(holds("X-Bot", list, { "X-Bot": "sales" })).toBe(true);
    expect(holds("X-Bot", list, { "X-Bot": "retention" })).toBe(true);
    expect(holds("X-Bot", list)).toBe(true);
    expect(holds("X-Bot", list, { "X-Bot": "other" })).toBe(false);
  });

  test("a number is taken as text", () => {
    expect(holds("X-Priority", 5, { "X-Priority": "5" })).toBe(true);
  });
});

describe("conditions on from and to", () => {
  test("look at the user part", () => {
    expect(holds("to", "+1555*")).toBe(true);
    expect(holds("from", "alice")).toBe(true);
    expect(holds("from", "alice2")).toBe(false);
  });

  test("look at the whole URI when the pattern names more than a user", () => {
    expect(holds("from", "*@example.com")).toBe(true);
    expect(holds("from", "sip:*")).toBe(true);
    expect(holds("to", "*@example.com")).toBe(false);
    expect(holds("from", "/@example\\.com$/")).toBe(true);
  });

  test("are not misled by the colon of a group in a regular expression", () => {
    expect(holds("from", "/^(?:alice|bob)$/")).toBe(true);
    expect(holds("from", "/^(?<who>alice)$/")).toBe(true);
  });

  test("each entry of a list decides for itself", () => {
    expect(holds("from", ["bob", "*@example.com"])).toBe(true);
    expect(holds("from", ["*@example.net", "alice"])).toBe(true);
  });

  test("know that a URI has no user", () => {
    const from = { uri: "sip:example.com" };
    expect(holds("from", false, {}, { from })).toBe(true);
    expect(holds("from", "*", {}, { from })).toBe(false);
  });
});

describe("conditions on other facts", () => {
  test("source takes addresses, ranges and private", () => {
    expect(holds("source", "10.0.0.0/8")).toBe(true);
    expect(holds("source", "10.1.2.3")).toBe(true);
    expect(holds("source", ["192.168.0.0/16", "private"])).toBe(true);
    expect(holds("source", "192.168.0.0/16")).toBe(false);
  });

  test("source takes IPv6, in brackets beside its port", () => {
    const input = { source: "[2001:db8::7]:5060" };
    expect(holds("source", "2001:db8::/32", {}, input)).toBe(true);
    expect(holds("source", "2001:db9::/32", {}, input)).toBe(false);
  });

  test("transport, method, user and request_uri compare like text", () => {
    expect(holds("transport", "UDP")).toBe(true);
    expect(holds("transport", "tcp")).toBe(false);
    expect(holds("method", "INVITE")).toBe(true);
    expect(holds("user", "+1555????")).toBe(true);
    expect(holds("request_uri", "sip:*@gw.example.com")).toBe(true);
  });

  test("transport knows every transport, and no other", () => {
    expect(holds("transport", ["tls", "WSS"], {}, { transport: "wss" })).toBe(true);
    expect(holds("transport", "t*", {}, { transport: "tls" })).toBe(true);
    expect(compileCondition("transport", ["udp", "sctp"])).toEqual({
      ok: false,
      reason: 'Unknown transport "sctp", use udp, tcp, tls, ws, wss',
      index: 1,
    });
  });

  test("auth_user and registration compare like text, and are absent when empty", () => {
    const input = { authUser: "pbx", registration: "100@pbx" };
    expect(holds("auth_user", "pbx", {}, input)).toBe(true);
    expect(holds("auth_user", "PBX", {}, input)).toBe(false);
    expect(holds("auth_user", true)).toBe(false);
    expect(holds("registration", "100@*", {}, input)).toBe(true);
    expect(holds("registration", false)).toBe(true);
  });

  test("asserted_identity looks at the user or the whole URI, as from does; RFC 3325", () => {
    const header = { "P-Asserted-Identity": "<sip:+4930@carrier.example>" };
    expect(holds("asserted_identity", "+49*", header)).toBe(true);
    expect(holds("asserted_identity", "*@carrier.example", header)).toBe(true);
    expect(holds("asserted_identity", "alice", header)).toBe(false);
    expect(holds("asserted_identity", true)).toBe(false);
    expect(holds("asserted_identity", false)).toBe(true);
  });

  test("a header of the same name as a fact is not looked at", () => {
    expect(holds("User", "eve", { User: "eve" })).toBe(false);
  });
});

describe("conditions that cannot be compiled", () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ["X A", "a"],
    ["", "a"],
    ["X-A", []],
    ["X-A", ""],
    ["X-A", { a: 1 }],
    ["X-A", null],
    ["X-A", [["a"]]],
    ["X-A", "/(/"],
    ["X-A", "a".repeat(2000)],
    ["X-A", new Array(ANY_OF_MAX + 1).fill("a")],
    ["source", "10.0.0.0/99"],
    ["source", "pbx.example.com"],
  ];
  for (const [key, value] of wrong) {
    test(`${key}: ${JSON.stringify(value).slice(0, 40)}`, () => {
      expect(compileCondition(key, value).ok).toBe(false);
    });
  }

  test("name the entry of a list that is wrong", () => {
    expect(compileCondition("source", ["10.0.0.0/8", "x"])).toMatchObject({ ok: false, index: 1 });
  });
});
