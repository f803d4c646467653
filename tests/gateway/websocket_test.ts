import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { PCMU } from "../../src/audio/g711.ts";
import { findSound } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import type { CallRecord } from "../../src/call/call_record.ts";
import type {
  OutboundCallOptions,
  OutboundCallResult,
} from "../../src/gateway/outbound_options.ts";
import type { Headers } from "../../src/sip/message/headers.ts";
import { startWsServer, type WsPeer, type WsServer } from "../handler/websocket/ws_server.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { openDescriptors } from "../support/processes.ts";

/** What bots say: no multiple of a frame. */
const JINGLE = tone(700, 613, RATE);

/** What the caller says. */
const HELLO = tone(440, 500, RATE);

type Bot = (peer: WsPeer) => void;

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function mediaOf(samples: Int16Array): Record<string, unknown> {
  const codes = new Uint8Array(samples.length);
  PCMU.encode(samples, 0, samples.length, codes, 0);
  return {
    event: "media",
    streamSid: "?",
    media: { payload: Buffer.from(codes).toString("base64") },
  };
}

/** A busy machine may tear a sound in two: its beginning has to be there. */
function expectSound(heard: Int16Array, sound: Int16Array): void {
  const beginning = sound.subarray(0, 200 * RATE / 1000);
  const { correlation } = findSound(beginning, heard, { rate: RATE, delayMax: 2000 });
  // Half a period more or less is as good
  expect(Math.abs(correlation)).toBeGreaterThan(0.95);
}

/** Calls `then` when the bot is told of the event. */
function on(peer: WsPeer, event: string, then: () => void): void {
  const before = peer.onMessage;
  peer.onMessage = (message) => {
    before(message);
    if (typeof message === "string" && JSON.parse(message).event === event) then();
  };
}

/** Programs at the far end, by the path of their URL. */
const BOTS: Readonly<Record<string, Bot>> = {
  echo: (peer) => {
    peer.onMessage = (message) => {
      if (typeof message !== "string") peer.socket.send(message);
    };
  },
  twilio_echo: (peer) => {
    peer.onMessage = (message) => {
      const { event, media } = JSON.parse(message as string);
      if (event === "media") peer.say({ event, streamSid: "?", media: { payload: media.payload } });
    };
  },
  jingle: (peer) => {
    peer.socket.send(bytesOf(JINGLE));
    peer.say({ command: "mark", name: "end" });
    peer.socket.close(1000);
  },
  twilio_jingle: (peer) => {
    peer.say(mediaOf(JINGLE));
    peer.say({ event: "mark", mark: { name: "end" } });
    on(peer, "mark", () => peer.socket.close());
  },
  hangup: (peer) => on(peer, "start", () => peer.say({ command: "hangup", cause: "bored" })),
  unwell: (peer) => on(peer, "start", () => void setTimeout(() => peer.socket.close(1011), 100)),
  // Says half of it, and is gone; the next one says the rest
  dying: (peer) =>
    on(peer, "start", () => {
      if (peer.events("start")[0]?.reconnected === 1) {
        peer.socket.send(bytesOf(JINGLE));
        peer.socket.close(1000);
      } else setTimeout(() => peer.socket.terminate(), 100);
    }),
  // A minute of sound, which is taken back when the caller has heard a little
  clearing: (peer) => {
    for (let second = 0; second < 60; second++) peer.socket.send(bytesOf(tone(300, 1000, RATE)));
    peer.say({ command: "mark", name: "never heard" });
    setTimeout(() => peer.say({ command: "clear" }), 400);
    on(peer, "cleared", () => {
      peer.socket.send(bytesOf(JINGLE));
      peer.socket.close(1000);
    });
  },
  twilio_clearing: (peer) => {
    for (let second = 0; second < 60; second++) {
      peer.say(mediaOf(tone(300, 1000, RATE)));
      peer.say({ event: "mark", mark: { name: "second" } });
    }
    setTimeout(() => peer.say({ event: "clear" }), 400);
    let marks = 0;
    on(peer, "mark", () => {
      if (++marks < 60) return;
      peer.say(mediaOf(JINGLE));
      peer.socket.close(1000);
    });
  },
  manual: (peer) =>
    on(peer, "start", () => void setTimeout(() => peer.say({ command: "answer" }), 200)),
  refusing: (peer) => on(peer, "start", () => peer.say({ command: "reject", status: 486 })),
};

