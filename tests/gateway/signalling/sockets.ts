/**
 * Signalling on loopback for tests, everything that it tells written down, and a peer made of plain
 * sockets.
 *
 * @module
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import { type CounterName, Counters } from "../../../src/gateway/counters.ts";
import { Signalling, type SignallingOptions } from "../../../src/gateway/signalling.ts";
import type { Runtime } from "../../../src/runtime/ports.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { SipMessage } from "../../../src/sip/message/message.ts";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import { until } from "../../support/gateway.ts";

/** A message as it was received, and where it came from. */
export interface Received {
  readonly message: SipMessage;
  readonly flow: Flow;
}

/** Signalling that listens. */
export interface Rig {
  readonly signalling: Signalling;
  readonly received: Received[];
  readonly failed: Flow[];
  readonly malformed: string[];
  /** Why there were no connections, as `role transport: why`. */
  readonly unconnected: string[];
  count(name: CounterName): number;
  /** Port of a listener. */
  port(index?: number): number;
}

const opened: Signalling[] = [];

/** Closes everything that was opened. */
export function closeAll(): void {
  for (const signalling of opened.splice(0)) signalling.close();
  for (const peer of peers.splice(0)) peer.close();
}

/** Opens signalling; everybody is admitted unless said otherwise. */
export async function openRig(
  options: Partial<SignallingOptions> & {
    readonly admits?: (address: string) => boolean;
    readonly names?: Partial<Pick<Runtime, "resolveHost" | "resolveNaptr" | "resolveSrv">>;
  } = {},
): Promise<Rig> {
  const { admits = () => true, names, ...own } = options;
  const counters = new Counters();
  const received: Received[] = [];
  const failed: Flow[] = [];
  const malformed: string[] = [];
  const unconnected: string[] = [];
  const signalling = new Signalling({
    runtime: { ...createRuntime(), ...NO_NAMES, ...names },
    listen: [{ transport: "tcp", address: "127.0.0.1", port: 0 }],
    keepAlive: 0,
    counters,
    events: {
      admits,
      receive: (message, flow) => void received.push({ message, flow }),
      malformed: (error) => void malformed.push(error.message),
      failed: (flow) => void failed.push(flow),
      unconnected: ({ role, transport, why }) =>
        void unconnected.push(`${role} ${transport}: ${why}`),
    },
    ...own,
  });
  opened.push(signalling);
  await signalling.open();
  return {
    signalling,
    received,
    failed,
    malformed,
    unconnected,
    count: (name) => counters.get(name),
    port: (index = 0) => signalling.listeners[index]?.local.port ?? 0,
  };
}

/** No name server is asked by accident. */
const NO_NAMES = {
  resolveNaptr: () => Promise.resolve([]),
  resolveSrv: () => Promise.resolve([]),
  resolveHost: (host: string) => Promise.reject(new Error(`No such name: ${host}`)),
};

/** Waits for what other sockets do; 3 s are more than loopback takes. */
export function eventually(what: string, done: () => boolean): Promise<void> {
  return until(done, 3000, () => `not seen: ${what}`);
}

/** An OPTIONS request as bytes; `id` is its Call-ID. */
export function optionsRequest(id: string, transport = "TCP", contentLength = true): Uint8Array {
  return new TextEncoder().encode([
    "OPTIONS sip:127.0.0.1 SIP/2.0",
    `Via: SIP/2.0/${transport} 127.0.0.1;branch=z9hG4bK${id}`,
    "From: <sip:a@127.0.0.1>;tag=1",
    "To: <sip:127.0.0.1>",
    `Call-ID: ${id}`,
    "CSeq: 1 OPTIONS",
    ...(contentLength ? ["Content-Length: 0"] : []),
    "",
    "",
  ].join("\r\n"));
}

/** Call-IDs of what was received, in order. */
export function callIds(rig: Rig): string[] {
  return rig.received.map(({ message }) => message.headers.callId);
}

/** A plain TCP server: what it heard on each connection. */
export interface Peer {
  readonly port: number;
  readonly heard: string[];
  readonly sockets: Socket[];
  close(): void;
}

const peers: { close(): void }[] = [];

/** Listens without knowing SIP. */
export async function openPeer(port = 0): Promise<Peer> {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    const index = sockets.push(socket) - 1;
    heard[index] = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      heard[index] += data.toString("latin1");
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  peers.push({ close });
  const at = server.address();
  return { port: typeof at === "object" && at !== null ? at.port : 0, heard, sockets, close };
}

/** A plain TCP client. */
export interface Client {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

/** Connects to a listener. */
export async function openClient(port: number, host = "127.0.0.1"): Promise<Client> {
  const socket = connect(port, host);
  const client: Client = { socket, text: "", closed: false };
  socket.on("error", () => {});
  socket.on("data", (data) => {
    client.text += data.toString("latin1");
  });
  socket.on("close", () => {
    client.closed = true;
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  peers.push({ close: () => void socket.destroy() });
  return client;
}

/** A port of loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const peer = await openPeer();
  peer.close();
  return peer.port;
}
