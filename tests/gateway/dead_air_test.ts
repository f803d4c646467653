import { describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import { DeadAir } from "../../src/gateway/dead_air.ts";
import { HandlerAudio } from "../../src/gateway/handler_audio.ts";
import { ClipStore } from "../../src/handler/builtin/clip_store.ts";
import type { MediaOptions } from "../../src/media/media_contract.ts";
import type { CallFacts } from "../../src/route/call_facts.ts";
import type { DeadAir as DeadAirSettings, HandlerSpec } from "../../src/route/route.ts";
import { Harness, levelOfIndex, pcmOf } from "../media/session_harness.ts";
import { FACTS } from "../support/call_facts.ts";

const RATE = 8000;
const PROMPT = levelOfIndex(40);
const HANDLER = levelOfIndex(80);
const FILE = "one-moment.wav";
/** 130 ms, so that no piece ends where the sound does. */
const WAV = serializeWav(new Int16Array(1040).fill(PROMPT), RATE);

const WEBSOCKET: HandlerSpec = {
  type: "websocket",
  url: "wss://user:secret@bot.example.com:8443/a?key=secret",
  protocol: "voicegw",
  parameters: {},
  account_sid: "",
  headers: {},
  timeout: 5000,
  ping: 0,
  reconnect: { tries: 0, delay: 0 },
  tls: { verify: true },
};

/** The silence and the sound of one call, in virtual time. */
class Rig {
  readonly harness: Harness;
  readonly audio = new HandlerAudio(RATE);
  readonly deadAir: DeadAir;
  readonly marks: { readonly name: string; readonly playedMs: number }[] = [];
  readonly failures: string[] = [];
  readonly lines: string[] = [];

  constructor(settings: DeadAirSettings, options: Partial<MediaOptions> = {}) {
    this.harness = new Harness(options);
    const { audio, harness } = this;
    audio.open(harness.session, 0);
    harness.onEvent = (event) => {
      if (event.type !== "mark") return;
      if (audio.isPrompting) return audio.promptPlayed(harness.now);
      this.marks.push({ name: event.name, playedMs: audio.playedOf(event.playedMs) });
    };
    this.deadAir = new DeadAir({
      media: audio,
      clips: new ClipStore({
        readFile: (path) =>
          path === FILE ? Promise.resolve(WAV) : Promise.reject(new Error(`no ${path}`)),
        modifiedAt: () => Promise.resolve(0),
      }),
      rate: RATE,
      now: () => harness.now,
      settings: () => settings,
      rescheduled: () => {},
      failed: (reason) => void this.failures.push(reason),
      log: (line) => void this.lines.push(line),
    });
  }

  get now(): number {
    return this.harness.now;
  }

  /** A handler that has started, in a call that is answered. */
  up(facts: CallFacts = FACTS): this {
    this.deadAir.handlerStarts(WEBSOCKET, facts, this.now);
    this.deadAir.handlerStarted(this.now);
    this.deadAir.audible(this.now);
    return this;
  }

  /** Lets time pass, with a call at every deadline. */
  async runUntil(until: number): Promise<void> {
    for (;;) {
      const deadline = this.deadAir.deadline ?? Infinity;
      if (deadline > until) break;
      this.harness.runUntil(Math.max(deadline, this.now));
      this.deadAir.timeout(this.now);
      await this.settled();
    }
    this.harness.runUntil(until);
  }

  /** What was read from a file is there. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  write(ms: number): void {
    this.audio.write(pcmOf(ms * RATE / 1000, HANDLER), this.now);
    if (this.deadAir.isSilent) this.deadAir.wrote(this.now);
  }

  mark(name: string): void {
    const playedMs = this.audio.mark(name, this.now);
    if (playedMs !== undefined) this.marks.push({ name, playedMs });
  }

  /** What went out since then, in the order of time, runs of the same put together. */
  heardSince(at: number): readonly (readonly [what: string, ms: number])[] {
    const runs: [string, number][] = [];
    for (const packet of this.harness.sent.filter((sent) => sent.at >= at)) {
      const samples = new Int16Array(packet.bytes.length - 12);
      PCMU.decode(packet.bytes, 12, samples.length, samples);
      for (const sample of samples) {
        const what = sample === PROMPT ? "prompt" : sample === HANDLER ? "handler" : "other";
        const last = runs.at(-1);
        if (last?.[0] === what) last[1] += 1000 / RATE;
        else runs.push([what, 1000 / RATE]);
      }
    }
    return runs;
  }
}

describe("a handler that waits for its server", () => {
  test("fails after the limit, with the server named and nothing secret", async () => {
    const rig = new Rig({ limit: 3000 }).up();
    rig.deadAir.waiting(true, 0);
    await rig.runUntil(2999);
    expect(rig.failures).toEqual([]);
    await rig.runUntil(3000);
    expect(rig.failures)
      .toEqual(["Nothing was heard for 3s while it waited for wss://bot.example.com:8443"]);
  });

  test("has the limit from the end of what is still to be played", async () => {
    const rig = new Rig({ limit: 3000 }).up();
    rig.write(2000);
    rig.deadAir.waiting(true, 0);
    expect(rig.deadAir.deadline).toBeLessThanOrEqual(5000);
    await rig.runUntil(4900);
    expect(rig.failures).toEqual([]);
    await rig.runUntil(5030);
    expect(rig.failures).toHaveLength(1);
  });

  test("has it anew when it is heard meanwhile", async () => {
    const rig = new Rig({ limit: 3000 }).up();
    rig.deadAir.waiting(true, 0);
    await rig.runUntil(2900);
    rig.write(500);
    await rig.runUntil(6300);
    expect(rig.failures).toEqual([]);
    await rig.runUntil(6450);
    expect(rig.failures).toHaveLength(1);
  });

  test("has none when it no longer waits, or has the call no more", async () => {
    for (
      const end of [
        (rig: Rig) => rig.deadAir.waiting(false, rig.now),
        (rig: Rig) => rig.deadAir.handlerEnded(rig.now),
      ]
    ) {
      const rig = new Rig({ limit: 3000 }).up();
      rig.deadAir.waiting(true, 0);
      await rig.runUntil(2999);
      end(rig);
      await rig.runUntil(60_000);
      expect(rig.failures).toEqual([]);
      expect(rig.deadAir.deadline).toBeUndefined();
    }
  });

  test("has none before the answer, where a caller hears ringing", async () => {
    const rig = new Rig({ limit: 3000 });
    rig.deadAir.handlerStarts(WEBSOCKET, FACTS, 0);
    await rig.runUntil(8000);
    rig.deadAir.audible(8000);
    expect(rig.deadAir.deadline).toBe(11_000);
    rig.deadAir.handlerStarted(9000);
    expect(rig.deadAir.deadline).toBeUndefined();
  });

  test("has none where the route says 0s", () => {
    const rig = new Rig({ limit: 0 }).up();
    rig.deadAir.waiting(true, 0);
    expect(rig.deadAir.deadline).toBeUndefined();
  });

  test("may say so before it has started, and the limit goes on", () => {
    const rig = new Rig({ limit: 3000 });
    rig.deadAir.audible(0);
    rig.deadAir.handlerStarts(WEBSOCKET, FACTS, 100);
    rig.deadAir.waiting(true, 200);
    rig.deadAir.handlerStarted(300);
    expect(rig.deadAir.deadline).toBe(3100);
  });

  test("that follows another has a limit of its own, also while it starts", async () => {
    const rig = new Rig({ limit: 3000 }).up();
    rig.deadAir.waiting(true, 0);
    await rig.runUntil(2000);
    rig.deadAir.handlerEnded(2000);
    rig.deadAir.handlerStarts(
      { type: "exec", command: ["bot"], env: {}, stop_after: 0 },
      FACTS,
      2000,
    );
    await rig.runUntil(5000);
    expect(rig.failures)
      .toEqual(["Nothing was heard for 3s while it waited for its program to start"]);
  });
});

describe("a sound for the wait", () => {
  const settings = { limit: 3000, play: FILE };

  async function prompting(): Promise<Rig> {
    const rig = new Rig(settings).up();
    rig.write(1000);
    rig.mark("before");
    await rig.runUntil(1500);
    rig.deadAir.waiting(true, 1500);
    await rig.runUntil(6000);
    return rig;
  }

  test("is played over and over, without a gap", async () => {
    const rig = await prompting();
    expect(rig.failures).toEqual([]);
    expect(rig.lines).toEqual([
      "Nothing was heard for 3s while it waited for wss://bot.example.com:8443: " +
      'plays "one-moment.wav"',
    ]);
    const [run, ...others] = rig.heardSince(1500);
    expect(others).toEqual([]);
    expect(run?.[0]).toBe("prompt");
    // From 4500 ms on
    expect(run?.[1]).toBeGreaterThanOrEqual(1480);
    expect(run?.[1]).toBeLessThanOrEqual(1520);
    expect(rig.deadAir.deadline).toBeUndefined();
  });

  test("fades within a frame once the handler is heard, whose sound follows whole", async () => {
    const rig = await prompting();
    const { now } = rig;
    rig.write(200);
    await rig.runUntil(now + 1000);
    const runs = rig.heardSince(now);
    const whole = runs.findIndex(([what, ms]) => what === "handler" && ms === 200);
    expect(whole).toBeGreaterThan(0);
    const faded = runs.slice(0, whole).filter(([what]) => what !== "prompt");
    expect(faded.reduce((sum, [, ms]) => sum + ms, 0)).toBeLessThanOrEqual(5);
    const first = rig.harness.sent.find((sent) => sent.at > now);
    expect((first?.at ?? Infinity) - now).toBeLessThanOrEqual(20);
  });

  test("ends when the handler no longer waits, or has the call no more", async () => {
    for (
      const end of [
        (rig: Rig) => rig.deadAir.waiting(false, rig.now),
        (rig: Rig) => rig.deadAir.handlerEnded(rig.now),
      ]
    ) {
      const rig = await prompting();
      end(rig);
      const { now } = rig;
      await rig.runUntil(now + 1000);
      expect(rig.harness.sent.filter(({ at }) => at > now + 20)).toEqual([]);
      expect(rig.audio.isPrompting).toBe(false);
    }
  });

  test("comes again when the handler goes on to wait", async () => {
    const rig = await prompting();
    rig.write(500);
    await rig.runUntil(12_000);
    const runs = rig.heardSince(8000);
    expect(runs).toHaveLength(1);
    expect(runs[0]?.[0]).toBe("prompt");
  });

  test("is in no count of the handler's", async () => {
    const rig = await prompting();
    rig.mark("during");
    const cleared = (() => {
      rig.audio.beginClear(rig.now);
      return rig.audio.endClear(rig.now);
    })();
    const during = rig.audio.counted(rig.harness.session.statistics());
    rig.write(300);
    rig.mark("after");
    await rig.runUntil(9000);
    rig.deadAir.waiting(false, 9000);
    rig.write(100);
    rig.audio.beginClear(rig.now);
    const last = rig.audio.endClear(rig.now);
    expect(rig.marks).toEqual([
      { name: "before", playedMs: 1000 },
      { name: "during", playedMs: 1000 },
      { name: "after", playedMs: 1300 },
    ]);
    expect(cleared).toEqual({ playedMs: 1000, droppedMs: 0 });
    expect(during).toMatchObject({ played_ms: 1000, dropped_ms: 0, queue_ms: 0, underruns: 0 });
    expect(last.playedMs + last.droppedMs).toBe(1400);
    await rig.runUntil(10_000);
    const ended = rig.audio.counted(rig.harness.session.statistics());
    expect(ended.played_ms).toBe(last.playedMs);
    expect(ended).toMatchObject({ dropped_ms: last.droppedMs, skipped_ms: 0, underruns: 0 });
  });

  test("leaves exact counts whatever is done and when", async () => {
    let seed = 7;
    const chance = (most: number) => {
      seed = seed * 48_271 % 0x7fff_ffff;
      return seed % most;
    };
    const rig = new Rig({ limit: 500, play: FILE }).up();
    let written = 0;
    for (let round = 0; round < 60; round++) {
      rig.deadAir.waiting(chance(3) > 0, rig.now);
      await rig.runUntil(rig.now + chance(2500));
      const ms = chance(40) * 10;
      if (chance(2) > 0 && ms > 0) {
        rig.write(ms);
        written += ms;
      }
      if (chance(6) === 0) {
        rig.audio.beginClear(rig.now);
        rig.audio.endClear(rig.now);
      }
      const { played_ms, dropped_ms, skipped_ms, queue_ms } = rig.audio.counted(
        rig.harness.session.statistics(),
      );
      // What is fading is neither waiting nor gone yet
      expect(Math.abs(played_ms + dropped_ms + skipped_ms + queue_ms - written))
        .toBeLessThanOrEqual(5);
    }
    rig.deadAir.waiting(false, rig.now);
    await rig.runUntil(rig.now + 2000);
    const counts = rig.audio.counted(rig.harness.session.statistics());
    expect(counts.played_ms + counts.dropped_ms + counts.skipped_ms).toBe(written);
    expect(rig.harness.session.statistics().played_ms).toBeGreaterThan(written);
  });

  test("is nobody's sound for a caller who speaks over it", async () => {
    const rig = await prompting();
    expect(rig.audio.isHeard).toBe(false);
    rig.write(100);
    expect(rig.audio.isHeard).toBe(true);
  });

  test("goes on while a clear of the handler is under way, which drops what is its own", async () => {
    const rig = await prompting();
    rig.audio.beginClear(rig.now);
    rig.write(100);
    expect(rig.audio.isPrompting).toBe(true);
    expect(rig.audio.endClear(rig.now)).toEqual({ playedMs: 1000, droppedMs: 100 });
    rig.write(100);
    expect(rig.audio.isPrompting).toBe(false);
  });

  test("is dropped in time while the caller holds", async () => {
    const rig = await prompting();
    rig.harness.session.renegotiate({ direction: "inactive" }, rig.now);
    await rig.runUntil(rig.now + 2000);
    rig.harness.session.renegotiate({ direction: "sendrecv" }, rig.now);
    await rig.runUntil(rig.now + 500);
    expect(rig.heardSince(rig.now - 400)[0]?.[0]).toBe("prompt");
    rig.deadAir.waiting(false, rig.now);
    await rig.runUntil(rig.now + 500);
    expect(rig.audio.counted(rig.harness.session.statistics()))
      .toMatchObject({ played_ms: 1000, dropped_ms: 0 });
  });

  test("that cannot be played is a failure of the handler", async () => {
    const rig = new Rig({ limit: 3000, play: "missing.wav" }).up();
    rig.deadAir.waiting(true, 0);
    await rig.runUntil(3000);
    expect(rig.failures).toEqual([
      "Nothing was heard for 3s while it waited for wss://bot.example.com:8443, and " +
      "dead_air.play: no missing.wav",
    ]);
  });

  test("takes facts of the call, which cannot leave the folder", async () => {
    const headers = { "X-Language": "../etc" };
    const rig = new Rig({ limit: 3000, play: "{X-Language}.wav" })
      .up({ ...FACTS, x_headers: headers });
    rig.deadAir.waiting(true, 0);
    await rig.runUntil(3000);
    expect(rig.failures[0]).toContain("{X-Language}");
    expect(rig.failures[0]).toContain("could leave the directory");
  });

  test("that is read too late is not played", async () => {
    const rig = new Rig(settings).up();
    rig.deadAir.waiting(true, 0);
    rig.harness.runUntil(3000);
    rig.deadAir.timeout(3000);
    rig.write(20);
    await rig.settled();
    expect(rig.audio.isPrompting).toBe(false);
    expect(rig.deadAir.deadline).toBeGreaterThanOrEqual(6000);
  });
});
