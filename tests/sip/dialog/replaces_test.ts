import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatReplaces, parseReplaces } from "../../../src/sip/dialog/replaces.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import { tolerate } from "./fixtures.ts";

const VALUE = { callId: "425928@bobster.example.org", toTag: "7743", fromTag: "6472" };

describe("RFC 3891 §6.1 Replaces", () => {
  test("reads the tags in any order and case of their names, among other parameters", () => {
    const text = "425928@bobster.example.org;to-tag=7743;from-tag=6472";
    expect(parseReplaces(text)).toEqual({ ...VALUE, earlyOnly: false });
    expect(parseReplaces(" 425928@bobster.example.org ; From-Tag=6472;x=y; TO-TAG = 7743"))
      .toEqual({ ...VALUE, earlyOnly: false });
  });

  test("reads early-only", () => {
    expect(parseReplaces("a;to-tag=b;from-tag=c;early-only").earlyOnly).toBe(true);
    expect(parseReplaces("a;Early-Only;to-tag=b;from-tag=c").earlyOnly).toBe(true);
  });

  test("keeps the case of Call-ID and tags", () => {
    expect(parseReplaces("Ab@C;to-tag=dE;from-tag=Fg"))
      .toEqual({ callId: "Ab@C", toTag: "dE", fromTag: "Fg", earlyOnly: false });
  });

  test("reads every character of a Call-ID's words, and what phones put into tags", () => {
    const text = `a-.!%*_+\`'~()<>:\\"/[]?{}@b;to-tag=x==;from-tag="a;b"`;
    expect(parseReplaces(text)).toEqual({
      callId: `a-.!%*_+\`'~()<>:\\"/[]?{}@b`,
      toTag: "x==",
      fromTag: "a;b",
      earlyOnly: false,
    });
  });

  for (
    const text of [
      "",
      ";to-tag=a;from-tag=b",
      "call",
      "call;to-tag=a",
      "call;from-tag=a",
      "call;to-tag;from-tag=b",
      'call;to-tag="";from-tag=b',
      "call;to-tag=a;to-tag=b;from-tag=c",
      "call;to-tag=a;from-tag=b,other;to-tag=c;from-tag=d",
      "two words;to-tag=a;from-tag=b",
      "call;to-tag=a;from-tag=b\r\nX-Injected: yes",
      "call\r\n;to-tag=a;from-tag=b",
      'call;to-tag="a\nb";from-tag=b',
      "call;to-tag=a\0;from-tag=b",
    ]
  ) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseReplaces(text)).toThrow(SipParseError);
    });
  }

  test("reads what it writes", () => {
    const visible = fc.string({ unit: "grapheme-ascii", minLength: 1 });
    const callId = visible.map((text) => text.replaceAll(/[ ;]/g, "+"));
    const tag = fc.oneof(visible, fc.string({ unit: "grapheme", minLength: 1 }));
    const value = fc.record({ callId, toTag: tag, fromTag: tag, earlyOnly: fc.boolean() });
    fc.assert(fc.property(value, (replaces) => {
      expect(parseReplaces(formatReplaces(replaces))).toEqual(replaces);
    }));
  });

  test("writes nothing that it could not read", () => {
    const replaces = { ...VALUE, earlyOnly: false };
    for (
      const broken of [
        { callId: "" },
        { callId: "a;b" },
        { callId: "a b" },
        { callId: "a\r\nb" },
        { toTag: "" },
        { toTag: "a\r\nb" },
        { fromTag: "" },
        { fromTag: "\0" },
      ]
    ) {
      expect(() => formatReplaces({ ...replaces, ...broken })).toThrow(RangeError);
    }
  });

  test("throws its own error alone, whatever it reads", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fc.constantFrom("a", "@", ";", "to-tag", "from-tag", "=", '"', "\\", "\r\n", " "))
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (value) => {
        const read = tolerate(() => parseReplaces(value));
        if (read !== undefined) expect(formatReplaces(read)).not.toMatch(/[\r\n\0]/);
      }),
      { numRuns: 500 },
    );
  });
});
