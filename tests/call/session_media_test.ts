/**
 * Our descriptions over the life of one session: codecs, payload types and keys that stay.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { type LocalMediaOptions, SessionMedia } from "../../src/call/session_media.ts";
import { CODEC_NAMES } from "../../src/sdp/codec_name.ts";
import {
  type CryptoAttribute,
  formatCryptoAttribute,
  parseCryptoAttribute,
} from "../../src/sdp/crypto_attribute.ts";
import type { NegotiatedMedia } from "../../src/sdp/offer_answer.ts";
import type { SrtpPolicy } from "../../src/sdp/profile.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A key of the peer, which differs by its letter. */
function peerKey(letter: string, tag = 1): string {
  return `a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${letter.repeat(40)}`;
}

function description(...lines: readonly string[]): Uint8Array {
  return encoder.encode(
    ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", ...lines, ""]
      .join("\r\n"),
  );
}

function secure(...lines: readonly string[]): Uint8Array {
  return description("m=audio 4000 RTP/SAVP 0", ...lines);
}

function session(options: Partial<LocalMediaOptions> = {}): SessionMedia {
  const media = new SessionMedia({
    address: "192.0.2.2",
    codecs: ["PCMU", "PCMA"],
    dtmfPayloadType: 101,
    sdpSessionId: "42",
    ...options,
  });
  media.port = 10_000;
  return media;
}

function encrypted(policy: SrtpPolicy = "optional"): SessionMedia {
  return session({ srtp: { policy, random: new SeededRandom(5) } });
}

function negotiated(media: SessionMedia, offer: Uint8Array): NegotiatedMedia {
  const result = media.negotiate(offer);
  if (!result.ok) throw new Error(result.reason);
  return result.media;
}

function accepted(media: SessionMedia, answer: Uint8Array): NegotiatedMedia {
  const result = media.accept(answer);
  if (!result.ok) throw new Error(result.reason);
  return result.media;
}

function keyLines(body: Uint8Array): readonly string[] {
  return [...decoder.decode(body).match(/^a=crypto:.*(?=\r)/gm) ?? []];
}

function mediaLine(body: Uint8Array): string | undefined {
  return /^m=.*(?=\r)/m.exec(decoder.decode(body))?.[0];
}

describe("RFC 3264 §8 the codec of a session", () => {
  const all = description("m=audio 4000 RTP/AVP 8 0");

  test("is our preference at first, and stays while the peer offers it", () => {
    expect(negotiated(session(), all).codec).toBe("PCMU");
    const media = session();
    negotiated(media, description("m=audio 4000 RTP/AVP 8"));
    expect(negotiated(media, all).codec).toBe("PCMA");
    expect(negotiated(media, description("m=audio 4000 RTP/AVP 0")).codec).toBe("PCMU");
  });

  test("is the first one of our later offers", () => {
    const media = session();
    negotiated(media, description("m=audio 4000 RTP/AVP 8"));
    expect(media.lastAnswer.length).toBeGreaterThan(0);
    expect(mediaLine(media.offer())).toBe("m=audio 10000 RTP/AVP 8 0 101");
  });
});

test("RFC 3264 §8.3.2: payload types of our offers mean what they meant before", () => {
  const media = session({ codecs: CODEC_NAMES });
  negotiated(
    media,
    description(
      "m=audio 4000 RTP/AVP 101 96",
      "a=rtpmap:101 opus/48000/2",
      "a=rtpmap:96 telephone-event/48000",
    ),
  );
  expect(mediaLine(media.lastAnswer)).toBe("m=audio 10000 RTP/AVP 101 96");
  const offer = decoder.decode(media.offer());
  expect(offer).toContain("a=rtpmap:101 opus/48000/2\r\n");
  expect(offer).toContain("a=rtpmap:96 telephone-event/48000\r\n");
  const numbers = mediaLine(encoder.encode(offer))?.split(" ").slice(3) ?? [];
  expect(new Set(numbers).size).toBe(numbers.length);
});

