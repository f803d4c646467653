/**
 * Keys in descriptions: who answers what with which key, and what is refused.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeededRandom } from "../../src/base/random.ts";
import { CODEC_NAMES } from "../../src/sdp/codec_name.ts";
import {
  CRYPTO_SUITES,
  type CryptoAttribute,
  type CryptoSuite,
  formatCryptoAttribute,
  parseCryptoAttribute,
} from "../../src/sdp/crypto_attribute.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type LocalMedia,
} from "../../src/sdp/offer_answer.ts";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { SdpParseError } from "../../src/sdp/parse_error.ts";
import type { SrtpPolicy } from "../../src/sdp/profile.ts";
import { drawKeys, keepKey, type LocalKeys } from "../../src/sdp/srtp_keys.ts";
import { described, LOCAL, textOf } from "./fixtures.ts";

const DEFAULT = "AES_CM_128_HMAC_SHA1_80";
const random = new SeededRandom(1);

function local(policy: SrtpPolicy, keys: Partial<LocalKeys> = {}): LocalMedia {
  return { ...LOCAL, srtp: { policy, random, ...keys } };
}

function key(tag: number, suite: CryptoSuite = DEFAULT): CryptoAttribute {
  return { tag, suite, key: new Uint8Array(CRYPTO_SUITES[suite].keyBytes).fill(tag) };
}

function line(crypto: CryptoAttribute): string {
  return `a=crypto:${formatCryptoAttribute(crypto)}`;
}

function answered(offer: string, ours: LocalMedia) {
  const result = answerOffer(parseSessionDescription(offer), ours);
  if (!result.ok) throw new Error(result.warning);
  const text = textOf(result.answer);
  const keys = [...text.matchAll(/^a=crypto:(.*)\r$/gm)].map((found) => found[1] ?? "");
  return { text, media: result.media, keys };
}

function refusal(offer: string, ours: LocalMedia): string {
  const result = answerOffer(parseSessionDescription(offer), ours);
  return result.ok ? "answered" : result.warning;
}

const SECURE = described("m=audio 4000 RTP/SAVP 0", line(key(7)));
const PLAIN = described("m=audio 4000 RTP/AVP 0");

describe("RFC 4568 §5.1.2 answering keys", () => {
  test("answers under the tag of the offer with a key of its own", () => {
    const { media, keys, text } = answered(SECURE, local("optional"));
    expect(text).toContain("m=audio 10000 RTP/SAVP 0\r\n");
    expect(keys).toHaveLength(1);
    const sent = parseCryptoAttribute(keys[0] ?? "");
    expect(sent).toMatchObject({ tag: 7, suite: DEFAULT });
    expect(media.crypto?.send.key).toEqual(sent?.key ?? new Uint8Array());
    expect(media.crypto?.receive.key).toEqual(key(7).key);
    expect(media.crypto?.send.key).not.toEqual(key(7).key);
  });

  test("draws another key for each session", () => {
    const first = answered(SECURE, local("optional")).media.crypto?.send.key;
    expect(answered(SECURE, local("optional")).media.crypto?.send.key).not.toEqual(first as never);
  });

  test("takes the first line that can be used", () => {
    const offer = described(
      "m=audio 4000 RTP/SAVP 0",
      "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA",
      "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:tooshort",
      line(key(3, "AEAD_AES_256_GCM")),
      line(key(4)),
    );
    expect(answered(offer, local("optional")).media.crypto).toMatchObject({
      send: { tag: 3, suite: "AEAD_AES_256_GCM" },
      receive: { tag: 3 },
    });
  });

  test("takes keys of the stream alone: a=crypto of the session means nothing, §5", () => {
    const offer = described(line(key(1)), "m=audio 4000 RTP/SAVP 0");
    expect(refusal(offer, local("optional"))).toMatch(/^399 No usable key/);
  });

  test("takes and repeats the profile with feedback: RFC 5124", () => {
    const offer = SECURE.replace("RTP/SAVP", "RTP/SAVPF");
    expect(answered(offer, local("required")).text).toContain("m=audio 10000 RTP/SAVPF 0\r\n");
  });

  test("answers an offer in the clear in the clear, whatever keys it has", () => {
    const offer = described("m=audio 4000 RTP/AVP 0", line(key(1)));
    const { media, keys } = answered(offer, local("optional"));
    expect(keys).toEqual([]);
    expect(media).not.toHaveProperty("crypto");
  });
});

describe("the policy", () => {
  const bare = described("m=audio 4000 RTP/SAVP 0");

  const offers = {
    keys: SECURE,
    "no keys": PLAIN,
    "no keys, and feedback": PLAIN.replace("AVP", "AVPF"),
    DTLS: described("m=audio 4000 UDP/TLS/RTP/SAVPF 0", "a=setup:actpass"),
  };

  test.each(
    [
      ["never", "keys", "302 Incompatible transport protocol: needs RTP/AVP"],
      ["never", "no keys", "answered"],
      ["optional", "keys", "answered"],
      ["optional", "no keys", "answered"],
      ["optional", "DTLS", "302 Incompatible transport protocol: needs RTP/AVP or RTP/SAVP"],
      ["required", "keys", "answered"],
      ["required", "no keys", "302 Incompatible transport protocol: needs RTP/SAVP"],
      ["required", "no keys, and feedback", "302 Incompatible transport protocol: needs RTP/SAVP"],
    ] as const,
  )("%s: an offer with %s", (policy, offer, expected) => {
    expect(refusal(offers[offer], local(policy))).toBe(expected);
  });

  test("never lets a secure stream without a usable key pass in the clear", () => {
    for (const policy of ["optional", "required"] as const) {
      expect(refusal(bare, local(policy))).toMatch(/^399 No usable key for SRTP: needs AES_CM/);
    }
    expect(refusal(SECURE, LOCAL)).toMatch(/^302 /);
  });

  const alternatives = described(
    "m=audio 4000 RTP/AVP 0",
    "m=audio 4000 RTP/SAVP 0",
    line(key(1)),
    "m=audio 4002 RTP/SAVP 8",
    line(key(1)),
  );

  test.each(
    [
      ["optional", ["0 RTP/AVP 0", "10000 RTP/SAVP 0", "0 RTP/SAVP 8"]],
      ["required", ["0 RTP/AVP 0", "10000 RTP/SAVP 0", "0 RTP/SAVP 8"]],
      ["never", ["10000 RTP/AVP 0", "0 RTP/SAVP 0", "0 RTP/SAVP 8"]],
    ] as const,
  )("%s: of alternatives the best is taken, the others are refused in place", (policy, lines) => {
    const { text } = answered(alternatives, local(policy));
    expect(text.match(/(?<=^m=audio ).*(?=\r)/gm)).toEqual([...lines]);
  });

  test("optional: takes the plain alternative when the keys are of no use", () => {
    const offer = described("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0");
    expect(answered(offer, local("optional")).media.remote?.port).toBe(4002);
  });
});

describe("RFC 4568 §7.1.4 a session that goes on", () => {
  const current = answered(SECURE, local("optional")).media.crypto?.send as CryptoAttribute;

  test("keeps our key while tag and suite stay, and takes a new one of the peer", () => {
    const changed = described("m=audio 4000 RTP/SAVP 0", line({ ...key(9), tag: 7 }));
    const { media } = answered(changed, local("optional", { current }));
    expect(media.crypto?.send).toBe(current);
    expect(media.crypto?.receive.key).toEqual(key(9).key);
  });

  test.each([[key(8)], [{ ...key(1, "AES_CM_128_HMAC_SHA1_32"), tag: 7 }]])(
    "draws another key when tag or suite change",
    (theirs) => {
      const offer = described("m=audio 4000 RTP/SAVP 0", line(theirs));
      const { media } = answered(offer, local("optional", { current }));
      expect(media.crypto?.send.key).not.toEqual(current.key);
      expect(media.crypto?.send).toMatchObject({ tag: theirs.tag, suite: theirs.suite });
    },
  );

  test("offers the current key first, under its tag, which no other has", () => {
    const keys = drawKeys(random, current);
    expect(keys[0]).toBe(current);
    expect(new Set(keys.map(({ tag }) => tag)).size).toBe(Object.keys(CRYPTO_SUITES).length);
    expect(new Set(keys.map(({ suite }) => suite)).size).toBe(keys.length);
  });

  test("offers nothing again of what was not taken up", () => {
    const offered = drawKeys(random, undefined);
    const offer = createOffer(local("required", { offered }));
    const text = textOf(keepKey(offer, offered[1] as CryptoAttribute));
    expect(text.match(/^a=crypto:\d+/gm)).toEqual([`a=crypto:${offered[1]?.tag}`]);
  });
});

describe("RFC 4568 §5.1.1 and §5.1.3 our offer and its answer", () => {
  const offered = drawKeys(random, undefined);
  const offer = createOffer(local("required", { offered }));

  function accept(answer: string) {
    return acceptAnswer(offer, parseSessionDescription(answer));
  }

  test("offers a key for every suite, in our order", () => {
    const text = textOf(offer);
    expect(text).toContain("m=audio 10000 RTP/SAVP 0 8 101\r\n");
    expect([...text.match(/(?<=^a=crypto:)\d+ \S+/gm) ?? []])
      .toEqual(Object.keys(CRYPTO_SUITES).map((suite, index) => `${index + 1} ${suite}`));
  });

  test("sends under the key that was taken up, and receives under the answer's", () => {
    const theirs = key(2, offered[1]?.suite);
    const result = accept(described("m=audio 4000 RTP/SAVP 0", line(theirs)));
    expect(result).toMatchObject({ ok: true, media: { crypto: { receive: { tag: 2 } } } });
    if (!result.ok) return;
    expect(result.media.crypto?.send.key).toEqual(offered[1]?.key as Uint8Array);
    expect(result.media.crypto?.receive.key).toEqual(theirs.key);
  });

  test.each([
    ["in the clear", PLAIN, "needs RTP/SAVP"],
    ["without a key", described("m=audio 4000 RTP/SAVP 0"), "no key of the offer"],
    [
      "with a tag that was not offered",
      described("m=audio 4000 RTP/SAVP 0", line(key(9))),
      "no key",
    ],
    [
      "with the suite of another tag",
      described("m=audio 4000 RTP/SAVP 0", line(key(2, offered[0]?.suite))),
      "no key",
    ],
  ])("does not take an answer %s", (_name, answer, reason) => {
    const result = accept(answer);
    expect(result.ok ? "" : result.reason).toContain(reason);
  });

  test("does not take keys for an offer in the clear", () => {
    const result = acceptAnswer(createOffer(LOCAL), parseSessionDescription(SECURE));
    expect(result.ok ? "" : result.reason).toContain("needs RTP/AVP");
  });
});

test("what is wrong with a description is told without its keys", () => {
  const secret = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
  for (const wrong of [`a crypto:1 X inline:${secret}`, `m=inline:${secret}`]) {
    let told = "";
    try {
      parseSessionDescription(described(wrong));
    } catch (error) {
      told = (error as Error).message;
    }
    expect(told).toContain("inline:…");
    expect(told).not.toContain(secret.slice(0, 4));
  }
});

test("answering throws nothing, and never in the clear what came with a secure profile", () => {
  const fragment = fc.constantFrom(
    ..."a=crypto: 1 99999999999 AES_CM_128_HMAC_SHA1_80 AEAD_AES_256_GCM inline: AAAA== |2^20 |1:4"
      .split(" "),
    line(key(1)),
    line(key(2, "AEAD_AES_128_GCM")),
    "m=audio 4000 RTP/SAVP 0 96",
    "m=audio 0 RTP/SAVPF 0",
    "m=audio 4002 RTP/AVP 96 0",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 maxplaybackrate=;;=1;usedtx",
    "a=rtcp-mux",
    "a=rtcp-xr:voip-metrics",
    "a=ptime:0",
    "\r\n",
    " ",
  );
  const policy = fc.constantFrom<SrtpPolicy>("never", "optional", "required");
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), policy, (fragments, given) => {
      let offer;
      try {
        offer = parseSessionDescription(described(fragments.join("\r\n"), fragments.join("")));
      } catch (error) {
        if (error instanceof SdpParseError) return;
        throw error;
      }
      const result = answerOffer(offer, { ...local(given), codecs: CODEC_NAMES });
      if (!result.ok) return;
      const taken = result.answer.media.find(({ port }) => port !== 0);
      expect(result.media.crypto !== undefined).toBe(taken?.protocol.includes("SAVP") ?? false);
      expect(given === "never" && result.media.crypto !== undefined).toBe(false);
      expect(given === "required" && result.media.crypto === undefined).toBe(false);
    }),
    { numRuns: 500 },
  );
});
