import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkUrlTemplate, expandUrl } from "../../src/route/url_template.ts";
import { expandTemplate } from "../../src/route/template.ts";
import { callFacts } from "./facts.ts";

const WEB = ["http", "https"];

function expand(url: string, value: string): string | undefined {
  const expanded = expandUrl(url, callFacts({ "X-A": value }));
  return expanded.ok ? expanded.value : undefined;
}

describe("where a URL may hold placeholders", () => {
  test("path, query and fragment take them", () => {
    for (
      const url of [
        "https://bot.example/{X-A}",
        "http://bot.example:8080/a/{X-A}.json?x={X-A}&y=1#{X-A}",
        "https://bot.example?x={X-A}",
        "https://bot.example#{X-A}",
        "https://user:pass@[2001:db8::1]:443/{X-A}{room_id}",
        "HTTPS://bot.example/plain",
      ]
    ) expect(checkUrlTemplate(url, WEB)).toBeUndefined();
    expect(checkUrlTemplate("wss://bot.example/{X-A}", ["ws", "wss"])).toBeUndefined();
  });

  test("scheme, user, host and port do not", () => {
    for (
      const url of [
        "{X-A}://bot.example/",
        "{X-A}",
        "https://{X-A}/",
        "https://{X-A}.example/",
        "https://bot.example{X-A}/",
        "https://bot.example:{X-A}/",
        "https://bot.example:80{X-A}",
        "https://{X-A}@bot.example/",
        "https://user:{X-A}@bot.example/",
        "https:{X-A}",
        "https://{X-A}?x=/",
      ]
    ) expect(checkUrlTemplate(url, WEB)).toEqual(expect.any(String));
  });

  test("other schemes, and what cannot be read, are refused", () => {
    expect(checkUrlTemplate("ftp://bot.example/", WEB)).toContain('"ftp"');
    expect(checkUrlTemplate("ws://bot.example/", WEB)).toContain("http:// or https://");
    for (
      const url of [
        "",
        "/voice",
        "https://",
        "https:///voice",
        "https://bot.example:99999/",
        "https://a b/",
        "https://bot.example/a b",
        "https://bot.example\\@evil.example/",
        "https://bot\t.example/",
        " https://bot.example/",
        "https://bot.example/\u0007",
        "https://bot.{{example/",
        "https://bot.example/{X-A",
        "https://bot.example/{nobody}",
        "https://bot.example/a/../{X-A}",
        "https://bot.example/%2E%2e/{X-A}",
      ]
    ) expect(checkUrlTemplate(url, WEB)).toEqual(expect.any(String));
  });
});

describe("RFC 3986 values in a URL", () => {
  test("are escaped, also what is escaped already", () => {
    expect(expand("https://b.example/{X-A}?x={X-A}", "a/b?c&d=e#f%2F g+ü"))
      .toBe(
        "https://b.example/a%2Fb%3Fc%26d%3De%23f%252F%20g%2B%C3%BC?x=a%2Fb%3Fc%26d%3De%23f%252F%20g%2B%C3%BC",
      );
    expect(expand("https://b.example/{X-A}", "a\ud800")).toBe("https://b.example/a%EF%BF%BD");
  });

  test("make no segment that leads elsewhere", () => {
    for (const value of [".", ".."]) {
      expect(expand("https://b.example/a/{X-A}/c", value)).toBeUndefined();
      expect(expand("https://b.example/a/{X-A}", value)).toBeUndefined();
      expect(expand("https://b.example/a?x={X-A}/b", value)).toBe(
        `https://b.example/a?x=${value}/b`,
      );
    }
    expect(expand("https://b.example/a/{X-A}{X-A}", ".")).toBeUndefined();
    expect(expand("https://b.example/a/%2e{X-A}", ".")).toBeUndefined();
    expect(expand("https://b.example/a/{X-A}", "...")).toBe("https://b.example/a/...");
    expect(expand("https://b.example/a/{X-A}", "%2e%2e")).toBe("https://b.example/a/%252e%252e");
  });

  test("with control characters are refused", () => {
    expect(expand("https://b.example/{X-A}", "a\r\nb")).toBeUndefined();
  });

  test("never change what the operator wrote", () => {
    const template =
      "https://me:pw@b.example:8443/a/{X-A}/x{X-A}y?one={X-A}&{X-A}=2&three=3#f{X-A}";
    expect(checkUrlTemplate(template, WEB)).toBeUndefined();
    const value = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.array(
        fc.constantFrom(".", "/", "\\", "%2e", "%2F", "?", "#", "&", "=", "@", ":", "a", ";"),
      ),
    );
    fc.assert(
      fc.property(value, (given) => {
        const text = Array.isArray(given) ? given.join("") : given;
        const expanded = expand(template, text);
        if (expanded === undefined) return;
        const url = new URL(expanded);
        expect([url.protocol, url.username, url.password, url.host])
          .toEqual(["https:", "me", "pw", "b.example:8443"]);
        const plain = expandTemplate("{X-A}", callFacts({ "X-A": text }));
        const wellFormed = plain.ok ? plain.value.toWellFormed() : "";
        const segments = url.pathname.split("/").map(decodeURIComponent);
        expect(segments).toEqual(["", "a", wellFormed, `x${wellFormed}y`]);
        const parameters = url.search.slice(1).split("&").map((each) =>
          each.split("=").map(decodeURIComponent)
        );
        expect(parameters).toEqual([["one", wellFormed], [wellFormed, "2"], ["three", "3"]]);
        expect(decodeURIComponent(url.hash)).toBe(`#f${wellFormed}`);
      }),
      { numRuns: 500 },
    );
  });
});
