import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "bun:test";
import type { Parameters } from "../../src/twilio/request_parameters.ts";
import { signRequest } from "../../src/twilio/signature.ts";

function sign(url: string, parameters: Parameters): string {
  const hmac = (_name: "SHA-1", key: Uint8Array, data: Uint8Array) =>
    createHmac("sha1", key).update(data).digest();
  return signRequest({ authToken: "12345", url, parameters, hmac });
}

describe("X-Twilio-Signature", () => {
  const url = "https://mycompany.com/myapp.php?foo=1&bar=2";
  const parameters: Parameters = [
    ["CallSid", "CA1234567890ABCDE"],
    ["Caller", "+14158675309"],
    ["Digits", "1234"],
    ["From", "+14158675309"],
    ["To", "+18005551212"],
  ];

  test("is that of Twilio's examples", () => {
    expect(sign(url, parameters)).toBe("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    expect(sign("https://customer.example/cb", [])).toBe("+xE6fKV5OcQGR58lHUAbQmwfuO8=");
  });

  test("does not depend on the order of parameters", () => {
    expect(sign(url, [...parameters].reverse())).toBe("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  });

  test("of a body that is no form is that of its hash in the URL", () => {
    const hash = createHash("sha256").update('{"a":1}').digest("hex");
    expect(hash).toBe("015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    expect(sign(`https://customer.example/cb?bodySHA256=${hash}`, []))
      .toBe("LMrrcYTS5TXP/CAO7wh+jUXhAXQ=");
  });
});
