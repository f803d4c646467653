/**
 * WebSockets that handlers open, over TCP and TLS connections. RFC 6455, the client's side.
 *
 * No extensions: sound does not become smaller by them, and compressing costs more than sending.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { RandomSource } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import type {
  ConnectOptions,
  ServerAddress,
  TcpEvents,
  TcpSocket,
  WebSocketClient,
  WebSocketEvents,
  WebSocketOptions,
} from "./client_ports.ts";
import { TOO_SLOW } from "./handshake_failure.ts";
import { HttpHeadError, HttpHeadReader, tokensOf } from "./http_head.ts";
import {
  CLOSE_CODE,
  OPCODE,
  readClose,
  WebSocketDecoder,
  WebSocketError,
  type WebSocketEvent,
} from "./web_socket_frames.ts";
import { formatUpgrade, upgradeFailure, type UpgradeRequest } from "./web_socket_handshake.ts";
import { readTarget, type WebSocketTarget } from "./web_socket_target.ts";
import { MaskedFrameWriter } from "./web_socket_writer.ts";

/** For the server's half of the closing handshake. §7.1.1 */
const CLOSE_TIMEOUT: Millis = 2_000;

/** Pings of a server that does not read are not answered beyond this. */
const PONG_QUEUED_BYTES_MAX = 64 * 1024;

/** What a close frame has room for beside its code. §5.5 */
const REASON_BYTES_MAX = 123;

/** TLS that says nothing of its own. */
const DEFAULT_TLS = { verify: true };

/** What WebSockets are made of. */
export interface WebSocketMeans {
  /** Of keys and masks. */
  readonly random: RandomSource;
  connectTcp(to: ServerAddress, options: ConnectOptions, events: TcpEvents): TcpSocket;
}

/** Begins to connect. */
export function connectWebSocket(
  options: WebSocketOptions,
  events: WebSocketEvents,
  means: WebSocketMeans,
): WebSocketClient {
  return new Client(options, events, means);
}

/**
 * - `connecting`: up to the server's answer to the handshake.
 * - `closing`: one side has said goodbye; nothing that comes is heard.
 */
type State = "connecting" | "open" | "closing" | "over";

/** One WebSocket. */
class Client implements WebSocketClient {
  readonly #options: WebSocketOptions;
  readonly #events: WebSocketEvents;
  readonly #means: WebSocketMeans;
  readonly #writer: MaskedFrameWriter;
  readonly #decoder: WebSocketDecoder;
  readonly #head = new HttpHeadReader("response");
  readonly #take = (event: WebSocketEvent, data: Uint8Array): boolean => this.#taken(event, data);
  readonly #textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #state: State = "connecting";
  #socket: TcpSocket | undefined;
  #asked: UpgradeRequest | undefined;
  /** Of the handshake, then of the goodbye. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The server has said goodbye, or nonsense: what else comes is thrown away. */
  #isBroken = false;
  /** Whoever hears of it knows that it is over; the goodbye may still be on its way. */
  #isTold = false;
  /** How the connection ends. */
  #end = { code: CLOSE_CODE.lost as number, reason: "" };

  constructor(options: WebSocketOptions, events: WebSocketEvents, means: WebSocketMeans) {
    this.#options = options;
    this.#events = events;
    this.#means = means;
    this.#writer = new MaskedFrameWriter(means.random);
    this.#decoder = new WebSocketDecoder({ masked: false, messageBytesMax: options.messageMax });
    const target = readTarget(options);
    if (typeof target === "string") this.#arm(0, () => this.#failed(target));
    else this.#connect(target);
  }

  get queuedBytes(): number {
    return this.#socket?.queuedBytes ?? 0;
  }

