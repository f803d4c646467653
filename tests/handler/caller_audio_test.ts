import { describe, expect, test } from "bun:test";
import { CALLER_QUEUE, CallerAudio } from "../../src/handler/caller_audio.ts";

const FRAME = 320;

function rig() {
  const sent: (readonly [number, number])[] = [];
  const state = { isBusy: false, dropped: 0 };
  const audio = new CallerAudio(8000, {
    send: (pcm, at) => void sent.push([pcm[0] as number, at]),
    isBusy: () => state.isBusy,
    dropped: (bytes) => void (state.dropped += bytes),
  });
  return { audio, sent, state };
}

describe("the caller's audio on its way to a server", () => {
  test("is sent at once, with its time since the connection began", () => {
    const { audio, sent } = rig();
    for (const value of [1, 2, 3]) audio.write(new Uint8Array(FRAME).fill(value));
    expect(sent).toEqual([[1, 0], [2, 20], [3, 40]]);
  });

  test("waits for a server that does not read, copied, and keeps its order and time", () => {
    const { audio, sent, state } = rig();
    state.isBusy = true;
    const pcm = new Uint8Array(FRAME);
    for (const value of [1, 2, 3]) audio.write(pcm.fill(value));
    expect(sent).toEqual([]);
    state.isBusy = false;
    audio.flush();
    expect(sent).toEqual([[1, 0], [2, 20], [3, 40]]);
  });

  test("does not wait for longer than to the next frame once there is room", () => {
    const { audio, sent, state } = rig();
    state.isBusy = true;
    audio.write(new Uint8Array(FRAME).fill(1));
    state.isBusy = false;
    audio.write(new Uint8Array(FRAME).fill(2));
    expect(sent).toEqual([[1, 0], [2, 20]]);
  });

  test("gives way from its oldest end after a second, and time goes on", () => {
    const { audio, sent, state } = rig();
    state.isBusy = true;
    for (let frame = 0; frame < 60; frame++) audio.write(new Uint8Array(FRAME).fill(frame));
    expect(state.dropped).toBe(10 * FRAME);
    state.isBusy = false;
    audio.flush();
    expect(sent.length).toBe(CALLER_QUEUE / 20);
    expect([sent[0], sent.at(-1)]).toEqual([[10, 200], [59, 1180]]);
  });

  test("counts what waits as dropped when the connection is gone, and begins anew", () => {
    const { audio, sent, state } = rig();
    state.isBusy = true;
    audio.write(new Uint8Array(FRAME).fill(1));
    audio.reset();
    expect(state.dropped).toBe(FRAME);
    state.isBusy = false;
    audio.write(new Uint8Array(FRAME).fill(2));
    expect(sent).toEqual([[2, 0]]);
  });
});