describe("a call with a WebSocket server", () => {
  let bots: WsServer;
  let server: RunningGateway;
  let descriptors: number;

  beforeAll(async () => {
    bots = await startWsServer({
      onConnection: (peer) => BOTS[(peer.request.url ?? "").split(/[/?]/)[1] ?? ""]?.(peer),
    });
    const route = (room: string, more: Record<string, unknown> = {}) => {
      const { answer, on_error, ...websocket } = more;
      const protocol = room.startsWith("twilio") ? "twilio" : "voicegw";
      return {
        name: room,
        when: { "X-Room-ID": room },
        ...(answer === undefined ? {} : { answer }),
        ...(on_error === undefined ? {} : { on_error }),
        websocket: { url: `${bots.url}${room}?room={room_id}`, protocol, ...websocket },
      };
    };
    server = await startGateway({
      routes: [
        route("echo", { headers: { "X-Tenant": "{X-Tenant-ID}" } }),
        route("twilio_echo", { parameters: { tenant: "{X-Tenant-ID}" } }),
        ...["jingle", "twilio_jingle", "hangup", "clearing", "twilio_clearing"].map((room) =>
          route(room)
        ),
        route("unwell", { reconnect: "off" }),
        route("dying", { reconnect: 2 }),
        route("manual", { answer: "manual" }),
        route("refusing", { answer: "manual" }),
        route("down", { url: "ws://127.0.0.1:9/" }),
        route("rescued", { url: "ws://127.0.0.1:9/", on_error: "jingle" }),
        route("relieved", {
          url: `${bots.url}unwell`,
          reconnect: "off",
          on_error: "twilio_jingle",
        }),
      ],
    });
    // What is opened once for the whole process is open from here on
    await callRoom(server.udp, "echo");
    await server.idle();
  });

  beforeEach(() => {
    server.records.length = 0;
    server.logs.length = 0;
    bots.peers.length = 0;
    descriptors = openDescriptors();
  });

  afterEach(async () => {
    await server.idle();
    await until(
      () => openDescriptors() <= descriptors,
      2000,
      () => `${openDescriptors()} are open`,
    );
  });

  afterAll(async () => {
    await server.stop();
    await bots.stop();
  });

  /** Places calls at the same time, and waits for their records; all by the name of their route. */
  async function callAll<Room extends string>(
    rooms: readonly Room[],
    options: Partial<OutboundCallOptions> = {},
  ): Promise<Readonly<Record<Room, OutboundCallResult>>> {
    const headers: Headers = [["X-Tenant-ID", "acme"]];
    const results = await Promise.all(
      rooms.map(async (room) =>
        [room, await callRoom(server.udp, room, { headers, duration: 5000, ...options })] as const
      ),
    );
    await server.ended(rooms.length);
    return Object.fromEntries(results) as Record<Room, OutboundCallResult>;
  }

  function recordOf(room: string): CallRecord {
    const record = server.records.find(({ call }) => call.room_id === room);
    if (record === undefined) throw new Error(`No call for ${room} has ended`);
    return record;
  }

  function botOf(room: string): WsPeer {
    const peer = bots.peers.find(({ request }) => request.url?.startsWith(`/${room}?`));
    if (peer === undefined) throw new Error(`Nobody asked for ${room}`);
    return peer;
  }

  test("hears itself, in either dialect", async () => {
    const rooms = ["echo", "twilio_echo"] as const;
    const results = await callAll(rooms, { sound: HELLO, duration: 700 });
    for (const room of rooms) {
      const { statusCode, endedBy, heard } = results[room];
      expect([statusCode, endedBy]).toEqual([200, "caller"]);
      expectSound(heard, HELLO);
      expect(recordOf(room)).toMatchObject({ cause: "caller_hangup", handler: "websocket" });
      const { request } = botOf(room);
      expect(request.url).toBe(`/${room}?room=${room}`);
      expect(request.headers["x-tenant"]).toBe(room === "echo" ? "acme" : undefined);
      await until(() => botOf(room).closed !== undefined, 2000, () => "The connection is open");
      expect(botOf(room).closed?.code).toBe(1000);
    }
  });

  test("is told to the server with its facts, its keys and its end", async () => {
    await callAll(["echo", "twilio_echo"], { digits: "42#", duration: 900 });
    await until(() => bots.peers.every(({ closed }) => closed), 2000, () => "One is open");
    const events = botOf("echo").events();
    expect(events[0]).toMatchObject({
      event: "start",
      protocol: "voicegw.v1",
      call: { id: recordOf("echo").call.id, x_headers: { "X-Tenant-ID": "acme" } },
      audio: { encoding: "s16le", rate: 8000, channels: 1, codec: "PCMU" },
    });
    expect(botOf("echo").events("dtmf").map(({ digit }) => digit)).toEqual(["4", "2", "#"]);
    expect(events.at(-1)).toMatchObject({ event: "end", cause: "caller_hangup" });
    const messages = botOf("twilio_echo").events();
    expect(messages.slice(0, 2)).toMatchObject([
      { event: "connected" },
      { event: "start", start: { customParameters: { tenant: "acme" } } },
    ]);
    expect(botOf("twilio_echo").events("dtmf")).toMatchObject([
      { dtmf: { digit: "4" } },
      { dtmf: { digit: "2" } },
      { dtmf: { digit: "#" } },
    ]);
    expect(messages.at(-1)?.event).toBe("stop");
    const numbers = messages.slice(1).map(({ sequenceNumber }) => Number(sequenceNumber));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test("hears all of what a server said that is done, or has come back", async () => {
    const rooms = ["jingle", "twilio_jingle", "rescued", "relieved", "dying"] as const;
    const results = await callAll(rooms);
    for (const room of rooms) {
      const { statusCode, endedBy, peerReason, heard } = results[room];
      expect([room, statusCode, endedBy]).toEqual([room, 200, "callee"]);
      expect(peerReason).toContain("cause=16");
      expectSound(heard, JINGLE);
      const { cause, statistics } = recordOf(room);
      expect([cause, statistics.played_ms]).toEqual(["handler_hangup", 613]);
    }
    expect(bots.peers.filter(({ request }) => request.url?.startsWith("/dying")).length).toBe(2);
  });

  test("hears within a moment that a minute of sound is taken back", async () => {
    const rooms = ["clearing", "twilio_clearing"] as const;
    const results = await callAll(rooms);
    for (const room of rooms) {
      const { durationMs, endedBy, heard } = results[room];
      expect(endedBy).toBe("callee");
      expect(durationMs).toBeLessThan(2500);
      expectSound(heard, JINGLE);
      const { statistics } = recordOf(room);
      // All of it is accounted for: heard, or dropped
      expect(statistics.played_ms + statistics.dropped_ms).toBe(60_613);
      expect(statistics.played_ms).toBeGreaterThan(613 + 200);
    }
    const [cleared] = botOf("clearing").events("cleared");
    expect(cleared).toMatchObject({ reason: "command" });
    expect(Number(cleared?.played_ms) + Number(cleared?.dropped_ms)).toBe(60_000);
    expect(botOf("clearing").events("mark")).toMatchObject([{ name: "never heard" }]);
  });

  test("ends when the server says so, or with the reason why it is gone", async () => {
    const { hangup, unwell, down } = await callAll(["hangup", "unwell", "down"]);
    expect(hangup.endedBy).toBe("callee");
    expect(recordOf("hangup")).toMatchObject({ cause: "handler_hangup", detail: "bored" });
    expect(unwell.peerReason).toContain("cause=41");
    expect(recordOf("unwell")).toMatchObject({
      cause: "handler_failed",
      detail: `${bots.url}unwell?room=…: the connection ended with 1011`,
    });
    expect(down.statusCode).toBe(503);
    expect(recordOf("down").detail).toBe("ws://127.0.0.1:9/: nothing listens there");
  });

  test("is answered, or refused, by the server where the route says manual", async () => {
    const { manual, refusing } = await callAll(["manual", "refusing"], { duration: 100 });
    expect(manual.statusCode).toBe(200);
    expect(manual.setupMs).toBeGreaterThan(190);
    expect(refusing.statusCode).toBe(486);
  });
});
