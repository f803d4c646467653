/**
 * Plain TCP connections over Bun's own sockets, which cost two thirds of those of `node:net`. TLS is
 * left to the latter.
 *
 * @module
 */

import type { ConnectOptions, ServerAddress, TcpEvents, TcpSocket } from "./client_ports.ts";
import { type AttemptEvents, Dial, type ResolveHost } from "./dial.ts";
import { describeFailure } from "./handshake_failure.ts";
import { plainAddress } from "./plain_address.ts";
import { connectNodeTcp, type ConnectTcp } from "./tcp_client.ts";

/** A connection that says nothing is probed after so many seconds. */
const KEEP_ALIVE_S = 30;

/** What is written while the system takes nothing. */
const QUEUE_BYTES = 4096;

type BunSocket = Bun.Socket<undefined>;

/** Begins to connect. */
export const connectBunTcp: ConnectTcp = (to, options, events, resolveHost) =>
  options.tls === undefined
    ? new BunConnection(to, options, events, resolveHost)
    : connectNodeTcp(to, options, events, resolveHost);

/** One connection, from its first attempt on. Hot path: a write that the system takes is no copy. */
class BunConnection implements TcpSocket {
  readonly #events: TcpEvents;
  readonly #dial: Dial<BunSocket>;
  #socket: BunSocket | undefined;
  #queue = new Uint8Array(0);
  #queued = 0;
  #isOver = false;
  #isPaused = false;
  /** What is queued is all that is left to say. */
  #isClosing = false;

  constructor(
    { host, port }: ServerAddress,
    connect: ConnectOptions,
    events: TcpEvents,
    resolveHost: ResolveHost,
  ) {
    this.#events = events;
    const open = (address: string, outcome: AttemptEvents<BunSocket>) =>
      this.#open(address, port, outcome);
    this.#dial = new Dial({ host, connect, resolveHost }, open, {
      opened: (socket) => this.#opened(socket),
      failed: (why) => {
        this.#isOver = true;
        events.failed(why);
      },
    });
  }

  get queuedBytes(): number {
    return this.#queued;
  }

  write(data: Uint8Array): void {
    const socket = this.#socket;
    if (this.#isOver || this.#isClosing || socket === undefined) return;
    const written = this.#queued > 0 ? 0 : Math.max(0, socket.write(data));
    if (written < data.length) this.#keep(data.subarray(written));
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  close(): void {
    if (this.#isOver || this.#socket === undefined) return this.destroy();
    this.#isClosing = true;
    // RFC 9293 §3.6.1: who closes over bytes that were not read resets the connection
    this.resume();
    if (this.#queued === 0) this.#socket.shutdown();
  }

  destroy(): void {
    this.#isOver = true;
    this.#dial.cancel();
    this.#socket?.terminate();
    this.#queued = 0;
  }

  /** What Bun tells of one attempt, and of the connection that it may become. */
  #open(address: string, port: number, outcome: AttemptEvents<BunSocket>) {
    let isOpen = false;
    let isGivenUp = false;
    let own: BunSocket | undefined;
    let failure: unknown;
    Bun.connect({
      hostname: address,
      port,
      socket: {
        open: (socket) => {
          own = socket;
          if (isGivenUp) return void socket.terminate();
          isOpen = true;
          outcome.opened(socket);
        },
        data: (_, data) => {
          if (!this.#isOver && !this.#isClosing) this.#events.data(data);
        },
        drain: () => this.#flush(),
        // Half-closed connections are of no use to us
        end: (socket) => void socket.end(),
        error: (_, error) => {
          failure = error;
        },
        connectError: (_, error) => outcome.failed(error),
        close: (_, error) => {
          if (isOpen) this.#closed(error ?? failure);
          else outcome.failed(error ?? failure);
        },
      },
      // Told by `connectError` as well
    }).catch((error) => outcome.failed(error));
    return {
      destroy: () => {
        isGivenUp = true;
        own?.terminate();
      },
    };
  }

  #opened(socket: BunSocket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_S * 1000);
    if (this.#isPaused) socket.pause();
    this.#events.opened({
      address: plainAddress(socket.remoteAddress),
      port: socket.remotePort,
    });
  }

  #keep(data: Uint8Array): void {
    const length = this.#queued + data.length;
    if (this.#queue.length < length) {
      const larger = new Uint8Array(Math.max(QUEUE_BYTES, length * 2));
      larger.set(this.#queue.subarray(0, this.#queued));
      this.#queue = larger;
    }
    this.#queue.set(data, this.#queued);
    this.#queued = length;
  }

  #flush(): void {
    const socket = this.#socket;
    if (this.#isOver || socket === undefined || this.#queued === 0) return;
    const written = Math.max(0, socket.write(this.#queue.subarray(0, this.#queued)));
    this.#queue.copyWithin(0, written, this.#queued);
    this.#queued -= written;
    if (this.#queued > 0) return;
    if (this.#isClosing) socket.shutdown();
    else this.#events.drained();
  }

  #closed(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queued = 0;
    this.#events.closed(error === undefined ? undefined : describeFailure(error));
  }
}
