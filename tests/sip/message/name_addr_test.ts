import { describe, expect, test } from "bun:test";
import {
  parseFirstNameAddr,
  parseNameAddr,
  serializeNameAddr,
  withTag,
} from "../../../src/sip/message/name_addr.ts";
import { refusalOf } from "./fixtures.ts";

describe("RFC 3261 §25.1 name-addr and addr-spec", () => {
  test("reads a quoted display name with quoted-pairs", () => {
    const address = parseNameAddr('"Alice \\"A\\" \\\\ Smith" <sip:alice@example.com>;tag=88sja8x');
    expect(address.displayName).toBe('Alice "A" \\ Smith');
    expect(address.uri).toBe("sip:alice@example.com");
    expect(address.tag).toBe("88sja8x");
  });

  test("reads tokens as a display name, with or without a space before the bracket", () => {
    expect(parseNameAddr("A. G. Bell <sip:a@b>").displayName).toBe("A. G. Bell");
    expect(parseNameAddr("caller<sip:a@b>").displayName).toBe("caller");
    expect(parseNameAddr("  <sip:a@b>").displayName).toBe("");
  });

  test("takes characters beyond ASCII in a display name without quotes", () => {
    expect(parseNameAddr("José Müller <sip:a@b>").displayName).toBe("José Müller");
  });

  test("§20: parameters belong to the header when there are no brackets", () => {
    const bare = parseNameAddr("sip:+16505552222@ss1.example.net;user=phone;tag=1");
    expect(bare.uri).toBe("sip:+16505552222@ss1.example.net");
    expect(bare.parameters.get("user")).toBe("phone");
    expect(bare.tag).toBe("1");
    const bracketed = parseNameAddr("<sip:+1@ss1.example.net;user=phone>");
    expect(bracketed.uri).toBe("sip:+1@ss1.example.net;user=phone");
    expect(bracketed.parameters.size).toBe(0);
  });

  test("keeps a URI of any scheme", () => {
    expect(parseNameAddr("<http://www.example.com?a,b>").uri).toBe("http://www.example.com?a,b");
    expect(parseNameAddr("isbn:2983792873").uri).toBe("isbn:2983792873");
    expect(parseNameAddr("<tel:+1-201-555-0123>;tag=x").uri).toBe("tel:+1-201-555-0123");
  });

  test("reads parameters with white space, quotes and without values", () => {
    const { parameters } = parseNameAddr('<sip:a@b> ; Expires = 60 ; lr;x="a;b,\\"c"');
    expect([...parameters]).toEqual([["expires", "60"], ["lr", undefined], ["x", 'a;b,"c']]);
  });

  test("takes base64 and URIs as unquoted values of parameters", () => {
    const { parameters } = parseNameAddr("<sip:a@b>;tag=QUJD==;origin=sip:c@d");
    expect([...parameters]).toEqual([["tag", "QUJD=="], ["origin", "sip:c@d"]]);
  });

  test.each([
    "",
    " ",
    '"Bob',
    '"Bob" sip:a@b',
    "Bob, Al <sip:a@b>",
    "<sip:a@b",
    "<>",
    "< sip:a@b >",
    "<sip:a b@c>",
    "<sip:>",
    "<:a@b>",
    "alice",
    "a b:c",
    "sip:a@b?Route=c",
    "sip:a@b, sip:c@d",
    "<sip:a@b> x",
    "<sip:a@b>;",
    "<sip:a@b>;;tag=1",
    "<sip:a@b>;tag=",
    '<sip:a@b>;tag="x',
    "<sip:a@b>;tag=1;TAG=2",
    "<sip:a@b>;=1",
  ])("refuses %j", (text) => {
    expect(refusalOf(() => parseNameAddr(text)).statusCode).toBe(400);
  });

  test("tells where the fault is", () => {
    expect(refusalOf(() => parseNameAddr("<sip:a@b>;tag=1;tag=2")).offset).toBe(16);
  });

  test("reads the first of a list", () => {
    const first = parseFirstNameAddr('"a,b" <sip:a,b@c>;q=1 , <sip:d@e>');
    expect(first.uri).toBe("sip:a,b@c");
    expect(first.parameters.get("q")).toBe("1");
  });

  test("is written with brackets, and quoted where needed", () => {
    const address = parseNameAddr('"A \\"B\\"" <sip:a@b>;tag=1;x="c d"');
    expect(serializeNameAddr(address)).toBe('"A \\"B\\"" <sip:a@b>;tag=1;x="c d"');
    expect(serializeNameAddr(parseNameAddr("sip:a@b;lr"))).toBe("<sip:a@b>;lr");
  });

  test("is written with the tag that the field holds", () => {
    const address = parseNameAddr("<sip:a@b>;tag=1");
    expect(serializeNameAddr({ ...address, tag: "2" })).toBe("<sip:a@b>;tag=2");
    expect(serializeNameAddr({ ...address, tag: undefined })).toBe("<sip:a@b>");
  });

  test("withTag leaves what was received as it is", () => {
    expect(withTag('Bob  <sip:b@c> ;  X="1"', "t")).toBe('Bob  <sip:b@c> ;  X="1";tag=t');
    expect(parseNameAddr(withTag("sip:b@c", "t")).tag).toBe("t");
  });
});
