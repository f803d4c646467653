/**
 * A WebSocket connection, of either role, over a connection that is through with its handshake.
 * RFC 6455 §5–7.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { StreamConnection, StreamTransport } from "./ports.ts";
import type { ConnectionEvents, SocketConnection } from "./socket_connection.ts";
import {
  CLOSE_CODE,
  encodeFrame,
  OPCODE,
  WebSocketDecoder,
  WebSocketError,
} from "./web_socket_frames.ts";

/** SIP messages have 64 KiB at most. */
const MESSAGE_BYTES_MAX = 128 * 1024;

/** For the peer's half of the closing handshake. §7.1.1 */
const LINGER: Millis = 1_000;

/** Which side of the handshake we were. */
export type WebSocketRole = { readonly role: "server" } | {
  readonly role: "client";
  /** Of masks. §5.3 */
  readonly random: RandomSource;
};

/** Messages both ways. */
export class WebSocketConnection implements StreamConnection {
  readonly transport: StreamTransport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly #carrier: SocketConnection;
  readonly #random: RandomSource | undefined;
  readonly #events: ConnectionEvents;
  readonly #decoder: WebSocketDecoder;
  #closing = false;

  /** @param carrier Its events are taken over. */
  constructor(carrier: SocketConnection, role: WebSocketRole, events: ConnectionEvents) {
    this.transport = carrier.transport;
    this.local = carrier.local;
    this.remote = carrier.remote;
    this.#carrier = carrier;
    this.#random = role.role === "client" ? role.random : undefined;
    this.#events = events;
    const masked = role.role === "server";
    this.#decoder = new WebSocketDecoder({ masked, messageBytesMax: MESSAGE_BYTES_MAX });
    carrier.handOver({
      receive: (_, data) => this.receive(data),
      closed: () => {
        this.#closing = true;
        events.closed(this);
      },
    });
  }

  /** RFC 7118 §4.2: text, or binary when it is none. */
  send(data: Uint8Array): boolean {
    return !this.#closing && this.#sendFrame(isUtf8(data) ? OPCODE.text : OPCODE.binary, data);
  }

  close(): void {
    this.#close(CLOSE_CODE.normal);
  }

  /** Takes bytes of the carrier; also those that came together with the handshake. */
  receive(data: Uint8Array): void {
    if (this.#closing) return;
    try {
      this.#decoder.receive(data, (type, payload) => {
        if (type === "text" || type === "binary") this.#events.receive(this, payload);
        else if (type === "ping") this.#answerPing(payload);
        // §5.5.1: closed in the same way
        else if (type === "close") this.#close(codeOf(payload));
        return !this.#closing;
      });
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#close(error.closeCode);
    }
  }

  /** §5.5.3 */
  #answerPing(data: Uint8Array): void {
    // A peer that pings and does not read is too slow for anything.
    if (!this.#sendFrame(OPCODE.pong, data)) this.#close(CLOSE_CODE.normal);
  }

  /** §7.1.2 */
  #close(code: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#sendFrame(OPCODE.close, new Uint8Array([code >> 8, code & 0xff]));
    this.#carrier.close(LINGER);
  }

  #sendFrame(opcode: number, payload: Uint8Array): boolean {
    const random = this.#random;
    if (random === undefined) return this.#carrier.sendOwned(encodeFrame(opcode, payload));
    const key = new Uint8Array(4);
    random.fill(key);
    return this.#carrier.sendOwned(encodeFrame(opcode, payload, key));
  }
}

function codeOf(data: Uint8Array): number {
  return data.length < 2 ? CLOSE_CODE.normal : (data[0] as number) << 8 | (data[1] as number);
}
