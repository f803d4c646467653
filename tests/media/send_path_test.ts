import { describe, expect, test } from "bun:test";
import { PCMA, PCMU } from "../../src/audio/g711.ts";
import { HIGH_WATER_MS, LOW_WATER_MS } from "../../src/media/handler_queue.ts";
import { Harness, levelOfIndex, pcmOf, PEER, voice } from "./session_harness.ts";
import type { SentPacket } from "./session_harness.ts";

function instants(harness: Harness): number[] {
  return harness.sent.map(({ at }) => at);
}

function markers(harness: Harness): boolean[] {
  return harness.sent.map(({ header }) => header.marker);
}

/** Timestamps relative to the first. */
function timestamps(harness: Harness): number[] {
  const first = (harness.sent[0] as SentPacket).header.timestamp;
  return harness.sent.map(({ header }) => (header.timestamp - first) >>> 0);
}

function sequenceSteps(harness: Harness): number[] {
  const numbers = harness.sent.map(({ header }) => header.sequenceNumber);
  return numbers.slice(1).map((number, index) => (number - (numbers[index] as number)) & 0xffff);
}

function samplesOf(packet: SentPacket, codec = PCMU): number[] {
  const out = new Int16Array(packet.bytes.length - 12);
  codec.decode(packet.bytes, 12, out.length, out);
  return [...out];
}

describe("send path: pacing", () => {
  test("a burst leaves in frames on absolute deadlines, marker on the first", () => {
    const harness = new Harness({}, 1000);
    harness.write(800);
    harness.runUntil(3000);
    expect(instants(harness)).toEqual([1000, 1020, 1040, 1060, 1080]);
    expect(timestamps(harness)).toEqual([0, 160, 320, 480, 640]);
    expect(markers(harness)).toEqual([true, false, false, false, false]);
    expect(sequenceSteps(harness)).toEqual([1, 1, 1, 1]);
    expect(harness.sent.every(({ bytes }) => bytes.length === 172)).toBe(true);
  });

  test("frames have the negotiated length", () => {
    for (const ptime of [10, 20, 30, 40, 60]) {
      const harness = new Harness({ ptime });
      harness.write(ptime * 8 * 3);
      harness.runUntil(500);
      expect(instants(harness)).toEqual([0, ptime, ptime * 2]);
      expect(timestamps(harness)).toEqual([0, ptime * 8, ptime * 16]);
      expect(harness.sent[0]?.bytes).toHaveLength(12 + ptime * 8);
    }
    expect(() => new Harness({ ptime: 5 })).toThrow(RangeError);
    expect(() => new Harness({ ptime: 80 })).toThrow(RangeError);
  });

  test("deadlines do not drift when the timer is a little late each time", () => {
    const harness = new Harness();
    harness.write(160 * 50);
    for (let index = 1; index < 50; index++) {
      harness.now = harness.session.deadline + 1.5;
      harness.session.timeout(harness.now);
    }
    expect(instants(harness)[49]).toBe(49 * 20 + 1.5);
    expect(timestamps(harness)[49]).toBe(49 * 160);
    expect(harness.session.statistics()).toMatchObject({ late_frames: 0, late_ms_max: 1.5 });
  });

  test("an echo at the pace of the packets needs no timer, up to 2 ms early", () => {
    const harness = new Harness();
    harness.onAudio = (pcm) => void harness.session.write(pcm, harness.now);
    const arrivals = [40, 60, 78.5, 100, 118.2, 140];
    for (const [index, at] of arrivals.entries()) {
      harness.now = at;
      harness.session.receive(voice(index), PEER.port, PEER.address, at);
    }
    expect(instants(harness)).toEqual(arrivals);
    expect(timestamps(harness)).toEqual([0, 160, 320, 480, 640, 800]);
    expect(markers(harness).slice(1)).not.toContain(true);
  });

  test("lateness of the handler under a frame goes on without marker, on a new grid", () => {
    const harness = new Harness();
    harness.write(160);
    harness.runUntil(35);
    harness.write(320);
    harness.runUntil(200);
    expect(instants(harness)).toEqual([0, 35, 55]);
    expect(timestamps(harness)).toEqual([0, 160, 320]);
    expect(markers(harness)).toEqual([true, false, false]);
    expect(harness.session.statistics().underruns).toBe(0);
  });

  test("a pause is a jump of the timestamp by its length, and a marker", () => {
    const harness = new Harness();
    harness.write(320);
    harness.runUntil(1041.5);
    harness.write(320);
    harness.runUntil(2000);
    expect(instants(harness)).toEqual([0, 20, 1041.5, 1061.5]);
    expect(timestamps(harness)).toEqual([0, 160, 320 + 1001.5 * 8, 480 + 1001.5 * 8]);
    expect(markers(harness)).toEqual([true, false, true, false]);
  });

  test("a late wake-up sends one frame, no burst, and the timeline slips", () => {
    const harness = new Harness();
    harness.write(160 * 8);
    harness.runUntil(20);
    harness.now = 105;
    harness.session.timeout(105);
    harness.session.timeout(105);
    expect(harness.sent).toHaveLength(3);
    harness.runUntil(500);
    expect(instants(harness)).toEqual([0, 20, 105, 120, 140, 160, 180, 200]);
    expect(timestamps(harness).map((at) => at / 160)).toEqual([0, 1, 5, 6, 7, 8, 9, 10]);
    expect(markers(harness).map(Number)).toEqual([1, 0, 1, 0, 0, 0, 0, 0]);
    expect(harness.session.statistics()).toMatchObject({ late_frames: 1, late_ms_max: 65 });
  });

  test("SSRC, first sequence number and first timestamp are random", () => {
    const harness = new Harness();
    harness.write(160);
    const { ssrc, sequenceNumber, timestamp } = (harness.sent[0] as SentPacket).header;
    expect([ssrc, sequenceNumber, timestamp]).not.toContain(0);
    expect(new Set([ssrc, sequenceNumber, timestamp]).size).toBe(3);
  });
});

