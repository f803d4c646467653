import { describe, expect, test } from "bun:test";
import {
  CRYPTO_SUITES,
  type CryptoSuite,
  formatCryptoAttribute,
  parseCryptoAttribute,
} from "../../src/sdp/crypto_attribute.ts";
import { SRTP_SUITES } from "../../src/rtp/srtp_suite.ts";

const KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const LINE = `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`;

describe("RFC 4568 §9.1 a=crypto", () => {
  test("reads tag, suite and key", () => {
    const attribute = parseCryptoAttribute(LINE);
    expect(attribute).toEqual({
      tag: 1,
      suite: "AES_CM_128_HMAC_SHA1_80",
      key: Uint8Array.from(atob(KEY), (unit) => unit.charCodeAt(0)),
    });
    expect(attribute?.key.length).toBe(30);
  });

  test("reads lifetime and MKI, both or one of them", () => {
    const read = (more: string) => {
      const { lifetime, mki } = parseCryptoAttribute(LINE + more) ?? {};
      return [lifetime, mki && [...mki]];
    };
    expect(read("|2^20|1:4")).toEqual(["2^20", [0, 0, 0, 1]]);
    expect(read("|2^48")).toEqual(["2^48", undefined]);
    expect(read("|1048576")).toEqual(["1048576", undefined]);
    expect(read("|66051:4")).toEqual([undefined, [0, 1, 2, 3]]);
    expect(read("|0:1")).toEqual([undefined, [0]]);
    expect(read("|1:128")[1]?.length).toBe(128);
  });

  test("knows keywords in any case, and white space between the fields", () => {
    const line = `7\tAES_cm_128_hmac_sha1_32   INLINE:${KEY} `;
    expect(parseCryptoAttribute(line)).toMatchObject({ tag: 7, suite: "AES_CM_128_HMAC_SHA1_32" });
  });

  for (const [name, { keyBytes }] of Object.entries(CRYPTO_SUITES)) {
    const suite = name as CryptoSuite;
    const key = new Uint8Array(keyBytes).map((_, at) => 255 - at);

    test(`${suite}: what is written is read again, and is as long as SRTP wants it`, () => {
      const attributes = [
        { tag: 999_999_999, suite, key },
        { tag: 2, suite, key, lifetime: "2^31", mki: Uint8Array.of(0, 1, 255) },
        { tag: 3, suite, key, mki: Uint8Array.of(7) },
      ];
      for (const attribute of attributes) {
        expect(parseCryptoAttribute(formatCryptoAttribute(attribute))).toEqual(attribute);
      }
      expect(SRTP_SUITES[suite].keyBytes + SRTP_SUITES[suite].saltBytes).toBe(keyBytes);
    });

    test(`${suite}: §6.1: a key that is too short or too long makes the line invalid`, () => {
      for (const length of [0, 1, keyBytes - 1, keyBytes + 1, 64]) {
        const line = formatCryptoAttribute({ tag: 1, suite, key: new Uint8Array(length) });
        expect(parseCryptoAttribute(line)).toBeUndefined();
      }
    });

    test(`${suite}: padding may be left out`, () => {
      const line = formatCryptoAttribute({ tag: 1, suite, key });
      expect(parseCryptoAttribute(line.replace(/=+$/, ""))?.key).toEqual(key);
    });
  }

  test("writes the bytes that a peer expects", () => {
    const { key } = parseCryptoAttribute(LINE)!;
    expect(formatCryptoAttribute({ tag: 1, suite: "AES_CM_128_HMAC_SHA1_80", key })).toBe(LINE);
  });

  test("offers first what every peer knows, and last what is weakest", () => {
    const suites = Object.keys(CRYPTO_SUITES);
    expect(suites[0]).toBe("AES_CM_128_HMAC_SHA1_80");
    expect(suites.at(-1)).toBe("AES_CM_128_HMAC_SHA1_32");
    expect(suites.toSorted()).toEqual(Object.keys(SRTP_SUITES).toSorted());
  });

  const REFUSED: Readonly<Record<string, string>> = {
    "nothing": "",
    "no key": "1 AES_CM_128_HMAC_SHA1_80",
    "a tag that is no number": LINE.replace("1", "x"),
    "a tag of ten digits": LINE.replace("1", "1234567890"),
    "an unknown suite": `1 F8_128_HMAC_SHA1_80 inline:${KEY}`,
    "a name that every object has": `1 constructor inline:${KEY}`,
    "an unknown key method": `1 AES_CM_128_HMAC_SHA1_80 uri:${KEY}`,
    "bad base64": LINE.replace("WVN", "W*N"),
    "padding in the middle": LINE.replace("WVN", "W=N"),
    "too much padding": `${LINE}===`,
    "two keys": `${LINE};inline:${KEY}`,
    "two keys with MKIs": `${LINE}|1:4;inline:${KEY}|2:4`,
    "a lifetime of nothing": `${LINE}|0`,
    "an empty lifetime": `${LINE}|`,
    "a lifetime beyond §9.2 of RFC 3711": `${LINE}|2^49`,
    "the same in digits": `${LINE}|281474976710657`,
    "a lifetime that is no number": `${LINE}|forever`,
    "an MKI without length": `${LINE}|1:`,
    "an MKI of no bytes": `${LINE}|1:0`,
    "an MKI of 129 bytes": `${LINE}|1:129`,
    "an MKI that its bytes cannot hold": `${LINE}|256:1`,
    "MKI before lifetime": `${LINE}|1:4|2^20`,
    "two lifetimes": `${LINE}|2^20|2^20`,
    "too many fields": `${LINE}|2^20|1:4|1:4`,
    "an endless line": `${LINE} ${"-x ".repeat(1000)}`,
  };
  for (const [name, line] of Object.entries(REFUSED)) {
    test(`leaves alone: ${name}`, () => {
      expect(parseCryptoAttribute(LINE)).toBeDefined();
      expect(parseCryptoAttribute(line)).toBeUndefined();
    });
  }
});

describe("RFC 4568 §6.3 session parameters", () => {
  for (const parameter of ["WSH=64", "wsh=1024", "-FUTURE", "-FUTURE=1 -MORE", "-UNKNOWN=a|b"]) {
    test(`"${parameter}" changes nothing`, () => {
      expect(parseCryptoAttribute(`${LINE} ${parameter}`)).toEqual(parseCryptoAttribute(LINE)!);
    });
  }

  const REFUSED = [
    "KDR=0",
    "KDR=24",
    "UNENCRYPTED_SRTP",
    "UNENCRYPTED_SRTCP",
    "UNAUTHENTICATED_SRTP",
    "FEC_ORDER=FEC_SRTP",
    `FEC_KEY=inline:${KEY}`,
    "WSH=x",
    "-",
    "FUTURE=1",
    "-FUTURE KDR=1",
  ];
  for (const parameter of REFUSED) {
    test(`"${parameter}" makes the line one that we leave alone`, () => {
      expect(parseCryptoAttribute(`${LINE} ${parameter}`)).toBeUndefined();
    });
  }
});
