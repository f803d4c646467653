import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import type { Hertz, Millis } from "../../src/base/units.ts";
import type { AudioCodec, CodecName } from "../../src/audio/codec.ts";
import { createCodec } from "../../src/audio/codec_table.ts";
import { Harness, pcmOf } from "./session_harness.ts";

const PTIME: Millis = 20;
const LOUD = 8000;
/** Of what a codec makes of silence, and of a fade's last samples. */
const QUIET = 16;

/** A session whose event loop wakes up to so many ms late. */
class LateHarness extends Harness {
  readonly #random: SeededRandom;
  readonly #lateMax: Millis;
  readonly perMs: number;

  constructor(options: { codec: CodecName; rate: Hertz; lateMax: Millis; seed: number }) {
    super({ codec: options.codec, rate: options.rate });
    this.#random = new SeededRandom(options.seed);
    this.#lateMax = options.lateMax;
    this.perMs = options.rate / 1000;
  }

  override runUntil(until: Millis): void {
    while (this.session.deadline <= until) {
      const late = this.#random.nextUnit() * this.#lateMax;
      const at = Math.max(this.now, this.session.deadline) + late;
      if (at > until) break;
      this.now = at;
      this.session.timeout(at);
    }
    this.now = Math.max(this.now, until);
  }
}

/** What a listener gets: when the last packet with sound left, and how much sound there was. */
class Listener {
  readonly #codec: AudioCodec;
  readonly #samples = new Int16Array(4096);
  #loud = 0;
  last: Millis = -Infinity;

  constructor(codec: CodecName, rate: Hertz) {
    this.#codec = createCodec(codec, { rate, libraries: {} });
  }

  /** Takes what was sent since it was asked last. */
  listen(harness: Harness): void {
    for (const { at, bytes } of harness.sent.splice(0)) {
      const count = this.#codec.decode(bytes, 12, bytes.length - 12, this.#samples);
      const before = this.#loud;
      for (let index = 0; index < count; index++) {
        if (Math.abs(this.#samples[index] as number) > QUIET) this.#loud++;
      }
      if (this.#loud > before) this.last = at;
    }
  }

  get soundMs(): Millis {
    return Math.round((this.#loud * 1000) / this.#codec.sampleRate);
  }
}

/** Writes in bursts of any size, ahead of what is sent, until an instant. */
function speak(harness: LateHarness, random: SeededRandom, until: Millis): void {
  const perMs = harness.perMs;
  for (let left = 200 + random.nextUnit() * 2000; left > 0 && harness.now < until;) {
    const length = 1 + Math.floor(random.nextUnit() * 300);
    harness.session.write(pcmOf(length * perMs, LOUD), harness.now);
    left -= length;
    harness.runUntil(Math.min(until, harness.now + random.nextUnit() * 60));
  }
  harness.runUntil(until);
}

describe("clear at any instant, with a loop that is late", () => {
  for (const codec of ["PCMU", "L16/16000"] as const) {
    for (const lateMax of [0, 12]) {
      test(`${codec}, up to ${lateMax} ms late: what was played is what was sent`, () => {
        const rate = codec === "PCMU" ? 8000 : 16_000;
        const harness = new LateHarness({ codec, rate, lateMax, seed: 11 });
        const listener = new Listener(codec, rate);
        const random = new SeededRandom(5);
        for (let round = 0; round < 100; round++) {
          speak(harness, random, harness.now + random.nextUnit() * 600);
          const { now } = harness;
          const { playedMs } = harness.session.clear(now);
          harness.runUntil(now + 100 + random.nextUnit() * 100);
          listener.listen(harness);
          const isInTime = listener.last - now <= PTIME + lateMax;
          expect({ round, isInTime, playedMs }).toEqual({
            round,
            isInTime: true,
            playedMs: listener.soundMs,
          });
        }
      });
    }
  }
});
