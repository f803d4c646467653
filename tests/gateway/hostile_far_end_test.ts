import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import {
  callHostile,
  expectSorry,
  type HostileOutcome,
  pour,
  type RawServer,
  SECRETS,
  serveRaw,
} from "./hostile/hostile_call.ts";
import {
  accepted,
  BINARY,
  closing,
  frame,
  PING,
  serveUpgraded,
  TEXT,
} from "./hostile/websocket_frames.ts";

/** For the connection, in all of these tests. */
const TIMEOUT_MS = 400;
/** From a failure to the sound of `on_error`, on a machine that does much else. */
const SLACK_MS = 500;
const CALL_TIMEOUT_MS = 20_000;

async function withServer(
  opening: Promise<RawServer>,
  call: (port: number) => Promise<HostileOutcome>,
): Promise<HostileOutcome> {
  const server = await opening;
  try {
    return await call(server.port);
  } finally {
    await server.close();
  }
}

function overWebsocket(
  server: Promise<RawServer>,
  hangUpAfter?: number,
): Promise<HostileOutcome> {
  return withServer(server, (port) => {
    const url = `ws://${SECRETS.credentials}@127.0.0.1:${port}/bot?${SECRETS.query}`;
    const { headers } = SECRETS;
    const websocket = { url, headers, timeout: `${TIMEOUT_MS}ms`, reconnect: "off" };
    return callHostile({
      route: { websocket },
      ...(hangUpAfter === undefined ? {} : { hangUpAfter }),
    });
  });
}

const write = (...pieces: readonly Uint8Array[]) => (socket: Socket) => {
  for (const piece of pieces) socket.write(piece);
};

const repeat = (piece: Buffer, count: number) =>
  Buffer.concat(Array.from({ length: count }, () => piece));

describe("a WebSocket server that", () => {
  const HANDSHAKES: readonly (readonly [string, (key: string) => string, string])[] = [
    ["never answers the handshake", () => "", "in time"],
    ["answers 101 for another key", () => accepted("another"), "Sec-WebSocket-Accept"],
    ["answers 302", () => "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", "302"],
    ["answers 500", () => "HTTP/1.1 500 No\r\n\r\n", "500"],
    ["does not speak HTTP", () => "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP"],
    ["never ends its head", () => `HTTP/1.1 101 Yes\r\nX-A: ${"a".repeat(1 << 20)}`, "HTTP"],
  ];
  test.concurrent.each(HANDSHAKES)("%s", async (_, answer, why) => {
    const outcome = await overWebsocket(serveUpgraded(() => {}, answer));
    expectSorry(outcome, why, TIMEOUT_MS + SLACK_MS);
    expect(outcome.record).toMatchObject({ handler: "play", sip_status: 200 });
  }, CALL_TIMEOUT_MS);

  const BREAKS: readonly (readonly [string, (socket: Socket) => void, string])[] = [
    ["sends garbage", write(Buffer.alloc(64, 0xff)), "1002"],
    ["sends a message of 5 MiB", write(frame(BINARY, new Uint8Array(5 << 20))), "1009"],
    [
      "announces a message without end",
      write(Buffer.of(0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0)),
      "1009",
    ],
    ["sends text that is no UTF-8", write(frame(TEXT, Buffer.of(0xc3, 0x28))), "1007"],
    ["masks its frames", write(frame(TEXT, "{}", true)), "1002"],
    ["closes with 1011", write(closing(1011, "out of memory")), '1011 "out of memory"'],
    ["closes with a code that there is not", write(closing(999)), "1002"],
    ["is reset", (socket) => void setTimeout(() => socket.resetAndDestroy(), 50), "connection"],
  ];
  test.concurrent.each(BREAKS)("%s", async (_, opened, why) => {
    const outcome = await overWebsocket(serveUpgraded(opened));
    expectSorry(outcome, why, 1000 + SLACK_MS);
    expect(outcome.record).toMatchObject({ handler: "play", sip_status: 200 });
  }, CALL_TIMEOUT_MS);

  const ODD: readonly (readonly [string, Buffer, string])[] = [
    [
      "sends 10,000 marks",
      repeat(frame(TEXT, JSON.stringify({ command: "mark", name: "m" })), 10_000),
      "",
    ],
    [
      "sends JSON that is deep",
      frame(TEXT, '{"command":'.repeat(5000) + "1" + "}".repeat(5000)),
      "refused",
    ],
    ["floods with text", repeat(frame(TEXT, "x"), 20_000), "refused"],
    ["sends large texts", repeat(frame(TEXT, "x".repeat(1 << 20)), 8), "refused"],
    ["sends bytes one by one", repeat(frame(BINARY, Buffer.of(7)), 20_001), ""],
  ];
  // One at a time: they keep the servers of this process busy too
  test.each(ODD)("%s, and says goodbye", async (_, sent, logged) => {
    const server = serveUpgraded((socket) => {
      socket.write(sent);
      setTimeout(() => socket.end(closing(1000)), 200);
    });
    const { record, logs } = await overWebsocket(server);
    expect(record).toMatchObject({ handler: "websocket", cause: "handler_hangup" });
    // Never a line for each message
    expect(logs.length).toBeLessThan(60);
    expect(logs.join("\n")).toContain(logged);
  }, CALL_TIMEOUT_MS);

  test.concurrent("accepts and says nothing", async () => {
    const { record } = await overWebsocket(serveUpgraded(() => {}), 300);
    expect(record).toMatchObject({ handler: "websocket", cause: "caller_hangup" });
  }, CALL_TIMEOUT_MS);

  test("pings without end, and is reset", async () => {
    const outcome = await overWebsocket(serveUpgraded((socket) => {
      socket.write(repeat(frame(PING, "x"), 20_000));
      setTimeout(() => socket.resetAndDestroy(), 300);
    }));
    expectSorry(outcome, "connection", 2000);
  }, CALL_TIMEOUT_MS);
});