describe("send path: any size of writes", () => {
  test("pieces of odd length make the same audio", () => {
    const harness = new Harness();
    const whole = new Int16Array(480).map((_, at) => levelOfIndex(Math.floor(at / 4)));
    const bytes = new Uint8Array(whole.buffer);
    for (let at = 0; at < bytes.length; at += 7) {
      harness.session.write(bytes.subarray(at, at + 7), 0);
    }
    harness.runUntil(100);
    expect(harness.sent.flatMap((packet) => samplesOf(packet))).toEqual([...whole]);
  });

  test("a rest waits one frame for more, then leaves filled up with silence", () => {
    const harness = new Harness();
    harness.write(200);
    harness.runUntil(100);
    expect(instants(harness)).toEqual([0, 40]);
    const rest = samplesOf(harness.sent[1] as SentPacket);
    expect(rest.slice(0, 40).every((sample) => sample > 900)).toBe(true);
    expect(rest.slice(40).every((sample) => sample === 0)).toBe(true);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 25, underruns: 0 });
  });

  test("a rest behind whole frames waits from its own deadline", () => {
    const harness = new Harness();
    harness.write(700);
    harness.runUntil(85);
    harness.write(100);
    harness.runUntil(200);
    expect(instants(harness)).toEqual([0, 20, 40, 60, 85]);
    expect(markers(harness).slice(1)).not.toContain(true);
  });

  test("a rest that is completed in time leaves at its deadline", () => {
    const harness = new Harness();
    harness.write(200);
    harness.runUntil(10);
    harness.write(120);
    harness.runUntil(100);
    expect(instants(harness)).toEqual([0, 20]);
  });

  test("finish and mark send a rest at its deadline, without the wait", () => {
    for (const end of ["finish", "mark"] as const) {
      const harness = new Harness();
      harness.write(200);
      if (end === "finish") harness.session.finish(0);
      else harness.session.mark("m", 0);
      harness.runUntil(100);
      expect(instants(harness)).toEqual([0, 20]);
      expect(harness.events[0]).toMatchObject({
        type: end === "mark" ? "mark" : "drained",
        at: 20,
      });
    }
  });

  test("a rest alone is sent by a mark at once", () => {
    const harness = new Harness();
    harness.write(100);
    expect(harness.sent).toHaveLength(0);
    harness.session.mark("m", 0);
    expect(harness.sent).toHaveLength(1);
    expect(harness.eventsOf("mark")).toMatchObject([{ name: "m", playedMs: 13 }]);
  });
});

describe("send path: back pressure", () => {
  test("write is false above high water, and room is told below low water", () => {
    const harness = new Harness();
    const chunk = 1600;
    let queued = 0;
    while (harness.write(chunk)) queued += chunk;
    expect(queued / 8 > HIGH_WATER_MS - 200).toBe(true);
    const queuedMs = queued / 8 + 200 - 20;
    harness.runUntil(3000);
    const room = harness.eventsOf("room");
    expect(room).toHaveLength(1);
    expect(room[0]).toMatchObject({ at: Math.ceil((queuedMs - LOW_WATER_MS + 1) / 20) * 20 });
    expect(harness.session.statistics()).toMatchObject({ dropped_ms: 0, queue_ms_max: queuedMs });
  });

  test("what is above the bound is dropped and counted", () => {
    const harness = new Harness({ queueMax: 2000 });
    harness.write(40_000);
    expect(harness.session.statistics().dropped_ms).toBe(3000);
    harness.runUntil(10_000);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 2000, packets_sent: 100 });
  });

  test("audio stays in order while the queue grows around its ring", () => {
    const harness = new Harness();
    let written = 0;
    const next = (count: number) => {
      const samples = new Int16Array(count).map(() => levelOfIndex(written++ % 120));
      harness.session.write(new Uint8Array(samples.buffer), harness.now);
    };
    for (const count of [700, 500, 900, 100, 4000, 30_000]) {
      next(count);
      harness.runUntil(harness.now + 60);
    }
    harness.session.finish(harness.now);
    harness.runUntil(20_000);
    const heard = harness.sent.flatMap((packet) => samplesOf(packet)).slice(0, written);
    expect(heard.every((sample, at) => sample === levelOfIndex(at % 120))).toBe(true);
    expect(heard).toHaveLength(written);
  });
});

