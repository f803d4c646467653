import { describe, expect, test } from "bun:test";
import { Recorder, RECORDER_MS_MAX } from "../../src/media/recorder.ts";

const RATE = 8000;
const FRAME = 160;

/** A frame of the value. */
function frame(value: number, count = FRAME): Int16Array<ArrayBuffer> {
  return new Int16Array(count).fill(value);
}

function bytesOf(samples: Int16Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(samples.buffer);
}

/** Both tracks of what was taken off. */
function tracksOf(pcm: Uint8Array): { readonly left: number[]; readonly right: number[] } {
  const samples = new Int16Array(pcm.slice().buffer);
  return {
    left: [...samples].filter((_, index) => index % 2 === 0),
    right: [...samples].filter((_, index) => index % 2 === 1),
  };
}

describe("the recorder of a call", () => {
  test("puts the handler's audio beside what the caller said at that moment", () => {
    const recorder = new Recorder(RATE);
    for (let index = 0; index < 5; index++) {
      recorder.caller(bytesOf(frame(index + 1)));
      if (index === 1 || index === 3) recorder.handler(index * FRAME + 40, frame(-index), FRAME);
    }
    const { left, right } = tracksOf(recorder.take(true));
    expect(left).toEqual([1, 2, 3, 4, 5].flatMap((value) => [...frame(value)]));
    const expected = new Int16Array(5 * FRAME);
    expected.fill(-1, FRAME + 40, 2 * FRAME + 40);
    expected.fill(-3, 3 * FRAME + 40, 4 * FRAME + 40);
    expect(right).toEqual([...expected]);
  });

  test("keeps the newest back, since the handler's side may still come", () => {
    const recorder = new Recorder(RATE);
    for (let index = 0; index < 20; index++) recorder.caller(bytesOf(frame(7)));
    const first = tracksOf(recorder.take());
    expect(first.left).toHaveLength(150 * 8);
    recorder.handler(160 * 8, frame(9), FRAME);
    const rest = tracksOf(recorder.take(true));
    expect(rest.left).toHaveLength(250 * 8);
    expect(rest.right.indexOf(9)).toBe(10 * 8);
    expect(rest.right.filter((sample) => sample === 9)).toHaveLength(FRAME);
  });

  test("handler's audio that comes before the caller's of that moment stays", () => {
    const recorder = new Recorder(RATE);
    recorder.handler(0, frame(3), FRAME);
    recorder.caller(bytesOf(frame(1)));
    recorder.caller(bytesOf(frame(2)));
    const { right } = tracksOf(recorder.take(true));
    expect(right).toEqual([...frame(3), ...frame(0)]);
  });

  test("silence while paused; the length is the call's", () => {
    const recorder = new Recorder(RATE);
    recorder.caller(bytesOf(frame(1)));
    recorder.pause();
    recorder.caller(bytesOf(frame(2)));
    recorder.handler(FRAME, frame(5), FRAME);
    recorder.resume();
    recorder.caller(bytesOf(frame(3)));
    const { left, right } = tracksOf(recorder.take(true));
    expect(left).toEqual([...frame(1), ...frame(0), ...frame(3)]);
    expect(new Set(right)).toEqual(new Set([0]));
  });

  test("loses the oldest, and counts it, when nobody takes anything off", () => {
    const recorder = new Recorder(RATE);
    const frames = RECORDER_MS_MAX / 20 + 50;
    for (let index = 0; index < frames; index++) recorder.caller(bytesOf(frame(index)));
    expect(recorder.lost).toBe(50 * FRAME);
    const { left } = tracksOf(recorder.take(true));
    expect(left[0]).toBe(50);
    expect(left.at(-1)).toBe(frames - 1);
    expect(left).toHaveLength(RECORDER_MS_MAX * 8);
  });

  test("what overlaps what was there before, or was taken off, is left out", () => {
    const recorder = new Recorder(RATE);
    for (let index = 0; index < 20; index++) recorder.caller(bytesOf(frame(0)));
    recorder.handler(1000, frame(4), FRAME);
    recorder.handler(1080, frame(6), FRAME);
    const first = tracksOf(recorder.take());
    recorder.handler(1190, frame(8), 20);
    const rest = tracksOf(recorder.take(true));
    const right = [...first.right, ...rest.right];
    expect(right.slice(1000, 1160)).toEqual([...frame(4)]);
    expect(right.slice(1160, 1240)).toEqual([...frame(6, 80)]);
    expect(right.slice(1240)).toEqual(new Array(20 * FRAME - 1240).fill(0));
  });
});
