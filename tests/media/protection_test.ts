import { describe, expect, test } from "bun:test";
import { type MediaKeys, Protection } from "../../src/media/protection.ts";
import type { InlineKey, SrtpSuite } from "../../src/rtp/srtp_suite.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { Harness, rtp, voice } from "./session_harness.ts";

function keyOf(fill: number, suite: SrtpSuite = "AES_CM_128_HMAC_SHA1_80"): InlineKey {
  return { suite, key: new Uint8Array(suite === "AEAD_AES_128_GCM" ? 28 : 30).fill(fill) };
}

/** The same keys from the other side. */
function mirrored({ send, receive }: MediaKeys): MediaKeys {
  return { send: receive, receive: send };
}

/** A packet with room behind it. */
function packet(sequence: number): Uint8Array {
  const bytes = rtp({ sequence, timestamp: 0, payload: new Uint8Array(160) });
  const room = new Uint8Array(bytes.length + 32);
  room.set(bytes);
  return room.subarray(0, bytes.length);
}

describe("RFC 3711 §3.3.1 keys that are agreed on again", () => {
  const keys = { send: keyOf(1), receive: keyOf(2) };

  test("go on counting, over a wrap too", () => {
    const ours = new Protection(keys, srtpCrypto);
    const peer = new Protection(mirrored(keys), srtpCrypto);
    for (const sequence of [20_000, 50_000, 10_000]) {
      expect(peer.unprotect(ours.protect(packet(sequence))!.slice())).toBe(172);
    }
    ours.agree({ send: keyOf(1), receive: keyOf(2) });
    peer.agree(mirrored({ send: keyOf(1), receive: keyOf(2) }));
    expect(peer.unprotect(ours.protect(packet(10_001))!.slice())).toBe(172);
    // That keystream was used
    expect(ours.protect(packet(10_001))).toBeUndefined();
  });

  test("change nothing when one of them cannot be used", () => {
    const ours = new Protection(keys, srtpCrypto);
    const peer = new Protection(mirrored(keys), srtpCrypto);
    const short = { ...keyOf(3), key: new Uint8Array(29) };
    expect(() => ours.agree({ send: keyOf(3), receive: short })).toThrow(RangeError);
    expect(peer.unprotect(ours.protect(packet(1))!.slice())).toBe(172);
  });
});

describe("RFC 4568 §7 a session whose keys change", () => {
  const first = { send: keyOf(1), receive: keyOf(2) };
  const second = { send: keyOf(3, "AEAD_AES_128_GCM"), receive: keyOf(4, "AEAD_AES_128_GCM") };

  /** A voice packet of the peer, under its key. */
  function under(peer: Protection | undefined, index: number): Uint8Array {
    const clear = voice(index, { base: 100 });
    const room = new Uint8Array(clear.length + 32);
    room.set(clear);
    return (peer?.protect(room.subarray(0, clear.length)) ?? clear).slice();
  }

  test("takes packets under the present ones alone, and sends under them", () => {
    const harness = new Harness({ srtp: first, srtpCrypto });
    const peers = [first, second].map((keys) => new Protection(mirrored(keys), srtpCrypto));
    const phases = [first, second, undefined];
    let index = 0;
    for (const [phase, srtp] of phases.entries()) {
      harness.session.renegotiate({ srtp }, harness.now);
      const before = harness.session.statistics();
      const senders = [peers[0], peers[1], undefined];
      for (const [at, sender] of senders.entries()) {
        // What is in the clear would be taken for what is under no key
        if (srtp === undefined && at !== phase) continue;
        harness.receiveAt(harness.now + 20, under(sender, index++));
      }
      const after = harness.session.statistics();
      const refused = srtp === undefined ? 0 : 2;
      expect(after.packets_refused - before.packets_refused).toBe(refused);
      expect(after.packets_received - before.packets_received).toBe(1);
      harness.write(160);
      const sent = harness.sent.at(-1)?.bytes.slice() ?? new Uint8Array(0);
      const opened = senders[phase]?.unprotect(sent) ?? sent.length;
      expect(opened).toBe(172);
    }
  });
});
