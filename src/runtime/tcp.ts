/**
 * TCP by `node:net`, which Bun and Deno both have.
 *
 * A peer that closes its sending half closes the connection: nothing waits in CLOSE-WAIT. What a
 * peer does not read is queued up to a bound. Errors are no events of their own: `closed` says it
 * all.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { bindError } from "./bind_error.ts";
import { plainAddress } from "./plain_address.ts";
import { plainBytes } from "./plain_bytes.ts";
import type { TcpConnection, TcpEvents, TcpListener } from "./ports.ts";

/** What a connection queues for a peer that does not read. */
const QUEUED_BYTES_MAX = 1 << 20;

/** How long a closed connection may take to send what is queued. */
const CLOSE_TIMEOUT: Millis = 5_000;

/** Listens. Rejects with a `BindError`. */
export function listenTcp(at: SocketAddress, events: TcpEvents): Promise<TcpListener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
      // A peer may be gone before it is accepted.
      if (socket.remoteAddress === undefined) socket.destroy();
      else new NetConnection(socket, events);
    });
    const fail = (error: unknown): void => reject(bindError("tcp", at, error));
    server.once("error", fail);
    try {
      server.listen({ host: at.address, port: at.port, exclusive: true }, () => {
        server.off("error", fail);
        // Such as too many open files: this peer is lost, the next may be lucky.
        server.on("error", () => {});
        const { address, port } = server.address() as net.AddressInfo;
        resolve({ local: { address, port }, close: () => void server.close() });
      });
    } catch (error) {
      fail(error);
    }
  });
}

/** Connects. Resolves to `undefined` when there is no connection within `timeout`. */
export function connectTcp(
  to: SocketAddress,
  events: TcpEvents,
  timeout: Millis,
): Promise<TcpConnection | undefined> {
  return new Promise((resolve) => {
    const give = (connection: TcpConnection | undefined): void => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(connection);
    };
    const fail = (): void => {
      socket.on("error", () => {});
      socket.destroy();
      give(undefined);
    };
    const timer = setTimeout(fail, timeout);
    const socket = new net.Socket({ allowHalfOpen: false });
    socket.once("error", fail);
    socket.once("connect", () => give(new NetConnection(socket, events)));
    try {
      socket.connect({ host: to.address, port: to.port });
    } catch {
      fail();
    }
  });
}

class NetConnection implements TcpConnection {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly #socket: net.Socket;
  #closing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: net.Socket, events: TcpEvents) {
    this.#socket = socket;
    this.local = addressOf(socket.localAddress, socket.localPort);
    this.remote = addressOf(socket.remoteAddress, socket.remotePort);
    socket.setNoDelay(true);
    // `close` follows every error.
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      if (!this.#closing) events.receive(this, plainBytes(data));
    });
    socket.once("close", () => {
      this.#closing = true;
      clearTimeout(this.#timer);
      events.closed(this);
    });
  }

  send(data: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#closing || !socket.writable) return false;
    if (socket.writableLength + data.length > QUEUED_BYTES_MAX) return false;
    socket.write(Buffer.from(data));
    return true;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    // A peer that reads or answers nothing must not keep the connection.
    this.#timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT);
    this.#socket.end(() => this.#socket.destroy());
  }
}

function addressOf(address = "", port = 0): SocketAddress {
  return { address: plainAddress(address), port };
}
