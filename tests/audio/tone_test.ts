import { describe, expect, test } from "bun:test";
import { levelOf, tone } from "../../src/audio/tone.ts";

describe("test tones", () => {
  test("have the level asked for, in dBm0", () => {
    expect(Math.abs(levelOf(tone(1000, 1000, 8000)) + 10) < 0.01).toBe(true);
    expect(Math.abs(levelOf(tone(440, 1000, 16000, -20)) + 20) < 0.01).toBe(true);
  });

  test("have the length and frequency asked for", () => {
    const samples = tone(440, 1000, 8000);
    expect(samples).toHaveLength(8000);
    let rising = 0;
    for (let at = 1; at < samples.length; at++) {
      if ((samples[at - 1] as number) < 0 && (samples[at] as number) >= 0) rising++;
    }
    expect(rising).toBe(439);
  });

  test("are clipped, not wrapped, when too loud", () => {
    expect(Math.max(...tone(1000, 10, 8000, 20))).toBe(32767);
  });
});