describe("send path: marks, clear and the played truth", () => {
  test("a mark comes with the frame that holds its last sample", () => {
    const harness = new Harness();
    harness.write(240);
    harness.session.mark("a", 0);
    harness.write(240);
    harness.session.mark("b", 0);
    harness.runUntil(200);
    expect(harness.eventsOf("mark")).toMatchObject([
      { name: "a", at: 20, playedMs: 40 },
      { name: "b", at: 40, playedMs: 60 },
    ]);
  });

  test("a mark with nothing before it comes at once", () => {
    const harness = new Harness();
    harness.session.mark("now", 0);
    expect(harness.eventsOf("mark")).toMatchObject([{ name: "now", playedMs: 0, at: 0 }]);
  });

  test("clear says exactly what was heard, and answers the marks in what was not", () => {
    const harness = new Harness();
    harness.write(8000);
    harness.session.mark("end", 0);
    harness.runUntil(105);
    const cleared = harness.session.clear(105);
    expect(cleared).toEqual({ playedMs: 125, droppedMs: 875 });
    expect(harness.eventsOf("mark")).toMatchObject([{ name: "end", playedMs: 125, at: 105 }]);
    harness.runUntil(2000);
    expect(harness.sent).toHaveLength(7);
    const heard = harness.sent.flatMap((packet) => samplesOf(packet)).filter((value) => value > 0);
    expect(heard).toHaveLength(125 * 8);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 125, dropped_ms: 875 });
  });

  test("after a clear the next audio leaves within a frame, behind the fade-out", () => {
    const harness = new Harness();
    harness.write(8000);
    harness.runUntil(105);
    harness.session.clear(105);
    harness.write(280, 5000);
    harness.runUntil(500);
    expect(instants(harness).slice(5)).toEqual([100, 120, 140]);
    expect(markers(harness).slice(5)).toEqual([false, false, false]);
    expect(timestamps(harness).slice(5)).toEqual([800, 960, 1120]);
    expect(sequenceSteps(harness).every((step) => step === 1)).toBe(true);
    const first = samplesOf(harness.sent[6] as SentPacket);
    expect(first.slice(0, 40).every((sample) => sample < 1000)).toBe(true);
    expect(first.slice(40).every((sample) => sample > 4000)).toBe(true);
  });

  test("clear drops half a sample too, and makes room", () => {
    const harness = new Harness();
    while (harness.write(1600));
    harness.session.write(new Uint8Array([0x55]), 0);
    harness.session.clear(0);
    expect(harness.eventsOf("room")).toHaveLength(1);
    harness.runUntil(20);
    harness.session.write(pcmOf(160, levelOfIndex(3)), 20);
    harness.runUntil(40);
    const after = samplesOf(harness.sent[2] as SentPacket);
    expect(after).toEqual(Array(160).fill(levelOfIndex(3)));
  });

  test("finish is answered once everything is sent, or at once when all is", () => {
    const harness = new Harness();
    harness.write(480);
    harness.session.finish(0);
    harness.runUntil(500);
    expect(harness.eventsOf("drained")).toMatchObject([{ at: 40 }]);
    const idle = new Harness();
    idle.session.finish(0);
    idle.session.finish(0);
    expect(idle.eventsOf("drained")).toHaveLength(1);
  });

  test("a clear after finish is the end as well", () => {
    const harness = new Harness();
    harness.write(8000);
    harness.session.finish(0);
    harness.session.clear(0);
    harness.runUntil(500);
    expect(harness.eventsOf("drained")).toMatchObject([{ at: 17 }]);
  });

  test("the fade-out of a clear leaves within 17 ms, and what follows keeps to that beat", () => {
    const harness = new Harness();
    harness.write(8000);
    harness.runUntil(100);
    harness.session.clear(100);
    harness.write(440, 5000);
    harness.runUntil(500);
    expect(instants(harness).slice(5)).toEqual([100, 117, 137, 157]);
    expect(timestamps(harness).slice(5)).toEqual([800, 960, 1120, 1280]);
  });

  test("the handler may write and clear from inside an event", () => {
    const harness = new Harness();
    harness.onEvent = (event) => {
      if (event.type === "mark" && event.name === "a") {
        harness.write(160);
        harness.session.mark("b", harness.now);
      }
    };
    harness.write(160);
    harness.session.mark("a", 0);
    harness.runUntil(100);
    expect(harness.eventsOf("mark").map(({ name }) => name)).toEqual(["a", "b"]);
    expect(instants(harness)).toEqual([0, 20]);
  });
});

