/**
 * What listeners and clients say of connections that do not come to be.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import { listenStream } from "../../src/runtime/listen_stream.ts";
import type {
  Runtime,
  StreamListener,
  StreamTransport,
  TlsClientOptions,
  TlsServerOptions,
} from "../../src/runtime/ports.ts";
import {
  type Holder,
  tlsClient,
  tlsIdentity,
  tlsServer,
  tlsText,
} from "../support/tls_fixtures.ts";
import { type Check, holds, until, wait } from "./check.ts";
import { listenAt, once, Peer } from "./stream_pair.ts";

const AT = { address: "127.0.0.1", port: 0 };

/** An end that is told why. */
class Told extends Peer {
  readonly reasons: string[] = [];

  failed(_: unknown, why: string): void {
    this.reasons.push(why);
  }
}

/** Fails unless the only reason that comes is one of these. */
async function says(told: Told, expected: RegExp): Promise<void> {
  await until(() => told.reasons.length > 0, `a reason such as ${expected}`);
  await wait(20);
  const [reason = "", ...more] = told.reasons;
  holds(more.length === 0 && expected.test(reason), `${told.reasons} is ${expected} alone`);
}

/** Connects to a port; there is to be no connection, for this reason. */
async function refusedBy(
  runtime: Runtime,
  port: number,
  expected: RegExp,
  transport: StreamTransport,
  own: Partial<TlsClientOptions> = {},
): Promise<void> {
  const told = new Told();
  const connection = await runtime.connectStream({
    transport,
    to: { address: "127.0.0.1", port },
    timeout: 300,
    tls: tlsClient(own),
    subprotocol: "sip",
  }, told);
  holds(connection === undefined, "there is no connection");
  await says(told, expected);
}

/** A server that does with connections what it is told to. */
async function plainServer(act: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

/** Has a peer do something to a listener that is not to take it, for this reason. */
async function refuses(
  runtime: Runtime,
  options: TlsServerOptions | "ws",
  act: (port: number) => Promise<{ destroy(): unknown }>,
  expected: RegExp,
): Promise<void> {
  const told = new Told();
  const listener: StreamListener = options === "ws"
    ? await listenAt(runtime, "ws", told)
    : await runtime.listenStream({ transport: "tls", at: AT, tls: options }, told);
  const peer = await act(listener.local.port);
  await says(told, expected);
  peer.destroy();
  listener.close();
}

async function writes(port: number, text: string): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

/** A TLS client that may not get through. */
function speaks(port: number, own: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port, servername: "localhost", ...own });
  socket.on("error", () => {});
  socket.resume();
  return Promise.resolve(socket);
}

function shown(holder: Holder): tls.ConnectionOptions {
  const { certificate: cert, key } = tlsIdentity(holder);
  return { ca: tlsText("ca.pem"), cert, key };
}

/** The checks, by name. */
export const FAILURE_CHECKS: Readonly<Record<string, Check>> = {
  "tcp: says that nothing listens where it connects to": async (runtime) => {
    const server = await plainServer(() => {});
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    await refusedBy(runtime, port, /^nothing listens there$/, "tcp");
    await refusedBy(runtime, port, /^nothing listens there$/, "tls");
    await refusedBy(runtime, port, /^nothing listens there$/, "ws");
  },

  "tls: says what is wrong with the certificate of a server": async (runtime) => {
    const reasons: readonly (readonly [Holder, RegExp])[] = [
      // One runtime looks at dates first, the other at who has signed
      ["expired", /^its certificate has expired$|^no authority that we trust signs/],
      ["other_name", /^its certificate is for other names$/],
      ["foreign", /^no authority that we trust signs its certificate$/],
    ];
    for (const [holder, reason] of reasons) {
      const own = { transport: "tls", at: AT, tls: tlsServer(holder) } as const;
      const listener = await listenStream(own, new Peer());
      await refusedBy(runtime, listener.local.port, reason, "tls");
      listener.close();
    }
  },

  "tls: says that a server speaks something else, or nothing": async (runtime) => {
    const plain = await plainServer((socket) => socket.write("SIP/2.0 400 Bad Request\r\n\r\n"));
    await refusedBy(runtime, portOf(plain), /^it does not speak TLS$/, "tls");
    plain.close();
    const silent = await plainServer(() => {});
    await refusedBy(runtime, portOf(silent), /^it did not answer in time$/, "tls");
    silent.close();
    const rude = await plainServer((socket) => socket.destroy());
    await refusedBy(runtime, portOf(rude), /^it closed the connection$/, "tls");
    rude.close();
  },

  "ws: says what a server answers that opens no WebSocket": async (runtime) => {
    const web = await plainServer((socket) =>
      socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    );
    await refusedBy(
      runtime,
      portOf(web),
      /WebSocket for SIP here: it answers with HTTP 404$/,
      "ws",
    );
    web.close();
    const sip = await plainServer((socket) => socket.write("SIP/2.0 400 Bad Request\r\n\r\n"));
    await refusedBy(runtime, portOf(sip), /it answers with no HTTP$/, "ws");
    sip.close();
  },

  "tls: says why a client did not get through": async (runtime) => {
    const open = tlsServer();
    const strict = tlsServer("server", "require");
    const ca = tlsText("ca.pem");
    await refuses(
      runtime,
      open,
      (port) => writes(port, "OPTIONS sip:a SIP/2.0\r\n\r\n"),
      /^it does not speak TLS$/,
    );
    await refuses(
      runtime,
      strict,
      (port) => speaks(port, { ca }),
      /^it showed no certificate, and has to$/,
    );
    await refuses(
      runtime,
      strict,
      (port) => speaks(port, shown("foreign")),
      /^no authority that we trust signs its certificate$|^it broke the handshake off/,
    );
    await refuses(
      runtime,
      open,
      (port) => speaks(port, { ca: tlsText("foreign_ca.pem") }),
      /not trust (?:our certificate|who signed our certificate)$/,
    );
  },

  "ws: says what a client was told": async (runtime) => {
    await refuses(
      runtime,
      "ws",
      (port) => writes(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
      /^it was told "This port speaks WebSocket alone"$/,
    );
    await refuses(
      runtime,
      "ws",
      (port) => writes(port, "nonsense\r\n\r\n"),
      /^it was told "This is no HTTP request"$/,
    );
  },

  "tls: says that a client was too slow, and nothing of one that only looks": async () => {
    const told = new Told();
    const limits = { timeout: 150, handshakesMax: 9, perSourceMax: 9 };
    const own = { transport: "tls", at: AT, tls: tlsServer() } as const;
    const listener = await listenStream(own, told, limits);
    const glance = await writes(listener.local.port, "");
    glance.destroy();
    const slow = await writes(listener.local.port, "\x16\x03\x01");
    await says(told, /^its handshake took too long$/);
    slow.destroy();
    listener.close();
  },
};
