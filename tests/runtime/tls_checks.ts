import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { listenStream } from "../../src/runtime/listen_stream.ts";
import {
  type Runtime,
  type StreamListener,
  type TlsClientOptions,
  TlsError,
  type TlsServerOptions,
} from "../../src/runtime/ports.ts";
import {
  type Holder,
  tlsClient,
  tlsIdentity,
  tlsServer,
  tlsText,
} from "../support/tls_fixtures.ts";
import { type Check, holds, rejection, same, until } from "./check.ts";
import { bytes, descriptors, once, OWN_DESCRIPTORS, pair, Peer } from "./stream_pair.ts";

const AT = { address: "127.0.0.1", port: 0 };

/** Tells whether a client gets through to a server, and is heard. */
async function isHeard(
  runtime: Runtime,
  listener: StreamListener,
  server: Peer,
  tls: TlsClientOptions,
): Promise<boolean> {
  const client = new Peer();
  const before = server.connections.length;
  const own = { transport: "tls", to: listener.local, timeout: 2_000, tls } as const;
  const connection = await runtime.connectStream(own, client);
  if (connection === undefined) return false;
  connection.send(bytes("hello"));
  // TLS 1.3 tells a client after its handshake that its certificate will not do.
  await until(() => server.connections.length > before || client.closes === 1, "it is decided");
  const heard = server.connections.length > before;
  connection.close();
  await until(() => client.closes === 1, "it is closed");
  return heard;
}

/** Which clients get through to a server with these certificates. */
async function heardBy(
  runtime: Runtime,
  options: TlsServerOptions,
  clients: Readonly<Record<string, TlsClientOptions>>,
): Promise<Readonly<Record<string, boolean>>> {
  const server = new Peer();
  const listener = await runtime.listenStream({ transport: "tls", at: AT, tls: options }, server);
  const heard: Record<string, boolean> = {};
  for (const [name, client] of Object.entries(clients)) {
    heard[name] = await isHeard(runtime, listener, server, client);
  }
  listener.close();
  return heard;
}

