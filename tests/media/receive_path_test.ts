import { describe, expect, test } from "bun:test";
import { levelOf } from "../../src/audio/tone.ts";
import { LEAD_MS_MAX, RESERVE_MS } from "../../src/media/playout_timeline.ts";
import { Harness, keyPacket, levelOfIndex, PEER, rtp, voice } from "./session_harness.ts";

/** Indices of the voice packets heard, silence as -1, one entry for each 20 ms. */
function framesHeard(harness: Harness): number[] {
  const frames: number[] = [];
  for (let at = 0; at + 160 <= harness.heard.length; at += 160) {
    const sample = harness.heard[at + 100] as number;
    let index = -1;
    for (let candidate = 0; candidate < 60; candidate++) {
      if (levelOfIndex(candidate) === sample) index = candidate;
    }
    frames.push(index);
  }
  return frames;
}

function voicesHeard(harness: Harness): number[] {
  return framesHeard(harness).filter((index) => index >= 0);
}

/** Feeds voice packets from `first` up to, not including, `end`, each in its time, over `start`. */
function talk(harness: Harness, first: number, end: number, start = 0): void {
  for (let index = first; index < end; index++) harness.receiveAt(start + index * 20, voice(index));
}

describe("receive path: packets in order", () => {
  test("are with the handler before receive returns", () => {
    const harness = new Harness();
    for (let index = 0; index < 20; index++) {
      const before = harness.heard.length;
      harness.receiveAt(index * 20, voice(index));
      expect(harness.heard.length - before).toBe(160);
    }
    expect(framesHeard(harness)).toEqual([...Array(20).keys()]);
    expect(harness.session.statistics()).toMatchObject({ packets_received: 20, packets_lost: 0 });
  });

  test("hold 10 to 60 ms each, whatever we send", () => {
    for (const frame of [80, 160, 240, 320, 480]) {
      const harness = new Harness();
      for (let index = 0; index < 10; index++) {
        harness.receiveAt(((index + 1) * frame) / 8, voice(index, { frame }));
      }
      harness.runUntil((10 * frame) / 8);
      harness.stop();
      expect(harness.heard).toHaveLength(10 * frame);
      expect(harness.session.statistics().silence_ms).toBe(0);
    }
  });

  test("need no timer while they keep coming", () => {
    const harness = new Harness();
    for (let index = 0; index < 50; index++) {
      expect(harness.session.deadline > index * 20).toBe(true);
      harness.session.receive(voice(index), PEER.port, PEER.address, index * 20);
    }
  });

  test("are heard once when they come twice", () => {
    const harness = new Harness();
    for (let index = 0; index < 5; index++) {
      harness.receiveAt(index * 20, voice(index));
      harness.receiveAt(index * 20 + 1, voice(index));
    }
    expect(voicesHeard(harness)).toEqual([0, 1, 2, 3, 4]);
    expect(harness.session.statistics().packets_duplicate).toBe(5);
  });
});

describe("receive path: gaps", () => {
  test("a swapped pair is put in order, with nothing made up", () => {
    const harness = new Harness();
    talk(harness, 0, 5, 40);
    harness.receiveAt(140, voice(6));
    harness.receiveAt(150, voice(5));
    harness.receiveAt(180, voice(7));
    expect(framesHeard(harness)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(harness.session.statistics()).toMatchObject({ packets_lost: 0, concealed_ms: 0 });
  });

  test("a lost packet is concealed once the wait is over, and those held follow", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    harness.receiveAt(120, voice(6));
    expect(harness.heard).toHaveLength(5 * 160);
    const wait = harness.session.deadline - 120;
    expect(wait >= 20 && wait <= 40).toBe(true);
    harness.runUntil(120 + wait);
    expect(harness.heard).toHaveLength(7 * 160);
    expect(levelOf(new Int16Array(harness.heard.slice(800, 960))) > -30).toBe(true);
    expect(harness.session.statistics()).toMatchObject({
      packets_lost: 1,
      concealed_ms: 20,
      silence_ms: 0,
    });
  });

  test("of a long loss 60 ms are made up and the rest is silence", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    talk(harness, 15, 20);
    harness.runUntil(400);
    harness.stop();
    expect(harness.heard).toHaveLength(400 * 8);
    expect(voicesHeard(harness).slice(-5)).toEqual([15, 16, 17, 18, 19]);
    const { packets_lost, concealed_ms, silence_ms } = harness.session.statistics();
    expect(packets_lost).toBe(10);
    expect(concealed_ms + silence_ms).toBe(200);
    expect(concealed_ms <= 60).toBe(true);
  });

  test("a packet whose place was given up is late, and waited for longer the next time", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    harness.receiveAt(120, voice(6));
    const patience = harness.session.deadline - 120;
    harness.receiveAt(220, voice(5));
    expect(harness.session.statistics()).toMatchObject({ packets_late: 1, packets_lost: 0 });
    harness.receiveAt(225, voice(7));
    harness.receiveAt(226, voice(9));
    expect(harness.session.deadline - 226 > patience * 2).toBe(true);
    expect(voicesHeard(harness)).toEqual([0, 1, 2, 3, 4, 6, 7]);
  });

  test("more than can be held apart are bridged", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    talk(harness, 305, 310);
    harness.runUntil(6200);
    harness.stop();
    expect(harness.heard).toHaveLength(6200 * 8);
    expect(harness.session.statistics().packets_lost).toBe(300);
  });
});

