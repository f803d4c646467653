import { describe, expect, test } from "bun:test";
import { deriveSessionKeys } from "../../src/rtp/srtp_key_derivation.ts";
import { SrtpReceiver } from "../../src/rtp/srtp_receiver.ts";
import { SrtpSender } from "../../src/rtp/srtp_sender.ts";
import { isSameSrtpKey, srtpKey } from "../../src/rtp/srtp_suite.ts";
import { GcmTransform } from "../../src/rtp/srtp_transform.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { fromHex, keyOf, rtcpPacket, rtpPacket, SUITES, toHex, withRoom } from "./srtp_fixtures.ts";

describe("RFC 3711 §4.3 key derivation", () => {
  test("derives the keys of appendix B.3", () => {
    const key = srtpKey({
      suite: "AES_CM_128_HMAC_SHA1_80",
      key: fromHex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6"),
    });
    const session = deriveSessionKeys(key, "rtp", srtpCrypto);
    expect(toHex(session.key)).toBe("c61e7a93744f39ee10734afe3ff7a087");
    expect(toHex(session.salt)).toBe("30cbbc08863d8c85d49db34a9ae1");
    expect(toHex(session.authKey)).toBe("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
  });

  test("derives other keys for RTCP", () => {
    for (const suite of SUITES) {
      const rtp = deriveSessionKeys(keyOf(suite), "rtp", srtpCrypto);
      const rtcp = deriveSessionKeys(keyOf(suite), "rtcp", srtpCrypto);
      expect(toHex(rtcp.key)).not.toBe(toHex(rtp.key));
      expect(toHex(rtcp.salt)).not.toBe(toHex(rtp.salt));
    }
  });

  test("refuses a key and a salt of another length", () => {
    const key = keyOf("AEAD_AES_256_GCM");
    const short = { ...key, masterSalt: key.masterSalt.slice(1) };
    expect(() => deriveSessionKeys(short, "rtp", srtpCrypto)).toThrow(RangeError);
    expect(() => srtpKey({ suite: "AEAD_AES_128_GCM", key: new Uint8Array(30) }))
      .toThrow(RangeError);
  });

  test("tells a key that stays from another one", () => {
    const key = keyOf("AEAD_AES_128_GCM");
    const mki = Uint8Array.of(1);
    expect(isSameSrtpKey(key, keyOf("AEAD_AES_128_GCM"))).toBe(true);
    expect(isSameSrtpKey(key, keyOf("AEAD_AES_128_GCM", 0x12))).toBe(false);
    expect(isSameSrtpKey(key, { ...key, suite: "AES_CM_128_HMAC_SHA1_32" })).toBe(false);
    expect(isSameSrtpKey(key, { ...key, mki })).toBe(false);
    expect(isSameSrtpKey({ ...key, mki }, { ...key, mki: Uint8Array.of(1) })).toBe(true);
  });
});

describe("RFC 7714 test vectors", () => {
  const salt = fromHex("517569642070726f2071756f");
  const authKey = new Uint8Array(0);
  const RTP = "8040f17b8041f8d35501a0b2" +
    "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
  const RTCP = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61" +
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
  const TABLE = [
    {
      name: "16.1 and 17.1: 128 bits",
      keyBytes: 16,
      rtp: "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a" +
        "51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
      rtcp: "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda" +
        "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    },
    {
      name: "16.2 and 17.2: 256 bits",
      keyBytes: 32,
      rtp: "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02" +
        "76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
      rtcp: "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be" +
        "8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    },
  ];
  const transformOf = (keyBytes: number) => {
    const keys = { key: new Uint8Array(keyBytes).map((_, at) => at), salt, authKey };
    return new GcmTransform({ rtp: keys, rtcp: keys, crypto: srtpCrypto });
  };

  for (const { name, keyBytes, rtp, rtcp } of TABLE) {
    test(`§${name}`, () => {
      const transform = transformOf(keyBytes);
      const one = withRoom(fromHex(RTP));
      const sealed = transform.protect(one.packet, 12, one.length, 0xf17b);
      expect(toHex(one.packet.subarray(0, sealed))).toBe(rtp);
      expect(transform.unprotect(one.packet, 12, sealed, 0xf17b)).toBe(one.length);
      expect(toHex(one.packet.subarray(0, one.length))).toBe(RTP);

      const two = withRoom(fromHex(RTCP));
      const sealedRtcp = transform.protectRtcp(two.packet, two.length, 0x5d4);
      expect(toHex(two.packet.subarray(0, sealedRtcp))).toBe(rtcp);
      expect(transform.unprotectRtcp(two.packet, sealedRtcp, 0x800005d4)).toBe(two.length);
      expect(toHex(two.packet.subarray(0, two.length))).toBe(RTCP);
    });
  }

  test("§17.3: RTCP that is authenticated only", () => {
    const packet = fromHex(`${RTCP}841dd9683dd78ec92ae58790125f62b3000005d4`);
    expect(transformOf(16).unprotectRtcp(packet, packet.length, 0x5d4)).toBe(RTCP.length / 2);
    expect(toHex(packet).startsWith(RTCP)).toBe(true);
    packet[9] = 0;
    expect(transformOf(16).unprotectRtcp(packet, packet.length, 0x5d4)).toBe(-1);
  });
});

describe("vectors made by libsrtp 2.5", () => {
  const RTP = `800f1234decafbadcafebabe${"ab".repeat(16)}`;
  const RTCP = `81c8000bcafebabe${"ab".repeat(16)}`;
  const TABLE = {
    AES_CM_128_HMAC_SHA1_80: [
      "88aaf30bb2e3a8354022117acd57851f5980ac9bcf5c46ca9782",
      "3a1a77d476df84812f1ac6330062fb1f80000001bfcaea3ef52316fd732c",
    ],
    AES_CM_128_HMAC_SHA1_32: [
      "88aaf30bb2e3a8354022117acd57851f5980ac9b",
      "3a1a77d476df84812f1ac6330062fb1f80000001bfcaea3ef52316fd732c",
    ],
    AEAD_AES_128_GCM: [
      "23f0a70703381f63724993bc606984442af3d34129d4527897bd0b06114cd19a",
      "f98de126809628d7d55f224cf948613aba67a22a0e86def6898aacd93ec02b8880000001",
    ],
    AEAD_AES_256_GCM: [
      "1a39dfdaf690ff5536388e5964b5654ebfea372d5c2ff038f2a6d663038a8691",
      "4db7c26d3afd90d243335a7da6b85ed04404afa248c6f46d33c6f5381c97f35e80000001",
    ],
  } as const;

  for (const suite of SUITES) {
    test(suite, () => {
      const sender = new SrtpSender(keyOf(suite), srtpCrypto);
      const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
      const [rtp, rtcp] = TABLE[suite];

      const one = withRoom(fromHex(RTP));
      const length = sender.protect(one.packet, one.length);
      expect(toHex(one.packet.subarray(12, length))).toBe(rtp);
      expect(receiver.unprotect(one.packet, length)).toBe(one.length);
      expect(toHex(one.packet.subarray(0, one.length))).toBe(RTP);

      // libsrtp begins with the index 1.
      const first = rtcpPacket();
      sender.protectRtcp(first.packet, first.length);
      const two = withRoom(fromHex(RTCP));
      const rtcpLength = sender.protectRtcp(two.packet, two.length);
      expect(toHex(two.packet.subarray(8, rtcpLength))).toBe(rtcp);
      expect(receiver.unprotectRtcp(two.packet.subarray(0, rtcpLength))).toBe(two.length);
      expect(toHex(two.packet.subarray(0, two.length))).toBe(RTCP);
    });
  }
});

describe("RFC 3711 §3.1 what stays in the clear", () => {
  const more = fromHex("0102030405060708bede0001aabbccdd");

  for (const suite of SUITES) {
    test(`${suite}: CSRCs and extension are readable, and authenticated`, () => {
      const sender = new SrtpSender(keyOf(suite), srtpCrypto);
      const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
      const { packet, length } = rtpPacket({ sequenceNumber: 7, first: 0x92, more });
      const original = toHex(packet.subarray(0, length));
      const sealed = sender.protect(packet, length);
      expect(toHex(packet.subarray(0, 28))).toBe(original.slice(0, 56));
      expect(toHex(packet.subarray(28, length))).not.toBe(original.slice(56));

      const changed = packet.slice(0, sealed);
      changed[27] = 0;
      expect(receiver.unprotect(changed)).toBe(-1);
      expect(receiver.unprotect(packet, sealed)).toBe(length);
      expect(toHex(packet.subarray(0, length))).toBe(original);
    });

    test(`${suite}: a packet without payload can be protected`, () => {
      const sender = new SrtpSender(keyOf(suite), srtpCrypto);
      const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
      const { packet, length } = rtpPacket({ sequenceNumber: 7, payload: new Uint8Array(0) });
      const sealed = sender.protect(packet, length);
      expect(sealed).toBeGreaterThan(12);
      expect(receiver.unprotect(packet.subarray(0, sealed))).toBe(12);
    });
  }
});
