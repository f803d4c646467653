import { describe, expect, test } from "bun:test";
import type { SrtpCrypto } from "../../src/rtp/srtp_crypto.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { fromHex, toHex } from "../rtp/srtp_fixtures.ts";

/** It is what `src/rtp` wants. */
const crypto: SrtpCrypto = srtpCrypto;

describe("RFC 3711 §B.2 AES in counter mode", () => {
  const key = fromHex("2B7E151628AED2A6ABF7158809CF4F3C");

  test("makes the keystream, from the first blocks to those at the end of the counter", () => {
    const keystream = new Uint8Array(0xff02 * 16);
    crypto.applyCounterMode(key, fromHex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), keystream);
    const block = (count: number) => toHex(keystream.subarray(count * 16, count * 16 + 16));
    expect(block(0)).toBe("e03ead0935c95e80e166b16dd92b4eb4");
    expect(block(1)).toBe("d23513162b02d0f72a43a2fe4a5f97ab");
    expect(block(2)).toBe("41e95b3bb0a2e8dd477901e4fca894c0");
    expect(block(0xfeff)).toBe("ec8cdf7398607cb0f2d21675ea9ea1e4");
    expect(block(0xff00)).toBe("362b7c3c6773516318a077d7fc5073ae");
    expect(block(0xff01)).toBe("6a2cc3787889374fbeb4c81b17ba6c44");
  });

  test("writes its range alone, of any length, and undoes itself", () => {
    const buffer = new Uint8Array(40).fill(5);
    const iv = new Uint8Array(16);
    crypto.applyCounterMode(key, iv, buffer.subarray(3, 36));
    expect([...buffer.subarray(0, 3), ...buffer.subarray(36)]).toEqual(Array(7).fill(5));
    expect(toHex(buffer.subarray(3, 36))).not.toBe("05".repeat(33));
    crypto.applyCounterMode(key, iv, buffer.subarray(3, 36));
    expect(toHex(buffer)).toBe("05".repeat(40));
    expect(toHex(iv)).toBe("00".repeat(16));
    crypto.applyCounterMode(key, iv, buffer.subarray(0, 0));
  });
});

describe("RFC 2202 §3 HMAC-SHA1", () => {
  test("authenticates two ranges as if they were one", () => {
    const text = new TextEncoder().encode("what do ya want for nothing?");
    const key = new TextEncoder().encode("Jefe");
    for (const at of [0, 9, text.length]) {
      const digest = crypto.hmacSha1(key, text.subarray(0, at), text.subarray(at));
      expect(toHex(digest)).toBe("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }
  });
});

describe("RFC 7714 §5.2 AES-GCM", () => {
  for (const keyBytes of [16, 32]) {
    test(`seals and opens with ${keyBytes} bytes of key`, () => {
      const key = new Uint8Array(keyBytes).fill(3);
      const iv = new Uint8Array(12).fill(4);
      const associated = Uint8Array.of(1, 2, 3);
      const bytes = new Uint8Array(50).fill(5);
      const tag = crypto.sealGcm(key, iv, associated, bytes);
      expect(tag.length).toBe(16);
      const sealed = toHex(bytes);
      expect(sealed).not.toBe("05".repeat(50));

      const forgedTag = Uint8Array.from(tag);
      forgedTag[15] = forgedTag[15]! ^ 1;
      expect(crypto.openGcm(key, iv, associated, bytes, forgedTag)).toBe(false);
      expect(crypto.openGcm(key, iv, Uint8Array.of(1, 2, 4), bytes, tag)).toBe(false);
      expect(toHex(bytes)).toBe(sealed);
      expect(crypto.openGcm(key, iv, associated, bytes, tag)).toBe(true);
      expect(toHex(bytes)).toBe("05".repeat(50));
    });

    test(`authenticates without anything to encrypt with ${keyBytes} bytes of key`, () => {
      const key = new Uint8Array(keyBytes).fill(3);
      const iv = new Uint8Array(12).fill(4);
      const nothing = new Uint8Array(0);
      const tag = crypto.sealGcm(key, iv, Uint8Array.of(9), nothing);
      expect(crypto.openGcm(key, iv, Uint8Array.of(9), nothing, tag)).toBe(true);
      expect(crypto.openGcm(key, iv, Uint8Array.of(8), nothing, tag)).toBe(false);
    });
  }
});
