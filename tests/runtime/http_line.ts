/**
 * What checks of HTTP have in common: a web server that is told byte by byte what to say, and an
 * exchange that is written down.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import type { HttpEvents, HttpExchange, HttpRequest } from "../../src/runtime/client_ports.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { tlsIdentity } from "../support/tls_fixtures.ts";
import { until } from "./check.ts";

/** A request that a raw server has got. */
export interface RawRequest {
  readonly head: string;
  readonly body: string;
  readonly socket: net.Socket;
}

/** A server that reads requests with a length or none, and says what it is told to. */
export class RawServer {
  readonly requests: RawRequest[] = [];
  connections = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** @param answer What is said to a request; `undefined`: whatever it does itself. */
  static async start(
    answer: (request: RawRequest) => string | Uint8Array | undefined,
    secure?: tls.TlsOptions,
  ): Promise<RawServer> {
    const accept = (socket: net.Socket): void => started.#accept(socket, answer);
    const server = secure === undefined
      ? net.createServer(accept)
      : tls.createServer({ ...certificate(), ...secure }, accept);
    const started = new RawServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return started;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** @param path With its query. */
  url(path = "/", scheme = "http", host = "127.0.0.1"): string {
    return `${scheme}://${host}:${this.port}${path}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accept(socket: net.Socket, answer: (request: RawRequest) => string | Uint8Array | undefined) {
    this.connections++;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    let text = "";
    socket.on("data", (data) => {
      text += Buffer.from(data).toString("latin1");
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = text.slice(0, end);
        const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const request = { head, body: text.slice(end + 4, end + 4 + length), socket };
        text = text.slice(end + 4 + length);
        this.requests.push(request);
        const said = answer(request);
        if (said !== undefined) socket.write(said);
      }
    });
  }
}

function certificate(): tls.TlsOptions {
  const { certificate: cert, key } = tlsIdentity("server");
  return { cert, key };
}

/** A whole response. */
export function response(body: string, head = "HTTP/1.1 200 OK"): string {
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** An exchange, and everything that was told of it. */
export class Told implements HttpEvents {
  readonly exchange: HttpExchange;
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  body = "";
  bytes = 0;
  largest = 0;
  drains = 0;
  /** Is done at each piece of the body. */
  reading = () => {};
  why: string | undefined;
  isEnded = false;
  /** Events that came before the request was begun, or after the end. */
  untimely = 0;
  #isBegun = false;

  constructor(runtime: Runtime, request: Partial<HttpRequest> & { readonly url: string }) {
    const whole = { method: "GET", headers: {}, timeout: 2_000, ...request } as const;
    this.exchange = runtime.requestHttp(whole, this);
    this.#isBegun = true;
  }

  get isOver(): boolean {
    return this.isEnded || this.why !== undefined;
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#count();
    this.status = status;
    this.headers = headers;
  }

  data(data: Uint8Array): void {
    this.#count();
    this.bytes += data.length;
    this.largest = Math.max(this.largest, data.length);
    if (this.body.length < 10_000) this.body += Buffer.from(data).toString("latin1");
    this.reading();
  }

  ended(): void {
    this.#count();
    this.isEnded = true;
  }

  failed(why: string): void {
    this.#count();
    this.why = why;
  }

  drained(): void {
    this.#count();
    this.drains++;
  }

  /** Waits for the end, and says what came: the status and the body, or why there is none. */
  async outcome(): Promise<string> {
    await until(() => this.isOver, "the exchange is over");
    return this.why ?? `${this.status} ${this.body}`;
  }

  #count(): void {
    if (!this.#isBegun || this.isOver) this.untimely++;
  }
}
