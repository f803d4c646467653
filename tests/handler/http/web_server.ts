/**
 * A web server for the tests of this folder, and what it was asked.
 *
 * @module
 */

import type { SocketAddress } from "../../../src/base/socket_address.ts";
import type { WebhookSpec } from "../../../src/route/route.ts";
import type { HttpListener } from "../../../src/runtime/client_ports.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";

export const runtime = createRuntime();

/** One request as it came. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Milliseconds of the clock of the runtime. */
  readonly at: number;
}

/** Says what comes back, or takes its time. */
type Answer = (asked: Asked, number: number) => Response | Promise<Response>;

/** A server that keeps what it was asked. */
export class WebServer {
  readonly asked: Asked[] = [];
  readonly #listener: HttpListener;

  private constructor(listener: HttpListener) {
    this.#listener = listener;
  }

  static async start(
    answer: Answer,
    at: SocketAddress = { address: "127.0.0.1", port: 0 },
  ): Promise<WebServer> {
    const listener = await runtime.serveHttp(at, async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = request.body === null ? new Uint8Array(0) : await bytesOf(request);
      const { method, headers } = request;
      const asked = { method, path: pathname + search, headers, body, at: runtime.now() };
      server.asked.push(asked);
      return await answer(asked, server.asked.length);
    });
    const server = new WebServer(listener);
    return server;
  }

  get port(): number {
    return this.#listener.local.port;
  }

  url(path = "/voice", host = "127.0.0.1"): string {
    return `http://${host}:${this.port}${path}`;
  }

  async close(): Promise<void> {
    await this.#listener.close();
  }
}

async function bytesOf(request: Request): Promise<Uint8Array> {
  return new Uint8Array(await request.arrayBuffer());
}

/** A webhook that leads to a URL. */
export function webhookSpec(url: string, own: Partial<WebhookSpec> = {}): WebhookSpec {
  return {
    type: "webhook",
    url,
    protocol: "voicegw",
    audio: "none",
    secrets: [],
    account_sid: `AC${"0".repeat(32)}`,
    timeout: 1_000,
    retries: 2,
    headers: {},
    programs: {},
    recordings: "recordings",
    tls: { verify: true },
    ...own,
  };
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** JSON, as a server answers with it. */
export function json(text = "[]", init: ResponseInit = {}): Response {
  return new Response(text, { headers: { "content-type": "application/json" }, ...init });
}
