/**
 * Plain TCP connections that handlers open, with TLS where that is asked for.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type net from "node:net";
import type { ConnectOptions, ServerAddress, TcpEvents, TcpSocket } from "./client_ports.ts";
import { describeFailure } from "./handshake_failure.ts";
import { Dial, type ResolveHost } from "./http_dial.ts";
import { plainAddress } from "./plain_address.ts";

/** Begins to connect. */
export function connectTcp(
  to: ServerAddress,
  options: ConnectOptions,
  events: TcpEvents,
  resolveHost: ResolveHost,
): TcpSocket {
  return new Connection(to, options, events, resolveHost);
}

/** One connection, from its first attempt on. */
class Connection implements TcpSocket {
  readonly #events: TcpEvents;
  readonly #dial: Dial;
  #socket: net.Socket | undefined;
  #isOver = false;
  #isPaused = false;

  constructor(
    { host, port }: ServerAddress,
    connect: ConnectOptions,
    events: TcpEvents,
    resolveHost: ResolveHost,
  ) {
    this.#events = events;
    const isSecure = connect.tls !== undefined;
    this.#dial = new Dial({ host, port, isSecure, connect, resolveHost }, {
      opened: (socket) => this.#opened(socket),
      failed: (why) => {
        this.#isOver = true;
        events.failed(why);
      },
    });
  }

  get queuedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  write(data: Uint8Array): void {
    // Copied: the socket keeps what the system does not take at once
    if (!this.#isOver) this.#socket?.write(Buffer.from(data));
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket?.resume();
  }

  close(): void {
    const socket = this.#socket;
    if (this.#isOver || socket === undefined) return this.destroy();
    // What comes from now on is not wanted, but has to be read for the end to be seen
    socket.removeAllListeners("data");
    socket.resume();
    socket.end();
  }

  destroy(): void {
    this.#isOver = true;
    this.#dial.cancel();
    this.#socket?.destroy();
  }

  #opened(socket: net.Socket): void {
    this.#socket = socket;
    let failure: unknown;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("data", (data: Uint8Array) => {
      if (!this.#isOver) this.#events.data(data);
    });
    socket.on("drain", () => {
      if (!this.#isOver) this.#events.drained();
    });
    socket.once("close", () => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#events.closed(failure === undefined ? undefined : describeFailure(failure));
    });
    if (this.#isPaused) socket.pause();
    this.#events.opened({
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
    });
  }
}
