/**
 * Sockets of `node:net` and `node:tls` to one address of a server. TLS is for the server's name all
 * the same. RFC 9110 §4.3.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import type { Millis } from "../base/units.ts";
import type { ConnectOptions } from "./client_ports.ts";
import type { AttemptEvents, OpenSocket } from "./dial.ts";
import { clientOptions, serverIdentity } from "./tls_material.ts";

/** A connection that says nothing is probed after so long. */
const KEEP_ALIVE: Millis = 30_000;

/** TLS that says nothing of its own. */
const DEFAULT_TLS = { verify: true };

type SecureOptions = NonNullable<ConnectOptions["tls"]>;

/** Looking at certificates takes a millisecond: once for each route is enough. */
const MATERIAL = new WeakMap<object, tls.ConnectionOptions>();

/** What is connected to, but for its address. */
export interface NodeSocketOptions {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether TLS is spoken. */
  readonly isSecure: boolean;
  readonly tls: ConnectOptions["tls"];
}

/** Opens sockets. Nobody listens to the errors of one that is open. */
export function nodeSockets(options: NodeSocketOptions): OpenSocket<net.Socket> {
  return (address, events) => {
    const { host, port, isSecure, tls: own = DEFAULT_TLS } = options;
    const place = { host: address, port };
    if (!isSecure) {
      const socket = net.connect({ ...place, allowHalfOpen: false });
      return awaitOpening(socket, "connect", events);
    }
    const secure = secureOptions(host, own);
    const socket = tls.connect({ ...secure, ...place });
    return awaitOpening(socket, "secureConnect", events, () => {
      const isTrusted = secure.rejectUnauthorized !== true || socket.authorized;
      return isTrusted ? undefined : socket.authorizationError;
    });
  };
}

function awaitOpening(
  socket: net.Socket,
  event: "connect" | "secureConnect",
  events: AttemptEvents<net.Socket>,
  refusal: () => unknown = () => undefined,
): net.Socket {
  const fail = (error?: unknown): void => {
    socket.destroy();
    events.failed(error);
  };
  // What is destroyed may still tell of errors
  socket.on("error", fail);
  socket.once("close", fail);
  socket.once(event, () => {
    const error = refusal();
    if (error !== undefined) return fail(error);
    socket.off("error", fail);
    socket.off("close", fail);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    events.opened(socket);
  });
  return socket;
}

/** @throws {TlsError} */
function secureOptions(serverName: string, own: SecureOptions): tls.ConnectionOptions {
  let material = MATERIAL.get(own);
  if (material === undefined) {
    material = clientOptions({ ...own, serverName });
    MATERIAL.set(own, material);
  }
  return {
    ...material,
    ALPNProtocols: ["http/1.1"],
    ...serverIdentity(serverName),
  };
}
