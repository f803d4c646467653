/**
 * Listens for connections by TCP, TLS and WebSocket, over `node:net` and `node:tls`, which Bun and
 * Deno both have.
 *
 * @module
 */

import net from "node:net";
import { bindError } from "./bind_error.ts";
import { HANDSHAKE_LIMITS, type HandshakeLimits, Handshakes } from "./handshakes.ts";
import type { StreamEvents, StreamListener, StreamListenOptions } from "./ports.ts";
import { endsOf, SocketConnection } from "./socket_connection.ts";
import { TlsAcceptor } from "./tls_acceptor.ts";
import { acceptWebSocket } from "./web_socket.ts";

/** What a listener takes connections with. */
interface Acceptor {
  readonly options: StreamListenOptions;
  readonly events: StreamEvents;
  readonly handshakes: Handshakes;
  readonly secure: TlsAcceptor | undefined;
}

/**
 * Listens. Rejects with a `BindError` or a `TlsError`.
 *
 * @param limits For peers that are not through with their handshakes.
 */
export async function listenStream(
  options: StreamListenOptions,
  events: StreamEvents,
  limits: HandshakeLimits = HANDSHAKE_LIMITS,
): Promise<StreamListener> {
  const secure = secureOf(options);
  const handshakes = new Handshakes(limits);
  const acceptor = { options, events, handshakes, secure };
  const server = net.createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
    accept(acceptor, socket);
  });
  await bind(server, options);
  const { address, port } = server.address() as net.AddressInfo;
  return {
    local: { address, port },
    replaceTls: (tls) => {
      if (secure === undefined) throw new TypeError(`"${options.transport}" has no certificate`);
      secure.replace(tls);
    },
    close: () => {
      server.close();
      handshakes.close();
    },
  };
}

function secureOf({ transport, tls }: StreamListenOptions): TlsAcceptor | undefined {
  if (transport !== "tls" && transport !== "wss") return undefined;
  if (tls === undefined) throw new TypeError(`"${transport}" needs a certificate and its key`);
  return new TlsAcceptor(tls);
}

function bind(server: net.Server, { transport, at }: StreamListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(bindError(transport, at, error));
    server.once("error", fail);
    try {
      server.listen({ host: at.address, port: at.port, exclusive: true }, () => {
        server.off("error", fail);
        // Such as too many open files: this peer is lost, the next may be lucky.
        server.on("error", () => {});
        resolve();
      });
    } catch (error) {
      fail(error);
    }
  });
}

function accept({ options, events, handshakes, secure }: Acceptor, raw: net.Socket): void {
  const { transport, subprotocol } = options;
  const ends = endsOf(raw);
  // A peer may be gone before it is accepted.
  if (ends === undefined) return void raw.destroy();
  const own = { transport, ...ends };
  if (transport === "tcp") return events.accepted?.(new SocketConnection(raw, own, events));
  raw.on("error", () => {});
  const failed = once((why) => events.failed?.(own.remote, why));
  const through = handshakes.begin(raw, failed);
  if (through === undefined) return;
  const upgrade = (socket: net.Socket): void => {
    if (transport === "tls") {
      through();
      return events.accepted?.(new SocketConnection(socket, own, events));
    }
    acceptWebSocket({
      carry: (until) => new SocketConnection(socket, own, until),
      events,
      done: (connection) => {
        through();
        if (connection !== undefined) events.accepted?.(connection);
      },
      failed,
    }, subprotocol);
  };
  if (secure === undefined) upgrade(raw);
  else secure.accept(raw, { secured: upgrade, failed });
}

/** The first reason is the one that counts: others follow from it. */
function once(tell: (why: string) => void): (why: string) => void {
  let isTold = false;
  return (why) => {
    if (isTold) return;
    isTold = true;
    tell(why);
  };
}