/** What a listener shows, and to whom it speaks. */
async function served(listener: StreamListener): Promise<string> {
  const { address: host, port } = listener.local;
  const socket = tls.connect({ host, port, ca: tlsText("ca.pem"), servername: "localhost" });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

function fingerprint(holder: Holder): string {
  return new X509Certificate(tlsText(`${holder}.pem`)).fingerprint256;
}

function thrown(act: () => void): Error | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

interface PlainSocket {
  readonly socket: net.Socket;
  isClosed: boolean;
}

/** A plain socket whose end is told. */
async function plainSocket(port: number): Promise<PlainSocket> {
  const socket = net.connect(port, "127.0.0.1");
  const plain = { socket, isClosed: false };
  socket.on("error", () => {});
  socket.once("close", () => plain.isClosed = true);
  socket.resume();
  await once(socket, "connect");
  return plain;
}

const without = { clientCertificate: "none" } as const;

/** What cannot be used, and the words that say why. */
const UNUSABLE: readonly (readonly [RegExp, TlsServerOptions])[] = [
  [/the certificate: there is no "-----BEGIN CERTIFICATE-----"/, {
    ...tlsIdentity("server"),
    ...without,
    certificate: "nonsense",
  }],
  [/number 1 of the certificate: ./, {
    ...tlsIdentity("server"),
    ...without,
    certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  }],
  [/the key: there is no "PRIVATE KEY-----"/, {
    ...tlsIdentity("server"),
    ...without,
    key: "nonsense",
  }],
  [/the key: ./, {
    ...tlsIdentity("server"),
    ...without,
    key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  }],
  [/the key: it has a passphrase/, {
    ...tlsIdentity("server"),
    ...without,
    key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
  }],
  [/The key does not belong to the certificate/, {
    ...tlsIdentity("server"),
    ...without,
    key: tlsText("client.key"),
  }],
  [/the ca: there is no/, { ...tlsServer(), ca: "nonsense" }],
  [/number 2 of the ca: ./, {
    ...tlsServer(),
    ca: `${tlsText("ca.pem")}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  }],
];

/** Checks of TLS. */
export const TLS_CHECKS: Readonly<Record<string, Check>> = {
  "tls: the name that the client asks for has to stand in the certificate": async (runtime) => {
    const names = [
      "localhost",
      "a.example.test",
      "127.0.0.1",
      "::1",
      "wrong.test",
      "a.b.example.test",
      "192.0.2.1",
    ];
    const clients = names.map((serverName) => [serverName, tlsClient({ serverName })] as const);
    same(await heardBy(runtime, tlsServer(), Object.fromEntries(clients)), {
      "localhost": true,
      "a.example.test": true,
      "127.0.0.1": true,
      "::1": true,
      "wrong.test": false,
      "a.b.example.test": false,
      "192.0.2.1": false,
    });
    same(
      await heardBy(runtime, tlsServer("other_name"), {
        itsOwn: tlsClient({ serverName: "other.test" }),
        another: tlsClient(),
      }),
      { itsOwn: true, another: false },
    );
  },

  "tls: both families reach a dual-stack listener, and many clients at once": async (runtime) => {
    for (const transport of ["tls", "wss"] as const) {
      const server = new Peer();
      const client = new Peer();
      const own = { transport, at: { address: "::", port: 0 }, tls: tlsServer() };
      const listener = await runtime.listenStream(own, server);
      const connections = await Promise.all(Array.from({ length: 60 }, (_, index) => {
        const address = index % 2 === 0 ? "127.0.0.1" : "::1";
        const to = { address, port: listener.local.port };
        return runtime.connectStream({ transport, to, timeout: 4_000, tls: tlsClient() }, client);
      }));
      for (const connection of connections) {
        holds(connection?.send(bytes("x")) === true, "it is connected");
      }
      await until(() => server.bytes === 60, "all are heard");
      const families = new Set(server.connections.map(({ remote }) => remote.address));
      same([...families].toSorted(), ["127.0.0.1", "::1"]);
      for (const connection of server.connections) connection.close();
      await until(() => client.closes === 60 && server.closes === 60, "all are closed");
      listener.close();
    }
  },

  "tls: only an authority that the client trusts, and only in time": async (runtime) => {
    same(
      await heardBy(runtime, tlsServer(), {
        itsOwn: tlsClient(),
        another: tlsClient({ ca: tlsText("foreign_ca.pem") }),
        both: tlsClient({ ca: tlsText("foreign_ca.pem") + tlsText("ca.pem") }),
        system: tlsClient({ ca: undefined }),
        unverified: tlsClient({ ca: undefined, verify: false, serverName: "wrong.test" }),
      }),
      { itsOwn: true, another: false, both: true, system: false, unverified: true },
    );
    same(
      await heardBy(runtime, tlsServer("expired"), {
        verified: tlsClient(),
        unverified: tlsClient({ verify: false }),
      }),
      { verified: false, unverified: true },
    );
  },

  "tls: certificates of clients are not asked for, asked for or required": async (runtime) => {
    const clients = {
      none: tlsClient(),
      good: tlsClient({ identity: tlsIdentity("client") }),
      foreign: tlsClient({ identity: tlsIdentity("foreign") }),
      expired: tlsClient({ identity: tlsIdentity("expired") }),
    };
    const all = { none: true, good: true, foreign: true, expired: true };
    same(await heardBy(runtime, tlsServer("server", "none"), clients), all);
    same(await heardBy(runtime, tlsServer("server", "request"), clients), all);
    same(await heardBy(runtime, tlsServer("server", "require"), clients), {
      none: false,
      good: true,
      foreign: false,
      expired: false,
    });
  },

  "tls: new certificates are served at once, and open connections live on": async (runtime) => {
    for (const transport of ["tls", "wss"] as const) {
      const { listener, server, client, connection } = await pair(runtime, transport);
      same(await served(listener), fingerprint("server"));
      listener.replaceTls(tlsServer("renewed"));
      same(await served(listener), fingerprint("renewed"));
      server.first.send(bytes("still here"));
      await until(() => client.text === "still here", "the open connection lives");
      connection.send(bytes(", me too"));
      await until(() => server.text === "hello, me too", "both ways");
      const error = thrown(() => listener.replaceTls({ ...tlsServer(), key: "nonsense" }));
      holds(error instanceof TlsError, "an unusable key is refused");
      same(await served(listener), fingerprint("renewed"));
      connection.close();
      listener.close();
      await until(() => server.closes === server.connections.length, "all are closed");
    }
  },

  "tls: who has to show a certificate can be changed": async (runtime) => {
    const server = new Peer();
    const tls = tlsServer("server", "none");
    const listener = await runtime.listenStream({ transport: "tls", at: AT, tls }, server);
    const shown = tlsClient({ identity: tlsIdentity("client") });
    same(await isHeard(runtime, listener, server, tlsClient()), true);
    listener.replaceTls(tlsServer("server", "require"));
    same(await isHeard(runtime, listener, server, tlsClient()), false);
    same(await isHeard(runtime, listener, server, shown), true);
    listener.replaceTls({ ...tlsServer("server", "require"), ca: tlsText("foreign_ca.pem") });
    same(await isHeard(runtime, listener, server, shown), false);
    listener.close();
  },

  "tls: what cannot be used is refused with the reason": async (runtime) => {
    for (const [pattern, tls] of UNUSABLE) {
      const listening = runtime.listenStream({ transport: "tls", at: AT, tls }, new Peer());
      const error = await rejection(listening);
      holds(error instanceof TlsError && pattern.test(error.message), `${pattern} is said`);
    }
    const to = { address: "127.0.0.1", port: 9 };
    const own = { transport: "tls", to, timeout: 1_000 } as const;
    for (const options of [{ ca: "nonsense" }, { identity: { certificate: "", key: "" } }]) {
      const connecting = runtime.connectStream({ ...own, tls: tlsClient(options) }, new Peer());
      holds(await rejection(connecting) instanceof TlsError, "a client's are refused too");
    }
  },

  "tls: nothing below version 1.2 is spoken": async (runtime) => {
    const server = new Peer();
    const tlsOptions = tlsServer();
    const own = { transport: "tls", at: AT, tls: tlsOptions } as const;
    const listener = await runtime.listenStream(own, server);
    const { address: host, port } = listener.local;
    const outcome = (options: tls.ConnectionOptions): Promise<unknown> => {
      const socket = tls.connect({ host, port, rejectUnauthorized: false, ...options });
      return new Promise((resolve) => {
        socket.once("secureConnect", () => resolve(socket.getProtocol()));
        socket.once("error", () => resolve("refused"));
        socket.once("close", () => resolve("refused"));
      }).finally(() => socket.destroy());
    };
    same(await outcome({ minVersion: "TLSv1", maxVersion: "TLSv1.1" }), "refused");
    same(await outcome({ maxVersion: "TLSv1.2" }), "TLSv1.2");
    same(await outcome({}), "TLSv1.3");
    listener.close();
  },

  "tls: a peer that says nothing, or nonsense, is disconnected": async () => {
    const before = existsSync("/proc/self/fd") ? descriptors() : 0;
    for (const transport of ["tls", "wss", "ws"] as const) {
      const server = new Peer();
      const tls = transport === "ws" ? undefined : tlsServer();
      const limits = { timeout: 150, handshakesMax: 10, perSourceMax: 10 };
      const listener = await listenStream({ transport, at: AT, tls }, server, limits);
      const peers: PlainSocket[] = [];
      for (
        const text of ["", "nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "\x16\x03\x01"]
      ) {
        const peer = await plainSocket(listener.local.port);
        peer.socket.write(text);
        peers.push(peer);
      }
      await until(() => peers.every((peer) => peer.isClosed), "all are disconnected", 2_000);
      same([server.connections.length, server.closes], [0, 0]);
      listener.close();
    }
    if (before === 0) return;
    await until(
      () => descriptors() <= before + OWN_DESCRIPTORS,
      "hardly more descriptors than before",
    );
  },

  "tls: so many handshakes at a time, and no more of one peer": async (runtime) => {
    const server = new Peer();
    const limits = { timeout: 60_000, handshakesMax: 3, perSourceMax: 2 };
    const own = { transport: "tls", at: AT, tls: tlsServer() } as const;
    const listener = await listenStream(own, server, limits);
    const waiting: PlainSocket[] = [];
    for (let count = 0; count < 2; count++) waiting.push(await plainSocket(listener.local.port));
    const refused = await plainSocket(listener.local.port);
    await until(() => refused.isClosed, "a third is refused");
    same(waiting.map((peer) => peer.isClosed), [false, false]);
    waiting[0]?.socket.destroy();
    await until(() => waiting[0]?.isClosed === true, "one gives up");
    for (let attempt = 0; attempt < 3; attempt++) {
      // Those that are through do not count.
      await until(() => server.closes === attempt, "the one before is closed");
      same(await isHeard(runtime, listener, server, tlsClient()), true);
    }
    // What has not come through ends with the listener.
    listener.close();
    await until(() => waiting[1]?.isClosed === true, "the other is disconnected");
  },
};
