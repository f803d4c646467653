import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  MATCHED_LENGTH_MAX,
  matchPattern,
  parsePattern,
  type Pattern,
  patternGroups,
} from "../../src/route/pattern.ts";

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.pattern;
}

function matches(text: string, value: string): boolean {
  return matchPattern(pattern(text), value).matched;
}

describe("exact text", () => {
  test("covers the whole value, case-sensitively", () => {
    expect(matches("acme", "acme")).toBe(true);
    expect(matches("acme", "ACME")).toBe(false);
    expect(matches("acme", "acme2")).toBe(false);
  });

  test("takes wildcards behind a backslash as they are", () => {
    expect(matches("\\*98", "*98")).toBe(true);
    expect(matches("\\*98", "198")).toBe(false);
    expect(matches("\\/a", "/a")).toBe(true);
    expect(matches("a\\b", "a\\b")).toBe(true);
  });
});

describe("globs", () => {
  test("* is any run, also none, and ? is one character", () => {
    expect(matches("+1555*", "+1555")).toBe(true);
    expect(matches("+1555*", "+15551234")).toBe(true);
    expect(matches("+1555*", "15551234")).toBe(false);
    expect(matches("10?", "105")).toBe(true);
    expect(matches("10?", "10")).toBe(false);
    expect(matches("*a*b*", "xxaxxbxx")).toBe(true);
    expect(matches("*a*b*", "xxbxxaxx")).toBe(false);
  });

  test("characters of regular expressions mean themselves", () => {
    expect(matches("a.c*", "a.cd")).toBe(true);
    expect(matches("a.c*", "abcd")).toBe(false);
  });

  test("agree with the regular expression that says the same", () => {
    const small = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 8 });
    const value = fc.array(fc.constantFrom("a", "b"), { maxLength: 10 });
    fc.assert(fc.property(small, value, (glob, letters) => {
      const expression = glob.map((unit) => unit === "*" ? ".*" : unit === "?" ? "." : unit);
      const expected = new RegExp(`^${expression.join("")}$`).test(letters.join(""));
      expect(matches(glob.join(""), letters.join(""))).toBe(expected);
    }));
  });

  test("a glob made to be slow is answered at once", () => {
    const value = "a".repeat(MATCHED_LENGTH_MAX);
    expect(matches(`${"*a".repeat(100)}*b`, value)).toBe(false);
  });
});

describe("regular expressions", () => {
  test("are searched for, take flags and give named groups", () => {
    expect(matches("/port-/", "support-sales")).toBe(true);
    expect(matches("/^SUP/i", "support")).toBe(true);
    const found = matchPattern(pattern("/^support-(?<queue>\\w+)$/"), "support-sales");
    expect(found).toEqual({ matched: true, groups: { queue: "sales" } });
  });

  test("keep no state between calls", () => {
    const compiled = pattern("/a/");
    expect([1, 2, 3].map(() => matchPattern(compiled, "a").matched)).toEqual([true, true, true]);
  });

  test("leave out groups that took no part", () => {
    const found = matchPattern(pattern("/(?<a>x)|(?<b>y)/"), "y");
    expect(found.groups).toEqual({ b: "y" });
    expect(patternGroups(pattern("/(?<a>x)|(?<b>y)/"))).toEqual(["a", "b"]);
  });

  test("are not tried on a value that is too long", () => {
    expect(matches("/a/", "a".repeat(MATCHED_LENGTH_MAX))).toBe(true);
    expect(matches("/a/", "a".repeat(MATCHED_LENGTH_MAX + 1))).toBe(false);
    expect(matches("a*", "a".repeat(MATCHED_LENGTH_MAX + 1))).toBe(false);
  });

  test("that are wrong are refused with the fix", () => {
    expect(parsePattern("/(/")).toMatchObject({ ok: false });
    expect(parsePattern("/a")).toMatchObject({ ok: false });
    expect(parsePattern("//")).toMatchObject({ ok: false });
    const parsed = parsePattern("/foo/bar");
    expect(parsed.ok ? "" : parsed.reason).toContain('"\\/foo/bar"');
    expect(parsePattern("/a/g").ok).toBe(false);
  });

  test("that repeat a repetition are warned of", () => {
    for (const risky of ["/(a+)+$/", "/(?:x*)*y/", "/(\\d+){2,}/"]) {
      const parsed = parsePattern(risky);
      expect(parsed.ok && parsed.warning !== undefined).toBe(true);
    }
    for (const tame of ["/^support-(?<queue>\\w+)$/", "/(a|b)+/", "/\\(a+\\)+/"]) {
      const parsed = parsePattern(tame);
      expect(parsed.ok && parsed.warning === undefined).toBe(true);
    }
  });
});

test("no text makes the reader of patterns throw, and what it takes can be matched", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (text, value) => {
    const parsed = parsePattern(text);
    if (parsed.ok) matchPattern(parsed.pattern, value);
    else expect(parsed.reason.length).toBeGreaterThan(0);
  }));
});
