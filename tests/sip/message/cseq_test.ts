import { describe, expect, test } from "bun:test";
import { parseCSeq, serializeCSeq } from "../../../src/sip/message/cseq.ts";
import { refusalOf } from "./fixtures.ts";

describe("RFC 3261 §20.16 CSeq", () => {
  test("reads a number and a method", () => {
    expect(parseCSeq("4711 INVITE")).toEqual({ sequence: 4711, method: "INVITE" });
  });

  test("takes leading zeros, tabs and more than one space", () => {
    expect(parseCSeq("0009 \t INVITE")).toEqual({ sequence: 9, method: "INVITE" });
  });

  test("takes 0 and 2**31 - 1", () => {
    expect(parseCSeq("0 ACK").sequence).toBe(0);
    expect(parseCSeq("2147483647 ACK").sequence).toBe(2_147_483_647);
  });

  test.each(["2147483648 ACK", "9".repeat(400) + " ACK"])("§8.1.1.5: refuses %s", (text) => {
    expect(refusalOf(() => parseCSeq(text)).message).toContain("above 2147483647");
  });

  test.each(["", "INVITE", "1", "1 ", "-1 ACK", "+1 ACK", "1.0 ACK", "0x1 ACK", "1 A CK", "1 <"])(
    "refuses %j",
    (text) => {
      expect(refusalOf(() => parseCSeq(text)).statusCode).toBe(400);
    },
  );

  test("is written as it is read", () => {
    expect(serializeCSeq({ sequence: 9, method: "BYE" })).toBe("9 BYE");
  });
});
