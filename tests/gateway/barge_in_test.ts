import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import type { HandlerEvent } from "../../src/call/handler_message.ts";
import { emptyRtpHeader, writeRtpHeader } from "../../src/rtp/packet.ts";
import { speech } from "../audio/sounds.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
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

describe("a caller who speaks over a handler", () => {
  let server: RunningGateway | undefined;
  let caller: RawCaller | undefined;
  let telephone: Telephone | undefined;
  const folder = mkdtempSync(join(tmpdir(), "voicegw-barge-in-"));
  const raw = join(folder, "prompt.raw");
  writeFileSync(raw, new Uint8Array(PROMPT.buffer));
  const wav = join(folder, "prompt.wav");
  writeFileSync(wav, serializeWav(PROMPT, RATE));

  afterEach(async () => {
    caller?.close();
    telephone?.close();
    await server?.stop();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A call to the one route, up to its 200. */
  async function callTo(route: Readonly<Record<string, unknown>>) {
    server = await startGateway({ routes: [{ barge_in: "clear", ...route }] });
    caller = await RawCaller.open(server.udp);
    telephone = await Telephone.open();
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", telephone.port) });
    return { server, caller, telephone, call, answer, target: rtpTargetOf(answer) };
  }

  /** What a program was told, when it copies that to its standard error. */
  function eventsOf(logs: readonly string[]): readonly HandlerEvent[] {
    return logs.filter((line) => line.startsWith('{"event"')).map((line) => JSON.parse(line));
  }

  /** A program that plays the prompt, with what it is told in the log. */
  const player = (then: string) => ["sh", "-c", `cat <&3 >&2 & cat "$0"; ${then}`, raw];

  const silence = (ms: number) => new Int16Array(ms * RATE / 1000);
  const words = speech(RATE, -26).subarray(0, RATE);

  test("is told of, and stops it at once; the handler learns how much was heard", async () => {
    const called = await callTo({ exec: player("sleep 10") });
    await called.telephone.say(called.target, silence(800));
    const spokeAt = await called.telephone.say(called.target, words);
    await called.telephone.say(called.target, silence(600));
    called.caller.bye(called.call, called.answer);
    await called.server.ended(1);
    const quietAt = called.telephone.heardAt.at(-1) ?? 0;
    console.log(`silence ${Math.round(quietAt - spokeAt)} ms after the first word`);
    expect(quietAt - spokeAt).toBeGreaterThan(250);
    expect(quietAt - spokeAt).toBeLessThan(360 + SLACK_MS);
    const events = eventsOf(called.server.logs);
    expect(events.map(({ event }) => event)).toEqual([
      "start",
      "speech",
      "cleared",
      "speech",
      "end",
    ]);
    const [, started, cleared, stopped] = events;
    expect(started).toMatchObject({ state: "started" });
    expect(stopped).toMatchObject({ state: "stopped" });
    if (cleared?.event !== "cleared") throw new Error("no cleared");
    expect(cleared.reason).toBe("barge_in");
    expect(cleared.played_ms + cleared.dropped_ms).toBe(Math.round(PROMPT_MS));
    expect(cleared.played_ms).toBeGreaterThanOrEqual(1000);
    expect(cleared.played_ms).toBeLessThanOrEqual(called.telephone.heardAt.length * FRAME_MS);
  });
});
