/**
 * What handlers ask of the network, as interfaces: TCP, WebSocket and HTTP, as clients, and a web
 * server of ours. Part of `ports.ts`.
 *
 * @module
 */

import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { TlsClientOptions } from "./ports.ts";

/** A server that a handler connects to, by name or literal address. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** How a server is connected to, whatever is spoken with it. */
export interface ConnectOptions {
  /** From the look-up of the name to the end of all handshakes. */
  readonly timeout: Millis;
  /** `undefined`: no TLS where the scheme does not ask for it; else as `verify: true`. */
  readonly tls?: Omit<TlsClientOptions, "serverName"> | undefined;
  /**
   * Is asked about each address that the name has, before anything is sent there; why that one is
   * refused, or `undefined`. The connection goes to an address that was asked about and to no other.
   */
  readonly refuseAddress?: (address: string) => string | undefined;
}

/** Who hears of a plain TCP connection. Nothing comes after `failed` or `closed`. */
export interface TcpEvents {
  opened(remote: SocketAddress): void;
  /** `data` is valid only during the call. */
  data(data: Uint8Array): void;
  /** Everything that was written has left this process. */
  drained(): void;
  /** It was not opened in time, or at all. `why` is for a person, with the server as "it". */
  failed(why: string): void;
  /** It was open, and is no more; `error` is why, or `undefined` when the peer or we closed it. */
  closed(error: string | undefined): void;
}

/** A TCP connection that we opened. Without Nagle's algorithm. */
export interface TcpSocket {
  /** Bytes written that have not left this process yet. */
  readonly queuedBytes: number;
  /** Writes in one piece; `data` may be reused after. Nothing happens unless it is open. */
  write(data: Uint8Array): void;
  /** Stops or goes on reading. */
  pause(): void;
  resume(): void;
  /** Closes after what is queued was sent; `closed` follows. */
  close(): void;
  /** Ends it at once; nothing more is told. */
  destroy(): void;
}

/** What a WebSocket is opened with. RFC 6455 */
export interface WebSocketOptions extends ConnectOptions {
  /** `ws:` or `wss:`; credentials in it go into the header Authorization. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocol?: string | undefined;
  /** Bytes of one message at most; more ends the connection with 1009. */
  readonly messageMax: number;
}

/** Who hears of a WebSocket. Nothing comes after `failed` or `closed`. */
export interface WebSocketEvents {
  opened(): void;
  text(text: string): void;
  /** `data` is valid only during the call. */
  binary(data: Uint8Array): void;
  /** Our ping was answered. */
  pong(): void;
  /** Everything that was sent has left this process. */
  drained(): void;
  /**
   * There is no connection; `why` is for a person, with the server as "it".
   *
   * @param status Of its answer, where it gave one.
   */
  failed(why: string, status?: number): void;
  /**
   * The connection is over. RFC 6455 §7.4
   *
   * @param code Of the server's close frame, or of ours where the server broke the protocol; 1005
   * when it had none, 1006 without a close frame.
   * @param reason What the frame said, or why the connection was lost.
   */
  closed(code: number, reason: string): void;
}

/** A WebSocket that we opened. */
export interface WebSocketClient {
  /** Bytes sent that have not left this process yet. */
  readonly queuedBytes: number;
  sendText(text: string): void;
  /** `data` may be reused after. */
  sendBinary(data: Uint8Array): void;
  ping(): void;
  /** Stops or goes on reading. */
  pause(): void;
  resume(): void;
  /** Says goodbye; `closed` follows, within two seconds. */
  close(code: number, reason: string): void;
  /** Ends it at once; nothing more is told. */
  destroy(): void;
}

/** What is asked of a web server. RFC 9110 */
export interface HttpRequest extends ConnectOptions {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  /** `http:` or `https:`; credentials in it go into the header Authorization. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body, or `stream`: what {@linkcode HttpExchange.write} brings, in chunks. */
  readonly body?: Uint8Array | "stream" | undefined;
}

/** Who hears of a response. Nothing comes after `failed` or `ended`. Redirections are not followed. */
export interface HttpEvents {
  /** @param headers Names in lower case; several of one name are joined with commas. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** `data` is valid only during the call; content codings are undone. */
  data(data: Uint8Array): void;
  /** The response is complete. */
  ended(): void;
  /** There is no response, or not all of it; `why` is for a person, with the server as "it". */
  failed(why: string): void;
  /** Everything that was written has left this process. */
  drained(): void;
}

/** One request and its response. Both bodies may be under way at the same time. */
export interface HttpExchange {
  /** Bytes written that have not left this process yet. */
  readonly queuedBytes: number;
  /** For `stream`; `data` may be reused after. */
  write(data: Uint8Array): void;
  /** The body of the request is complete. For `stream`. */
  end(): void;
  /** Stops or goes on reading the response. */
  pause(): void;
  resume(): void;
  /** Ends it at once; nothing more is told. */
  abort(): void;
}

/** A web server of ours. */
export interface HttpListener {
  readonly local: SocketAddress;
  /** Stops accepting, and closes what is open. */
  close(): Promise<void>;
}
