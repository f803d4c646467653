import { describe, expect, test } from "bun:test";
import { Harness, levelOfIndex, rtp } from "./session_harness.ts";

/** Levels that tell one packet from its neighbours; packet numbers repeat them. */
const LEVELS = 60;

/** A session whose handler writes back what it hears, as filters do. */
class EchoHarness extends Harness {
  readonly #receivedAt = new Map<number, number>();
  #sequence = 0;

  constructor() {
    super();
    this.onAudio = (pcm) => void this.session.write(pcm, this.now);
  }

  /** The caller speaks: one packet each 20 ms. `jitter` is added to the arrival. */
  talk(from: number, packets: number, jitter: (index: number) => number = () => 0): void {
    for (let index = 0; index < packets; index++) {
      const at = from + index * 20;
      const level = this.#sequence % LEVELS;
      const packet = rtp({
        sequence: this.#sequence++,
        timestamp: at * 8,
        payload: new Uint8Array(160).fill(0x80 + level),
      });
      this.receiveAt(Math.max(at + jitter(index), this.now), packet);
      this.#receivedAt.set(levelOfIndex(level), this.now);
    }
  }

  /** How long the packet that was sent last took through the session. */
  get delay(): number {
    const last = this.sent.at(-1);
    const level = levelOfIndex((last?.bytes[12] ?? 0) - 0x80);
    return (last?.at ?? NaN) - (this.#receivedAt.get(level) ?? NaN);
  }
}

describe("delay of a handler that keeps pace with the caller", () => {
  test("is less than a frame as long as nothing happens", () => {
    const harness = new EchoHarness();
    harness.talk(5, 200);
    expect(harness.delay).toBeLessThan(20);
  });

  test("is as before after pauses of the caller, however long", () => {
    for (const pause of [60, 100, 160, 300, 1000, 5000]) {
      const harness = new EchoHarness();
      harness.talk(5, 50);
      harness.talk(5 + 50 * 20 + pause, 50);
      expect({ pause, isSmall: harness.delay <= 40 }).toEqual({ pause, isSmall: true });
    }
  });

  test("is given back in the caller's next silence after the network stood still", () => {
    const harness = new EchoHarness();
    // Ten packets arrive at once, 200 ms late
    harness.talk(5, 50, (index) => index >= 40 ? Math.max(0, 200 - (index - 40) * 20) : 0);
    harness.talk(5 + 50 * 20, 50);
    const standing = harness.delay;
    harness.talk(5 + 100 * 20 + 400, 50);
    expect(standing).toBeGreaterThan(100);
    expect(harness.delay).toBeLessThan(41);
    expect(harness.session.statistics().skipped_ms).toBeGreaterThan(0);
  });

  test("takes nothing from a handler that writes ahead, pauses in its speech included", () => {
    const harness = new Harness();
    const speech = new Int16Array(8000).fill(1000);
    speech.fill(0, 3000, 5000);
    harness.session.write(new Uint8Array(speech.buffer), 0);
    harness.runUntil(2000);
    harness.session.write(new Uint8Array(speech.buffer), 2000);
    harness.runUntil(4000);
    expect(harness.session.statistics()).toMatchObject({ skipped_ms: 0, played_ms: 2000 });
  });
});
