import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { withRoute } from "../../src/route/build_facts.ts";
import {
  expandTemplate,
  hasPlaceholders,
  parseTemplate,
  PLACEHOLDER_FACTS,
  templateGroups,
} from "../../src/route/template.ts";
import { callFacts } from "./facts.ts";

const FACTS = withRoute(
  callFacts({ "X-Tenant-ID": "acme", "X-Path": "../../etc/passwd", "X-Bell": "a\u0007b" }),
  { route: { name: "support" }, match: { queue: "sales" } },
);

function expand(text: string, use: "text" | "file" | "uri" = "text"): string | undefined {
  const expanded = expandTemplate(text, FACTS, use);
  return expanded.ok ? expanded.value : undefined;
}

describe("placeholders", () => {
  test("take facts, X-headers in any case and named groups", () => {
    expect(expand("{from.user}-{to.host}")).toBe("alice-example.org");
    expect(expand("{X-Tenant-ID}/{x-tenant-id}")).toBe("acme/acme");
    expect(expand("--queue={match.queue}")).toBe("--queue=sales");
    expect(expand("{route}")).toBe("support");
  });

  test("every fact that is offered can be taken", () => {
    for (const name of PLACEHOLDER_FACTS) expect(expand(`<{${name}}>`)).toMatch(/^<.*>$/);
  });

  test("take who the caller is by the word of others, and who sent the call on", () => {
    const facts = callFacts({
      "P-Asserted-Identity": '"Ann" <sip:+4930@carrier.example>',
      "Diversion": "<sip:bob@example.com>;reason=no-answer",
      "Reason": "SIP;cause=302",
    }, { authUser: "pbx", registration: "office", transport: "tls" });
    const text = "{asserted_identity.display_name} {asserted_identity.user} {diversion.user} " +
      "{diversion.reason} {auth_user} {registration} {transport} {reason}";
    expect(expandTemplate(text, facts)).toEqual({
      ok: true,
      value: "Ann +4930 bob no-answer pbx office tls SIP;cause=302",
    });
    expect(expand("<{asserted_identity.uri}{diversion.uri}{auth_user}>")).toBe("<>");
  });

  test("{{ is a brace, and a closing brace needs nothing", () => {
    expect(expand('{{"a":{{"b":1}}')).toBe('{"a":{"b":1}}');
    expect(expand("a}b")).toBe("a}b");
    expect(expand("{{from.user}")).toBe("{from.user}");
  });

  test("an absent header or group gives nothing", () => {
    expect(expand("<{X-Other}{match.none}{match.constructor}>")).toBe("<>");
  });

  test("unknown ones are refused", () => {
    for (
      const text of ["{}", "{", "{from}", "{Subject}", "{match.}", "{ room_id }", "{toString}"]
    ) {
      expect(parseTemplate(text).ok).toBe(false);
    }
    expect(parseTemplate("{from.usr}")).toMatchObject({ ok: false, unknown: "from.usr" });
  });

  test("say which groups they take", () => {
    const parsed = parseTemplate("{match.a} {from.user} {match.b}");
    expect(parsed.ok && templateGroups(parsed.template)).toEqual(["a", "b"]);
    expect(parsed.ok && hasPlaceholders(parsed.template)).toBe(true);
    const plain = parseTemplate("{{x}");
    expect(plain.ok && hasPlaceholders(plain.template)).toBe(false);
  });
});

describe("hostile values", () => {
  test("with control characters are refused, without being repeated", () => {
    const expanded = expandTemplate("{X-Bell}", FACTS);
    expect(expanded).toEqual({
      ok: false,
      reason: "The value of {X-Bell} holds a control character",
    });
  });

  test("are not read as templates", () => {
    const facts = callFacts({ "X-A": "{room_id}" });
    expect(expandTemplate("{X-A}", facts)).toEqual({ ok: true, value: "{room_id}" });
  });

  test("cannot leave the directory of a file", () => {
    expect(expand("prompts/{X-Tenant-ID}.wav", "file")).toBe("prompts/acme.wav");
    for (const value of ["../x", "..", "a/b", "a\\b", "/etc/passwd"]) {
      const facts = callFacts({ "X-A": value });
      expect(expandTemplate("prompts/{X-A}.wav", facts, "file").ok).toBe(false);
    }
  });

  test("cannot leave the user part of a URI", () => {
    const facts = callFacts({ "X-A": "a@evil.com;maddr=1.2.3.4?x>" });
    expect(expandTemplate("sip:{X-A}@10.0.0.7", facts, "uri"))
      .toEqual({ ok: true, value: "sip:a%40evil.com%3Bmaddr=1.2.3.4%3Fx%3E@10.0.0.7" });
  });

  test("in URIs keep escapes, host and port, and well-formed text", () => {
    const facts = callFacts({ "X-A": "a%40b", "X-B": "[2001:db8::7]:5060", "X-C": "ü\ud800" });
    expect(expandTemplate("{X-A} {X-B} {X-C}", facts, "uri"))
      .toEqual({ ok: true, value: "a%40b [2001:db8::7]:5060 %C3%BC%EF%BF%BD" });
  });

  test("never bring a control character, whatever they are", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
      const expanded = expandTemplate("<{X-A}>", callFacts({ "X-A": value }));
      // deno-lint-ignore no-control-regex
      if (expanded.ok) expect(/[\u0000-\u001f\u007f]/.test(expanded.value)).toBe(false);
    }));
  });
});

test("no text makes the reader of templates throw", () => {
  const text = fc.array(fc.constantFrom("{", "}", "match.", "from", ".user", "X-", "a", "{{"));
  fc.assert(fc.property(text, (parts) => {
    const joined = parts.join("");
    expect(expandTemplate(joined, FACTS).ok).toBe(parseTemplate(joined).ok);
  }));
});
