import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAuthValues, serializeAuthValue } from "../../../src/sip/auth/auth_value.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";

function parsed(text: string) {
  return parseAuthValues(text).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

describe("RFC 3261 §20.44 challenge", () => {
  test("is read with names in lower case and values without quotes", () => {
    const text = 'Digest Realm="atlanta.com", domain="sip:boxesbybob.com", qop="auth",' +
      ' nonce = "f84f1cec41e6cbe5aea9c8e88d359" ,opaque="", stale=FALSE, algorithm=MD5';
    expect(parsed(text)).toEqual([["digest", {
      realm: "atlanta.com",
      domain: "sip:boxesbybob.com",
      qop: "auth",
      nonce: "f84f1cec41e6cbe5aea9c8e88d359",
      opaque: "",
      stale: "FALSE",
      algorithm: "MD5",
    }]]);
  });

  test("reads quoted-pairs, and commas and equals signs inside quotes", () => {
    expect(parsed('Digest realm="a \\"b\\", c=d\\\\"')).toEqual([
      ["digest", { realm: 'a "b", c=d\\' }],
    ]);
  });

  test("may come with others on one line", () => {
    expect(parsed('Basic realm="a", Digest realm="b", nonce=c,Negotiate, Bearer')).toEqual([
      ["basic", { realm: "a" }],
      ["digest", { realm: "b", nonce: "c" }],
      ["negotiate", {}],
      ["bearer", {}],
    ]);
  });

  test("may lack quotes, and have nothing between commas", () => {
    expect(parsed("Digest ,realm=a,, nonce=YWJj/+==, uri=sip:a@b;c=d ,")).toEqual([
      ["digest", { realm: "a", nonce: "YWJj/+==", uri: "sip:a@b;c=d" }],
    ]);
  });

  const MANY = Array.from({ length: 33 }, (_, index) => `a${index}=b`).join(",");

  test.each([
    ["an empty value", "", "scheme is missing"],
    ["a quoted scheme", '"Digest"', "Scheme has no name"],
    ["an open quote", 'Digest realm="a', "no end"],
    ["a missing value", "Digest realm=", "no value"],
    ["a missing name", "Digest =a", "Parameter has no name"],
    ["a repeated name", "Digest realm=a, REALM=b", "comes twice"],
    ["a missing comma", 'Digest realm="a" nonce="b"', "not separated"],
    ["33 parameters", `Digest ${MANY}`, "too many"],
    ["17 challenges", new Array(17).fill("Digest").join(","), "Too many"],
  ])("is refused for %s", (_, text, message) => {
    expect(() => parseAuthValues(text)).toThrow(SipParseError);
    expect(() => parseAuthValues(text)).toThrow(message);
  });

  test("comes back as it was written, whatever is quoted", () => {
    const value = fc.string().map((text) => text.replaceAll(/[\r\n]/g, " "));
    fc.assert(fc.property(value, value, (realm, nonce) => {
      const text = serializeAuthValue("Digest", [
        ["realm", realm, "quoted"],
        ["nonce", nonce, "quoted"],
        ["qop", "auth", "token"],
      ]);
      expect(parsed(text)).toEqual([["digest", { realm, nonce, qop: "auth" }]]);
    }));
  });

  test("throws its own error alone, whatever it is", () => {
    const piece = fc.constantFrom(
      ...[
        '"',
        "\\",
        ",",
        "=",
        " ",
        "\t",
        "Digest",
        "realm",
        "a",
        "=a,",
        '="b"',
        "\u00e4",
        "\0",
        "(",
        "<",
      ],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 40 }).map((pieces) => `Digest ${pieces.join("")}`),
      fc.string({ unit: "binary", maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, (one) => {
        try {
          expect(parseAuthValues(one).length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof SipParseError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