describe("RFC 4568 §7.1.4 keys of a session", () => {
  test("ours stays over the re-INVITEs of the peer, and over our own", () => {
    const media = encrypted();
    const first = negotiated(media, secure(peerKey("A"))).crypto;
    const answer = media.lastAnswer;
    expect(keyLines(answer)).toHaveLength(1);
    const second = negotiated(media, secure(peerKey("B"), "a=sendonly")).crypto;
    expect(second?.send).toBe(first?.send as never);
    expect(second?.receive.key).not.toEqual(first?.receive.key as never);
    expect(keyLines(media.lastAnswer)).toEqual(keyLines(answer));
    expect(keyLines(media.reoffer("sendonly"))).toEqual(keyLines(answer));
    const third = accepted(media, secure(peerKey("B"), "a=recvonly")).crypto;
    expect(third?.send.key).toEqual(first?.send.key as never);
  });

  test("ours is another one when the peer changes tag or suite, and never comes back", () => {
    const media = encrypted();
    const keys = [1, 2, 1].map((tag) =>
      negotiated(media, secure(peerKey("A", tag))).crypto?.send.key.join()
    );
    expect(new Set(keys).size).toBe(3);
  });

  test("an encrypted session is offered anew with keys, the present one first", () => {
    const media = encrypted();
    negotiated(media, secure(peerKey("A", 3)));
    const [present] = keyLines(media.lastAnswer);
    const offer = media.offer();
    expect(mediaLine(offer)).toBe("m=audio 10000 RTP/SAVP 0 8 101");
    expect(keyLines(offer)[0]).toBe(present as string);
    expect(keyLines(offer).length).toBeGreaterThan(1);
  });

  test("what was not taken up of our offer is offered no more", () => {
    const media = encrypted("required");
    const [, second = ""] = keyLines(media.offer());
    const ours = parseCryptoAttribute(second.slice("a=crypto:".length)) as CryptoAttribute;
    const theirs = { ...ours, key: ours.key.map((byte) => byte ^ 1) };
    const answer = secure(`a=crypto:${formatCryptoAttribute(theirs)}`);
    expect(accepted(media, answer).crypto?.send).toEqual(ours);
    expect(keyLines(media.reoffer())).toEqual([second]);
  });

  test("another answer to our offer finds the keys that were offered", () => {
    const media = encrypted("required");
    const offer = media.offer();
    const fork = media.successor("42");
    expect(keyLines(fork.offer())).toEqual(keyLines(offer));
    expect(accepted(fork, secure(peerKey("A"))).crypto?.send.tag).toBe(1);
    expect(keyLines(fork.successor("42").offer())).toEqual(keyLines(offer));
  });

  test("whoever takes the call over gets other keys", () => {
    const media = encrypted("required");
    const offered = keyLines(media.offer());
    const others = keyLines(media.successor("77").offer());
    expect(others).toHaveLength(offered.length);
    expect(others.filter((line) => offered.includes(line))).toEqual([]);
  });

  test("an offer that is made twice is the same", () => {
    const media = encrypted("required");
    expect(decoder.decode(media.offer())).toBe(decoder.decode(media.offer()));
  });
});

describe("the policy of a session", () => {
  test("required: our offers have keys", () => {
    expect(mediaLine(encrypted("required").offer())).toBe("m=audio 10000 RTP/SAVP 0 8 101");
  });

  test("optional, never, or without SRTP: our offers are in the clear", () => {
    for (const media of [encrypted("optional"), encrypted("never"), session()]) {
      const offer = media.offer();
      expect(mediaLine(offer)).toBe("m=audio 10000 RTP/AVP 0 8 101");
      expect(keyLines(offer)).toEqual([]);
    }
  });

  test("refuses with 488 and a Warning", () => {
    expect(session().negotiate(secure(peerKey("A")))).toMatchObject({
      ok: false,
      statusCode: 488,
      warning: "302 Incompatible transport protocol: needs RTP/AVP",
    });
  });

  test("an answer in the clear to an offer with keys leaves the offer open", () => {
    const media = encrypted("required");
    media.offer();
    expect(media.accept(description("m=audio 4000 RTP/AVP 0"))).toMatchObject({ ok: false });
    expect(media.current).toBeUndefined();
    expect(accepted(media, secure(peerKey("A"))).crypto).toBeDefined();
  });
});

test("RFC 5761 and RFC 3611: RTCP is offered as we have it", () => {
  const text = decoder.decode(session({ rtcp: { mux: true, extendedReports: true } }).offer());
  expect(text).toContain("a=rtcp-mux\r\na=rtcp-xr:voip-metrics\r\n");
  expect(decoder.decode(session().offer())).not.toContain("rtcp");
});
