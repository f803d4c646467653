import { describe, expect, test } from "bun:test";
import {
  digestAlgorithm,
  digestResponse,
  secretKey,
  sessionKey,
} from "../../../src/sip/auth/digest.ts";
import { hash } from "./fixtures.ts";

describe("RFC 7616 §3.4.1 response", () => {
  const mufasa = {
    username: "Mufasa",
    realm: "http-auth@example.org",
    password: "Circle of Life",
  };
  const example = {
    nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    method: "GET",
    uri: "/dir/index.html",
    quality: { nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" },
  };

  test("is that of §3.9.1 with MD5 and SHA-256", () => {
    const responses = (["md5", "sha-256"] as const).map((name) =>
      digestResponse(hash, name, { ...example, key: secretKey(hash, name, mufasa) })
    );
    expect(responses).toEqual([
      "8ca523f5e9506fed4657c9700eebdbec",
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    ]);
  });

  test("is that of §3.9.2 with SHA-512-256 and UTF-8, as erratum 4897 corrects it", () => {
    const key = secretKey(hash, "sha-512-256", {
      username: "J\u00e4s\u00f8n Doe",
      realm: "api@example.org",
      password: "Secret, or not?",
    });
    expect(digestResponse(hash, "sha-512-256", {
      key,
      nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
      method: "GET",
      uri: "/doe.json",
      quality: { nc: "00000001", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v" },
    })).toBe("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
  });

  test("is that of RFC 2617 §3.5", () => {
    const key = secretKey(hash, "md5", {
      username: "Mufasa",
      realm: "testrealm@host.com",
      password: "Circle Of Life",
    });
    expect(digestResponse(hash, "md5", {
      key,
      nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
      method: "GET",
      uri: "/dir/index.html",
      quality: { nc: "00000001", cnonce: "0a4f113b" },
    })).toBe("6629fae49393a05397450978507c4ef1");
  });
});

describe("draft-smith-sipping-auth-examples-01 SIP digests", () => {
  const nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
  const cnonce = "0a4f113b";
  const quality = { nc: "00000001", cnonce };
  const request = { nonce, method: "INVITE", uri: "sip:bob@biloxi.com" };
  const key = secretKey(hash, "md5", {
    username: "bob",
    realm: "biloxi.com",
    password: "zanzibar",
  });

  test("§3.1: without algorithm and qop", () => {
    const response = digestResponse(hash, "md5", { ...request, key, quality: undefined });
    expect(response).toBe("bf57e4e0d0bffc0fbaedce64d59add5e");
  });

  test("§3.3: auth and MD5", () => {
    const response = digestResponse(hash, "md5", { ...request, key, quality });
    expect(response).toBe("89eb0059246c02b2f6ee02c7961d5ea3");
  });

  test("§3.4: auth and MD5-sess", () => {
    const session = sessionKey(hash, "md5", { secretKey: key, nonce, cnonce });
    const response = digestResponse(hash, "md5", { ...request, key: session, quality });
    expect(response).toBe("e4e4ea61d186d07a92c9e1f6919902e9");
  });
});

describe("RFC 8760 §2.1 algorithm", () => {
  test("is MD5 without a name, and compares without case", () => {
    expect(digestAlgorithm(undefined)).toEqual({ hash: "md5", isSession: false });
    expect(digestAlgorithm("sha-512-256-SESS")).toEqual({ hash: "sha-512-256", isSession: true });
  });

  test("is unknown when it is none of ours", () => {
    expect(digestAlgorithm("AKAv1-MD5")).toBeUndefined();
    expect(digestAlgorithm("")).toBeUndefined();
  });
});
