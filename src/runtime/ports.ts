/**
 * What the product asks of the world, as interfaces: sockets, processes, clock, timers, randomness,
 * files.
 *
 * Adapters for Bun and Deno are beside this file; tests bring virtual ones. Nobody outside
 * `src/runtime` names a runtime.
 *
 * @module
 */

import type { AudioLibraries } from "../audio/audio_libraries.ts";
import type { NaptrRecord, SrvRecord } from "../base/dns_record.ts";
import type { HashName } from "../base/hash.ts";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type {
  ConnectOptions,
  HttpEvents,
  HttpExchange,
  HttpListener,
  HttpRequest,
  ServerAddress,
  TcpEvents,
  TcpSocket,
  WebSocketClient,
  WebSocketEvents,
  WebSocketOptions,
} from "./client_ports.ts";
import type { SrtpCrypto } from "../rtp/srtp_crypto.ts";
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

/** Transports that are connections. */
export type StreamTransport = "tcp" | "tls" | "ws" | "wss";

/** A connection, of either role. */
export interface StreamConnection {
  readonly transport: StreamTransport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /**
   * Queues bytes for sending, copied; on a WebSocket they are one message. `false` when the peer
   * reads too slowly or the connection is gone: close it.
   */
  send(data: Uint8Array): boolean;
  /** Closes after what is queued was sent. */
  close(): void;
}

/** Who hears of a connection's life. */
export interface StreamEvents {
  /** A connection was accepted, its TLS and WebSocket handshakes are done. Not for those we open. */
  accepted?(connection: StreamConnection): void;
  /** `data` is valid only during the call. On a WebSocket it is one whole message. */
  receive(connection: StreamConnection, data: Uint8Array): void;
  /** Once, for whatever reason. */
  closed(connection: StreamConnection): void;
  /**
   * What was accepted, or was to be opened, did not become a connection. Peers that leave without a
   * word are not told of.
   *
   * @param why For a person, with the peer as "it"; may quote what the peer said.
   */
  failed?(remote: SocketAddress, why: string): void;
}

/** Our certificate and its key, as PEM texts. */
export interface TlsIdentity {
  /** Ours first, then those up to the root. */
  readonly certificate: string;
  readonly key: string;
}

/** How TLS is spoken where we listen. Never below version 1.2. */
export interface TlsServerOptions extends TlsIdentity {
  /** PEM of the authorities that sign certificates of clients. Default: those of the system. */
  readonly ca?: string | undefined;
  /** Whether clients show a certificate. `require` refuses those without a valid one. */
  readonly clientCertificate: "none" | "request" | "require";
}

/** How TLS is spoken where we connect. Never below version 1.2. */
export interface TlsClientOptions {
  /** Shown when the server asks for it. */
  readonly identity?: TlsIdentity | undefined;
  /** PEM of the authorities to trust. Default: those of the system. */
  readonly ca?: string | undefined;
  /** The name that the server's certificate has to hold: that of the URI, not of the SRV record. */
  readonly serverName: string;
  /** `false` takes any certificate. */
  readonly verify: boolean;
}

/** Where to listen for connections. */
export interface StreamListenOptions {
  readonly transport: StreamTransport;
  readonly at: SocketAddress;
  /** Needed for `tls` and `wss`. */
  readonly tls?: TlsServerOptions | undefined;
  /** WebSocket: the subprotocol that clients have to offer, such as `sip`; others get 400. */
  readonly subprotocol?: string | undefined;
}

/** Where to connect to. */
export interface StreamConnectOptions {
  readonly transport: StreamTransport;
  readonly to: SocketAddress;
  readonly timeout: Millis;
  /** Needed for `tls` and `wss`. */
  readonly tls?: TlsClientOptions | undefined;
  /** WebSocket: Host header and path; default: the address and `/`. */
  readonly host?: string | undefined;
  readonly path?: string | undefined;
  readonly subprotocol?: string | undefined;
}

