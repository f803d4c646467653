/**
 * Requests to web servers, over `node:http`, which Bun and Deno both have: HTTP/1.1 with both bodies
 * under way at the same time. RFC 9110, RFC 9112.
 *
 * Where connections come from is left to `http_dial.ts` and `http_agent.ts`, content codings to
 * `http_content_coding.ts`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import http from "node:http";
import type net from "node:net";
import type { Readable } from "node:stream";
import type { HttpEvents, HttpExchange, HttpRequest } from "./client_ports.ts";
import { KeepAliveAgent, type OpenConnection } from "./http_agent.ts";
import { codingsOf, decoded } from "./http_content_coding.ts";
import { Dial, type ResolveHost } from "./dial.ts";
import { describeFailure } from "./handshake_failure.ts";
import { nodeSockets } from "./node_socket.ts";
import { plainAddress } from "./plain_address.ts";
import { plainBytes } from "./plain_bytes.ts";
import { basicCredentials, plainHost } from "./url_parts.ts";

/** Bytes of the head of a response. */
const HEAD_BYTES_MAX = 32 * 1024;

/** They are ours to say, or belong to the connection. RFC 9110 §7.6.1 */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Makes what asks web servers. */
export function createHttpClient(
  resolveHost: ResolveHost,
): (request: HttpRequest, events: HttpEvents) => HttpExchange {
  const agent = new KeepAliveAgent();
  return (request, events) => new Exchange({ request, events, agent, resolveHost });
}

interface ExchangeOptions {
  readonly request: HttpRequest;
  readonly events: HttpEvents;
  readonly agent: KeepAliveAgent;
  readonly resolveHost: ResolveHost;
}

/** There is no connection; the message is for a person. */
class DialError extends Error {}

/** One request, its response, and one more try where a kept connection was gone. */
class Exchange implements HttpExchange {
  readonly #options: ExchangeOptions;
  readonly #events: HttpEvents;
  #request: http.ClientRequest | undefined;
  #dial: Dial<net.Socket> | undefined;
  /** Ends the wait for a connection. */
  #giveUp = () => {};
  #body: Readable | undefined;
  #hasHead = false;
  /** Read from the connection before this request. */
  #bytesBefore = 0;
  #queuedBytes = 0;
  #isWritten = false;
  #isPaused = false;
  #isOver = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#isWritten = options.request.body !== "stream";
    this.#send(options.request.body === "stream" ? "own" : "kept");
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(data: Uint8Array): void {
    if (this.#isOver || this.#isWritten || data.length === 0) return;
    const { length } = data;
    this.#queuedBytes += length;
    this.#request?.write(Buffer.from(data), () => {
      this.#queuedBytes -= length;
      if (this.#queuedBytes === 0 && !this.#isOver) this.#events.drained();
    });
  }