describe("receive path: the handler's timeline", () => {
  test("is filled in real time when no packet ever comes", () => {
    const harness = new Harness({}, 5000);
    harness.runUntil(6000);
    expect(harness.heard.length >= (1000 - RESERVE_MS) * 8).toBe(true);
    expect(harness.deliveries.every(({ at, samples }) => at > 5000 && samples === 160)).toBe(true);
    harness.runUntil(6005);
    harness.stop();
    expect(harness.heard).toHaveLength(1005 * 8);
    expect(harness.heard.every((sample) => sample === 0)).toBe(true);
    expect(harness.session.statistics().silence_ms).toBe(1005);
  });

  test("has the caller's own silence in it, never handed over in a burst (DTX)", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    const pause = rtp({
      sequence: 65_530 + 10,
      timestamp: 0xffff_fc00 + 60 * 160,
      payload: new Uint8Array(160).fill(0x80 + 30),
    });
    harness.receiveAt(1200, pause);
    const frames = framesHeard(harness);
    expect(frames.slice(0, 10)).toEqual([...Array(10).keys()]);
    expect(frames[frames.length - 1]).toBe(30);
    const silence = frames.slice(10, -1);
    expect(silence.every((index) => index === -1)).toBe(true);
    // The clock keeps its reserve: the timeline is that much behind, and the end makes up for it.
    expect(silence.length).toBeLessThan(51);
    expect(silence.length * 20).toBeGreaterThan(1000 - RESERVE_MS - 60);
    // The packet, and silence that was due at the same instant
    expect(harness.deliveries.filter(({ at }) => at === 1200).length).toBeLessThan(3);
    expect(harness.session.statistics()).toMatchObject({ packets_lost: 0, concealed_ms: 0 });
    harness.stop();
    expect(Math.abs(harness.heard.length - 1200 * 8) <= 160).toBe(true);
  });

  test("does not believe in a pause by timestamp that no clock has seen", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    const jump = { sequence: 65_530 + 10, payload: new Uint8Array(160).fill(0x90) };
    harness.receiveAt(200, rtp({ ...jump, timestamp: 0x7000_0000 }));
    harness.runUntil(220);
    harness.stop();
    expect(Math.abs(harness.heard.length - 220 * 8) <= 160).toBe(true);
  });

  test("goes on through comfort noise, empty packets and hold", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    const timestamp = 0xffff_fc00 + 5 * 160;
    const noise = { sequence: 65_535, timestamp, payload: new Uint8Array([70]), payloadType: 13 };
    harness.receiveAt(100, rtp(noise));
    harness.receiveAt(120, rtp({ sequence: 65_536, timestamp, payload: new Uint8Array(0) }));
    harness.session.renegotiate({ direction: "sendonly" }, 130);
    harness.receiveAt(160, voice(7));
    harness.runUntil(2000);
    harness.stop();
    expect(voicesHeard(harness)).toEqual([0, 1, 2, 3, 4]);
    expect(harness.heard).toHaveLength(2000 * 8);
    const { packets_refused, packets_lost } = harness.session.statistics();
    expect([packets_refused, packets_lost]).toEqual([0, 0]);
  });

  test("loses nothing when the path's delay jumps, and follows it", () => {
    const harness = new Harness();
    talk(harness, 0, 20);
    talk(harness, 20, 59, 300);
    harness.runUntil(1500);
    harness.stop();
    expect(voicesHeard(harness)).toEqual([...Array(59).keys()]);
    expect(harness.heard).toHaveLength(1500 * 8);
    expect(harness.session.statistics().packets_late).toBe(1);
  });

  test("takes of a burst after a stall what the clock has room for", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    harness.runUntil(1000);
    for (let index = 10; index < 50; index++) harness.receiveAt(1000, voice(index));
    expect(harness.heard.length <= (1000 + 20) * 8).toBe(true);
    expect(harness.session.statistics().packets_late > 30).toBe(true);
    talk(harness, 50, 59, 40);
    harness.runUntil(1220);
    harness.stop();
    expect(Math.abs(harness.heard.length - 1220 * 8) <= 160).toBe(true);
    expect(voicesHeard(harness).slice(-9)).toEqual([50, 51, 52, 53, 54, 55, 56, 57, 58]);
  });

  test("reads what waits in the socket before it fills, when we stood still ourselves", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    // The process stands still for 300 ms; its timer fires before the socket is read.
    harness.now = 500;
    harness.session.timeout(500);
    expect(harness.heard).toHaveLength(10 * 160);
    expect(harness.session.deadline).toBe(505);
    for (let index = 10; index < 25; index++) harness.receiveAt(501, voice(index));
    harness.runUntil(510);
    expect(framesHeard(harness)).toEqual([...Array(25).keys()]);
  });

  test("is silent while a key is held, whose packets are no loss", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    const timestamp = 0xffff_fc00 + 5 * 160;
    for (let index = 0; index < 10; index++) {
      const duration = Math.min(8, index + 1) * 160;
      const end = index >= 7;
      const sequence = 65_535 + index;
      harness.receiveAt(
        100 + index * 20,
        keyPacket({ sequence, timestamp, code: 5, duration, end }),
      );
    }
    for (let index = 15; index < 25; index++) harness.receiveAt(index * 20, voice(index));
    harness.runUntil(500);
    harness.stop();
    expect(harness.heard).toHaveLength(500 * 8);
    expect(voicesHeard(harness)).toEqual([0, 1, 2, 3, 4, ...Array(10).keys().map((i) => i + 15)]);
    expect(harness.eventsOf("dtmf")).toMatchObject([{ digit: "5", durationMs: 160, at: 240 }]);
    expect(harness.session.statistics()).toMatchObject({ packets_lost: 0, concealed_ms: 0 });
  });

  test("goes on when a new SSRC begins (a transfer)", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    for (let index = 10; index < 20; index++) {
      harness.receiveAt(index * 20, voice(index, { ssrc: 0x9999, base: 30_000 }));
    }
    harness.runUntil(400);
    harness.stop();
    expect(framesHeard(harness)).toEqual([...Array(20).keys()]);
    expect(harness.session.statistics()).toMatchObject({ packets_lost: 0, packets_received: 20 });
  });

  test("goes on when the sender restarts its numbers under the same SSRC", () => {
    const harness = new Harness();
    talk(harness, 0, 10);
    for (let index = 10; index < 20; index++) {
      harness.receiveAt(index * 20, voice(index, { base: 20_000 }));
    }
    expect(voicesHeard(harness)).toEqual([...Array(20).keys()].filter((index) => index !== 10));
  });

  for (const ppm of [-200, 200]) {
    test(`keeps to the clock for 10 minutes with a sender ${ppm} ppm off`, () => {
      const harness = new Harness();
      const interval = 20 * (1 - ppm / 1_000_000);
      let lost = 0;
      for (let index = 0; index * interval < 600_000; index++) {
        harness.receiveAt(index * interval, voice(index));
        if (index % 50 === 0) {
          const lag = harness.now * 8 - harness.heard.length;
          if (lag < -LEAD_MS_MAX * 8 || lag > (RESERVE_MS + 60) * 8) lost++;
        }
        if (index % 5000 === 0) harness.deliveries.length = 0;
      }
      harness.runUntil(600_000);
      harness.stop();
      expect(lost).toBe(0);
      expect(Math.abs(harness.heard.length - 4_800_000) <= LEAD_MS_MAX * 8).toBe(true);
      const { packets_late, concealed_ms } = harness.session.statistics();
      expect(packets_late < 10).toBe(true);
      expect(concealed_ms).toBe(0);
    });
  }
});

describe("receive path: the end", () => {
  test("hands out what was held, fills up, and is quiet then", () => {
    const harness = new Harness();
    talk(harness, 0, 5);
    harness.receiveAt(120, voice(6));
    harness.runUntil(125);
    harness.session.stop(140);
    expect(voicesHeard(harness).slice(-1)).toEqual([6]);
    const length = harness.heard.length;
    expect(Math.abs(length - 140 * 8) <= 160).toBe(true);
    harness.session.receive(voice(7), PEER.port, PEER.address, 140);
    harness.session.timeout(1000);
    harness.session.stop(2000);
    expect(harness.heard).toHaveLength(length);
    expect(harness.session.deadline).toBe(Infinity);
  });

  test("may come from inside an event or a piece of audio", () => {
    const harness = new Harness();
    harness.onAudio = () => harness.session.stop(harness.now);
    harness.runUntil(1000);
    expect(harness.deliveries.length <= 8).toBe(true);
    expect(harness.session.deadline).toBe(Infinity);
  });
});
