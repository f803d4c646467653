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
import { BROKEN_OFF, describeFailure, hasLeft } from "./handshake_failure.ts";
import type { TlsServerOptions } from "./ports.ts";
import { serverOptions } from "./tls_material.ts";

/** What comes of a handshake. */
interface Outcome {
  readonly secured: (socket: tls.TLSSocket) => void;
  /** Not for a peer that leaves without a word. */
  readonly failed: (why: string) => void;
}

/** Makes TLS connections of TCP connections. */
export class TlsAcceptor {
  /** By the peer's address and port, which the runtimes tell alike of sockets that are secured. */
  readonly #waiting = new Map<string, Outcome & { readonly raw: net.Socket }>();
  /** By what was accepted: the address of a socket that failed may be gone. */
  readonly #outcomes = new WeakMap<object, Outcome>();
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

  /** Begins a handshake; when it fails, `raw` is destroyed. */
  accept(raw: net.Socket, outcome: Outcome): void {
    const key = keyOf(raw);
    this.#outcomes.set(raw, outcome);
    this.#waiting.set(key, { raw, ...outcome });
    raw.once("close", () => {
      if (this.#waiting.get(key)?.raw === raw) this.#waiting.delete(key);
    });
    this.#server.emit("connection", raw);
  }

  #serverWith(options: TlsServerOptions): tls.Server {
    const server = tls.createServer(serverOptions(options));
    server.on("secureConnection", (socket) => this.#secured(socket));
    server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
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

  #failed(error: Error, socket: tls.TLSSocket): void {
    const raw = rawOf(socket) ?? this.#waiting.get(keyOf(socket))?.raw;
    socket.on("error", () => {});
    socket.destroy();
    if (raw === undefined) return;
    // Who only looks whether the port is open says nothing
    if (raw.bytesRead > 0) {
      const why = hasLeft(error) ? BROKEN_OFF : describeFailure(error);
      this.#outcomes.get(raw)?.failed(why);
    }
    raw.destroy();
  }
}

/** What a TLS socket was made of; runtimes that do not tell have it found by its address. */
function rawOf(socket: tls.TLSSocket): net.Socket | undefined {
  return (socket as { readonly _parent?: net.Socket })._parent ?? undefined;
}

function keyOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
