/**
 * What a web server of ours must do, and what clients may not do to it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import type { HttpListener } from "../../src/runtime/client_ports.ts";
import { HTTP_SERVER_LIMITS, serveHttp } from "../../src/runtime/http_server.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { bindCode, type Check, holds, same, until, wait } from "./check.ts";

const AT = { address: "127.0.0.1", port: 0 };

const LIMITS = {
  ...HTTP_SERVER_LIMITS,
  bodyBytesMax: 1000,
  connectionsMax: 4,
  headTimeout: 100,
  requestTimeout: 300,
  idleTimeout: 100,
  writeTimeout: 150,
};

/** A client that says what it is told to, byte by byte, and keeps what comes. */
class RawClient {
  readonly socket: net.Socket;
  text = "";
  bytes = 0;
  isClosed = false;

  constructor({ local }: HttpListener, said = "") {
    this.socket = net.connect(local.port, local.address);
    this.socket.on("error", () => {});
    this.socket.on("data", (data) => {
      this.bytes += data.length;
      if (this.bytes < 10_000) this.text += Buffer.from(data).toString("latin1");
    });
    this.socket.once("close", () => {
      this.isClosed = true;
    });
    if (said !== "") this.socket.write(said);
  }

  async closed(): Promise<string> {
    await until(() => this.isClosed, "the client is disconnected");
    return this.text;
  }
}

