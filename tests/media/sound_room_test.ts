import { describe, expect, test } from "bun:test";
import type { MediaOptions } from "../../src/media/media_session.ts";
import { SoundRoom } from "../../src/media/sound_room.ts";
import { Harness, rtp } from "./session_harness.ts";

/** Frames of a call, but for one that is lost. */
const FRAMES = 20;
const LOST = 8;

/** A call whose sound comes back: by an echo behind it, at the rate of its handler. */
class EchoCall {
  readonly harness: Harness;
  readonly #code: number;
  #sequence = 0;

  /** @param code Of the sound that the caller sends, so that calls differ. */
  constructor(code: number, options: Partial<MediaOptions> = {}) {
    this.#code = code;
    this.harness = new Harness(options);
    this.harness.onAudio = (pcm) => void this.harness.session.write(pcm, this.harness.now);
  }

  /** Sends the next frame. */
  next(): void {
    const index = this.#sequence++;
    if (index === LOST) return;
    const payload = new Uint8Array(160).map((_, at) => this.#code ^ ((at * (index + 3)) & 0x1f));
    const packet = { sequence: index, timestamp: index * 160, ssrc: this.#code, payload };
    this.harness.receiveAt(20 + index * 20, rtp(packet));
  }

  /** All that the handler heard, and all that the caller did. */
  get result(): { readonly heard: readonly number[]; readonly sent: readonly Uint8Array[] } {
    return { heard: this.harness.heard, sent: this.harness.sent.map(({ bytes }) => bytes) };
  }
}

describe("room for sound", () => {
  test("has the same memory as samples and as bytes, at any length", () => {
    const room = new SoundRoom();
    room.reserve(160);
    room.samples.set([1, -2, 3]);
    expect([...room.cut(3).samples]).toEqual([1, -2, 3]);
    expect([...room.cut(2).bytes]).toEqual([1, 0, 0xfe, 0xff]);
    room.cut(160).samples[0] = 7;
    expect(room.samples[0]).toBe(7);
    expect(room.cut(160)).toBe(room.cut(160));
  });

  test("grows, and its beginnings with it", () => {
    const room = new SoundRoom();
    room.reserve(10);
    const before = room.cut(10);
    room.reserve(5);
    expect(room.samples).toHaveLength(10);
    room.reserve(20);
    expect(room.samples).toHaveLength(20);
    expect(room.cut(10)).not.toBe(before);
    expect(room.cut(20).bytes).toHaveLength(40);
  });

  test("keeps the lengths in use at hand, however many there were", () => {
    const room = new SoundRoom();
    room.reserve(1000);
    for (let count = 1; count <= 1000; count++) expect(room.cut(count).samples).toHaveLength(count);
  });
});

describe("calls that share their room", () => {
  const kinds: readonly Partial<MediaOptions>[] = [{}, { rate: 16_000 }, { rate: 48_000 }, {}];

  test("hear what each hears alone, losses made up for included", () => {
    const alone = kinds.map((options, index) => {
      const call = new EchoCall(0x20 * (index + 1), options);
      for (let frame = 0; frame < FRAMES; frame++) call.next();
      return call.result;
    });
    const together = kinds.map((options, index) => new EchoCall(0x20 * (index + 1), options));
    for (let frame = 0; frame < FRAMES; frame++) for (const call of together) call.next();
    expect(together.map(({ result }) => result)).toEqual(alone);
    for (const { heard, sent } of alone) {
      expect(heard.length).toBeGreaterThan(0);
      expect(sent.length).toBeGreaterThan(FRAMES / 2);
    }
  });
});
