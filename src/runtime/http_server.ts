/**
 * A web server of ours, over `node:http`, which Bun and Deno both have, in the terms of the Fetch
 * standard. RFC 9110, RFC 9112.
 *
 * Heads, bodies, connections and time are bounded here; who may ask for what is left to whoever
 * answers.
 *
 * @module
 */

import http from "node:http";
import type net from "node:net";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { bindError } from "./bind_error.ts";
import type { HttpListener } from "./client_ports.ts";
import { BodyTooLong, requestOf } from "./http_fetch_request.ts";
import { writeResponse } from "./http_fetch_response.ts";
import { plainAddress } from "./plain_address.ts";

/** What clients may take. */
export interface HttpServerLimits {
  readonly headBytesMax: number;
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  /** For the head of a request, and for all of it. */
  readonly headTimeout: Millis;
  readonly requestTimeout: Millis;
  /** Between two requests of a connection. */
  readonly idleTimeout: Millis;
  /** For a client that reads nothing of a response. */
  readonly writeTimeout: Millis;
}

/** Enough for people, scripts and bots that ask a running gateway for something. */
export const HTTP_SERVER_LIMITS: HttpServerLimits = {
  headBytesMax: 16 * 1024,
  bodyBytesMax: 1024 * 1024,
  connectionsMax: 512,
  headTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 5_000,
  writeTimeout: 30_000,
};

type Answer = (request: Request, remote: SocketAddress) => Response | Promise<Response>;

/** How often slow clients are looked for. */
const CHECK_INTERVAL: Millis = 1_000;

/** Serves requests. Rejects with a `BindError`. */
export async function serveHttp(
  at: SocketAddress,
  answer: Answer,
  limits: HttpServerLimits = HTTP_SERVER_LIMITS,
): Promise<HttpListener> {
  const server = http.createServer({
    maxHeaderSize: limits.headBytesMax,
    headersTimeout: limits.headTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.idleTimeout,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL, limits.headTimeout / 2),
    noDelay: true,
  });
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    if (sockets.size >= limits.connectionsMax) return void socket.destroy();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("clientError", (error, socket) => refuse(error, socket as net.Socket));
  server.on("request", (request, response) => {
    void serve({ request, response, answer, limits });
  });
  await listen(server, at);
  const bound = server.address() as net.AddressInfo;
  return {
    local: { address: plainAddress(bound.address), port: bound.port },
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      // Also those whose first request is not complete
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

interface Served {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly answer: Answer;
  readonly limits: HttpServerLimits;
}

async function serve({ request, response, answer, limits }: Served): Promise<void> {
  const { remoteAddress, remotePort } = request.socket;
  // It is gone already
  if (remoteAddress === undefined || remotePort === undefined) return void response.destroy();
  const remote = { address: plainAddress(remoteAddress), port: remotePort };
  response.on("error", () => {});
  const asked = requestOf(request, response, limits.bodyBytesMax);
  if (typeof asked === "number") return sayStatus(response, asked);
  let answered: Response;
  try {
    answered = await answer(asked, remote);
  } catch (error) {
    return sayStatus(response, error instanceof BodyTooLong ? 413 : 500);
  }
  await writeResponse(answered, { request, response, timeout: limits.writeTimeout });
}

/** The rest of the request is not read. */
function sayStatus(response: http.ServerResponse, status: number): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-length": "0", "connection": "close" });
  response.end();
}

/** What is no request, or came too slowly. */
function refuse(error: Error, socket: net.Socket): void {
  const { code } = error as { readonly code?: unknown };
  if (code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = code === "HPE_HEADER_OVERFLOW"
    ? "431 Request Header Fields Too Large"
    : code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? "408 Request Timeout"
    : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  // A client that sends on must not keep the connection
  socket.destroySoon();
}

function listen(server: http.Server, at: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(bindError("tcp", at, error));
    server.once("error", fail);
    server.listen({ host: at.address, port: at.port }, () => {
      server.off("error", fail);
      server.on("error", () => {});
      resolve();
    });
  });
}
