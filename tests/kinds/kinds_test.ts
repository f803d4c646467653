import { describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import type { CallRecord } from "../../src/call/call_record.ts";
import { speech } from "../audio/sounds.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { type RawCall, RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer, sampleOf } from "../support/rtp_peer.ts";
import type { FarCall, FarEnd, FarEvent, Kind, Row } from "./kind.ts";
import { KINDS } from "./kinds.ts";

const FRAME = 160;
const FRAME_MS = 20;
/** Of what is cleared, the beginning goes out, fading. */
const FADE_MS = 5;
/** Codes of mu-law, each a sound that is told from the others. */
const [A, B, C] = [0x10, 0x20, 0x30] as const;
/** Frames that may be lost at the beginning and end of a sound that is passed on live. */
const EDGE_FRAMES = 3;
/** What the buffers between a program that never stops and us may hold: half a megabyte. */
const QUEUE_MS_MAX = 35_000;
const CALL_TIMEOUT_MS = 20_000;
/** What a caller says for those that listen to words, and the silence that ends it. */
const SAID_SAMPLES = 8000;
const QUIET_SAMPLES = 8000;
/** Behind those of all keys. */
const BYE_SEQUENCE = 100;

/** A call to a far end of one kind, up to its 200. */
interface Line {
  readonly server: RunningGateway;
  readonly far: FarCall;
  readonly phone: RtpPeer;
  readonly caller: RawCaller;
  readonly call: RawCall;
  /** Says frames of one code, at their pace. */
  say(code: number, frames: number): Promise<void>;
  /** Says a sound of 8000 Hz, at its pace. */
  speak(sound: Int16Array): Promise<void>;
  pressKey(key: string): void;
  /** Hangs up; resolves with the record of the call. */
  hangUp(): Promise<CallRecord>;
}

/** Makes a call, and sees to it that nothing is left of it. */
async function withLine(
  kind: Kind,
  body: (line: Line) => Promise<void>,
  route: Readonly<Record<string, unknown>> = {},
  isWatched = false,
): Promise<void> {
  const farEnd: FarEnd = await kind.open(isWatched);
  const { targets } = farEnd;
  const server = await startGateway({
    routes: [{ ...farEnd.route, ...route }],
    ...(targets === undefined ? {} : { http: { targets } }),
  });
  const caller = await RawCaller.open(server.udp);
  const phone = await RtpPeer.open();
  try {
    const coming = farEnd.next();
    const { call, answer } = await caller.establish({
      sdp: sdpOf("127.0.0.1", phone.port, {
        formats: "0 101",
        lines: ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"],
      }),
    });
    expect(answer.statusCode).toBe(200);
    const target = rtpTargetOf(answer);
    const far = await coming;
    let sequence = 1;
    const pressKey = (key: string): void =>
      caller.info(call, answer, {
        type: "application/dtmf-relay",
        body: `Signal=${key}\r\nDuration=120\r\n`,
        sequence: ++sequence,
      });
    far.takeKeypad?.(pressKey);
    await body({
      server,
      phone,
      caller,
      call,
      far,
      say: (code, frames) => phone.stream(target, code, frames),
      speak: async (sound) => {
        const start = performance.now();
        const codes = new Uint8Array(FRAME);
        for (let at = 0; at + FRAME <= sound.length; at += FRAME) {
          await Bun.sleep(Math.max(0, start + at / FRAME * FRAME_MS - performance.now()));
          PCMU.encode(sound, at, FRAME, codes, 0);
          phone.sendPayload(target, codes);
        }
      },
      pressKey,
      hangUp: async () => {
        caller.bye(call, answer, BYE_SEQUENCE);
        return (await server.ended(1))[0] as CallRecord;
      },
    });
    await server.idle();
  } finally {
    caller.close();
    phone.close();
    await server.stop();
    await farEnd.close();
  }
}

/** Frames of one code as the handler's sound. */
function soundOf(code: number, frames: number): Uint8Array {
  return new Uint8Array(new Int16Array(frames * FRAME).fill(sampleOf(code)).buffer);
}

function eventsOf(far: FarCall, event: string): readonly FarEvent[] {
  return far.events.filter((told) => told.event === event);
}

async function told(far: FarCall, event: string, count = 1): Promise<readonly FarEvent[]> {
  await until(() => eventsOf(far, event).length >= count, 5000, () => {
    return `${eventsOf(far, event).length} of ${count} ${event}: ${JSON.stringify(far.events)}`;
  });
  return eventsOf(far, event);
}

/** How much of one code came, in whole frames or torn ones: a busy machine tears some in two. */
function heardMs(phone: RtpPeer, code: number): number {
  let samples = 0;
  for (const { payload } of phone.received) {
    for (const each of payload) if (each === code) samples++;
  }
  return samples * FRAME_MS / FRAME;
}

function framesOf(phone: RtpPeer, code: number): number {
  return Math.floor(heardMs(phone, code) / FRAME_MS);
}

/** The fade-out counts as played, and its first samples are as loud as the sound. */
function expectPlayed(played: unknown, phone: RtpPeer): void {
  expect(Math.abs(Number(played) - FADE_MS - heardMs(phone, A))).toBeLessThanOrEqual(1);
}

function heard(phone: RtpPeer, code: number, frames: number): Promise<void> {
  return until(() => framesOf(phone, code) >= frames, 5000, () => {
    return `${framesOf(phone, code)} of ${frames} frames came`;
  });
}

/** The codes of whole frames in the order in which they came, each once. */
function orderOf(phone: RtpPeer): readonly number[] {
  const codes = phone.received.flatMap(({ payload }) => {
    const [first] = payload;
    return first !== undefined && payload.every((byte) => byte === first) ? [first] : [];
  });
  return [...new Set(codes)].filter((code) => [A, B, C].some((known) => known === code));
}

/** The caller says something, and hears it again, sample for sample. */
async function hearsItsWords(line: Line): Promise<void> {
  const said = new Int16Array(SAID_SAMPLES + QUIET_SAMPLES);
  said.set(speech(8000, -20).subarray(0, SAID_SAMPLES));
  await line.speak(said);
  const middle = codesOf(said.subarray(SAID_SAMPLES / 2, SAID_SAMPLES / 2 + 10 * FRAME));
  const heardIt = () => {
    const all = line.phone.received.flatMap(({ payload }) => [...payload]);
    return Buffer.from(codesOf(decoded(all))).includes(middle);
  };
  await until(heardIt, 5000, () => `${line.far.heardBytes} bytes came to the far end`);
  const { statistics } = await line.hangUp();
  expect(statistics).toMatchObject({ packets_lost: 0, concealed_ms: 0, dropped_ms: 0 });
}

/** The codes of samples that went through mu-law already: each sound has one spelling only. */
function codesOf(samples: Int16Array): Uint8Array {
  const codes = new Uint8Array(samples.length);
  PCMU.encode(samples, 0, samples.length, codes, 0);
  return codes;
}

function decoded(codes: readonly number[]): Int16Array {
  const samples = new Int16Array(codes.length);
  PCMU.decode(Uint8Array.from(codes), 0, codes.length, samples);
  return samples;
}

const TESTS: Readonly<Record<Row, (kind: Kind) => Promise<void>>> = {
  "echo": (kind) =>
    withLine(kind, async (line) => {
      line.far.echo();
      if (kind.echoes === "words") return await hearsItsWords(line);
      for (const code of [A, B, C]) await line.say(code, 15);
      for (const code of [A, B, C]) await heard(line.phone, code, 15 - EDGE_FRAMES);
      expect(orderOf(line.phone)).toEqual([A, B, C]);
      const { statistics } = await line.hangUp();
      expect(statistics).toMatchObject({ packets_lost: 0, concealed_ms: 0, dropped_ms: 0 });
    }, kind.echoes === "words" ? { barge_in: "notify" } : {}),

  "dtmf": (kind) =>
    withLine(kind, async (line) => {
      line.pressKey("5");
      const [key] = await told(line.far, "dtmf");
      expect(key).toMatchObject({ digit: "5" });
      await line.hangUp();
    }),

  "marks": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 10));
      line.far.mark("a");
      line.far.say(soundOf(B, 15));
      line.far.mark("b");
      line.far.mark("b again");
      const marks = await told(line.far, "mark", 3);
      expect(marks.map(({ name }) => name)).toEqual(["a", "b", "b again"]);
      expect(framesOf(line.phone, A)).toBe(10);
      const played = marks.map(({ played_ms }) => played_ms);
      if (kind.playedOfMarks === "exact") expect(played).toEqual([200, 500, 500]);
      if (kind.playedOfMarks === "at least") {
        expect(played[0]).toBeGreaterThanOrEqual(200);
        expect(played.slice(1)).toEqual([500, 500]);
      }
      await heard(line.phone, B, 15);
      await line.hangUp();
    }),

  "clear": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 150));
      line.far.mark("after it");
      await heard(line.phone, A, 20);
      line.far.clear();
      if (kind.tellsOfClear === "cleared") {
        const [cleared] = await told(line.far, "cleared");
        const { played_ms, dropped_ms } = cleared as unknown as Record<string, number>;
        await Bun.sleep(100);
        expectPlayed(played_ms, line.phone);
        const left = 3000 - Number(played_ms);
        if (kind.dropped !== "handed over") expect(dropped_ms).toBe(left);
        else {
          expect(dropped_ms).toBeGreaterThan(0);
          expect(dropped_ms).toBeLessThanOrEqual(left);
        }
        expect(cleared).toMatchObject({ reason: "command" });
      }
      await told(line.far, "mark");
      line.far.say(soundOf(B, 10));
      await heard(line.phone, B, 10 - 1);
      expect(framesOf(line.phone, A)).toBeLessThan(60);
      await line.hangUp();
    }),

  "barge-in": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 250));
      await heard(line.phone, A, 10);
      await line.speak(speech(8000, -20).subarray(0, 8000));
      const before = framesOf(line.phone, A);
      expect(before).toBeLessThan(75);
      await Bun.sleep(200);
      expect(framesOf(line.phone, A)).toBe(before);
      if (kind.tellsOfClear === "cleared") {
        const [cleared] = await told(line.far, "cleared");
        expect(cleared).toMatchObject({ reason: "barge_in" });
        expectPlayed(cleared?.played_ms, line.phone);
      }
      line.far.say(soundOf(B, 10));
      await heard(line.phone, B, 9);
      await line.hangUp();
    }, { barge_in: "clear" }),

  "caller hangs up": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 500));
      await line.say(B, 10);
      const { cause } = await line.hangUp();
      expect(cause).toBe("caller_hangup");
      await told(line.far, "end");
    }),

  "far end hangs up": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 25));
      line.far.hangUp();
      await line.caller.request(line.call, "BYE");
      expect(framesOf(line.phone, A)).toBe(25);
      const [record] = await line.server.ended(1);
      expect(record).toMatchObject({ cause: "handler_hangup", sip_status: 200 });
    }),

  "far end dies": (kind) =>
    withLine(kind, async (line) => {
      line.far.say(soundOf(A, 500));
      await heard(line.phone, A, 10);
      line.far.die();
      await until(
        () => line.server.logs.some((text) => text.includes("on_error goes on")),
        5000,
        () => line.server.logs.join("\n"),
      );
      const before = framesOf(line.phone, A);
      await line.say(C, 20);
      await heard(line.phone, C, 20 - EDGE_FRAMES);
      expect(framesOf(line.phone, A)).toBeLessThanOrEqual(before + 1);
      expect((await line.hangUp()).handler).toBe("echo");
    }, { on_error: { echo: true } }),

  "far end reads nothing": (kind) =>
    withLine(kind, async (line) => {
      line.far.stall();
      await line.say(A, 100);
      const { cause } = await line.hangUp();
      expect(cause).toBe("caller_hangup");
    }),

  "far end floods": (kind) =>
    withLine(kind, async (line) => {
      line.far.flood();
      const start = performance.now();
      await line.say(A, 75);
      const packets = line.phone.received.length;
      const due = (performance.now() - start) / FRAME_MS;
      expect(packets).toBeGreaterThan(due * 0.7 - 5);
      expect(packets).toBeLessThan(due * 1.1 + 10);
      const { cause, statistics } = await line.hangUp();
      expect(cause).toBe("caller_hangup");
      expect(statistics.queue_ms_max).toBeLessThan(QUEUE_MS_MAX);
    }),

  "half-open": (kind) =>
    withLine(
      kind,
      async (line) => {
        await line.say(A, 5);
        line.far.freeze();
        if (kind.noticesHalfOpen) {
          await until(
            () => line.server.logs.some((text) => text.includes("on_error goes on")),
            8000,
            () => line.server.logs.join("\n"),
          );
          await line.say(C, 20);
          await heard(line.phone, C, 20 - EDGE_FRAMES);
        } else await line.say(A, 50);
        await line.hangUp();
      },
      { on_error: { echo: true } },
      true,
    ),
};

for (const kind of KINDS) {
  describe(`${kind.name} as handler`, () => {
    for (const [row, body] of Object.entries(TESTS)) {
      const reason = kind.without[row as Row];
      if (reason === undefined) {
        test.concurrent(row, () => body(kind), CALL_TIMEOUT_MS);
      } else test(`${row}: ${reason}`, () => expect(reason).not.toBe(""));
    }
  });
}
