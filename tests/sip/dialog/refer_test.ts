import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatReferTo, parseRefer, REFER_TO_HEADERS_MAX } from "../../../src/sip/dialog/refer.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import { requestOf, tolerate } from "./fixtures.ts";

function refer(referTo: string, ...others: (readonly [string, string])[]) {
  return parseRefer(requestOf("REFER", [["Refer-To", referTo], ...others]));
}

function statusOf(run: () => unknown): number | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof SipParseError) return error.statusCode;
    throw error;
  }
  return undefined;
}

describe("RFC 3515 §2.1 Refer-To", () => {
  test("is taken with and without angle brackets, display name and parameters", () => {
    const nothing = { headers: [], replaces: undefined, referredBy: undefined, wantsNotify: true };
    for (
      const text of [
        "sip:carol@example.com",
        "<sip:carol@example.com>",
        '"Carol" <sip:carol@example.com>;x=y',
      ]
    ) {
      expect(refer(text)).toEqual({ uri: "sip:carol@example.com", ...nothing });
    }
  });

  test("is taken in its compact form", () => {
    expect(parseRefer(requestOf("REFER", [["r", "<sip:c@d>"]])).uri).toBe("sip:c@d");
  });

  test("keeps the URI as it is written, its own parameters included", () => {
    const uri = "sips:%63arol;x=1?y@[2001:db8::1]:5061;transport=tcp;lr";
    expect(refer(`<${uri}?X-Foo=bar>`).uri).toBe(uri);
  });

  test("may be of another scheme", () => {
    expect(refer("<tel:+15551234;phone-context=x>").uri).toBe("tel:+15551234;phone-context=x");
    expect(refer("<https://example.com/?a=b>").uri).toBe("https://example.com/?a=b");
  });

  test("§2.4.2: must be there exactly once", () => {
    expect(statusOf(() => parseRefer(requestOf("REFER", [])))).toBe(400);
    expect(statusOf(() => refer("<sip:a@b>", ["Refer-To", "<sip:c@d>"]))).toBe(400);
    expect(statusOf(() => refer("<sip:a@b>", ["r", "<sip:c@d>"]))).toBe(400);
    expect(statusOf(() => refer("<sip:a@b>, <sip:c@d>"))).toBe(400);
  });

  for (
    const text of [
      "",
      "<>",
      "carol",
      "<sip:a b@c>",
      "<sip:>",
      "sip:a@b?X=y",
      "<sip:a@b",
      "<sip:a@b?>",
    ]
  ) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      expect(statusOf(() => refer(text))).toBe(400);
    });
  }

  test("asks for an INVITE, or gets 501", () => {
    expect(refer("<sip:a@b;lr;method=INVITE?X-A=b>")).toMatchObject({
      uri: "sip:a@b;lr",
      headers: [["X-A", "b"]],
    });
    expect(statusOf(() => refer("<sip:a@b;method=BYE>"))).toBe(501);
  });
});