function get(path = "/", more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: gateway.test:8080\r\n${more}\r\n`;
}

async function echo(request: Request): Promise<Response> {
  const body = request.body === null ? "-" : await request.text();
  return new Response(`${request.method} ${request.url} ${request.headers.get("x-a")} ${body}`);
}

/** The status line that a server answers with. */
async function statusOf(
  runtime: Runtime,
  said: string,
  answer: (request: Request) => Response | Promise<Response> = echo,
): Promise<string> {
  const server = await runtime.serveHttp(AT, answer);
  const client = new RawClient(server, said);
  await until(() => client.text.includes("\r\n") || client.isClosed, "there is an answer");
  const [line = ""] = client.text.split("\r\n");
  await server.close();
  return line;
}

/** The checks, by name. */
export const HTTP_SERVER_CHECKS: Readonly<Record<string, Check>> = {
  "serve: hands over requests, and who asks": async (runtime) => {
    let from: SocketAddress | undefined;
    const server = await runtime.serveHttp(AT, (request, remote) => {
      from = remote;
      return echo(request);
    });
    const url = `http://127.0.0.1:${server.local.port}/a/../b%20c?d=e`;
    const init = { method: "POST", headers: { "X-A": "1" }, body: "hello" };
    const answer = await fetch(url, init);
    const seen = `POST http://127.0.0.1:${server.local.port}/b%20c?d=e 1 hello`;
    same([answer.status, await answer.text()], [200, seen]);
    same([from?.address, from !== undefined && from.port > 0], ["127.0.0.1", true]);
    await server.close();
  },

  "serve: statuses, headers and empty bodies": async (runtime) => {
    const server = await runtime.serveHttp(AT, ({ url, method }) => {
      if (url.endsWith("/none")) return new Response(null, { status: 204 });
      const headers = new Headers({ "X-A": "b" });
      headers.append("Set-Cookie", "a=1, b");
      headers.append("Set-Cookie", "c=2");
      return new Response(method === "HEAD" ? null : "no", { status: 404, headers });
    });
    const client = new RawClient(server, get("/"));
    await until(() => client.text.includes("no"), "there is an answer");
    const head = client.text.toLowerCase();
    holds(head.startsWith("http/1.1 404"), "the status is said");
    const cookies = [head.includes("set-cookie: a=1, b\r\n"), head.includes("set-cookie: c=2\r\n")];
    same([head.includes("x-a: b"), ...cookies], [true, true, true]);
    client.text = "";
    client.socket.write(`${get("/none")}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get("/")}`);
    await until(() => client.text.includes("no\r\n0") || client.text.endsWith("no"), "three more");
    same(client.text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 204", "HTTP/1.1 404", "HTTP/1.1 404"]);
    await server.close();
  },

  "serve: bodies come and go piece by piece": async (runtime) => {
    const server = await runtime.serveHttp(AT, ({ body }) => new Response(body));
    const start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const client = new RawClient(server, `${start}3\r\none\r\n`);
    await until(() => client.text.includes("one"), "the first piece is back");
    client.socket.write("3\r\ntwo\r\n0\r\n\r\n");
    await until(() => client.text.includes("two"), "the second piece is back");
    await server.close();
  },

  "serve: what fails is a 500, and says nothing more": async (runtime) => {
    const rejects = () => Promise.reject(new Error("secret"));
    const throws = () => {
      throw new Error("secret");
    };
    same(await statusOf(runtime, get(), rejects), "HTTP/1.1 500 Internal Server Error");
    same(await statusOf(runtime, get(), throws), "HTTP/1.1 500 Internal Server Error");
    const server = await runtime.serveHttp(AT, () => {
      const body = new ReadableStream({
        pull: (controller) => controller.error(new Error("secret")),
      });
      return new Response(body);
    });
    const client = new RawClient(server, get());
    holds(!(await client.closed()).includes("secret"), "the connection ends without a word");
    await server.close();
  },

  "serve: refuses what is no request for us": async (runtime) => {
    const long = "a".repeat(40_000);
    const cases: readonly (readonly [string, RegExp])[] = [
      ["SIP/2.0 200 OK\r\n\r\n", /^HTTP\/1\.1 400/],
      ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400/],
      ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", /^HTTP\/1\.1 400/],
      ["GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n", /^HTTP\/1\.1 400/],
      ["GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 400/],
      ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1\.1 501/],
      [get("/", `X: ${long}\r\n`), /^HTTP\/1\.1 431/],
      ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", /^HTTP\/1\.1 413/],
      [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        /^HTTP\/1\.1 400/,
      ],
    ];
    for (const [said, expected] of cases) {
      const line = await statusOf(runtime, said);
      holds(expected.test(line), `${JSON.stringify(said.slice(0, 60))}: "${line}" is ${expected}`);
    }
  },

  "serve: a body that is longer than it may be is refused while it comes": async () => {
    const server = await serveHttp(AT, echo, LIMITS);
    const start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const client = new RawClient(server, `${start}1ff\r\n${"x".repeat(511)}\r\n`);
    await wait(20);
    client.socket.write(`1ff\r\n${"x".repeat(511)}\r\n`);
    holds((await client.closed()).startsWith("HTTP/1.1 413"), "it is told so, and left");
    await server.close();
  },

  "serve: a body that nobody wants is passed over": async (runtime) => {
    const server = await runtime.serveHttp(AT, () => new Response("no", { status: 401 }));
    const start = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
    const client = new RawClient(server, start);
    client.socket.write(new Uint8Array(100_000));
    await until(() => client.text.includes("HTTP/1.1 401"), "it is told so at once");
    client.socket.write(new Uint8Array(400_000));
    client.socket.write(get());
    await until(() => client.text.split("HTTP/1.1 401").length === 3, "the next one is answered");
    await server.close();
  },

  "serve: slow and silent clients are left": async () => {
    const server = await serveHttp(AT, echo, LIMITS);
    const head = new RawClient(server, "GET / HTTP/1.1\r\n");
    const body = new RawClient(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n");
    const idle = new RawClient(server, get());
    const dripping = setInterval(() => {
      head.socket.write("X: y\r\n");
      body.socket.write("x");
    }, 20);
    const texts = await Promise.all([head.closed(), body.closed(), idle.closed()]);
    clearInterval(dripping);
    holds(/^$|^HTTP\/1\.1 408/.test(texts[0]), "a slow head is told, or not");
    holds(texts[2].startsWith("HTTP/1.1 200"), "one that says no more has had its answer");
    await server.close();
  },

  "serve: a client that reads nothing does not hold a response": async () => {
    let isCancelled = false;
    const piece = new Uint8Array(1 << 20);
    const server = await serveHttp(AT, () => {
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(piece),
        cancel: () => {
          isCancelled = true;
        },
      });
      return new Response(body);
    }, LIMITS);
    const client = new RawClient(server, get());
    client.socket.pause();
    await until(() => isCancelled, "the body is cancelled");
    client.socket.resume();
    await client.closed();
    await server.close();
  },

  "serve: tells when a client is gone": async (runtime) => {
    let isGone = false;
    let isAsked = false;
    const server = await runtime.serveHttp(AT, ({ signal }) => {
      isAsked = true;
      return new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          isGone = true;
          resolve(new Response("late"));
        });
      });
    });
    const client = new RawClient(server, get());
    await until(() => isAsked, "it is asked");
    client.socket.destroy();
    await until(() => isGone, "it hears of that");
    await server.close();
  },

  "serve: takes so many connections at a time": async () => {
    const server = await serveHttp(AT, echo, {
      ...LIMITS,
      headTimeout: 5_000,
      requestTimeout: 5_000,
    });
    const clients = Array.from({ length: 7 }, () => new RawClient(server, "GET"));
    await until(() => clients.filter((each) => each.isClosed).length === 3, "the rest is refused");
    await wait(20);
    same(clients.filter((each) => !each.isClosed).length, 4);
    await server.close();
    await Promise.all(clients.map((each) => each.closed()));
  },

  "serve: close ends everything, and frees the port": async (runtime) => {
    const server = await runtime.serveHttp(AT, () => new Promise(() => {}));
    same(await bindCode(runtime.serveHttp(server.local, echo)), "EADDRINUSE");
    const clients = [new RawClient(server, "GET"), new RawClient(server, get())];
    await wait(20);
    await server.close();
    await Promise.all(clients.map((each) => each.closed()));
    const again = await runtime.serveHttp(server.local, echo);
    await again.close();
  },
};
