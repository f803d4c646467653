/**
 * The server's side of TLS over sockets that were accepted, by `node:tls`. RFC 8446, RFC 5246.
 *
 * Sockets are handed to a TLS server that listens nowhere itself: certificates can be replaced by
 * making another one, and what handshakes may take is ours to limit.
 *
 * @module
 */

import type net from "node:net";
import tls from "node:tls";
import type { TlsServerOptions } from "./ports.ts";
import { serverOptions } from "./tls_material.ts";

type Secured = (socket: tls.TLSSocket) => void;

/** Makes TLS connections of TCP connections. */
export class TlsAcceptor {
  /** By the peer's address and port, which are what the runtimes tell alike. */
  readonly #waiting = new Map<string, { readonly raw: net.Socket; readonly secured: Secured }>();
  #server: tls.Server;

  /** @throws {TlsError} */
  constructor(options: TlsServerOptions) {
    this.#server = this.#serverWith(options);
  }

  /**
   * Handshakes that begin from now on are with these certificates.
   *
   * @throws {TlsError} Nothing changes then.
   */
  replace(options: TlsServerOptions): void {
    this.#server = this.#serverWith(options);
  }

  /** Begins a handshake; when it fails, `raw` is destroyed, and nothing else happens. */
  accept(raw: net.Socket, secured: Secured): void {
    const key = keyOf(raw);
    this.#waiting.set(key, { raw, secured });
    raw.once("close", () => {
      if (this.#waiting.get(key)?.raw === raw) this.#waiting.delete(key);
    });
    this.#server.emit("connection", raw);
  }

  #serverWith(options: TlsServerOptions): tls.Server {
    const server = tls.createServer(serverOptions(options));
    server.on("secureConnection", (socket) => this.#secured(socket));
    server.on("tlsClientError", (_, socket) => this.#failed(socket));
    return server;
  }

  #secured(socket: tls.TLSSocket): void {
    const key = keyOf(socket);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return void socket.destroy();
    this.#waiting.delete(key);
    const { raw, secured } = waiting;
    // Neither outlives the other.
    raw.once("close", () => socket.destroy());
    socket.once("close", () => raw.destroy());
    secured(socket);
  }

  #failed(socket: tls.TLSSocket): void {
    const waiting = this.#waiting.get(keyOf(socket));
    socket.on("error", () => {});
    socket.destroy();
    waiting?.raw.destroy();
  }
}

function keyOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
