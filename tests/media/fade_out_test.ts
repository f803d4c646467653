import { describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { Harness } from "./session_harness.ts";

const RATE = 8000;

/** A tone that is loud where it is cut. */
function tone(milliseconds: number, rate = RATE): Uint8Array {
  const samples = new Int16Array(milliseconds * rate / 1000);
  for (let at = 0; at < samples.length; at++) {
    samples[at] = Math.round(12_000 * Math.cos((2 * Math.PI * 200 * at) / rate));
  }
  return new Uint8Array(samples.buffer);
}

/** What the peer hears, with silence where nothing was sent. */
function heard(harness: Harness): Int16Array {
  const first = harness.sent[0]?.header.timestamp ?? 0;
  const last = harness.sent.at(-1);
  const length = last === undefined ? 0 : ((last.header.timestamp - first) >>> 0) + 480;
  const out = new Int16Array(length);
  for (const { header, bytes } of harness.sent) {
    const samples = new Int16Array(bytes.length - 12);
    PCMU.decode(bytes, 12, samples.length, samples);
    out.set(samples, (header.timestamp - first) >>> 0);
  }
  return out;
}

/** The largest step from one sample to the next. */
function largestJump(samples: Int16Array): number {
  let largest = 0;
  for (let at = 1; at < samples.length; at++) {
    const step = Math.abs((samples[at] as number) - (samples[at - 1] as number));
    largest = Math.max(largest, step);
  }
  return largest;
}

describe("a clear fades out", () => {
  test("without a step that the sound itself does not have, and within one frame", () => {
    const whole = new Harness();
    whole.session.write(tone(1000), 0);
    whole.runUntil(900);
    const natural = largestJump(heard(whole));
    for (const at of [101, 107.5, 119, 120, 139.9]) {
      const harness = new Harness();
      harness.session.write(tone(1000), 0);
      harness.runUntil(at);
      const before = harness.sent.length;
      const { playedMs, droppedMs } = harness.session.clear(at);
      harness.runUntil(3000);
      const after = harness.sent.slice(before);
      expect(after).toHaveLength(1);
      expect((after[0]?.at ?? Infinity) - at <= 20).toBe(true);
      expect([playedMs, droppedMs]).toEqual([before * 20 + 5, 1000 - before * 20 - 5]);
      const samples = heard(harness);
      expect(largestJump(samples) <= natural * 1.05).toBe(true);
      const end = samples.findLastIndex((sample) => sample !== 0);
      expect(end < playedMs * 8).toBe(true);
      expect(end > (playedMs - 1) * 8).toBe(true);
      expect(harness.session.statistics()).toMatchObject({
        played_ms: playedMs,
        dropped_ms: droppedMs,
      });
    }
  });

  test("once: a second clear right after changes nothing, and drops what is new", () => {
    const harness = new Harness();
    harness.session.write(tone(1000), 0);
    harness.runUntil(105);
    expect(harness.session.clear(105)).toEqual({ playedMs: 125, droppedMs: 875 });
    expect(harness.session.clear(106)).toEqual({ playedMs: 125, droppedMs: 0 });
    harness.session.write(tone(100), 107);
    expect(harness.session.clear(108)).toEqual({ playedMs: 125, droppedMs: 100 });
    harness.runUntil(125);
    expect(harness.session.clear(125)).toEqual({ playedMs: 125, droppedMs: 0 });
    harness.runUntil(1000);
    expect(harness.sent).toHaveLength(7);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 125, dropped_ms: 975 });
  });

  test("what there is, when that is less", () => {
    const harness = new Harness();
    harness.session.write(tone(43), 0);
    harness.runUntil(25);
    expect(harness.session.clear(25)).toEqual({ playedMs: 43, droppedMs: 0 });
    harness.runUntil(1000);
    expect(harness.sent.map(({ at }) => at)).toEqual([0, 20, 40]);
  });

  test("not where nothing is playing: before the first frame, after a pause, on hold", () => {
    const rest = new Harness();
    rest.session.write(tone(10), 0);
    expect(rest.session.clear(0)).toEqual({ playedMs: 0, droppedMs: 10 });
    rest.runUntil(1000);
    expect(rest.sent).toHaveLength(0);

    const late = new Harness();
    late.session.write(tone(40), 0);
    late.runUntil(1000);
    late.session.write(tone(10), 1000);
    expect(late.session.clear(1000)).toEqual({ playedMs: 40, droppedMs: 10 });
    late.runUntil(2000);
    expect(late.sent).toHaveLength(2);

    const held = new Harness();
    held.session.write(tone(200), 0);
    held.runUntil(50);
    held.session.renegotiate({ direction: "inactive" }, 50);
    expect(held.session.clear(50).droppedMs).toBe(140);
    held.runUntil(1000);
    expect(held.sent).toHaveLength(3);
  });

  test("new audio that does not fill the frame waits behind it", () => {
    const harness = new Harness();
    harness.session.write(tone(1000), 0);
    harness.runUntil(105);
    harness.session.clear(105);
    harness.session.write(tone(10), 110);
    harness.runUntil(125);
    harness.session.write(tone(30), 125);
    harness.runUntil(1000);
    expect(harness.sent.map(({ at }) => at).slice(5)).toEqual([100, 120, 140, 160]);
    expect(harness.sent.map(({ header }) => header.marker).slice(5)).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(harness.session.statistics()).toMatchObject({ played_ms: 165, underruns: 0 });
  });

  test("digits that are pressed meanwhile come after it", () => {
    const harness = new Harness();
    harness.session.write(tone(1000), 0);
    harness.runUntil(105);
    harness.session.clear(105);
    harness.session.sendDigits("1", 40, 105);
    harness.runUntil(1000);
    const kinds = harness.sent.slice(6).map(({ at, header }) => [at, header.payloadType]);
    expect(kinds.slice(0, 2)).toEqual([[120, 0], [140, 101]]);
  });

  test("even when the call ends right after: what was told as played was played", () => {
    const harness = new Harness();
    harness.session.write(tone(1000), 0);
    harness.runUntil(105);
    const { playedMs } = harness.session.clear(105);
    harness.now = 107;
    harness.stop();
    harness.session.timeout(200);
    expect(harness.sent.map(({ at }) => at).slice(5)).toEqual([100, 107]);
    expect(harness.sent[6]?.header.timestamp).toBe(
      ((harness.sent[5]?.header.timestamp ?? 0) + 160) >>> 0,
    );
    expect(harness.session.statistics()).toMatchObject({ played_ms: playedMs, queue_ms: 0 });
  });

  test("at the handler's rate", () => {
    const harness = new Harness({ rate: 16_000 });
    harness.session.write(tone(1000, 16_000), 0);
    harness.runUntil(105);
    expect(harness.session.clear(105)).toEqual({ playedMs: 125, droppedMs: 875 });
    harness.runUntil(1000);
    // The filter takes its first moments to begin
    const samples = heard(harness).subarray(100);
    const steepest = 2 * Math.PI * 200 / RATE * 12_000;
    const rounding = 512;
    expect(largestJump(samples) < steepest + rounding).toBe(true);
    expect(samples.some((sample) => sample > 11_000)).toBe(true);
  });
});