describe("send path: underruns", () => {
  test("running dry in the middle of speech counts", () => {
    const harness = new Harness();
    harness.write(800);
    harness.runUntil(180);
    harness.write(800);
    harness.runUntil(500);
    expect(harness.session.statistics().underruns).toBe(1);
  });

  test("running dry in silence does not", () => {
    const harness = new Harness();
    harness.write(800, 0);
    harness.runUntil(180);
    harness.write(800);
    harness.runUntil(500);
    expect(harness.session.statistics().underruns).toBe(0);
  });

  test("an end named by a mark, a clear or a long silence does not", () => {
    const harness = new Harness();
    for (const end of ["mark", "clear", "silence"]) {
      harness.write(800);
      if (end === "mark") harness.session.mark("m", harness.now);
      harness.runUntil(harness.now + (end === "silence" ? 1000 : 200));
      if (end === "clear") harness.session.clear(harness.now);
    }
    harness.write(800);
    expect(harness.session.statistics().underruns).toBe(0);
  });
});

describe("send path: hold", () => {
  test("audio that falls due on hold is dropped at the pace of the clock", () => {
    const harness = new Harness();
    harness.write(1600);
    harness.session.mark("m", 0);
    harness.session.finish(0);
    harness.session.renegotiate({ direction: "inactive" }, 0);
    harness.runUntil(100);
    expect(harness.eventsOf("mark")).toHaveLength(0);
    harness.runUntil(1000);
    expect(harness.sent).toHaveLength(1);
    expect(harness.eventsOf("mark")).toMatchObject([{ at: 180, playedMs: 20 }]);
    expect(harness.eventsOf("drained")).toMatchObject([{ at: 180 }]);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 20, dropped_ms: 180 });
  });

  test("after it the timestamp has gone on with the clock, and the marker is set", () => {
    const harness = new Harness();
    harness.write(1600);
    harness.runUntil(30);
    harness.session.renegotiate({ direction: "recvonly" }, 30);
    harness.runUntil(90);
    harness.session.renegotiate({ direction: "sendrecv" }, 90);
    harness.runUntil(190);
    expect(instants(harness)).toEqual([0, 20, 100, 120, 140, 160, 180]);
    expect(timestamps(harness).map((at) => at / 160)).toEqual([0, 1, 5, 6, 7, 8, 9]);
    expect(markers(harness).map(Number)).toEqual([1, 0, 1, 0, 0, 0, 0]);
    expect(sequenceSteps(harness).every((step) => step === 1)).toBe(true);
  });

  test("codec, payload type and frame length change with a re-INVITE, the stream goes on", () => {
    const harness = new Harness();
    harness.write(480, levelOfIndex(9));
    harness.runUntil(20);
    const change = { codec: "PCMA", payloadType: 8, receivePayloadType: 8, ptime: 30 } as const;
    harness.session.renegotiate(change, 30);
    harness.write(320, levelOfIndex(9));
    harness.runUntil(200);
    const [, , third] = harness.sent as [SentPacket, SentPacket, SentPacket];
    expect(third.header.payloadType).toBe(8);
    expect(third.header.marker).toBe(true);
    expect(third.bytes).toHaveLength(12 + 240);
    expect(new Set(harness.sent.map(({ header }) => header.ssrc)).size).toBe(1);
    const sample = samplesOf(third, PCMA)[0] as number;
    expect(Math.abs(sample - levelOfIndex(9)) / levelOfIndex(9) < 0.05).toBe(true);
    expect(instants(harness)).toEqual([0, 20, 40, 70]);
  });
});

describe("send path: the end", () => {
  test("after stop nothing is sent or reported", () => {
    const harness = new Harness();
    harness.write(1600);
    harness.session.mark("m", 0);
    harness.session.stop(0);
    harness.session.timeout(1000);
    harness.session.write(pcmOf(160), 1000);
    harness.session.mark("n", 1000);
    harness.session.finish(1000);
    harness.session.sendDigits("1", 100, 1000);
    expect(harness.session.clear(1000).droppedMs).toBe(0);
    expect(harness.sent).toHaveLength(1);
    expect(harness.events).toHaveLength(0);
  });
});
