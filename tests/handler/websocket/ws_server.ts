/**
 * WebSocket servers that are not ours: those of the package `ws`.
 *
 * @module
 */

import https from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { RawData, ServerOptions, WebSocket, WebSocketServer } from "ws";
import type { TlsServerOptions } from "../../../src/runtime/ports.ts";

// Bun puts a server of its own into the place of the package, unless asked for by its file.
const wrapper: string = new URL("../../../node_modules/ws/wrapper.mjs", import.meta.url).href;
const { WebSocketServer: Server } = await import(wrapper) as {
  readonly WebSocketServer: new (options: ServerOptions) => WebSocketServer;
};

/** One message. */
export type Message = string | Uint8Array;

/** What a server does beside keeping what it hears. */
export interface WsServerOptions extends ServerOptions {
  readonly tlsOptions?: TlsServerOptions;
  readonly onConnection?: (peer: WsPeer) => void;
}

/** One client of the server. */
export class WsPeer {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly messages: Message[] = [];
  pings = 0;
  pongs = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Called with each message. */
  onMessage: (message: Message) => void = () => {};

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.request = request;
    socket.on("message", (data: RawData, isBinary: boolean) => {
      const message = isBinary ? new Uint8Array(data as Uint8Array) : String(data);
      this.messages.push(message);
      this.onMessage(message);
    });
    socket.on("ping", () => void this.pings++);
    socket.on("pong", () => void this.pongs++);
    socket.on("error", () => {});
    socket.on("close", (code: number, reason: unknown) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  /** The texts among the messages. */
  get texts(): string[] {
    return this.messages.filter((each): each is string => typeof each === "string");
  }

  /** The texts as JSON, one type of event where it is named. */
  events(event?: string): Record<string, unknown>[] {
    const all = this.texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    return event === undefined ? all : all.filter((each) => each.event === event);
  }

  /** How many bytes came in binary messages. */
  get binaryBytes(): number {
    return this.messages.reduce(
      (sum, each) => sum + (typeof each === "string" ? 0 : each.length),
      0,
    );
  }

  /** What lies below the WebSocket. */
  get stream(): Duplex {
    return (this.socket as unknown as { readonly _socket: Duplex })._socket;
  }

  /** Sends a text of JSON. */
  say(value: unknown): void {
    this.socket.send(JSON.stringify(value));
  }
}

/** A server on loopback. */
export interface WsServer {
  readonly port: number;
  readonly url: string;
  readonly peers: WsPeer[];
  /** Ends connections and all. */
  stop(): Promise<void>;
}

/** Starts one. */
export async function startWsServer(options: WsServerOptions = {}): Promise<WsServer> {
  const { tlsOptions, onConnection, ...own } = options;
  const secure = tlsOptions === undefined ? undefined : https.createServer({
    cert: tlsOptions.certificate,
    key: tlsOptions.key,
    ...(tlsOptions.ca === undefined ? {} : { ca: tlsOptions.ca }),
    requestCert: tlsOptions.clientCertificate !== "none",
    rejectUnauthorized: tlsOptions.clientCertificate === "require",
  });
  const place = { host: "127.0.0.1", port: own.port ?? 0 };
  const server = new Server(
    secure === undefined ? { ...own, ...place } : { ...own, server: secure },
  );
  const listening = new Promise((resolve) => server.once("listening", resolve));
  secure?.listen(place);
  const peers: WsPeer[] = [];
  server.on("error", () => {});
  server.on("connection", (socket, request) => {
    const peer = new WsPeer(socket, request);
    peers.push(peer);
    onConnection?.(peer);
  });
  await listening;
  const { port } = (secure ?? server).address() as AddressInfo;
  const scheme = secure === undefined ? "ws" : "wss";
  return {
    port,
    url: `${scheme}://${secure === undefined ? "127.0.0.1" : "localhost"}:${port}/`,
    peers,
    stop: async () => {
      for (const { socket } of peers) socket.terminate();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      secure?.close();
      await closed;
    },
  };
}
