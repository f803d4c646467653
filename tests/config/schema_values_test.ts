import { describe, expect, test } from "bun:test";
import { formatListen } from "../../src/config/schema_listen.ts";
import { countPortPairs, isUnspecified } from "../../src/config/schema_values.ts";

describe("ports", () => {
  test("are counted in pairs of an even port and the next, RFC 3550 §11", () => {
    expect(countPortPairs({ first: 10000, last: 20000 })).toBe(5000);
    expect(countPortPairs({ first: 10000, last: 10001 })).toBe(1);
    expect(countPortPairs({ first: 10001, last: 10003 })).toBe(1);
    expect(countPortPairs({ first: 10001, last: 10002 })).toBe(0);
    expect(countPortPairs({ first: 5, last: 1 })).toBe(0);
  });
});

describe("addresses", () => {
  test("to listen on are written as in the file", () => {
    expect(formatListen({ transport: "udp", address: "::1", port: 5060 })).toBe("udp://[::1]:5060");
  });

  test("that mean any address are known", () => {
    expect([isUnspecified("0.0.0.0"), isUnspecified("::"), isUnspecified("127.0.0.1")])
      .toEqual([true, true, false]);
  });
});
