/**
 * Plain TCP connections that handlers open, over `node:net`, with TLS where that is asked for.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type net from "node:net";
import type { ConnectOptions, ServerAddress, TcpEvents, TcpSocket } from "./client_ports.ts";
import { Dial, type ResolveHost } from "./dial.ts";
import { describeFailure } from "./handshake_failure.ts";
import { nodeSockets } from "./node_socket.ts";
import { plainAddress } from "./plain_address.ts";

/** Begins to connect. */
export type ConnectTcp = (
  to: ServerAddress,
  options: ConnectOptions,
  events: TcpEvents,
  resolveHost: ResolveHost,
) => TcpSocket;

/** Begins to connect. */
export const connectNodeTcp: ConnectTcp = (to, options, events, resolveHost) =>
  new NodeConnection(to, options, events, resolveHost);

/** One connection, from its first attempt on. */
class NodeConnection implements TcpSocket {
  readonly #events: TcpEvents;
  readonly #dial: Dial<net.Socket>;
  #socket: net.Socket | undefined;
  #isOver = false;
  #isPaused = false;
  #isClosing = false;
  /** The end of what is queued is to be told. */
  #isAwaited = false;
  /** "drain" comes above the high-water mark alone. */
  readonly #written = (): void => {
    if (this.#isOver || !this.#isAwaited || this.queuedBytes > 0) return;
    this.#isAwaited = false;
    this.#events.drained();
  };

  constructor(
    { host, port }: ServerAddress,
    connect: ConnectOptions,
    events: TcpEvents,
    resolveHost: ResolveHost,
  ) {
    this.#events = events;
    const { tls } = connect;
    const open = nodeSockets({ host, port, isSecure: tls !== undefined, tls });
    this.#dial = new Dial({ host, connect, resolveHost }, open, {
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
    const socket = this.#socket;
    if (this.#isOver || this.#isClosing || socket === undefined) return;
    // Copied: the socket keeps what the system does not take at once
    socket.write(Buffer.from(data), this.#written);
    if (socket.writableLength > 0) this.#isAwaited = true;
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
    this.#isClosing = true;
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
