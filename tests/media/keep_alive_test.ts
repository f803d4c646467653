import { describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { Harness, PEER, voice } from "./session_harness.ts";
import type { SentPacket } from "./session_harness.ts";

function at(harness: Harness): number[] {
  return harness.sent.map((packet) => packet.at);
}

/** How far a packet's timestamp is behind that of the first. */
function since(harness: Harness, index: number): number {
  const [first, packet] = [harness.sent[0], harness.sent[index]] as [SentPacket, SentPacket];
  return (packet.header.timestamp - first.header.timestamp) >>> 0;
}

describe("RFC 6263 §4 keep-alive", () => {
  test("silence goes out after half a second, and whenever nothing was sent for that long", () => {
    const harness = new Harness({ keepAlive: 15_000 });
    harness.runUntil(31_000);
    expect(at(harness)).toEqual([500, 15_500, 30_500]);
    for (const { bytes, header } of harness.sent) {
      const samples = new Int16Array(160);
      expect(PCMU.decode(bytes, 12, bytes.length - 12, samples)).toBe(160);
      expect(samples.every((sample) => sample === 0)).toBe(true);
      expect(header).toMatchObject({ payloadType: 0, marker: false });
    }
    expect([since(harness, 1), since(harness, 2)]).toEqual([15_000 * 8, 30_000 * 8]);
    expect(harness.session.statistics()).toMatchObject({
      keep_alive_packets: 3,
      packets_sent: 3,
      played_ms: 0,
      late_ms_max: 0,
    });
  });

  test("not without the option", () => {
    const harness = new Harness();
    harness.runUntil(60_000);
    expect(harness.sent).toHaveLength(0);
  });

  test("not while the handler's audio goes out", () => {
    const harness = new Harness({ keepAlive: 1000 });
    harness.runUntil(100);
    harness.write(160 * 200);
    harness.runUntil(4900);
    expect(harness.session.statistics().keep_alive_packets).toBe(0);
    harness.runUntil(5200);
    expect(harness.session.statistics().keep_alive_packets).toBe(1);
    // 100 + 199 frames of 20 ms is when the last audio left
    expect(harness.sent.at(-1)?.at).toBe(100 + 199 * 20 + 1000);
  });

  test("audio right after it is not held up, has the marker and a time of its own", () => {
    for (const delay of [0, 1, 7, 19, 20, 300]) {
      const harness = new Harness({ keepAlive: 5000 }, 500);
      harness.runUntil(1000 + delay);
      harness.write(480);
      harness.runUntil(3000);
      expect(at(harness)).toEqual([1000, ...[0, 20, 40].map((ms) => 1000 + delay + ms)]);
      expect(harness.sent.map(({ header }) => header.marker)).toEqual([false, true, false, false]);
      expect(since(harness, 1)).toBe(Math.max(160, delay * 8));
      expect(since(harness, 2) - since(harness, 1)).toBe(160);
      const { underruns, skipped_ms, late_frames, played_ms } = harness.session.statistics();
      expect([underruns, skipped_ms, late_frames, played_ms]).toEqual([0, 0, 0, 60]);
    }
  });

  test("in the middle of a long pause, the timeline stays that of the clock", () => {
    const harness = new Harness({ keepAlive: 1000 });
    harness.write(160);
    harness.runUntil(1990);
    harness.write(160);
    harness.runUntil(1995);
    expect(at(harness)).toEqual([0, 1000, 1990]);
    expect([since(harness, 1), since(harness, 2)]).toEqual([1000 * 8, 1990 * 8]);
  });

  test("only where packets may go: not on hold, and not before a strict latch", () => {
    const held = new Harness({ keepAlive: 1000, direction: "recvonly" });
    held.runUntil(5000);
    expect(held.sent).toHaveLength(0);
    held.session.renegotiate({ direction: "sendrecv" }, 5000);
    held.runUntil(5500);
    expect(at(held)).toEqual([5000]);

    const strict = new Harness({ keepAlive: 1000, latch: "strict" });
    strict.runUntil(700);
    expect(strict.sent).toHaveLength(0);
    strict.receiveAt(700, voice(0), PEER);
    strict.runUntil(710);
    expect(at(strict)).toEqual([700]);
  });

  test("ends with the session", () => {
    const harness = new Harness({ keepAlive: 1000 });
    harness.stop();
    harness.runUntil(5000);
    harness.session.timeout(5000);
    expect(harness.sent).toHaveLength(0);
  });
});
