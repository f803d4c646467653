/**
 * Ends of connections for the checks of streams.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import type {
  Runtime,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from "../../src/runtime/ports.ts";
import { tlsClient, tlsServer, tlsText } from "../support/tls_fixtures.ts";
import { until } from "./check.ts";

/** Every transport. */
export const TRANSPORTS: readonly StreamTransport[] = ["tcp", "tls", "ws", "wss"];

/** One end that keeps what it hears. */
export class Peer {
  readonly connections: StreamConnection[] = [];
  /** One element for every message of a WebSocket, or portion of a stream. */
  readonly received: string[] = [];
  bytes = 0;
  closes = 0;

  /** The first connection that was accepted. */
  get first(): StreamConnection {
    const [first] = this.connections;
    if (first === undefined) throw new Error("Nothing was accepted");
    return first;
  }

  get text(): string {
    return this.received.join("");
  }

  accepted(connection: StreamConnection): void {
    this.connections.push(connection);
  }

  receive(_: StreamConnection, data: Uint8Array): void {
    this.bytes += data.length;
    if (this.bytes < 10_000) this.received.push(new TextDecoder().decode(data));
  }

  closed(): void {
    this.closes++;
  }
}

/** A listener, a connection to it, and who hears of both. */
export interface Pair {
  readonly listener: StreamListener;
  readonly server: Peer;
  readonly client: Peer;
  /** The client's. */
  readonly connection: StreamConnection;
}

/** UTF-8. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Listens on loopback, as the fixtures' server where that is asked for. */
export async function listenAt(
  runtime: Runtime,
  transport: StreamTransport,
  server: Peer,
): Promise<StreamListener> {
  const at = { address: "127.0.0.1", port: 0 };
  const tls = isSecure(transport) ? tlsServer() : undefined;
  return await runtime.listenStream({ transport, at, tls, subprotocol: "sip" }, server);
}

/** Connects to a listener, as a client who trusts it. */
export async function connectTo(
  runtime: Runtime,
  transport: StreamTransport,
  listener: StreamListener,
  client: Peer,
  timeout: number = 2_000,
): Promise<StreamConnection | undefined> {
  const tls = isSecure(transport) ? tlsClient() : undefined;
  const own = { transport, to: listener.local, timeout };
  return await runtime.connectStream({ ...own, tls, subprotocol: "sip" }, client);
}

/** A connection whose first message has arrived. */
export async function pair(runtime: Runtime, transport: StreamTransport): Promise<Pair> {
  const [server, client] = [new Peer(), new Peer()];
  const listener = await listenAt(runtime, transport, server);
  const connection = await connectTo(runtime, transport, listener, client);
  if (connection === undefined) throw new Error("Not connected");
  connection.send(bytes("hello"));
  await until(() => server.text === "hello", "the greeting came");
  return { listener, server, client, connection };
}

/** Ends what is left of a pair, and waits for it. */
export async function end({ listener, server, client, connection }: Pair): Promise<void> {
  connection.close();
  listener.close();
  await until(() => server.closes === 1 && client.closes === 1, "both ends are closed");
}

/** A peer that is through with all handshakes, and reads nothing after them. */
export interface DeafPeer {
  /** Sends this, and closes its sending half. */
  end(data: Uint8Array): void;
  destroy(): void;
}

/**
 * Connects a peer that gets deaf. It stands behind a relay, since TLS sockets that are paused go on
 * reading in one of the runtimes.
 */
export async function deafPeer(transport: StreamTransport, port: number): Promise<DeafPeer> {
  const upstream = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  upstream.on("error", () => {});
  const relay = net.createServer({ allowHalfOpen: true }, (downstream) => {
    downstream.on("error", () => {});
    downstream.pipe(upstream).pipe(downstream);
    relay.close();
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", () => resolve()));
  const place = { host: "127.0.0.1", port: (relay.address() as net.AddressInfo).port };
  const socket = isSecure(transport)
    ? tls.connect({ ...place, ca: tlsText("ca.pem"), servername: "localhost" })
    : net.connect(place);
  socket.on("error", () => {});
  await once(socket, isSecure(transport) ? "secureConnect" : "connect");
  if (isWebSocket(transport)) {
    socket.write(upgradeRequest());
    const head = String(await once(socket, "data"));
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`Refused: ${head}`);
  }
  upstream.unpipe();
  upstream.pause();
  return {
    end: (data) => void socket.end(data),
    destroy: () => {
      upstream.destroy();
      socket.destroy();
    },
  };
}

/** What the next event of a kind says. */
export function once(socket: net.Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve));
}

/** A request for a WebSocket; a header field is taken out by an empty value. */
export function upgradeRequest(fields: Readonly<Record<string, string>> = {}): string {
  const all = Object.entries({
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
    ...fields,
  }).filter(([, value]) => value !== "");
  return `GET / HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A short frame of a client. */
export function clientFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const key = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ (key[index & 3] ?? 0));
  return new Uint8Array([0x80 | opcode, 0x80 | payload.length, ...key, ...masked]);
}

export function isSecure(transport: StreamTransport): boolean {
  return transport === "tls" || transport === "wss";
}

export function isWebSocket(transport: StreamTransport): boolean {
  return transport === "ws" || transport === "wss";
}

/** Descriptors that this process has open. */
export function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** A runtime may open a few for itself at any time, once. */
export const OWN_DESCRIPTORS = 4;

/** Sockets of a local port that wait for us to close them: `CLOSE-WAIT`. */
export function closeWaits(port: number): number {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return lines.filter((line) => new RegExp(`: \\w+:${hexPort} \\w+:\\w+ 08 `).test(line)).length;
}