  sendText(text: string): void {
    if (this.#state === "open") this.#socket?.write(this.#writer.text(text));
  }

  sendBinary(data: Uint8Array): void {
    if (this.#state === "open") this.#socket?.write(this.#writer.bytes(OPCODE.binary, data));
  }

  ping(): void {
    if (this.#state === "open") this.#sendControl(OPCODE.ping, new Uint8Array(0));
  }

  pause(): void {
    if (this.#state === "open") this.#socket?.pause();
  }

  resume(): void {
    if (this.#state === "open") this.#socket?.resume();
  }

  close(code: number, reason: string): void {
    if (this.#state === "open") return this.#sayGoodbye(code, reason);
    if (this.#state !== "connecting") return;
    this.#socket?.destroy();
    this.#arm(0, () => this.#failed("we gave it up"));
  }

  destroy(): void {
    this.#state = "over";
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(target: WebSocketTarget): void {
    const { timeout, tls, refuseAddress, subprotocol } = this.#options;
    const nonce = new Uint8Array(16);
    this.#means.random.fill(nonce);
    const key = Buffer.from(nonce).toString("base64");
    const { host, path, headers } = target;
    this.#asked = { host, path, headers, key, subprotocol: target.subprotocol ?? subprotocol };
    this.#arm(timeout, () => this.#failed(TOO_SLOW));
    this.#socket = this.#means.connectTcp(target.address, {
      timeout,
      ...(refuseAddress === undefined ? {} : { refuseAddress }),
      tls: target.isSecure ? tls ?? DEFAULT_TLS : undefined,
    }, {
      opened: () => this.#socket?.write(formatUpgrade(this.#asked as UpgradeRequest)),
      data: (data) => this.#receive(data),
      drained: () => {
        if (this.#state === "open") this.#events.drained();
      },
      failed: (why) => this.#failed(why),
      closed: (error) => this.#closed(error),
    });
  }

  #receive(data: Uint8Array): void {
    if (this.#state === "connecting") this.#readAnswer(data);
    else if (this.#state !== "over" && !this.#isBroken) this.#decode(data);
  }

  /** §4.1 */
  #readAnswer(data: Uint8Array): void {
    const asked = this.#asked as UpgradeRequest;
    let read;
    try {
      read = this.#head.receive(data);
    } catch (error) {
      if (!(error instanceof HttpHeadError)) throw error;
      return this.#failed("it does not speak HTTP there");
    }
    if (read === undefined) return;
    const subprotocols = tokensOf(asked.subprotocol);
    const failure = upgradeFailure(read.head, { key: asked.key, subprotocols });
    if (failure !== undefined) return this.#failed(failure, Number(read.head.start[1]));
    clearTimeout(this.#timer);
    this.#state = "open";
    this.#events.opened();
    // Who hears of it may have ended it
    if (read.rest.length > 0) this.#receive(read.rest);
  }

  #decode(data: Uint8Array): void {
    try {
      this.#decoder.receive(data, this.#take);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      // §7.1.7: what it sends from now on is thrown away
      this.#isBroken = true;
      this.#sayGoodbye(error.closeCode, error.message);
      this.#end = { code: error.closeCode, reason: error.message };
      this.#tellEnd();
    }
  }

  /** Takes a message or a control frame; tells whether more are wanted. */
  #taken(event: WebSocketEvent, data: Uint8Array): boolean {
    if (this.#state === "open") this.#heard(event, data);
    else if (event === "close") this.#heardLast(data);
    return this.#state !== "over" && !this.#isBroken;
  }

  #heard(event: WebSocketEvent, data: Uint8Array): void {
    switch (event) {
      case "text":
        this.#events.text(this.#textDecoder.decode(data));
        break;
      case "binary":
        this.#events.binary(data);
        break;
      case "ping":
        this.#answerPing(data);
        break;
      case "pong":
        this.#events.pong();
        break;
      case "close":
        this.#answerClose(data);
        break;
    }
  }

  /** The server's answer to our goodbye, which may come behind what else it had to say. */
  #heardLast(data: Uint8Array): void {
    this.#end = readClose(data);
    this.#isBroken = true;
  }

  /** §5.5.3 */
  #answerPing(data: Uint8Array): void {
    if (this.queuedBytes <= PONG_QUEUED_BYTES_MAX) this.#sendControl(OPCODE.pong, data);
  }

  /** §5.5.1: with the same code. The server then closes the connection: §7.1.1 */
  #answerClose(data: Uint8Array): void {
    this.#sendControl(OPCODE.close, data.subarray(0, 2));
    this.#end = readClose(data);
    this.#isBroken = true;
    this.#leave();
    this.#tellEnd();
  }

  #sayGoodbye(code: number, reason: string): void {
    if (this.#state !== "open") return;
    const payload = new Uint8Array(2 + REASON_BYTES_MAX);
    payload[0] = code >> 8;
    payload[1] = code & 0xff;
    const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
    this.#sendControl(OPCODE.close, payload.subarray(0, 2 + written));
    this.#leave();
  }

  #leave(): void {
    this.#state = "closing";
    this.#socket?.resume();
    this.#arm(CLOSE_TIMEOUT, () => this.#closed(undefined));
  }

  #sendControl(opcode: number, payload: Uint8Array): void {
    this.#socket?.write(this.#writer.bytes(opcode, payload));
  }

  #failed(why: string, status?: number): void {
    if (this.#state === "over") return;
    this.destroy();
    this.#events.failed(why, status);
  }

  #closed(error: string | undefined): void {
    if (this.#state === "connecting") {
      return this.#failed(error ?? "it closed the connection before it answered");
    }
    if (this.#state === "over") return;
    const isLost = this.#end.code === CLOSE_CODE.lost && error !== undefined;
    if (isLost) this.#end = { ...this.#end, reason: error };
    this.destroy();
    this.#tellEnd();
  }

  /** A server that says goodbye or nonsense, and stays connected, is not waited for. */
  #tellEnd(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#events.closed(this.#end.code, this.#end.reason);
  }

  /** One timer at a time. */
  #arm(delay: Millis, callback: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, delay);
  }
}