  end(): void {
    if (this.#isOver || this.#isWritten) return;
    this.#isWritten = true;
    this.#request?.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#body?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#body?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#dial?.cancel();
    this.#giveUp();
    this.#request?.destroy();
    this.#body?.destroy();
  }

  /** @param connection One that may be kept from before, or one of its own. */
  #send(connection: "kept" | "own"): void {
    const { request: asked, agent } = this.#options;
    const url = URL.parse(asked.url);
    if (url === null) return queueMicrotask(() => this.#fail("its URL cannot be read"));
    try {
      const openConnection: OpenConnection = (done) => this.#connect(url, done);
      const connectionKey = keyOf(url, asked);
      const isKept = connection === "kept" && this.#mayReuse(connectionKey);
      const options = {
        method: asked.method,
        path: url.pathname + url.search,
        headers: headersOf(asked, url),
        setHost: false,
        maxHeaderSize: HEAD_BYTES_MAX,
        connectionKey,
        openConnection,
        ...(isKept ? { agent } : { createConnection: ownConnection }),
      };
      const request = http.request(options as http.RequestOptions);
      this.#request = request;
      this.#listen(request);
      if (asked.body === "stream") request.flushHeaders();
      else request.end(asked.body);
    } catch {
      // Without what the error says: it may quote what is secret
      const why = "a header of the request has a character that it cannot have";
      queueMicrotask(() => this.#fail(why));
    }
  }

  /** What was refused for this request may be connected for another. */
  #mayReuse(connectionKey: string): boolean {
    const { agent, request: { refuseAddress } } = this.#options;
    if (refuseAddress === undefined) return true;
    return agent.idleAddresses(connectionKey)
      .every((address) => refuseAddress(plainAddress(address)) === undefined);
  }

  #connect(url: URL, done: Parameters<OpenConnection>[0]): void {
    const { request, resolveHost } = this.#options;
    this.#giveUp = () => done(new DialError("it is not wanted any more"));
    if (this.#isOver) return this.#giveUp();
    const isSecure = url.protocol === "https:";
    const forget = (): void => {
      this.#giveUp = () => {};
      this.#dial = undefined;
    };
    const host = plainHost(url);
    const port = Number(url.port || (isSecure ? 443 : 80));
    const open = nodeSockets({ host, port, isSecure, tls: request.tls });
    this.#dial = new Dial({ host, connect: request, resolveHost }, open, {
      opened: (socket) => {
        forget();
        done(null, socket);
      },
      failed: (why) => {
        forget();
        done(new DialError(why));
      },
    });
  }

  #listen(request: http.ClientRequest): void {
    request.on("socket", (socket) => {
      this.#bytesBefore = socket.bytesRead;
    });
    request.on("response", (response) => {
      if (this.#request === request) this.#receive(response);
    });
    request.on("error", (error) => {
      if (this.#request === request) this.#broke(error);
    });
    request.on("close", () => {
      if (this.#request === request && !this.#hasHead) this.#broke(undefined);
    });
  }

  /** The connection is gone, before or after the head of the response. */
  #broke(error: unknown): void {
    if (this.#isOver) return;
    const request = this.#request;
    const { body } = this.#options.request;
    const isUntouched = !this.#hasHead && request?.reusedSocket === true &&
      body !== "stream" && (request.socket?.bytesRead ?? 0) <= this.#bytesBefore;
    // RFC 9112 §9.3.1: the server closed it while the request was on its way
    if (isUntouched) return this.#send("own");
    this.#fail(whyBroken(error, this.#hasHead));
  }

  #receive(response: http.IncomingMessage): void {
    if (this.#isOver) return void response.destroy();
    this.#hasHead = true;
    response.on("error", (error) => this.#fail(whyBroken(error, true)));
    response.on("close", () => {
      if (!response.complete) this.#fail(whyBroken(undefined, true));
    });
    const headers = joined(response.rawHeaders);
    this.#events.head(response.statusCode ?? 0, headers);
    if (this.#isOver) return;
    const codings = this.#options.request.method === "HEAD" ? [] : codingsOf(headers);
    if (codings === undefined) {
      return this.#fail("its response is compressed in a way that we did not ask for");
    }
    const body = decoded(response, codings, () => {
      this.#fail("its response is not compressed as it says");
    });
    this.#body = body;
    body.on("data", (data: Uint8Array) => {
      if (!this.#isOver) this.#events.data(plainBytes(data));
    });
    body.on("end", () => this.#finish());
    if (this.#isPaused) body.pause();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Nobody hears the rest of what was being written
    if (!this.#isWritten) this.#request?.destroy();
    this.#events.ended();
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.abort();
    this.#events.failed(why);
  }
}

/** As an option of a request that has its connection alone. */
function ownConnection(options: object, done: Parameters<OpenConnection>[0]): undefined {
  (options as { readonly openConnection: OpenConnection }).openConnection(done);
  return undefined;
}

function keyOf(url: URL, { tls }: HttpRequest): string {
  if (url.protocol !== "https:" || tls === undefined) return url.origin;
  const { ca, identity, verify } = tls;
  const material = JSON.stringify([ca, identity?.certificate, identity?.key, verify]);
  return `${url.origin} ${createHash("sha256").update(material).digest("base64")}`;
}

function headersOf({ headers, body, method }: HttpRequest, url: URL): Record<string, string> {
  const authorization = basicCredentials(url);
  const all: Record<string, string> = {
    "host": url.host,
    "user-agent": "voicegw",
    // What is compressed waits for more: no way for a stream of sound
    "accept-encoding": body === "stream" ? "identity" : "gzip, deflate, br",
    ...(authorization === undefined ? {} : { authorization }),
  };
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!OWN_HEADERS.has(lower)) all[lower] = utf8(value);
  }
  if (body === "stream") all["transfer-encoding"] = "chunked";
  else if (body !== undefined) all["content-length"] = String(body.length);
  else if (method !== "GET" && method !== "HEAD") all["content-length"] = "0";
  return all;
}

/** RFC 9110 §5.5: bytes above ASCII are opaque; everybody means UTF-8 by them. */
function utf8(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}

/** Pairs of names and values in one list, as `node:http` has them. */
function joined(raw: readonly string[]): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name, value] = [(raw[index] as string).toLowerCase(), raw[index + 1] as string];
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return Object.fromEntries(headers);
}

function whyBroken(error: unknown, hasHead: boolean): string {
  if (error instanceof DialError) return error.message;
  const code = codeOf(error);
  if (code === "HPE_HEADER_OVERFLOW") return "the head of its response is too long";
  if (code.startsWith("HPE_")) return "its response is no proper HTTP";
  if (hasHead) return "it closed the connection in the middle of its response";
  if (code === "ECONNRESET" || error === undefined) {
    return "it closed the connection without a response";
  }
  return describeFailure(error);
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | undefined)?.code ?? "");
}