function overAudiosocket(
  take: (socket: Socket) => void,
  hangUpAfter?: number,
): Promise<HostileOutcome> {
  return withServer(serveRaw(take), (port) =>
    callHostile({
      route: { audiosocket: { url: `tcp://127.0.0.1:${port}`, idle: "1s" } },
      ...(hangUpAfter === undefined ? {} : { hangUpAfter }),
    }));
}

/** A frame of AudioSocket. */
function kindOf(kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([Buffer.of(kind, payload.length >> 8, payload.length & 0xff), payload]);
}

describe("an AudioSocket server that", () => {
  const BREAKS: readonly (readonly [string, (socket: Socket) => void, string])[] = [
    ["accepts and says nothing", () => {}, "nothing for 1 s"],
    ["sends garbage", write(Buffer.alloc(64, 0x77)), "unknown kind 0x77"],
    ["sends another rate", write(kindOf(0x12, new Uint8Array(640))), "rate: 16000"],
    ["sends half a sample", write(kindOf(0x10, new Uint8Array(3))), "half a sample"],
    ["tells of an error", write(kindOf(0xff, Buffer.of(4))), "memory"],
    ["announces a frame that never comes", write(Buffer.of(0x10, 255, 255, 0)), "nothing for 1 s"],
    [
      "closes in the middle of a frame",
      (socket) => void socket.end(Buffer.of(0x10, 1, 64, 0)),
      "middle of a frame",
    ],
    ["is reset", (socket) => void setTimeout(() => socket.resetAndDestroy(), 50), "connection"],
    [
      "answers as a web server",
      (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      "unknown kind 0x48",
    ],
  ];
  test.concurrent.each(BREAKS)("%s", async (_, take, why) => {
    const outcome = await overAudiosocket(take);
    expectSorry(outcome, why, 1000 + SLACK_MS);
    expect(outcome.record).toMatchObject({ handler: "play", sip_status: 200 });
  }, CALL_TIMEOUT_MS);

  test("sends empty frames without end", async () => {
    const { record } = await overAudiosocket(
      (socket) => pour(socket, repeat(kindOf(0x10), 4096)),
      400,
    );
    expect(record).toMatchObject({ handler: "audiosocket", cause: "caller_hangup" });
  }, CALL_TIMEOUT_MS);

  test.concurrent("sends one byte at a time, and hangs up", async () => {
    const bytes = Buffer.concat([kindOf(0x10, new Uint8Array(320)), kindOf(0)]);
    const { record } = await overAudiosocket((socket) => {
      for (const byte of bytes) socket.write(Buffer.of(byte));
    });
    expect(record).toMatchObject({ handler: "audiosocket", cause: "handler_hangup" });
  }, CALL_TIMEOUT_MS);
});
