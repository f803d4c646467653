import { describe, expect, test } from "bun:test";
import { readInfoDigit } from "../../src/call/info_digit.ts";
import { createRequest } from "../../src/sip/message/build.ts";

function info(body: string, contentType = "application/dtmf-relay") {
  return createRequest({
    method: "INFO",
    requestUri: "sip:bot@example.com",
    headers: [],
    body: new TextEncoder().encode(body),
    contentType,
  });
}

describe("keys by SIP INFO", () => {
  test("are read in the forms that phones send", () => {
    const forms: readonly [string, string, number][] = [
      ["Signal=5\r\nDuration=240\r\n", "5", 240],
      ["Signal= *\nDuration= 100", "*", 100],
      ["Signal=#", "#", 160],
      ["Signal=d\r\nDuration=0", "D", 160],
      ["Signal=10\r\nDuration=250", "*", 250],
      ["Signal=11", "#", 160],
      ["Signal=16", "flash", 160],
      ["9", "9", 160],
      ["  7\r\n", "7", 160],
    ];
    for (const [body, digit, durationMs] of forms) {
      expect({ body, read: readInfoDigit(info(body)) }).toEqual({
        body,
        read: { digit, durationMs },
      });
    }
  });

  test("are none where no key is", () => {
    for (const body of ["", "Signal=", "Signal=x", "Signal=17", "hello", "Signal=5 6", "99"]) {
      expect({ body, read: readInfoDigit(info(body, "application/dtmf")) })
        .toEqual({ body, read: undefined });
    }
    expect(readInfoDigit(info(`Signal=5\r\n${"x".repeat(2000)}`))).toBeUndefined();
  });
});
