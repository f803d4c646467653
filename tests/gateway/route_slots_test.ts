import { describe, expect, test } from "bun:test";
import { RouteSlots } from "../../src/gateway/route_slots.ts";
import { AUDIO_DEFAULTS, type HandlerSpec, type Route } from "../../src/route/route.ts";

const ECHO: HandlerSpec = { type: "echo" };
const BUSY: HandlerSpec = { type: "reject", status: 486, headers: {} };

function route(name: string, given: Partial<Route> = {}): Route {
  return { name, index: 0, when: [], handler: ECHO, answer: "auto", ...AUDIO_DEFAULTS, ...given };
}

function slotsOf(...routes: readonly Route[]): RouteSlots {
  return new RouteSlots((name) => routes.find((each) => each.name === name));
}

describe("max_calls", () => {
  test("lets in as many calls as it says, and one more when one is over", () => {
    const small = route("small", { max_calls: 2 });
    const slots = slotsOf(small);
    slots.enter("1", small);
    expect(slots.find(small)).toMatchObject({ ok: true, route: small });
    slots.enter("2", small);
    expect(slots.find(small)).toEqual({
      ok: false,
      reason: 'max_calls of route "small": 2 calls are up',
    });
    slots.leave("1");
    slots.leave("1");
    expect(slots.find(small).ok).toBe(true);
    expect(slots.count("small")).toBe(1);
  });

  test("goes along on_error, by the names of routes, to the first that has room", () => {
    const third = route("third");
    const second = route("second", { max_calls: 1, on_error: "third" });
    const first = route("first", { max_calls: 1, on_error: "second" });
    const slots = slotsOf(first, second, third);
    slots.enter("1", first);
    expect(slots.find(first)).toMatchObject({ ok: true, route: second });
    slots.enter("2", second);
    expect(slots.find(first)).toMatchObject({
      ok: true,
      route: third,
      reason: 'max_calls of route "first": 1 call is up; max_calls of route "second": 1 call is up',
    });
  });

  test("goes to a handler in place, which has no limit", () => {
    const first = route("first", { max_calls: 1, on_error: BUSY });
    const slots = slotsOf(first);
    slots.enter("1", first);
    expect(slots.find(first)).toMatchObject({ ok: true, route: undefined, handler: BUSY });
  });

  test("ends where on_error goes round, whatever the configuration let pass", () => {
    const first = route("first", { max_calls: 1, on_error: "second" });
    const second = route("second", { max_calls: 1, on_error: "first" });
    const slots = slotsOf(first, second);
    slots.enter("1", first);
    slots.enter("2", second);
    expect(slots.find(first).ok).toBe(false);
  });

  test("counts a call that is handed over where it is, and once", () => {
    const one = route("one", { max_calls: 1 });
    const other = route("other", { max_calls: 1 });
    const slots = slotsOf(one, other);
    slots.enter("1", one);
    slots.enter("1", other);
    expect([slots.count("one"), slots.count("other")]).toEqual([0, 1]);
    // It may begin anew with the route that it has
    expect(slots.find(other, "1").ok).toBe(true);
    expect(slots.find(other, "2").ok).toBe(false);
    slots.enter("1", undefined);
    expect(slots.count("other")).toBe(0);
  });
});
