import { describe, expect, test } from "bun:test";
import { PCMU } from "../../../src/audio/g711.ts";
import { callSid } from "../../../src/twilio/sids.ts";
import { FACTS } from "../../support/call_facts.ts";
import { dtmf, END } from "../recording_host.ts";
import { connectedRig, frame, type Rig, type RigOptions, until } from "./websocket_fixture.ts";

const ACCOUNT = `AC${"1".repeat(32)}`;

function twilioRig(options: RigOptions = {}): Promise<Rig> {
  const spec = { protocol: "twilio", account_sid: ACCOUNT, ...options.spec } as const;
  return connectedRig({ ...options, spec });
}

/** A tone, s16le. */
function tone(samples: number, rate: number): Int16Array {
  return Int16Array.from(
    { length: samples },
    (_, index) => 8000 * Math.sin(2 * Math.PI * 440 * index / rate),
  );
}

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function encoded(samples: Int16Array): Uint8Array {
  const codes = new Uint8Array(samples.length);
  PCMU.encode(samples, 0, samples.length, codes, 0);
  return codes;
}

function decoded(codes: Uint8Array): Int16Array {
  const samples = new Int16Array(codes.length);
  PCMU.decode(codes, 0, codes.length, samples);
  return samples;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function codesOf(payloads: readonly string[]): Uint8Array {
  return new Uint8Array(payloads.flatMap((payload) => [...Buffer.from(payload, "base64")]));
}

/** The power of samples against their difference from others. */
function ratioDb(samples: Int16Array, others: Int16Array): number {
  let [signal, noise] = [0, 0];
  for (const [index, sample] of samples.entries()) {
    signal += sample ** 2;
    noise += (sample - (others[index] as number)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

interface MediaMessage {
  readonly media: { readonly chunk: string; readonly timestamp: string; readonly payload: string };
}

describe("Twilio Media Streams over a WebSocket", () => {
  test("begins with connected and start, and ends with stop", async () => {
    const rig = await twilioRig({ spec: { parameters: { room: "support-7" } } });
    await until(() => rig.peer().messages.length === 2);
    const [connected, start] = rig.peer().events();
    expect(connected).toEqual({ event: "connected", protocol: "Call", version: "1.0.0" });
    const streamSid = start?.streamSid;
    expect(streamSid).toMatch(/^MZ[0-9a-f]{32}$/);
    expect(start).toEqual({
      event: "start",
      sequenceNumber: "1",
      streamSid,
      start: {
        accountSid: ACCOUNT,
        streamSid,
        callSid: callSid(FACTS.id),
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: { room: "support-7" },
      },
    });
    expect(rig.peer().socket.protocol).toBe("");
    rig.handler.stop(END);
    await rig.host.untilEnded();
    expect(rig.peer().events().at(-1)).toMatchObject({
      event: "stop",
      stop: { accountSid: ACCOUNT, callSid: callSid(FACTS.id) },
    });
    await rig.stop();
  });

  test("the caller's sound is mu-law, with time in milliseconds", async () => {
    const rig = await twilioRig();
    const sound = tone(480, 8000);
    for (let at = 0; at < 480; at += 160) {
      rig.handler.receiveAudio(bytesOf(sound.subarray(at, at + 160)));
    }
    await until(() => rig.peer().events("media").length === 3);
    const media = (rig.peer().events("media") as unknown as MediaMessage[]).map((each) =>
      each.media
    );
    expect(media.map(({ chunk, timestamp }) => [chunk, timestamp])).toEqual([
      ["1", "0"],
      ["2", "20"],
      ["3", "40"],
    ]);
    expect(codesOf(media.map(({ payload }) => payload))).toEqual(encoded(sound));
    await rig.stop();
  });

  test("sound that does not lie on a whole sample's place is the same", async () => {
    const rig = await twilioRig();
    const sound = tone(160, 8000);
    const shifted = new Uint8Array(321);
    shifted.set(bytesOf(sound), 1);
    rig.handler.receiveAudio(shifted.subarray(1));
    await until(() => rig.peer().events("media").length === 1);
    const { payload } = (rig.peer().events("media")[0] as unknown as MediaMessage).media;
    expect(payload).toBe(base64(encoded(sound)));
    await rig.stop();
  });

  test("a bot's sound is played, of any length; marks and clears are in their order", async () => {
    const rig = await twilioRig();
    rig.host.keep = true;
    const sound = tone(1_000, 8000);
    const say = (samples: Int16Array) =>
      rig.peer().say({
        event: "media",
        streamSid: "x",
        media: { payload: base64(encoded(samples)) },
      });
    say(sound.subarray(0, 1));
    say(sound.subarray(1, 800));
    rig.peer().say({ event: "mark", streamSid: "x", mark: { name: "half" } });
    rig.peer().say({ event: "mark", streamSid: "x", mark: { name: "half" } });
    say(sound.subarray(800));
    rig.peer().say({ event: "clear", streamSid: "x" });
    await rig.host.until(() => rig.host.of("command").length === 3);
    expect(rig.host.heard.slice(1)).toEqual([
      { type: "audio", bytes: 1_600 },
      { type: "command", command: { command: "mark", name: "half" } },
      { type: "command", command: { command: "mark", name: "half" } },
      { type: "audio", bytes: 400 },
      { type: "clearAudio" },
      { type: "command", command: { command: "clear" } },
    ]);
    expect(rig.host.pcm).toEqual(bytesOf(decoded(encoded(sound))));
    await rig.stop();
  });

  test("keys and marks are told, and nothing that it does not know", async () => {
    const rig = await twilioRig();
    rig.handler.receiveEvent(dtmf("#"));
    rig.handler.receiveEvent(dtmf("flash"));
    rig.handler.receiveEvent({ event: "speech", state: "started", at_ms: 3 });
    rig.handler.receiveEvent({ event: "mark", name: "half", played_ms: 100 });
    await until(() => rig.peer().messages.length === 4);
    const [, start, key, mark] = rig.peer().events();
    const streamSid = start?.streamSid;
    expect(key).toEqual({
      event: "dtmf",
      streamSid,
      sequenceNumber: "2",
      dtmf: { track: "inbound_track", digit: "#" },
    });
    expect(mark).toEqual({ event: "mark", streamSid, sequenceNumber: "3", mark: { name: "half" } });
    await rig.stop();
  });

  test("what is no message is refused, and the stream goes on", async () => {
    const rig = await twilioRig();
    rig.peer().socket.send("hello");
    rig.peer().socket.send(new Uint8Array(320));
    rig.peer().say({ event: "sing" });
    rig.peer().say({ event: "media", media: { payload: "*" } });
    rig.peer().say({ event: "mark", mark: { name: "x".repeat(300) } });
    rig.peer().say({ event: "mark" });
    await rig.host.until(() => rig.host.of("command").length === 1);
    expect(rig.host.of("command")[0]?.command).toEqual({ command: "mark", name: "" });
    expect(rig.host.of("refused").length).toBe(5);
    await rig.stop();
  });

  test("is taken as bots send it: before they read start, in bytes, without a pause", async () => {
    const codes = encoded(tone(80_000, 8000));
    const media = (piece: Uint8Array) =>
      JSON.stringify({ event: "media", streamSid: null, media: { payload: base64(piece) } });
    const rig = await twilioRig({
      server: {
        onConnection: ({ socket }) => {
          socket.send(media(codes.subarray(0, 160)));
          socket.send(Buffer.from(media(codes.subarray(160, 320))));
          // Ten seconds at once, but for what came before
          socket.send(media(codes.subarray(320)));
          socket.send(Buffer.from('{"event":"mark","mark":{"name":1}}'));
          socket.send(media(new Uint8Array(0)));
        },
      },
    });
    rig.host.keep = true;
    await rig.host.until(() => rig.host.of("command").length === 1);
    expect(rig.host.of("command")[0]?.command).toEqual({ command: "mark", name: "1" });
    expect(rig.host.audioBytes).toBe(160_000);
    expect(rig.host.of("refused")).toEqual([]);
    await rig.stop();
  });

  test("a bot can hang up by REST while there is the call, and only then", async () => {
    const rig = await twilioRig();
    const call = rig.calls.find(callSid(FACTS.id));
    expect([call?.accountSid, call?.status()]).toEqual([ACCOUNT, "in-progress"]);
    call?.hangUp();
    expect(rig.host.of("command")).toEqual([{ type: "command", command: { command: "hangup" } }]);
    expect(call?.replace({ twiml: "<Response/>" })).toContain("no TwiML");
    rig.handler.kill();
    expect(rig.calls.find(callSid(FACTS.id))).toBeUndefined();
    await rig.stop();
  });

  test("a call of another rate is heard, and hears, at its own", async () => {
    const rig = await twilioRig({ rate: 16_000 });
    rig.host.keep = true;
    const [wide, narrow] = [tone(3_200, 16_000), tone(1_600, 8000)];
    for (let at = 0; at < 3_200; at += 320) {
      rig.handler.receiveAudio(bytesOf(wide.subarray(at, at + 320)));
    }
    await until(() => rig.peer().events("media").length === 10);
    const media = rig.peer().events("media") as unknown as MediaMessage[];
    const heard = decoded(codesOf(media.map((each) => each.media.payload)));
    expect(heard.length).toBe(1_600);
    // Later by the filter's 2.5 ms
    expect(ratioDb(narrow.subarray(100, 1_500), heard.subarray(120, 1_520))).toBeGreaterThan(25);
    rig.peer().say({ event: "media", media: { payload: base64(encoded(narrow)) } });
    await rig.host.until(() => rig.host.audioBytes === 6_400);
    const played = new Int16Array(rig.host.pcm.buffer);
    expect(ratioDb(wide.subarray(200, 3_000), played.subarray(240, 3_040))).toBeGreaterThan(25);
    await rig.stop();
  });

  test("a connection that is lost is a new stream, with its own name and counters", async () => {
    const rig = await twilioRig({ spec: { reconnect: { tries: 1, delay: 10 } } });
    rig.handler.receiveAudio(frame(0));
    await until(() => rig.peer().events("media").length === 1);
    rig.peer().socket.terminate();
    await until(() => rig.server.peers.length === 2 && rig.peer(1).messages.length === 2);
    rig.handler.receiveAudio(frame(0));
    await until(() => rig.peer(1).messages.length === 3);
    const [before, , after] = [rig.peer().events()[1], 0, rig.peer(1).events()[1]];
    expect(before?.streamSid === after?.streamSid).toBe(false);
    expect(rig.peer(1).events("media")).toMatchObject([
      { sequenceNumber: "2", streamSid: after?.streamSid, media: { chunk: "1", timestamp: "0" } },
    ]);
    await rig.stop();
  });
});