describe("RFC 3261 §19.1.5 headers of the URI", () => {
  test("are unescaped, names and values, and keep their order and case", () => {
    expect(refer("<sip:a@b?X-%46oo=a%20b%3Dc+d&Subject=caf%C3%A9&x-empty=&X-Bare>").headers)
      .toEqual([["X-Foo", "a b=c+d"], ["Subject", "café"], ["x-empty", ""], ["X-Bare", ""]]);
  });

  for (
    const name of [
      "From f To t Call-ID i CSeq Via v Record-Route Route Contact m Max-Forwards",
      "Content-Length l body Accept Allow Supported k Require Organization Accept-Encoding",
      "Accept-Language Content-Type c Authorization Proxy-Authorization Session-Expires x",
      "P-Asserted-Identity P-Preferred-Identity Remote-Party-ID Identity Referred-By b Refer-To",
      "Diversion History-Info p-anything CALL-ID %46rom",
    ].flatMap((row) => row.split(" "))
  ) {
    test(`may not set ${name}`, () => {
      expect(refer(`<sip:a@b?${name}=x&X-Foo=y>`).headers).toEqual([["X-Foo", "y"]]);
    });
  }

  for (
    const headers of [
      "X-Foo=a%0D%0AX-Injected%3A%20yes",
      "X-Foo=a%0a",
      "X-Foo=a%00",
      "X-Foo=%7F",
      "X-Foo%0D%0AX=a",
      "Replaces=c%0D%0A%3Bto-tag%3Da%3Bfrom-tag%3Db",
      "Subject=%ff",
      "Subject=%zz",
      "Subject=%2",
      "X%20Foo=a",
      "=a",
    ]
  ) {
    test(`refuses ${headers}`, () => {
      expect(statusOf(() => refer(`<sip:a@b?${headers}>`))).toBe(400);
    });
  }

  test("are limited in number, and the URI in length", () => {
    const headers = (count: number) =>
      Array.from({ length: count }, (_, at) => `X-${at}=a`).join("&");
    expect(refer(`<sip:a@b?${headers(REFER_TO_HEADERS_MAX)}>`).headers)
      .toHaveLength(REFER_TO_HEADERS_MAX);
    expect(statusOf(() => refer(`<sip:a@b?${headers(REFER_TO_HEADERS_MAX + 1)}>`))).toBe(400);
    expect(statusOf(() => refer(`<sip:a@b?X=${"a".repeat(5000)}>`))).toBe(400);
  });

  test("never let a line break through, whatever they are", () => {
    const part = fc.constantFrom(
      "X",
      "=",
      "&",
      "%0D",
      "%0a",
      "%00",
      "%41",
      "%",
      "a",
      ";",
      "Replaces",
      "%C3%A9",
    );
    const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (headers) => {
        const read = tolerate(() => refer(`<sip:a@b?${headers}>`));
        for (const [name, value] of read?.headers ?? []) {
          expect(`${name}${value}`).not.toMatch(/[\r\n\0]/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("RFC 3891 Replaces in a Refer-To", () => {
  const replaces = {
    callId: "12345@192.168.118.3",
    toTag: "12345",
    fromTag: "5FFE-3994",
    earlyOnly: false,
  };

  test("is read apart from the other headers", () => {
    const text =
      "<sip:c@d?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994&X-A=b>";
    expect(refer(text)).toMatchObject({ uri: "sip:c@d", replaces, headers: [["X-A", "b"]] });
  });

  test("DEVIATION: is read where its semicolons are not escaped", () => {
    const text = "<sip:c@d?Replaces=12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994>";
    expect(refer(text).replaces).toEqual(replaces);
  });

  test("is refused when it is malformed or not alone", () => {
    expect(statusOf(() => refer("<sip:c@d?Replaces=12345>"))).toBe(400);
    const one = "Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc";
    expect(statusOf(() => refer(`<sip:c@d?${one}&replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>`))).toBe(
      400,
    );
  });

  test("is read as it was written", () => {
    expect(formatReferTo({ uri: "sip:c@d" })).toBe("<sip:c@d>");
    expect(refer(formatReferTo({ uri: "sip:c@d;transport=tcp", replaces })))
      .toMatchObject({ uri: "sip:c@d;transport=tcp", replaces });
    expect(refer(formatReferTo({ uri: "sip:c@d?X-A=b", replaces })))
      .toMatchObject({ uri: "sip:c@d", replaces, headers: [["X-A", "b"]] });
    const value = fc.record({
      callId: fc.string({ unit: "grapheme-ascii", minLength: 1 })
        .map((text) => text.replaceAll(/[ ;]/g, "+")),
      toTag: fc.string({ unit: "grapheme-ascii", minLength: 1 }),
      fromTag: fc.string({ unit: "grapheme-ascii", minLength: 1 }),
      earlyOnly: fc.boolean(),
    });
    fc.assert(fc.property(value, (any) => {
      expect(refer(formatReferTo({ uri: "sip:c@d", replaces: any })).replaces).toEqual(any);
    }));
  });

  test("is not written into what is no SIP URI, nor anything into what is no URI", () => {
    expect(() => formatReferTo({ uri: "tel:+1555", replaces })).toThrow(SipParseError);
    expect(() => formatReferTo({ uri: "sip:a@b>\r\nX: y" })).toThrow(RangeError);
    expect(() => formatReferTo({ uri: "" })).toThrow(RangeError);
  });
});

describe("RFC 3892, RFC 4488 what else a REFER says", () => {
  test("Referred-By is kept as it is, also in its compact form", () => {
    const text = '"Bob" <sip:bob@example.com>;x=y';
    expect(refer("<sip:a@b>", ["Referred-By", text]).referredBy).toBe(text);
    expect(refer("<sip:a@b>", ["b", text]).referredBy).toBe(text);
  });

  test("Referred-By loses the name of a token that stays behind", () => {
    const text = '<sip:bob@example.com>;cid="20398823.2UWQFN309shb3@referrer.example";x=y';
    expect(refer("<sip:a@b>", ["Referred-By", text]).referredBy).toBe("<sip:bob@example.com>;x=y");
  });

  test("Referred-By is left out when nobody could read it", () => {
    expect(refer("<sip:a@b>", ["Referred-By", "bob"]).referredBy).toBeUndefined();
  });

  test("Refer-Sub: false wants no NOTIFY; anything else does", () => {
    expect(refer("<sip:a@b>", ["Refer-Sub", "false"]).wantsNotify).toBe(false);
    expect(refer("<sip:a@b>", ["Refer-Sub", " False ;x=y"]).wantsNotify).toBe(false);
    expect(refer("<sip:a@b>", ["Refer-Sub", "true"]).wantsNotify).toBe(true);
    expect(refer("<sip:a@b>", ["Refer-Sub", ""]).wantsNotify).toBe(true);
  });

  test("throws its own error alone, whatever it reads", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'sip:@?&=;<>"%\\[]0aA ,'.split("")) }),
      fc.string({ unit: "grapheme" }).map((value) => value.replaceAll(/[\r\n\0]/g, "")),
    );
    fc.assert(
      fc.property(text, text, text, (to, by, sub) => {
        tolerate(() => refer(to, ["Referred-By", by], ["Refer-Sub", sub]));
        tolerate(() => refer(`<sip:a@b?${to}>`, ["Referred-By", by]));
      }),
      { numRuns: 500 },
    );
  });
});
