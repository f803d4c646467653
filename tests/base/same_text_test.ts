import { describe, expect, test } from "bun:test";
import { isSameText } from "../../src/base/same_text.ts";

describe("comparison of secrets", () => {
  test("knows equal texts from all others", () => {
    expect(isSameText("0a", "0a")).toBe(true);
    for (const given of ["", "0", "0b", "1a", "0a0", "0A"]) {
      expect(isSameText(given, "0a")).toBe(false);
    }
  });

  test("texts are the same when all of them is", () => {
    expect(isSameText("secret", "secret")).toBe(true);
    for (const other of ["", "secre", "secrets", "Secret", "secretsecret"]) {
      expect(isSameText("secret", other)).toBe(false);
      expect(isSameText(other, "secret")).toBe(false);
    }
  });
});
