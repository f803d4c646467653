import net from "node:net";
import { listenStream } from "../../src/runtime/listen_stream.ts";
import type { Runtime, StreamConnection } from "../../src/runtime/ports.ts";
import { CLOSE_CODE, encodeFrame, OPCODE } from "../../src/runtime/web_socket_frames.ts";
import { type Check, holds, same, until, wait } from "./check.ts";
import { bytes, clientFrame, listenAt, once, pair, Peer, upgradeRequest } from "./stream_pair.ts";

const AT = { address: "127.0.0.1", port: 0 };

/** A plain socket that keeps what it gets. */
class RawPeer {
  readonly socket: net.Socket;
  /** One character a byte. */
  text = "";
  isEnded = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data) => this.text += data.toString("latin1"));
    socket.once("end", () => this.isEnded = true);
    socket.once("close", () => this.isEnded = true);
  }

  /** What came behind the answer to the handshake. */
  get frames(): string {
    return this.text.slice(this.text.indexOf("\r\n\r\n") + 4);
  }
}

/** Connects a plain socket and lets it say something. */
async function say(port: number, request: string): Promise<RawPeer> {
  const peer = new RawPeer(net.connect(port, "127.0.0.1"));
  await once(peer.socket, "connect");
  peer.socket.write(request);
  return peer;
}

/** A plain socket that is through with the handshake. */
async function upgraded(port: number): Promise<RawPeer> {
  const peer = await say(port, upgradeRequest());
  await until(() => peer.text.includes("\r\n\r\n"), "it is answered");
  same(peer.text.split("\r\n")[0], "HTTP/1.1 101 Switching Protocols");
  return peer;
}

/** Frames as a peer of ours gets them, one character a byte. */
function frameText(opcode: number, payload: Uint8Array): string {
  return String.fromCharCode(...encodeFrame(opcode, payload));
}

function closeFrame(code: number): Uint8Array {
  return new Uint8Array([code >> 8, code & 0xff]);
}

/** Connects to a server that answers every handshake with the same text. */
async function answeredWith(
  runtime: Runtime,
  answer: string,
): Promise<StreamConnection | undefined> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { address, port } = server.address() as net.AddressInfo;
  const own = { transport: "ws", to: { address, port }, timeout: 300, subprotocol: "sip" } as const;
  const connection = await runtime.connectStream(own, new Peer());
  server.close();
  return connection;
}

/** The runtime's own server of WebSockets, which sends back what it gets. */
function nativeServer(name: Runtime["name"]): { readonly port: number; stop(): unknown } {
  const { Bun, Deno } = globalThis as unknown as {
    readonly Bun: {
      serve(options: unknown): { readonly port: number; stop(force: boolean): void };
    };
    readonly Deno: {
      serve(options: unknown, handle: (request: unknown) => unknown): {
        readonly addr: { readonly port: number };
        shutdown(): Promise<void>;
      };
      upgradeWebSocket(request: unknown, options: unknown): {
        readonly socket: WebSocket;
        readonly response: unknown;
      };
    };
  };
  if (name === "bun") {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request: unknown, server: { upgrade(request: unknown, options: unknown): void }) =>
        server.upgrade(request, { headers: { "Sec-WebSocket-Protocol": "sip" } }),
      websocket: { message: (socket: WebSocket, data: string) => socket.send(data) },
    });
    return { port: server.port, stop: () => server.stop(true) };
  }
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "sip" });
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  return { port: server.addr.port, stop: () => server.shutdown() };
}

