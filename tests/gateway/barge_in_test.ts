import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import type { CallRecord } from "../../src/call/call_record.ts";
import type { HandlerEvent } from "../../src/call/handler_message.ts";
import { emptyRtpHeader, writeRtpHeader } from "../../src/rtp/packet.ts";
import { speech } from "../audio/sounds.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";

const RATE = 8000;
const FRAME = 160;
const FRAME_MS = 20;
/** The clip backwards: it sounds like speech, and is like nothing that the caller says. */
const PROMPT = speech(RATE, -26).slice().reverse();
const PROMPT_MS = PROMPT.length * 1000 / RATE;
/** How late a busy machine may be. */
const SLACK_MS = 60;

/** A telephone whose owner says what a test says, and remembers when it heard something. */
class Telephone {
  readonly port: number;
  /** Instants of the packets that came. */
  readonly heardAt: number[] = [];
  readonly #socket: Bun.udp.Socket<"buffer">;
  #sequence = 0;

  private constructor(socket: Bun.udp.Socket<"buffer">) {
    this.#socket = socket;
    this.port = socket.port;
  }

  static async open(): Promise<Telephone> {
    const opened: { telephone?: Telephone } = {};
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: () => void opened.telephone?.heardAt.push(performance.now()),
        error: () => {},
      },
    });
    opened.telephone = new Telephone(socket);
    return opened.telephone;
  }

  /** Says a sound at its pace; resolves with the instant at which it began. */
  async say(to: { address: string; port: number }, sound: Int16Array): Promise<number> {
    const start = performance.now();
    const packet = new Uint8Array(12 + FRAME);
    for (let at = 0; at + FRAME <= sound.length; at += FRAME) {
      const due = start + at / FRAME * FRAME_MS;
      await Bun.sleep(Math.max(0, due - performance.now()));
      const timestamp = this.#sequence * FRAME;
      const sequenceNumber = this.#sequence++ & 0xffff;
      writeRtpHeader(packet, { ...emptyRtpHeader(), sequenceNumber, timestamp, ssrc: 7 });
      PCMU.encode(sound, at, FRAME, packet, 12);
      this.#socket.send(packet, to.port, to.address);
    }
    return start;
  }

  close(): void {
    this.#socket.close();
  }
}

/** A call to a gateway with one route, up to its 200. */
interface Rig {
  readonly server: RunningGateway;
  readonly telephone: Telephone;
  /** Says a sound at its pace; resolves with the instant at which it began. */
  say(sound: Int16Array): Promise<number>;
  /** Hangs up; resolves with the record of the call. */
  end(): Promise<CallRecord>;
  /** What the program was told, when it copies that to its standard error. */
  events(): readonly HandlerEvent[];
}

async function withCall(
  route: Readonly<Record<string, unknown>>,
  body: (rig: Rig) => Promise<void>,
  others: readonly unknown[] = [],
): Promise<void> {
  const server = await startGateway({ routes: [{ barge_in: "clear", ...route }, ...others] });
  const caller = await RawCaller.open(server.udp);
  const telephone = await Telephone.open();
  const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", telephone.port) });
  const target = rtpTargetOf(answer);
  const events = () =>
    server.logs.filter((line) => line.startsWith('{"event"')).map((line) => JSON.parse(line));
  try {
    await body({
      server,
      telephone,
      events,
      say: (sound) => telephone.say(target, sound),
      end: async () => {
        caller.bye(call, answer);
        return (await server.ended(1))[0] as CallRecord;
      },
    });
    await server.idle();
  } finally {
    caller.close();
    telephone.close();
    await server.stop();
  }
}

const folder = mkdtempSync(join(tmpdir(), "voicegw-barge-in-"));
const raw = join(folder, "prompt.raw");
const wav = join(folder, "prompt.wav");
writeFileSync(raw, new Uint8Array(PROMPT.buffer));
writeFileSync(wav, serializeWav(PROMPT, RATE));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const WORDS = speech(RATE, -26).subarray(0, RATE);
const silence = (ms: number) => new Int16Array(ms * RATE / 1000);
/** A shell that does this, and holds nobody up at the end. */
const shell = (script: string) => ({
  command: ["sh", "-c", script.replaceAll(/\s+/g, " "), raw],
  stop_after: "100ms",
});
/** The same, with what it is told in the log. */
const program = (script: string) => shell(`cat <&3 >&2 & ${script}`);
const namesOf = (events: readonly HandlerEvent[]) => events.map(({ event }) => event);
const clearedOf = (events: readonly HandlerEvent[]) =>
  events.filter((event) => event.event === "cleared");

