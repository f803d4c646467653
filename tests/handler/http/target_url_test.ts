import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  addressPolicy,
  isPublicAddress,
  isSameServer,
  parseTarget,
  publicUrl,
  targetKey,
} from "../../../src/handler/http/target_url.ts";

describe("URLs of servers", () => {
  test("have the schemes that they may have, and a host", () => {
    expect(parseTarget("https://bot.example/a").ok).toBe(true);
    expect(parseTarget("/next?x=1", { base: "https://bot.example/a/b" }))
      .toMatchObject({ ok: true, url: { href: "https://bot.example/next?x=1" } });
    for (const text of ["file:///etc/passwd", "ftp://a/", "data:,x", "javascript:1", "wss://a/"]) {
      expect(parseTarget(text).ok).toBe(false);
    }
    expect(parseTarget("wss://a/", { schemes: ["ws:", "wss:"] }).ok).toBe(true);
    for (
      const text of ["", "/next", "https://", "https://a:99999/", `https://a/${"x".repeat(9000)}`]
    ) {
      expect(parseTarget(text).ok).toBe(false);
    }
  });

  test("are named without default ports and other ways of writing them", () => {
    expect(targetKey("https://Bot.Example/a?b")).toBe("https://bot.example:443");
    expect(targetKey("http://user:pw@bot.example:80/")).toBe("http://bot.example:80");
    expect(targetKey("ws://bot.example")).toBe("ws://bot.example:80");
    expect(targetKey("wss://[2001:DB8::1]:8443/")).toBe("wss://[2001:db8::1]:8443");
    expect(targetKey("nonsense")).toBe("");
  });

  test("are the same server by scheme, host and port", () => {
    expect(isSameServer("https://a/x", "https://a:443/y")).toBe(true);
    expect(isSameServer("http://a/", "ws://a/")).toBe(true);
    expect(isSameServer("https://a/", "wss://a/")).toBe(true);
    expect(isSameServer("https://a/", "http://a/")).toBe(false);
    expect(isSameServer("https://a/", "https://a:8443/")).toBe(false);
    expect(isSameServer("https://a/", "https://a.evil/")).toBe(false);
    expect(isSameServer("nonsense", "nonsense")).toBe(false);
  });
});

describe("what a log shows of a URL", () => {
  test("is neither user nor password, nor values of the query", () => {
    expect(publicUrl("https://me:s3cr3t@bot.example:8443/voice?token=s3cr3t&x=&s3cr3t#s3cr3t"))
      .toBe("https://bot.example:8443/voice?token=…&x=…&…");
    expect(publicUrl("s3cr3t")).toBe("(a URL)");
    expect(publicUrl("mailto:s3cr3t@bot.example")).toBe("(a URL)");
    expect(publicUrl("https://bot.example")).toBe("https://bot.example/");
  });

  test("holds no secret, wherever that stands", () => {
    const secret = fc.string({ minLength: 6, maxLength: 12, unit: fc.constantFrom(..."zq7%&=@?") })
      .map((text) => encodeURIComponent(`zq7zq7${text}`));
    fc.assert(fc.property(secret, (value) => {
      const shown = publicUrl(
        `https://${value}:${value}@bot.example/a?k=${value}&${value}#${value}`,
      );
      expect(shown).toBe("https://bot.example/a?k=…&…");
    }));
  });
});

const PRIVATE: readonly string[] = [
  "0.0.0.0",
  "10.0.0.1",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.2.1",
  "192.168.1.1",
  "198.18.0.1",
  "224.0.0.1",
  "239.255.255.255",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "fc00::1",
  "fd00:ec2::254",
  "ff02::1",
  "::ffff:10.0.0.1",
  "::ffff:a00:1",
  "::10.0.0.1",
  "64:ff9b::10.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b:1::1",
  "2001:db8::1",
  "2001::1",
  "2002:a00:1::",
  "100::1",
  "",
  "localhost",
  "010.0.0.1",
];

const PUBLIC: readonly string[] = [
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.0.0.1",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.1.1",
  "223.255.255.255",
  "::ffff:1.1.1.1",
  "64:ff9b::1.1.1.1",
  "2606:4700:4700::1111",
  "2a00:1450::1",
];

describe("RFC 6890 public addresses", () => {
  test("are those that the whole Internet can reach", () => {
    expect(PRIVATE.filter(isPublicAddress)).toEqual([]);
    expect(PUBLIC.filter((address) => !isPublicAddress(address))).toEqual([]);
  });
});

const CONFIGURED = "http://10.0.0.5:8080/voice";

function refusal(url: string, address: string, targets: "public" | "any" = "public") {
  return addressPolicy({ http: { targets }, configured: CONFIGURED, url })?.(address);
}

describe("where a URL may lead", () => {
  test("that of the configuration, and its server: anywhere", () => {
    expect(refusal(CONFIGURED, "10.0.0.5")).toBeUndefined();
    expect(refusal("http://10.0.0.5:8080/other?x", "10.0.0.5")).toBeUndefined();
    expect(refusal("ws://10.0.0.5:8080/media", "10.0.0.5")).toBeUndefined();
  });

  test("any other one: to public addresses, with a sentence that says how to change that", () => {
    const other = "http://10.0.0.5:9090/";
    expect(refusal(other, "1.1.1.1")).toBeUndefined();
    expect(refusal(other, "10.0.0.5")).toContain("http.targets");
    expect(refusal(other, "10.0.0.5")).toContain("10.0.0.5 is not public");
    expect(addressPolicy({ url: other })?.("127.0.0.1")).toContain("http.targets");
  });

  test("anywhere, when the configuration says so", () => {
    expect(refusal("http://169.254.169.254/latest", "169.254.169.254", "any")).toBeUndefined();
  });

  test("no way of writing a private IPv4 address gets around it", () => {
    const byte = fc.nat(255);
    const address = fc.oneof(
      fc.tuple(fc.constantFrom(10, 127), byte, byte, byte),
      fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
      fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
    );
    const hex = (value: number) => value.toString(16);
    fc.assert(fc.property(address, fc.constantFrom("", "."), ([a, b, c, d], dot) => {
      const whole = ((a * 256 + b) * 256 + c) * 256 + d;
      const hosts = [
        `${a}.${b}.${c}.${d}${dot}`,
        `${whole}${dot}`,
        `0x${hex(whole)}${dot}`,
        `0${whole.toString(8)}`,
        `0x${hex(a)}.0x${hex(b)}.0x${hex(c)}.0x${hex(d)}`,
        `0${a.toString(8)}.${b}.${c}.${d}`,
        `${a}.${b}.${c * 256 + d}`,
        `${a}.${(b * 256 + c) * 256 + d}`,
        `[::ffff:${a}.${b}.${c}.${d}]`,
        `[::FFFF:${hex(a * 256 + b)}:${hex(c * 256 + d)}]`,
        `[0:0:0:0:0:ffff:${a}.${b}.${c}.${d}]`,
        `[64:ff9b::${a}.${b}.${c}.${d}]`,
        `[2002:${hex(a * 256 + b)}:${hex(c * 256 + d)}::1]`,
        `[::${a}.${b}.${c}.${d}]`,
      ];
      for (const host of hosts) {
        const url = `http://${host}/`;
        const parsed = parseTarget(url);
        if (!parsed.ok) continue;
        const literal = parsed.url.hostname.replace(/^\[|\]$/g, "");
        expect([host, refusal(url, literal) !== undefined]).toEqual([host, true]);
      }
    }));
  });
});
