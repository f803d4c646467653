import { describe, expect, test } from "bun:test";
import { CalledAddresses } from "../../src/gateway/called_addresses.ts";

const A = "192.0.2.1";
const B = "192.0.2.2";
const LINGER = 32_000;

describe("addresses that we have called", () => {
  test("may speak while one of their calls lasts", () => {
    const called = new CalledAddresses<string>(LINGER);
    called.add("first", A);
    called.add("first", A);
    called.add("second", A);
    called.add("second", B);
    called.release("first", 0);
    expect([called.has(A, LINGER), called.has(B, LINGER)]).toEqual([true, true]);
    expect(called.has("192.0.2.3", 0)).toBe(false);
  });

  test("may answer the BYE of the last one for as long as a transaction lasts, §17.1.2.2", () => {
    const called = new CalledAddresses<string>(LINGER);
    called.add("call", A);
    called.release("call", 1000);
    expect(called.has(A, 1000 + LINGER - 1)).toBe(true);
    expect(called.has(A, 1000 + LINGER)).toBe(false);
  });

  test("are called again while the time of the call before runs", () => {
    const called = new CalledAddresses<string>(LINGER);
    called.add("first", A);
    called.release("first", 0);
    called.add("second", A);
    expect(called.has(A, 2 * LINGER)).toBe(true);
    called.release("second", 2 * LINGER);
    expect(called.has(A, 3 * LINGER - 1)).toBe(true);
    expect(called.has(A, 3 * LINGER)).toBe(false);
  });

  test("a call that went nowhere leaves nothing behind", () => {
    const called = new CalledAddresses<string>(LINGER);
    called.release("call", 0);
    expect(called.has(A, 0)).toBe(false);
  });
});