/** A socket that listens for connections. */
export interface StreamListener {
  readonly local: SocketAddress;
  /** New connections get another certificate; open ones live on. Throws `TlsError`. */
  replaceTls(options: TlsServerOptions): void;
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

/** A file that is being written. */
export interface FileWriter {
  /**
   * Writes all of `data`, which is not to change meanwhile. What is left out before it reads as
   * zeros. Rejects with a `FileError`; some of it may have been written then.
   *
   * @param position Bytes from the beginning of the file.
   */
  write(data: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** A timer that has not fired yet. */
export interface Timer {
  cancel(): void;
}

/** What a runtime is made with. */
export interface RuntimeOptions {
  /**
   * Literal addresses of name servers, with or without ports, asked in this order; none: those of
   * the system, and its hosts file.
   */
  readonly nameServers?: readonly string[];
}

/** One runtime. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly random: RandomSource;
  /** Monotonic. */
  now(): Millis;
  /** Processor time that the thread of the event loop has taken. */
  threadTime(): Millis;
  /**
   * Gives back to the system what nobody uses, where the engine can be asked. Everything stands
   * still meanwhile, for some dozens of milliseconds.
   */
  freeMemory(): void;
  /** Milliseconds since 1970, for ids and records. */
  wallClock(): Millis;
  setTimer(callback: () => void, delay: Millis): Timer;
  /** Calls back once the events that are waiting now have been handled. */
  setImmediate(callback: () => void): void;
  /** Rejects with a `BindError` when the address cannot be bound. */
  bindUdp(options: UdpOptions): Promise<UdpSocket>;
  /**
   * Rejects with a `BindError`, or a `TlsError`. Connections that are accepted report to `events`.
   */
  listenStream(options: StreamListenOptions, events: StreamEvents): Promise<StreamListener>;
  /**
   * Resolves to `undefined` when there is no connection, TLS and WebSocket included, in time.
   * Rejects with a `TlsError`. Events may come before it resolves.
   */
  connectStream(
    options: StreamConnectOptions,
    events: StreamEvents,
  ): Promise<StreamConnection | undefined>;
  /** Begins to connect; events come later, never from inside this call. */
  connectTcp(to: ServerAddress, options: ConnectOptions, events: TcpEvents): TcpSocket;
  /** Begins to connect; events come later, never from inside this call. */
  connectWebSocket(options: WebSocketOptions, events: WebSocketEvents): WebSocketClient;
  /** Begins a request; events come later, never from inside this call. */
  requestHttp(request: HttpRequest, events: HttpEvents): HttpExchange;
  /**
   * Serves requests, in the terms of the Fetch standard. Rejects with a `BindError`.
   *
   * @param answer `remote` is who asks. A rejection becomes a 500.
   */
  serveHttp(
    at: SocketAddress,
    answer: (request: Request, remote: SocketAddress) => Response | Promise<Response>,
  ): Promise<HttpListener>;
  /** Loads codecs and detectors that come as WebAssembly; what is loaded already takes no time. */
  loadAudioLibraries(
    which: { readonly opus: boolean; readonly voiceDetector: boolean },
  ): Promise<AudioLibraries>;
  /** What encrypts RTP. */
  readonly srtpCrypto: SrtpCrypto;
  /** Lower-case hexadecimal. */
  hash(name: HashName, text: string): string;
  /** Keyed hash. RFC 2104 */
  hmac(name: "SHA-1" | "SHA-256", key: Uint8Array, data: Uint8Array): Uint8Array;
  spawn(options: ProcessOptions): ChildProcess;
  /** Rejects with an `Error` whose message names the file. */
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, data: Uint8Array): Promise<void>;
  /**
   * Makes a new file, and the folders that it lies in. Rejects with a `FileError`: its code is
   * `EEXIST` when there is one of that name.
   */
  openFile(path: string): Promise<FileWriter>;
  /**
   * When a file was last changed, since 1970. Rejects with an `Error` whose message names the file.
   */
  modifiedAt(path: string): Promise<Millis>;
  /**
   * The addresses of a name; literal ones come back as they are. Rejects with an `Error` whose
   * message names the host.
   */
  resolveHost(host: string): Promise<readonly string[]>;
  /** Empty when the name has none. Rejects when no name server answers. */
  resolveNaptr(name: string): Promise<readonly NaptrRecord[]>;
  /** Empty when the name has none. Rejects when no name server answers. */
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
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

/** A file that cannot be made or written; the message names it, and says why. */
export class FileError extends Error {
  /** errno name, such as `ENOSPC`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "FileError";
    this.code = code;
  }
}

/** A certificate, key or authority that cannot be used; the message says which, and why. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}
