/**
 * Opens connections by TCP, TLS and WebSocket, over `node:net` and `node:tls`, which Bun and Deno
 * both have.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import type { RandomSource } from "../base/random.ts";
import { formatSocketAddress, isIpAddress } from "../base/socket_address.ts";
import type {
  StreamConnection,
  StreamConnectOptions,
  StreamEvents,
  TlsClientOptions,
} from "./ports.ts";
import { endsOf, SocketConnection } from "./socket_connection.ts";
import { clientOptions } from "./tls_material.ts";
import { openWebSocket } from "./web_socket.ts";

/**
 * Connects. Resolves to `undefined` when there is no connection in time; rejects with a `TlsError`.
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
    const fail = (): void => give(undefined);
    const timer = setTimeout(fail, options.timeout);
    const socket = openSocket(options, secure);
    if (socket === undefined) return fail();
    // They do nothing more once there is a connection.
    socket.once("error", fail);
    socket.once("close", fail);
    socket.once(secure === undefined ? "connect" : "secureConnect", () => {
      const ends = endsOf(socket);
      const isTrusted = options.tls?.verify !== true || (socket as tls.TLSSocket).authorized;
      if (ends === undefined || (secure !== undefined && !isTrusted)) return fail();
      socket.off("error", fail);
      socket.off("close", fail);
      const own = { transport: options.transport, ...ends };
      if (!isWebSocket(options)) return give(new SocketConnection(socket, own, events));
      const { to, host = formatSocketAddress(to), path = "/", subprotocol } = options;
      openWebSocket({
        carry: (until) => new SocketConnection(socket, own, until),
        events,
        done: give,
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
  return { ...clientOptions(tls), ...identityCheck(tls) };
}

/** The name that counts is not the address that we connect to. */
function identityCheck({ serverName }: TlsClientOptions): tls.ConnectionOptions {
  return {
    // RFC 6066 §3: addresses are no server names
    ...(isIpAddress(serverName) ? {} : { servername: serverName }),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
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