describe("a caller who speaks over a handler", () => {
  test.concurrent("stops it at once, and the handler learns how much was heard", () =>
    withCall({ exec: program('cat "$0"; sleep 10') }, async (rig) => {
      await rig.say(silence(600));
      const spokeAt = await rig.say(WORDS);
      await rig.say(silence(500));
      const { statistics } = await rig.end();
      const quietAt = rig.telephone.heardAt.at(-1) ?? 0;
      console.log(`silence ${Math.round(quietAt - spokeAt)} ms after the first word`);
      expect(quietAt - spokeAt).toBeGreaterThan(250);
      expect(quietAt - spokeAt).toBeLessThan(360 + SLACK_MS);
      const events = rig.events();
      expect(namesOf(events)).toEqual(["start", "speech", "cleared", "speech", "end"]);
      expect(events[1]).toMatchObject({ state: "started" });
      expect(events[3]).toMatchObject({ state: "stopped" });
      const [cleared] = clearedOf(events);
      expect(cleared).toMatchObject({ reason: "barge_in" });
      const { played_ms = NaN, dropped_ms = NaN } = cleared ?? {};
      expect(played_ms + dropped_ms + statistics.skipped_ms).toBe(Math.round(PROMPT_MS));
      expect(played_ms).toBeGreaterThanOrEqual(800);
      expect(played_ms).toBeLessThanOrEqual(rig.telephone.heardAt.length * FRAME_MS);
    }));

  test.concurrent("is only told of where the route says notify", () =>
    withCall({ exec: program('cat "$0"; sleep 10'), barge_in: "notify" }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      const heard = rig.telephone.heardAt.length;
      await rig.say(silence(500));
      expect(rig.telephone.heardAt.length).toBeGreaterThan(heard + 20);
      await rig.end();
      expect(namesOf(rig.events())).toEqual(["start", "speech", "speech", "end"]);
    }));

  test.concurrent("stops the handler of the route that the call was handed to", () => {
    const exec = program('echo \'{{"command":"route","name":"talker"}\' >&3; sleep 10');
    const talker = {
      name: "talker",
      barge_in: "clear",
      exec: program('cat "$0"; sleep 10'),
    };
    return withCall({ when: { to: "*" }, exec, barge_in: "off" }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      await rig.say(silence(300));
      await rig.end();
      expect(clearedOf(rig.events())).toMatchObject([{ reason: "barge_in" }]);
      expect(namesOf(rig.events()).filter((event) => event === "start")).toHaveLength(2);
    }, [talker]);
  });

  test.concurrent("ends a recording that is played, and with it the call", () =>
    withCall({ play: wav }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      const [record] = await rig.server.ended(1);
      expect(record?.cause).toBe("handler_hangup");
      expect(record?.statistics.played_ms).toBeGreaterThanOrEqual(800);
      expect(record?.statistics.played_ms).toBeLessThan(1200);
    }));

  test.concurrent("ends one that is played in a loop, too", () =>
    withCall({ play: { file: wav, loop: true } }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      const [record] = await rig.server.ended(1);
      expect(record?.cause).toBe("handler_hangup");
      expect(record?.statistics.played_ms).toBeLessThan(1200);
    }));

  test.concurrent("ends what a program has left behind", () =>
    withCall({ exec: program('cat "$0"') }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      const [record] = await rig.server.ended(1);
      expect(record?.cause).toBe("handler_hangup");
      expect(record?.statistics.played_ms).toBeLessThan(1200);
    }));
});

describe("a caller who speaks while nothing is played", () => {
  test.concurrent("is told of, and nothing is cleared", () =>
    withCall({ exec: program('head -c 3200 "$0"; sleep 10') }, async (rig) => {
      await rig.say(silence(1200));
      await rig.say(WORDS);
      await rig.say(silence(500));
      await rig.end();
      expect(namesOf(rig.events())).toEqual(["start", "speech", "speech", "end"]);
    }));

  test.concurrent("and is heard by an echo, speaks on", () =>
    withCall({ echo: true }, async (rig) => {
      await rig.say(silence(400));
      await rig.say(WORDS);
      await rig.say(silence(200));
      const record = await rig.end();
      expect(record.cause).toBe("caller_hangup");
      expect(record.statistics.played_ms).toBeGreaterThan(1400);
    }));
});

describe("a barge-in that crosses", () => {
  test.concurrent("a clear of the program's own: that alone is answered", () => {
    const script = `cat "$0"; while read -r line; do echo "$line" >&2; case $line in
      *started*) echo '{{"command":"clear"}' >&3;; esac; done <&3`;
    return withCall({ exec: shell(script) }, async (rig) => {
      await rig.say(silence(600));
      await rig.say(WORDS);
      const { statistics } = await rig.end();
      const cleared = clearedOf(rig.events());
      expect(cleared.map(({ reason }) => reason)).toEqual(["command"]);
      const { played_ms = NaN, dropped_ms = NaN } = cleared[0] ?? {};
      expect(played_ms + dropped_ms + statistics.skipped_ms).toBe(Math.round(PROMPT_MS));
    });
  });

  test.concurrent("many clears of a program that never stops writing: each is answered", () => {
    const clears = 60;
    const script = `while :; do cat "$0"; done & sleep 0.7; for i in $(seq ${clears}); do
      echo '{{"command":"clear"}' >&3; sleep 0.005; done; sleep 10`;
    const route = { exec: program(script), barge_in: { mode: "clear", after: "20ms" } };
    return withCall(route, async (rig) => {
      await rig.say(silence(500));
      await rig.say(WORDS);
      const told = () => clearedOf(rig.events());
      const commands = () => told().filter(({ reason }) => reason === "command").length;
      await until(() => commands() === clears, 5000, () => `${commands()} clears`);
      await rig.end();
      const played = told().map(({ played_ms }) => played_ms);
      expect(played).toEqual([...played].sort((a, b) => a - b));
      expect(told().length - clears).toBeLessThanOrEqual(1);
    });
  });

  for (const [code, cause] of [[0, "handler_hangup"], [1, "handler_failed"]] as const) {
    test.concurrent(`the end of a program with ${code}: the call ends`, () => {
      const script = `cat "$0"; while read -r line; do case $line in
        *started*) sleep 0.07; exit ${code};; esac; done <&3`;
      return withCall({ exec: shell(script) }, async (rig) => {
        await rig.say(silence(600));
        await rig.say(WORDS);
        const [record] = await rig.server.ended(1);
        expect(record?.cause).toBe(cause);
        expect(record?.statistics.played_ms).toBeLessThan(1200);
      });
    });
  }
});
