import { describe, expect, test } from "bun:test";
import { reasonPhrase } from "../../../src/sip/message/reason_phrases.ts";

describe("RFC 3261 §21 reason phrases", () => {
  test.each([
    [100, "Trying"],
    [200, "OK"],
    [408, "Request Timeout"],
    [481, "Call/Transaction Does Not Exist"],
    [487, "Request Terminated"],
    [504, "Server Time-out"],
    [607, "Unwanted"],
  ])("%d is %s", (statusCode, phrase) => {
    expect(reasonPhrase(statusCode)).toBe(phrase);
  });

  test("of an unknown code name its class", () => {
    expect(reasonPhrase(299)).toBe("OK");
    expect(reasonPhrase(499)).toBe("Client Error");
    expect(reasonPhrase(999)).toBe("Unknown");
  });
});
