/**
 * What the product asks of the world, as interfaces: sockets, processes, clock, timers, randomness,
 * files.
 *
 * Adapters for Bun and Deno are beside this file; tests bring virtual ones. Nobody outside
 * `src/runtime` names a runtime.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";

/** A bound UDP socket. */
export interface UdpSocket {
  readonly local: SocketAddress;
  /**
   * Sends one datagram. Never throws; `false` when the system did not take it. `data` may be reused
   * after.
   */
  send(data: Uint8Array, port: number, address: string): boolean;
  close(): void;
}

/** Where to bind, and who hears of datagrams. */
export interface UdpOptions {
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** `data` is valid only during the call. Nothing is delivered after `close`. */
  readonly receive: (data: Uint8Array, port: number, address: string) => void;
  /** Asks for larger socket buffers where the system has them (signalling sockets). */
  readonly largeBuffers?: boolean;
}

/** A stream connection, of either role. */
export interface TcpConnection {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /**
   * Queues bytes for sending, copied. `false` when the peer reads too slowly or the connection is
   * gone: close it.
   */
  send(data: Uint8Array): boolean;
  /** Closes after what is queued was sent. */
  close(): void;
}

/** Who hears of a connection's life. */
export interface TcpEvents {
  /** `data` is valid only during the call. */
  receive(connection: TcpConnection, data: Uint8Array): void;
  /** Once, for whatever reason. */
  closed(connection: TcpConnection): void;
}

/** A listening TCP socket. */
export interface TcpListener {
  readonly local: SocketAddress;
  /** Stops accepting; open connections live on. */
  close(): void;
}

/** What to start. */
export interface ProcessOptions {
  /** argv; the first is looked up in PATH. No shell is involved. */
  readonly command: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly events: ProcessEvents;
}

/** Who hears of a child's life. Buffers are valid only during the call. */
export interface ProcessEvents {
  /** The child runs, or could not be started (then nothing else follows). */
  started(error?: ProcessStartError): void;
  stdout(data: Uint8Array): void;
  stderr(data: Uint8Array): void;
  /** From file descriptor 3. */
  control(data: Uint8Array): void;
  /** Everything that was written to standard input has left this process. */
  stdinDrained(): void;
  /** Everything that was written to file descriptor 3 has left this process. */
  controlDrained(): void;
  /** End of file on standard output. */
  stdoutEnded(): void;
  /** The child is gone (grandchildren may live on and hold its pipes open). */
  exited(code: number | undefined, signal: string | undefined): void;
  /** The child is gone and every pipe is closed: nothing of it is left in this process. Once. */
  closed(): void;
}

/** Why a child could not be started. */
export interface ProcessStartError {
  /** errno name, such as `ENOENT` or `EACCES`. */
  readonly code: string;
  readonly message: string;
}

/** A child process, leader of a process group of its own. */
export interface ChildProcess {
  readonly pid: number | undefined;
  /** Bytes written to standard input that the child has not taken yet. */
  readonly stdinQueuedBytes: number;
  /** Queues bytes, copied where needed. Errors such as EPIPE are swallowed: `exited` tells. */
  writeStdin(data: Uint8Array): void;
  closeStdin(): void;
  /** Bytes written to file descriptor 3 that have not left this process yet. */
  readonly controlQueuedBytes: number;
  writeControl(text: string): void;
  closeControl(): void;
  /** Stops or goes on reading standard output. */
  pauseStdout(): void;
  resumeStdout(): void;
  /**
   * Calls back once everything that the child had written to standard output before this call was
   * delivered: reads on even while paused, until the pipe stays empty or as much was read as a pipe
   * can hold. Calls come back in order, never from inside this method, and before `closed`.
   */
  drainStdout(done: () => void): void;
  /** Signals the whole process group. Nothing happens when it is gone. */
  signalGroup(signal: "SIGTERM" | "SIGKILL"): void;
  /**
   * Closes our ends of all pipes, so that `closed` follows even when a grandchild holds the other
   * ends.
   */
  destroyPipes(): void;
}

/** A timer that has not fired yet. */
export interface Timer {
  cancel(): void;
}

/** One runtime. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly random: RandomSource;
  /** Monotonic. */
  now(): Millis;
  /** Milliseconds since 1970, for ids and records. */
  wallClock(): Millis;
  setTimer(callback: () => void, delay: Millis): Timer;
  /** Calls back once the events that are waiting now have been handled. */
  setImmediate(callback: () => void): void;
  /** Rejects with a `BindError` when the address cannot be bound. */
  bindUdp(options: UdpOptions): Promise<UdpSocket>;
  /** Rejects with a `BindError`. Connections that are accepted report to `events`. */
  listenTcp(at: SocketAddress, events: TcpEvents): Promise<TcpListener>;
  /** Resolves to `undefined` when there is no connection within `timeout`. */
  connectTcp(
    to: SocketAddress,
    events: TcpEvents,
    timeout: Millis,
  ): Promise<TcpConnection | undefined>;
  spawn(options: ProcessOptions): ChildProcess;
  /** Rejects with an `Error` whose message names the file. */
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, data: Uint8Array): Promise<void>;
  /**
   * When a file was last changed, since 1970. Rejects with an `Error` whose message names the file.
   */
  modifiedAt(path: string): Promise<Millis>;
  /** Looks up a name in the system's resolver; literal addresses come back as they are. */
  resolveHost(host: string): Promise<readonly string[]>;
  /** The local address that packets to `remote` would leave from. */
  localAddressTowards(remote: string): Promise<string>;
}

/** An address that cannot be bound: taken, not ours, or not allowed. */
export class BindError extends Error {
  /** errno name, such as `EADDRINUSE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "BindError";
    this.code = code;
  }
}
