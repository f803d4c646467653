/**
 * Opens connections by TCP, TLS and WebSocket, over `node:net` and `node:tls`, which Bun and Deno
 * both have.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import type { RandomSource } from "../base/random.ts";
import { formatSocketAddress } from "../base/socket_address.ts";
import type { StreamConnection, StreamConnectOptions, StreamEvents } from "./ports.ts";
import { describeFailure, TOO_SLOW } from "./handshake_failure.ts";
import { endsOf, SocketConnection } from "./socket_connection.ts";
import { clientOptions, serverIdentity } from "./tls_material.ts";
import { openWebSocket } from "./web_socket.ts";

/**
 * Connects. Resolves to `undefined` when there is no connection in time, once `failed` has said why;
 * rejects with a `TlsError`.
 *
 * @param random Of WebSocket keys and masks.
 */
export async function connectStream(
  options: StreamConnectOptions,
  events: StreamEvents,
  random: RandomSource,
): Promise<StreamConnection | undefined> {
  const secure = secureOf(options);
  return await new Promise((resolve) => {
    const give = (connection: StreamConnection | undefined): void => {
      clearTimeout(timer);
      if (connection === undefined) socket?.destroy();
      resolve(connection);
    };
    let isTold = false;
    const failed = (why: string): void => {
      if (!isTold) events.failed?.(options.to, why);
      isTold = true;
    };
    const fail = (error?: unknown): void => {
      failed(describeFailure(error));
      give(undefined);
    };
    const closed = (): void => fail();
    const timer = setTimeout(() => {
      failed(TOO_SLOW);
      give(undefined);
    }, options.timeout);
    const socket = openSocket(options, secure);
    if (socket === undefined) return fail(new Error("there is no such address or port"));
    // They do nothing more once there is a connection.
    socket.once("error", fail);
    socket.once("close", closed);
    socket.once(secure === undefined ? "connect" : "secureConnect", () => {
      const ends = endsOf(socket);
      const isTrusted = options.tls?.verify !== true || (socket as tls.TLSSocket).authorized;
      if (ends === undefined || (secure !== undefined && !isTrusted)) {
        return fail((socket as tls.TLSSocket).authorizationError);
      }
      socket.off("error", fail);
      socket.off("close", closed);
      const own = { transport: options.transport, ...ends };
      if (!isWebSocket(options)) return give(new SocketConnection(socket, own, events));
      const { to, host = formatSocketAddress(to), path = "/", subprotocol } = options;
      openWebSocket({
        carry: (until) => new SocketConnection(socket, own, until),
        events,
        done: (connection) => {
          if (connection === undefined) failed(describeFailure(undefined));
          give(connection);
        },
        failed,
      }, { host, path, subprotocol, random });
    });
  });
}

function isWebSocket({ transport }: StreamConnectOptions): boolean {
  return transport === "ws" || transport === "wss";
}

/** @throws {TlsError} */
function secureOf({ transport, tls }: StreamConnectOptions): tls.ConnectionOptions | undefined {
  if (transport !== "tls" && transport !== "wss") return undefined;
  if (tls === undefined) throw new TypeError(`"${transport}" needs the name of the server`);
  return { ...clientOptions(tls), ...serverIdentity(tls.serverName) };
}

function openSocket(
  { to }: StreamConnectOptions,
  secure: tls.ConnectionOptions | undefined,
): net.Socket | undefined {
  try {
    const place = { host: to.address, port: to.port };
    if (secure !== undefined) return tls.connect({ ...secure, ...place });
    return net.connect({ ...place, allowHalfOpen: false });
  } catch {
    // Such as a port that is none.
    return undefined;
  }
}
