import { describe, expect, test } from "bun:test";
import { findCommonName, headerKey } from "../../../src/sip/message/header_names.ts";

/** As they are written, and what each is compared by. */
const NAMES = [
  ["Via", "via"],
  ["v", "via"],
  ["V", "via"],
  ["CSeq", "cseq"],
  ["cseq", "cseq"],
  ["Call-ID", "call-id"],
  ["Call-Id", "call-id"],
  ["call-id", "call-id"],
  ["i", "call-id"],
  ["Content-Length", "content-length"],
  ["l", "content-length"],
  ["X-Room-ID", "x-room-id"],
  ["WWW-Authenticate", "www-authenticate"],
] as const;

describe("RFC 3261 §7.3.3 names of headers", () => {
  test("that are common are found in a text as they are written there", () => {
    for (const [name, key] of NAMES) {
      const text = `xx${name}: 1`;
      expect(findCommonName(text, 2, 2 + name.length)).toMatchObject({ name, key });
      expect(headerKey(name)).toBe(key);
    }
  });

  test("that are not, or spelled otherwise, are left to be read", () => {
    for (const name of ["", "X-Other", "VIA", "Vi", "Viaa", "CONTENT-LENGTH", "Via "]) {
      expect(findCommonName(name, 0, name.length)).toBeUndefined();
    }
    expect(headerKey("VIA")).toBe("via");
    expect(headerKey("X-Other")).toBe("x-other");
    expect(headerKey("X Other")).toBeUndefined();
  });

  test("with the hash of a common one are not taken for it", () => {
    // "Aa" and "BB" hash alike
    const alike = ["Via", "To", "From", "Contact"].flatMap((name) => {
      const [first = 0, second = 0] = [name.charCodeAt(0), name.charCodeAt(1)];
      return [
        String.fromCharCode(first + 1, second - 31) + name.slice(2),
        String.fromCharCode(first - 1, second + 31) + name.slice(2),
      ];
    });
    for (const name of alike) expect(findCommonName(name, 0, name.length)).toBeUndefined();
  });
});
