import { describe, expect, test } from "bun:test";
import { UtteranceCutter } from "../../src/action/utterance_cutter.ts";

const RATE = 8000;

/** The caller's audio: sample `n` has the value `n`, so that a piece says where it comes from. */
class Caller {
  readonly cutter: UtteranceCutter;
  readonly tooLong: (readonly [from: number, to: number])[] = [];
  #samples = 0;

  constructor(options: { preRoll?: number; max?: number; beginsAt?: number } = {}) {
    const { beginsAt, max = 2_000, preRoll = 200 } = options;
    this.cutter = new UtteranceCutter({
      rate: RATE,
      preRoll,
      max,
      ...(beginsAt === undefined ? {} : { beginsAt }),
    });
  }

  /** Speaks up to a time, in frames. */
  until(ms: number, frame = 160): void {
    const end = ms * RATE / 1000;
    while (this.#samples < end) {
      const count = Math.min(frame, end - this.#samples);
      const pcm = Int16Array.from({ length: count }, (_, index) => this.#samples + index);
      this.#samples += count;
      const cut = this.cutter.receive(new Uint8Array(pcm.buffer));
      if (cut !== undefined) this.tooLong.push(span(cut) as readonly [number, number]);
    }
  }
}

/** Where a piece begins and ends, in ms; every sample between is checked. */
function span(pcm: Uint8Array | undefined): readonly [number, number] | undefined {
  if (pcm === undefined) return undefined;
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1);
  const first = samples[0] as number;
  samples.forEach((sample, index) => {
    if (sample !== (first + index) << 16 >> 16) throw new Error(`Sample ${index} is out of place`);
  });
  return [first * 1000 / RATE, (first + samples.length) * 1000 / RATE];
}

describe("cutting utterances", () => {
  test("cuts what was said, told of late, with a margin on both sides", () => {
    const caller = new Caller();
    caller.until(1_500);
    caller.cutter.speechStarted(1_000);
    expect(caller.cutter.isSpeaking).toBe(true);
    caller.until(2_300);
    expect(span(caller.cutter.speechStopped(2_000))).toEqual([800, 2_200]);
    expect(caller.cutter.startedAt).toBe(800);
    expect(caller.cutter.isSpeaking).toBe(false);
  });

  test("takes no margin where there is nothing", () => {
    const caller = new Caller();
    caller.until(400);
    caller.cutter.speechStarted(100);
    caller.until(500);
    expect(span(caller.cutter.speechStopped(400))).toEqual([0, 500]);
  });

  test("cuts the same from frames of any size", () => {
    for (const frame of [1, 7, 160, 4_000, 100_000]) {
      const caller = new Caller();
      caller.until(3_000, frame);
      caller.cutter.speechStarted(2_500);
      caller.until(3_600, frame);
      expect(span(caller.cutter.speechStopped(3_300))).toEqual([2_300, 3_500]);
    }
  });

  test("gives one utterance after the other", () => {
    const caller = new Caller({ preRoll: 100 });
    const spans = [1_000, 2_000, 3_000].map((at) => {
      caller.until(at + 300);
      caller.cutter.speechStarted(at);
      caller.until(at + 800);
      return span(caller.cutter.speechStopped(at + 500));
    });
    expect(spans).toEqual([[900, 1_600], [1_900, 2_600], [2_900, 3_600]]);
  });

  test("cuts one that is too long, and goes on without a hole", () => {
    const caller = new Caller({ max: 1_000, preRoll: 0 });
    caller.until(300);
    caller.cutter.speechStarted(100);
    caller.until(2_700);
    expect(caller.tooLong).toEqual([[100, 1_100], [1_100, 2_100]]);
    expect(span(caller.cutter.speechStopped(2_500))).toEqual([2_100, 2_500]);
  });

  test("gives what is being said when the call ends", () => {
    const caller = new Caller();
    caller.until(1_000);
    expect(caller.cutter.finish()).toBeUndefined();
    caller.cutter.speechStarted(700);
    caller.until(1_200);
    expect(span(caller.cutter.finish())).toEqual([500, 1_200]);
  });

  test("ends and beginnings out of turn are nothing", () => {
    const caller = new Caller();
    caller.until(1_000);
    expect(caller.cutter.speechStopped(900)).toBeUndefined();
    caller.cutter.speechStarted(800);
    caller.cutter.speechStarted(950);
    caller.until(1_500);
    expect(span(caller.cutter.speechStopped(1_200))).toEqual([600, 1_400]);
  });

  test("a beginning of long ago is as early as there is audio", () => {
    const caller = new Caller({ max: 2_000, preRoll: 200 });
    caller.until(4_000);
    caller.cutter.speechStarted(100);
    expect(span(caller.cutter.finish())).toEqual([2_000, 4_000]);
  });

  test("audio that began later has its times, told or found", () => {
    const told = new Caller({ beginsAt: 10_000 });
    told.until(1_000);
    told.cutter.speechStarted(10_600);
    told.until(1_500);
    expect(span(told.cutter.speechStopped(11_200))).toEqual([400, 1_400]);
    expect(told.cutter.startedAt).toBe(10_400);

    const found = new Caller();
    found.until(1_000);
    found.cutter.speechStarted(10_600);
    found.until(2_000);
    // Taken for 400 ms late
    expect(span(found.cutter.speechStopped(11_200))).toEqual([400, 1_400]);
    expect(found.cutter.startedAt).toBe(10_400);
  });
});
