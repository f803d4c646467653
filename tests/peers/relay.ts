/**
 * A relay for SIPp's TCP connections: into TLS, which SIPp has not, or with another cut of the
 * stream.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { SocketAddress } from "../../src/base/socket_address.ts";

/**
 * How the bytes of who connects are passed on: as they come; a few at a time; several messages at
 * once; or with keep-alives of CRLF between them, whose answers are kept back. RFC 5626 §4.4.1
 */
export type RelayCut = "as_is" | "fragments" | "together" | "kept_alive";

/**
 * What a relay does. Where it speaks TLS for somebody, the messages say so; where it listens for
 * somebody, they name its own port.
 */
export interface RelayOptions {
  /** Where it connects to. */
  readonly to: SocketAddress;
  /** Which side speaks TLS; default: none. */
  readonly tls?: "listener" | "connection";
  readonly cut?: RelayCut;
}

/** A relay that listens on 127.0.0.1. */
export interface Relay {
  readonly address: SocketAddress;
  close(): void;
}

/** Bytes of a fragment: no header fits into one. */
const FRAGMENT_BYTES = 11;
/** Messages that follow each other within this time are passed on together. */
const TOGETHER_MS = 60;

const TLS_FOLDER = new URL("../support/tls/", import.meta.url).pathname;

/** Starts a relay. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { to, tls, cut = "as_is" } = options;
  const sockets = new Set<Socket>();
  const server = tls === "listener"
    ? createTlsServer({
      cert: readFileSync(`${TLS_FOLDER}server.pem`),
      key: readFileSync(`${TLS_FOLDER}server.key`),
    }, accept)
    : createTcpServer(accept);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = server.address();
  if (own === null || typeof own === "string") throw new Error("The relay has no port");
  const ownPort = own.port;

  function accept(near: Socket): void {
    const far: Socket = tls === "connection"
      ? connectTls({
        host: to.address,
        port: to.port,
        ca: readFileSync(`${TLS_FOLDER}ca.pem`),
        servername: "localhost",
      })
      : connectTcp(to.port, to.address);
    near.setNoDelay(true);
    far.setNoDelay(true);
    const write = writer(far, cut);
    near.on("data", (data: Buffer) => write(tls === "connection" ? asTls(data) : data));
    far.on("data", (data: Buffer) => {
      if (tls === "listener") near.write(asTls(data, [to.port, ownPort]));
      else near.write(cut === "kept_alive" ? withoutPongs(data) : data);
    });
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket);
      // What one side does to its connection happens to the other's
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.end();
      });
    }
  }
  return {
    address: { address: "127.0.0.1", port: ownPort },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Transports have three letters and these ports five digits, so that no length changes. */
function asTls(data: Buffer, [before, after] = [0, 0]): Buffer {
  return Buffer.from(
    data.toString("latin1").replaceAll("SIP/2.0/TCP", "SIP/2.0/TLS")
      .replaceAll(/transport=TCP/gi, "transport=tls")
      .replaceAll(`127.0.0.1:${before}`, `127.0.0.1:${after}`),
    "latin1",
  );
}

/** Responses to keep-alives come alone, or before a message. */
function withoutPongs(data: Buffer): Buffer {
  return Buffer.from(data.toString("latin1").replace(/^(\r\n)+/, ""), "latin1");
}

function writer(far: Socket, cut: RelayCut): (data: Buffer) => void {
  switch (cut) {
    case "as_is":
      return (data) => far.write(data);
    case "kept_alive":
      return (data) => far.write(Buffer.concat([Buffer.from("\r\n\r\n"), data]));
    case "fragments": {
      let sent = Promise.resolve();
      return (data) => {
        for (let start = 0; start < data.length; start += FRAGMENT_BYTES) {
          const fragment = data.subarray(start, start + FRAGMENT_BYTES);
          sent = sent.then(() =>
            new Promise<void>((resolve) => far.write(fragment, () => resolve()))
          )
            // A turn of the loop each: the kernel would join them again
            .then(() => new Promise((resolve) => setTimeout(resolve, 1)));
        }
      };
    }
    case "together": {
      let waiting: Buffer[] = [];
      return (data) => {
        waiting.push(data);
        if (waiting.length > 1) return;
        setTimeout(() => {
          far.write(Buffer.concat(waiting));
          waiting = [];
        }, TOGETHER_MS);
      };
    }
  }
}
