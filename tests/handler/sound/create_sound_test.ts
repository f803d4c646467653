import { afterAll, describe, expect, test } from "bun:test";
import { levelOf, tone } from "../../../src/audio/tone.ts";
import { serializeWav } from "../../../src/audio/wav.ts";
import type { SoundFetcher } from "../../../src/handler/sound/url_sound.ts";
import { ClipStore } from "../../../src/handler/builtin/clip_store.ts";
import { play, prepare, ramp, runtime, WavFolder } from "./sound_fixture.ts";

const folder = new WavFolder();
afterAll(() => folder.remove());

describe("sound of a file", () => {
  test("is played to its end, as often as asked", async () => {
    const file = folder.write("ramp.wav", ramp(5_000));
    const once = await play({ type: "file", file, loop: 1 });
    expect(once.end).toBe("ended");
    expect(once.samples).toEqual(ramp(5_000));
    const thrice = await play({ type: "file", file, loop: 3 });
    expect(thrice.samples.length).toBe(15_000);
    expect(thrice.samples.subarray(5_000, 10_000)).toEqual(ramp(5_000));
  });

  test("waits for room, piece by piece", async () => {
    const { heard, sound } = prepare({
      type: "file",
      file: folder.write("room.wav", ramp(8_000)),
      loop: 1,
    });
    heard.bytesMax = 0;
    sound.start();
    await heard.until(() => heard.bytes > 0);
    expect(heard.bytes).toBe(3_200);
    sound.resume();
    expect(heard.bytes).toBe(6_400);
    heard.bytesMax = Infinity;
    sound.resume();
    expect(await heard.untilEnd()).toBe("ended");
    expect(heard.samples).toEqual(ramp(8_000));
  });

  test("without end leaves the event loop to others, until it is stopped", async () => {
    const file = folder.write("short.wav", ramp(10));
    const { heard, sound } = prepare({ type: "file", file, loop: Infinity });
    sound.start();
    await heard.until(() => heard.bytes > 100_000);
    sound.stop();
    sound.stop();
    const { bytes } = heard;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard.bytes).toBe(bytes);
    expect(heard.end).toBeUndefined();
  });

  test("fails with the name of the file and what is wrong with it", async () => {
    const file = `${folder.path}/none.wav`;
    expect((await play({ type: "file", file, loop: 1 })).end).toContain(file);
    const text = folder.writeBytes(
      "text.wav",
      new TextEncoder().encode("<html>not a sound</html>"),
    );
    expect((await play({ type: "file", file: text, loop: 1 })).end).toMatch(/not a WAV file/);
  });

  test("stopped while it loads, says nothing any more", async () => {
    const file = folder.write("slow.wav", ramp(100));
    const { heard, sound } = prepare({ type: "file", file, loop: 1 });
    sound.start();
    sound.stop();
    sound.resume();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([heard.bytes, heard.end]).toEqual([0, undefined]);
  });
});

describe("sound of bytes", () => {
  test("is brought to the call's rate", async () => {
    for (const rate of [8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]) {
      const bytes = serializeWav(tone(500, 400, rate), rate);
      const { end, samples } = await play({ type: "wav", bytes });
      expect(end).toBe("ended");
      expect(Math.abs(samples.length - 3_200)).toBeLessThan(50);
      expect(levelOf(samples.subarray(800, 2_400))).toBeCloseTo(-10, 1);
    }
  });

  test("that are long are converted turn by turn", async () => {
    const bytes = serializeWav(tone(500, 20_000, 48_000), 48_000);
    const { heard, sound } = prepare({ type: "wav", bytes });
    let turns = 0;
    const count = (): void => {
      turns++;
      if (heard.bytes === 0) runtime.setImmediate(count);
    };
    runtime.setImmediate(count);
    sound.start();
    await heard.untilEnd();
    expect(turns).toBeGreaterThan(10);
    expect(Math.abs(heard.samples.length - 160_000)).toBeLessThan(50);
  });

  test("that are no sound fail, whatever they are", async () => {
    const texts = ["", "RI", "<html></html>", "RIFF....WAVE", "RIFF....AVI LIST"];
    for (const text of texts) {
      const heard = await play({ type: "wav", bytes: new TextEncoder().encode(text) });
      expect(heard.end).toMatch(/WAV file/);
      expect(heard.bytes).toBe(0);
    }
  });
});

describe("sound without a source", () => {
  test("silence is as long as it says, to the sample", async () => {
    for (const ms of [0, 1, 20, 333, 5_000]) {
      const { end, samples } = await play({ type: "silence", ms });
      expect(end).toBe("ended");
      expect(samples.length).toBe(ms * 8);
      expect(samples.every((sample) => sample === 0)).toBe(true);
    }
  });

  test("a beep is half a second of 1 kHz without clicks", async () => {
    for (const rate of [8000, 16_000, 48_000]) {
      const { samples } = await play({ type: "beep" }, { rate });
      expect(samples.length).toBe(rate / 2);
      expect(levelOf(samples)).toBeGreaterThan(-11);
      const first = samples.subarray(0, rate / 1000);
      expect(Math.max(...first)).toBeLessThan(1_000);
      const crossings = samples.filter((value, at) => value >= 0 && (samples[at - 1] ?? 0) < 0);
      expect(Math.abs(crossings.length - 500)).toBeLessThan(3);
    }
  });
});

describe("sound of a URL", () => {
  const bytes = serializeWav(ramp(4_000), 8000);

  /** A web server that counts; real ones are behind the same interface. */
  function server(freshFor: number, scope = "a"): SoundFetcher & { count: number } {
    return {
      scope,
      count: 0,
      fetch(url, done) {
        this.count++;
        const found = { ok: true, bytes, freshFor } as const;
        const missing = { ok: false, reason: `${url} answered 404` } as const;
        const timer = setTimeout(() => done(url.endsWith("/a.wav") ? found : missing), 1);
        return { abort: () => clearTimeout(timer) };
      },
    };
  }

  test("is fetched once while it is fresh, for each scope and rate", async () => {
    const clips = new ClipStore(runtime);
    const fetch = server(60_000);
    const spec = { type: "url", url: "http://x/a.wav", loop: 1 } as const;
    for (let round = 0; round < 3; round++) {
      expect((await play(spec, { fetch, clips })).samples).toEqual(ramp(4_000));
    }
    expect(fetch.count).toBe(1);
    await play(spec, { fetch, clips, rate: 16_000 });
    expect(fetch.count).toBe(2);
    const other = server(60_000, "b");
    await play(spec, { fetch: other, clips });
    expect(other.count).toBe(1);
  });

  test("is fetched each time where it may not be kept", async () => {
    const clips = new ClipStore(runtime);
    const fetch = server(0);
    const spec = { type: "url", url: "http://x/a.wav", loop: 2 } as const;
    expect((await play(spec, { fetch, clips })).samples.length).toBe(8_000);
    await play(spec, { fetch, clips });
    expect(fetch.count).toBe(2);
  });

  test("fails with what the server said, and is aborted when it is stopped", async () => {
    const fetch = server(0);
    const heard = await play({ type: "url", url: "http://x/b.wav", loop: 1 }, { fetch });
    expect(heard.end).toBe("http://x/b.wav answered 404");
    const stopped = prepare({ type: "url", url: "http://x/a.wav", loop: 1 }, { fetch });
    stopped.sound.start();
    stopped.sound.stop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(stopped.heard.bytes).toBe(0);
    const none = await play({ type: "url", url: "http://x/a.wav", loop: 1 });
    expect(none.end).toMatch(/play a file instead/);
  });
});
