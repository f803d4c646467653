import { describe, expect, test } from "bun:test";
import { CallSetups } from "../../src/gateway/call_setups.ts";

describe("calls that are being set up", () => {
  test("are counted by their source: an IPv4 address, or 64 bits of an IPv6 address", () => {
    const setups = new CallSetups(2);
    setups.begin("a", "2001:db8:0:1::1");
    setups.begin("b", "2001:db8:0:1::2");
    setups.begin("c", "192.0.2.1");
    expect(setups.isFull("2001:db8:0:1::3")).toBe(true);
    expect(setups.isFull("2001:db8:0:2::1")).toBe(false);
    expect(setups.isFull("192.0.2.1")).toBe(false);
  });

  test("give their place back once, be it by the ACK or by the end", () => {
    const setups = new CallSetups(1);
    setups.begin("a", "192.0.2.1");
    setups.end("a");
    setups.end("a");
    expect(setups.isFull("192.0.2.1")).toBe(false);
    setups.begin("b", "192.0.2.1");
    expect(setups.isFull("192.0.2.1")).toBe(true);
  });
});
