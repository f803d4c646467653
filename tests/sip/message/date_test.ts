import { describe, expect, test } from "bun:test";
import { parseSipDate } from "../../../src/sip/message/date.ts";
import { refusalOf } from "./fixtures.ts";

describe("RFC 3261 §20.17 Date", () => {
  test("is read as UTC", () => {
    expect(parseSipDate("Sat, 13 Nov 2010 23:29:00 GMT")).toBe(Date.UTC(2010, 10, 13, 23, 29));
  });

  test.each(["Fri, 01 Jan 2010 16:00:00 EST", "Fri, 01 Jan 2010 16:00:00 UTC", "", "today"])(
    "refuses %j",
    (text) => {
      expect(refusalOf(() => parseSipDate(text)).statusCode).toBe(400);
    },
  );
});
