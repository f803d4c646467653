import { describe, expect, test } from "bun:test";
import {
  formatSocketAddress,
  isInRanges,
  parseIpAddress,
  parseIpRange,
  PRIVATE_RANGES,
} from "../../src/base/socket_address.ts";

describe("IP addresses", () => {
  test("are read in every form of RFC 4291 §2.2", () => {
    const last = (text: string) => parseIpAddress(text)?.at(-1);
    expect(parseIpAddress("192.0.2.7")).toEqual(new Uint8Array([192, 0, 2, 7]));
    expect(last("::1")).toBe(1);
    expect(last("2001:db8::8:800:200c:417a")).toBe(0x7a);
    expect(parseIpAddress("::")).toEqual(new Uint8Array(16));
    expect(last("64:ff9b::192.0.2.33")).toBe(33);
    expect(last("fe80::5%eth0")).toBe(5);
  });

  test("are their IPv4 address when they are mapped into IPv6", () => {
    expect(parseIpAddress("::ffff:10.0.0.1")).toEqual(new Uint8Array([10, 0, 0, 1]));
    expect(isInRanges("::ffff:10.0.0.1", PRIVATE_RANGES)).toBe(true);
  });

  test("are refused when they are something else", () => {
    const wrong = [
      "",
      "1.2.3",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4.5",
      "example.com",
      "::1::",
      "1:2",
    ];
    for (const text of [...wrong, "12345::", "g::", ":::", "1:2:3:4:5:6:7:8:9", "::1.2.3"]) {
      expect({ text, bytes: parseIpAddress(text) }).toEqual({ text, bytes: undefined });
    }
  });

  test("are in brackets with a port when they are IPv6", () => {
    expect(formatSocketAddress({ address: "::1", port: 5060 })).toBe("[::1]:5060");
    expect(formatSocketAddress({ address: "127.0.0.1", port: 5060 })).toBe("127.0.0.1:5060");
  });
});

describe("ranges of addresses", () => {
  test("end at the bit that they name", () => {
    const range = [parseIpRange("172.16.0.0/12")].filter((value) => value !== undefined);
    expect(isInRanges("172.31.255.255", range)).toBe(true);
    expect(isInRanges("172.32.0.0", range)).toBe(false);
    expect(isInRanges("172.15.255.255", range)).toBe(false);
  });

  test("keep the two families apart", () => {
    const everything = [parseIpRange("0.0.0.0/0")].filter((value) => value !== undefined);
    expect(isInRanges("8.8.8.8", everything)).toBe(true);
    expect(isInRanges("2001:db8::1", everything)).toBe(false);
  });

  test("are refused when the prefix is none", () => {
    for (const text of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10/8", "a/8"]) {
      expect({ text, range: parseIpRange(text) }).toEqual({ text, range: undefined });
    }
  });

  test("that are private leave the public internet out", () => {
    for (const address of ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "fe80::1"]) {
      expect({ address, inside: isInRanges(address, PRIVATE_RANGES) })
        .toEqual({ address, inside: true });
    }
    for (const address of ["8.8.8.8", "172.32.0.1", "2001:db8::1", "nonsense"]) {
      expect({ address, inside: isInRanges(address, PRIVATE_RANGES) })
        .toEqual({ address, inside: false });
    }
  });
});
