import { describe, expect, test } from "bun:test";
import { Router } from "../../src/route/router.ts";
import { callFacts, lookup, makeRoute } from "./facts.ts";

const ROUTES = [
  makeRoute("support", { "X-Tenant-ID": "acme", "X-Room-ID": "/^support-(?<queue>\\w+)$/" }),
  makeRoute("sales", { "X-Bot": ["sales", "retention"] }),
  makeRoute("fallback", { "to": "+1555*" }),
];

describe("the router", () => {
  test("chooses the first route whose conditions all hold", () => {
    const router = new Router(ROUTES);
    const headers = { "X-Bot": "sales", "X-Tenant-ID": "acme" };
    const chosen = router.match(callFacts(headers), lookup(headers));
    expect(chosen?.route.name).toBe("sales");
    expect(router.match(callFacts(), lookup({}))?.route.name).toBe("fallback");
  });

  test("gives the named groups of all conditions", () => {
    const headers = { "X-Tenant-ID": "acme", "X-Room-ID": "support-billing" };
    const routes = [makeRoute("two", {
      "X-Room-ID": "/^(?<kind>\\w+)-(?<queue>\\w+)$/",
      "from": "/^(?<who>.+)$/",
    })];
    expect(new Router(routes).match(callFacts(headers), lookup(headers))?.match)
      .toEqual({ kind: "support", queue: "billing", who: "alice" });
  });

  test("gives nothing when no route takes the call", () => {
    const to = { uri: "sip:100@example.org" };
    expect(new Router(ROUTES).match(callFacts({}, { to }), lookup({}))).toBeUndefined();
    expect(new Router([]).match(callFacts(), lookup({}))).toBeUndefined();
  });

  test("a route without conditions takes every call", () => {
    expect(new Router([makeRoute("all", {})]).match(callFacts(), lookup({}))?.match).toEqual({});
  });

  test("finds a route by its name", () => {
    expect(new Router(ROUTES).find("sales")).toBe(ROUTES[1]);
    expect(new Router(ROUTES).find("constructor")).toBeUndefined();
  });

  test("says of every condition what it wants and what it has", () => {
    const headers = { "X-Tenant-ID": "other" };
    const [support, , fallback] = new Router(ROUTES).explain(callFacts(headers), lookup(headers));
    expect(support?.matched).toBe(false);
    expect(support?.reasons).toEqual([
      { key: "X-Tenant-ID", expected: '"acme"', actual: "other", ok: false },
      {
        key: "X-Room-ID",
        expected: "/^support-(?<queue>\\w+)$/",
        actual: undefined,
        ok: false,
      },
    ]);
    expect(fallback?.matched).toBe(true);
    expect(fallback?.reasons[0]).toMatchObject({ actual: "+15551234", ok: true });
  });

  test("a group named like a property of every object is only a group", () => {
    const headers = { "X-A": "v" };
    const routes = [makeRoute("odd", { "X-A": "/(?<__proto__>v)/" })];
    const match = new Router(routes).match(callFacts(headers), lookup(headers))?.match ?? {};
    expect(Object.getPrototypeOf(match)).toBe(Object.prototype);
    expect(Object.keys(match)).toEqual(["__proto__"]);
  });
});
