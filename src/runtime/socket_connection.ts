/**
 * A connection over a socket of `node:net` or `node:tls`, which Bun and Deno both have.
 *
 * A peer that closes its sending half closes the connection: nothing waits in CLOSE-WAIT. What a
 * peer does not read is queued up to a bound. Errors are no events of their own: `closed` says it
 * all.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type net from "node:net";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { plainAddress } from "./plain_address.ts";
import { plainBytes } from "./plain_bytes.ts";
import type { StreamConnection, StreamEvents, StreamTransport } from "./ports.ts";

/** What a connection queues for a peer that does not read. */
const QUEUED_BYTES_MAX = 1 << 20;

/** How long a closed connection may take to send what is queued. */
const CLOSE_TIMEOUT: Millis = 5_000;

/** A connection that says nothing is probed after so long. */
const KEEP_ALIVE: Millis = 30_000;

/** Both ends of a connection. */
export interface Ends {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

/** What a connection tells whoever holds it. */
export type ConnectionEvents = Pick<StreamEvents, "receive" | "closed">;

/** The ends of a connected socket; a peer may be gone already. */
export function endsOf(socket: net.Socket): Ends | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return {
    local: { address: plainAddress(localAddress), port: localPort },
    remote: { address: plainAddress(remoteAddress), port: remotePort },
  };
}

/** Bytes both ways: TCP and TLS, and what WebSockets are made of. */
export class SocketConnection implements StreamConnection {
  readonly transport: StreamTransport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly #socket: net.Socket;
  #events: ConnectionEvents;
  #closing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param socket Connected, and through with TLS where that is spoken. */
  constructor(
    socket: net.Socket,
    { transport, local, remote }: Ends & { readonly transport: StreamTransport },
    events: ConnectionEvents,
  ) {
    this.#socket = socket;
    this.#events = events;
    this.transport = transport;
    this.local = local;
    this.remote = remote;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    // `close` follows every error.
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      if (!this.#closing) this.#events.receive(this, plainBytes(data));
    });
    // A peer that reads nothing more must not hold what is queued.
    socket.once("end", () => this.close());
    socket.once("close", () => {
      this.#closing = true;
      clearTimeout(this.#timer);
      this.#events.closed(this);
    });
  }

  /** Another one hears of everything from now on. */
  handOver(events: ConnectionEvents): void {
    this.#events = events;
  }

  send(data: Uint8Array): boolean {
    return this.#isTaking(data) && this.#write(Buffer.from(data));
  }

  /** Sends bytes that nobody writes to any more. */
  sendOwned(data: Uint8Array): boolean {
    return this.#isTaking(data) && this.#write(data);
  }

  /**
   * Closes after what is queued was sent.
   *
   * @param linger How long the peer may go on sending, unheard: bytes that nobody reads would reset
   * the connection, and the peer lose our last words.
   */
  close(linger: Millis = 0): void {
    if (this.#closing) return;
    this.#closing = true;
    const socket = this.#socket;
    const destroy = (): void => void socket.destroy();
    // A peer that reads or answers nothing must not keep the connection.
    this.#timer = setTimeout(destroy, CLOSE_TIMEOUT);
    socket.end(() => {
      if (linger === 0 || socket.destroyed) return destroy();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(destroy, linger);
    });
  }

  #isTaking(data: Uint8Array): boolean {
    const socket = this.#socket;
    return !this.#closing && socket.writable &&
      socket.writableLength + data.length <= QUEUED_BYTES_MAX;
  }

  #write(data: Uint8Array): true {
    this.#socket.write(data);
    return true;
  }
}