/** Checks of WebSockets. RFC 6455, RFC 7118 */
export const WEB_SOCKET_CHECKS: Readonly<Record<string, Check>> = {
  "ws: what is no WebSocket is answered and disconnected": async (runtime) => {
    const server = new Peer();
    const listener = await listenAt(runtime, "ws", server);
    const cases = [
      ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 Upgrade Required"],
      [upgradeRequest({ "Sec-WebSocket-Protocol": "" }), "HTTP/1.1 400 Bad Request"],
      ["OPTIONS sip:a SIP/2.0\r\n\r\n", "HTTP/1.1 400 Bad Request"],
      ["x".repeat(20_000), "HTTP/1.1 400 Bad Request"],
    ] as const;
    for (const [request, answer] of cases) {
      const peer = await say(listener.local.port, request);
      await until(() => peer.isEnded, "it is disconnected");
      same(peer.text.split("\r\n")[0], answer);
    }
    same([server.connections.length, server.closes], [0, 0]);
    listener.close();
  },

  "ws: a head that comes too slowly is given up": async () => {
    const limits = { timeout: 120, handshakesMax: 10, perSourceMax: 10 };
    const own = { transport: "ws", at: AT, subprotocol: "sip" } as const;
    const listener = await listenStream(own, new Peer(), limits);
    const peer = await say(listener.local.port, "GET / HTTP/1.1\r\n");
    const trickle = setInterval(() => peer.socket.write("A: b\r\n"), 20);
    await until(() => peer.isEnded, "it is disconnected", 2_000);
    clearInterval(trickle);
    same(peer.text, "");
    listener.close();
  },

  "ws: messages come whole, pings are answered, text stays text": async (runtime) => {
    const server = new Peer();
    const listener = await listenAt(runtime, "ws", server);
    const peer = await upgraded(listener.local.port);
    const hello = clientFrame(OPCODE.text, bytes("hello"));
    for (const byte of hello) {
      peer.socket.write(new Uint8Array([byte]));
      await wait(1);
    }
    peer.socket.write(clientFrame(OPCODE.ping, bytes("there?")));
    peer.socket.write(clientFrame(OPCODE.binary, bytes("bin")));
    await until(() => server.received.length === 2, "both messages came");
    same(server.received, ["hello", "bin"]);
    server.first.send(bytes("grüß"));
    server.first.send(new Uint8Array([0xff, 0]));
    const expected = frameText(OPCODE.pong, bytes("there?")) +
      frameText(OPCODE.text, bytes("grüß")) + frameText(OPCODE.binary, new Uint8Array([0xff, 0]));
    await until(() => peer.frames.length >= expected.length, "all came");
    same(peer.frames, expected);
    peer.socket.destroy();
    listener.close();
  },

  "ws: a message that comes together with the handshake is not lost": async (runtime) => {
    const server = new Peer();
    const listener = await listenAt(runtime, "ws", server);
    const socket = net.connect(listener.local.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(new Uint8Array([...bytes(upgradeRequest()), ...clientFrame(1, bytes("early"))]));
    await until(() => server.text === "early", "it came");
    socket.destroy();
    await until(() => server.closes === server.connections.length, "all are closed");
    listener.close();
  },

  "ws: closing is said and answered; what breaks the rules is told why": async (runtime) => {
    const server = new Peer();
    const listener = await listenAt(runtime, "ws", server);
    const large = new Uint8Array(14);
    large.set([0x82, 0xff, 0, 0, 0, 0, 0, 2, 0, 1]);
    const cases = [
      [clientFrame(OPCODE.close, closeFrame(4000)), 4000],
      [clientFrame(OPCODE.close, new Uint8Array(0)), CLOSE_CODE.normal],
      [clientFrame(OPCODE.text, new Uint8Array([0xff])), CLOSE_CODE.invalidData],
      [new Uint8Array([0x81, 0x01, 0x78]), CLOSE_CODE.protocolError],
      [large, CLOSE_CODE.tooBig],
    ] as const;
    for (const [frame, code] of cases) {
      const peer = await upgraded(listener.local.port);
      peer.socket.write(frame);
      await until(() => peer.isEnded, "it is disconnected");
      same([code, peer.frames], [code, frameText(OPCODE.close, closeFrame(code))]);
    }
    await until(() => server.closes === cases.length, "all are closed");
    same(server.received, []);
    const peer = await upgraded(listener.local.port);
    server.connections.at(-1)?.close();
    await until(() => peer.isEnded, "our own close");
    same(peer.frames, frameText(OPCODE.close, closeFrame(CLOSE_CODE.normal)));
    listener.close();
  },

  "ws: the largest messages pass both ways, each in one piece": async (runtime) => {
    const { listener, server, client, connection } = await pair(runtime, "ws");
    const sizes: number[] = [];
    const count = 128 * 1024;
    client.receive = (_, data) => void sizes.push(data.length);
    server.receive = (_, data) => void sizes.push(data.length);
    for (const size of [0, 125, 126, 65_535, 65_536, count]) {
      sizes.length = 0;
      connection.send(new Uint8Array(size));
      server.first.send(new Uint8Array(size));
      await until(() => sizes.length === 2, "both came");
      same(sizes, [size, size]);
    }
    connection.send(new Uint8Array(count + 1));
    await until(() => client.closes === 1 && server.closes === 1, "it is closed");
    same(sizes.length, 2);
    listener.close();
  },

  "ws: a server that does not answer as it has to is no WebSocket": async (runtime) => {
    const answers = [
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
      "SIP/2.0 400 Bad Request\r\n\r\n",
      "HTTP/1.1 101 Switching",
    ];
    for (const answer of answers) same(await answeredWith(runtime, answer), undefined);
  },

  "ws: the runtime's own client is understood": async (runtime) => {
    const server = new Peer();
    const listener = await listenAt(runtime, "ws", server);
    const client = new WebSocket(`ws://127.0.0.1:${listener.local.port}/`, ["other", "sip"]);
    const heard: string[] = [];
    client.onmessage = ({ data }) => heard.push(String(data));
    await new Promise((resolve) => client.onopen = resolve);
    same(client.protocol, "sip");
    client.send("REGISTER");
    await until(() => server.text === "REGISTER", "it came");
    server.first.send(bytes("200 OK"));
    await until(() => heard.length === 1, "it was answered");
    same(heard, ["200 OK"]);
    const closed = new Promise<{ readonly code: number }>((resolve) => client.onclose = resolve);
    server.first.close();
    same((await closed).code, CLOSE_CODE.normal);
    await until(() => server.closes === 1, "it is closed");
    const refused = new WebSocket(`ws://127.0.0.1:${listener.local.port}/`);
    await new Promise((resolve) => refused.onerror = resolve);
    listener.close();
  },

  "ws: the runtime's own server is understood": async (runtime) => {
    const server = nativeServer(runtime.name);
    const client = new Peer();
    const to = { address: "127.0.0.1", port: server.port };
    const own = { transport: "ws", to, timeout: 2_000, subprotocol: "sip", path: "/sip" } as const;
    const connection = await runtime.connectStream(own, client);
    holds(connection?.send(bytes("OPTIONS")) === true, "it is connected");
    await until(() => client.text === "OPTIONS", "it came back");
    connection?.close();
    await until(() => client.closes === 1, "it is closed");
    await server.stop();
  },
};
