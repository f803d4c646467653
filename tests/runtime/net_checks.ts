import { existsSync } from "node:fs";
import type { StreamConnection, StreamTransport } from "../../src/runtime/ports.ts";
import { bindCode, type Check, holds, same, until, wait } from "./check.ts";
import {
  bytes,
  clientFrame,
  closeWaits,
  connectTo,
  deafPeer,
  descriptors,
  end,
  isWebSocket,
  listenAt,
  OWN_DESCRIPTORS,
  pair,
  Peer,
  TRANSPORTS,
} from "./stream_pair.ts";

/** Sends until nothing more is taken, by the system neither; tells how many blocks were. */
async function fill(connection: StreamConnection): Promise<number> {
  const block = new Uint8Array(64 * 1024);
  let sent = 0;
  for (let refused = 0; refused < 10 && sent < 2_000;) {
    if (connection.send(block)) {
      refused = 0;
      sent++;
    } else {
      refused++;
      await wait(5);
    }
  }
  return sent;
}

/** What every transport has to do. */
function checksOf(transport: StreamTransport): Readonly<Record<string, Check>> {
  return {
    "both ends talk, know their addresses and hear of the end once": async (runtime) => {
      const { listener, server, client, connection } = await pair(runtime, transport);
      const accepted = server.first;
      same([server.connections.length, accepted.transport], [1, transport]);
      same(connection.transport, transport);
      same(connection.remote, listener.local);
      same(accepted.remote, connection.local);
      same(accepted.local, listener.local);
      const reply = bytes("hi");
      holds(accepted.send(reply), "sent");
      reply.fill(0);
      accepted.close();
      await until(() => client.closes === 1 && server.closes === 1, "both are closed");
      same(client.text, "hi");
      holds(!accepted.send(reply) && !connection.send(reply), "a closed connection sends nothing");
      accepted.close();
      connection.close();
      listener.close();
      await wait(10);
      same([client.closes, server.closes], [1, 1]);
    },

    "close sends what is queued first": async (runtime) => {
      const both = await pair(runtime, transport);
      const { server, client } = both;
      for (let count = 0; count < 10; count++) {
        holds(server.first.send(new Uint8Array(90_000)), "it is queued");
      }
      server.first.close();
      await until(() => client.closes === 1, "it is closed");
      same(client.bytes, 900_000);
      await end(both);
    },

    "a peer that does not read is refused more after a bound": async (runtime) => {
      const server = new Peer();
      const listener = await listenAt(runtime, transport, server);
      const deaf = await deafPeer(transport, listener.local.port);
      await until(() => server.connections.length === 1, "it is accepted");
      const sent = await fill(server.first);
      holds(sent > 8 && sent < 2_000, `sending was refused after ${sent}`);
      deaf.destroy();
      await until(() => server.closes === 1, "it is closed");
      listener.close();
    },

    "a half-closed peer is closed, and nothing waits in CLOSE-WAIT": async (runtime) => {
      const server = new Peer();
      const listener = await listenAt(runtime, transport, server);
      const half = await deafPeer(transport, listener.local.port);
      const last = bytes("x");
      half.end(isWebSocket(transport) ? clientFrame(1, last) : last);
      await until(() => server.closes === 1, "it is closed");
      same(server.text, "x");
      if (existsSync("/proc/net/tcp")) same(closeWaits(listener.local.port), 0);
      half.destroy();
      listener.close();
    },

    "a reset connection is closed without an error": async (runtime) => {
      const server = new Peer();
      const listener = await listenAt(runtime, transport, server);
      const peer = await deafPeer(transport, listener.local.port);
      await until(() => server.connections.length === 1, "it is accepted");
      holds(server.first.send(bytes("unread")), "sent");
      await wait(5);
      peer.destroy();
      await until(() => server.closes === 1, "it is closed");
      listener.close();
    },

    "open connections live on when the listener is closed": async (runtime) => {
      const both = await pair(runtime, transport);
      both.listener.close();
      await wait(20);
      same(await connectTo(runtime, transport, both.listener, new Peer()), undefined);
      both.server.first.send(bytes("still here"));
      await until(() => both.client.text === "still here", "it is delivered");
      await end(both);
    },

    "no descriptor is left, whoever closes": async (runtime) => {
      if (!existsSync("/proc/self/fd")) return;
      const server = new Peer();
      const client = new Peer();
      const listener = await listenAt(runtime, transport, server);
      const before = descriptors();
      for (let count = 0; count < 20; count++) {
        const connection = await connectTo(runtime, transport, listener, client);
        if (connection === undefined) throw new Error("Not connected");
        await until(() => server.connections.length === count + 1, "it is accepted");
        if (count % 2 === 0) connection.close();
        else server.connections.at(-1)?.close();
      }
      await until(() => server.closes === 20 && client.closes === 20, "all are closed");
      await until(
        () => descriptors() <= before + OWN_DESCRIPTORS,
        "hardly more descriptors than before",
      );
      listener.close();
    },

    "a port that is taken, a port where nobody listens": async (runtime) => {
      const listener = await listenAt(runtime, transport, new Peer());
      const { local: at } = listener;
      same(
        await bindCode(runtime.listenStream({ transport: "tcp", at }, new Peer())),
        "EADDRINUSE",
      );
      listener.close();
      await wait(20);
      same(await connectTo(runtime, transport, listener, new Peer()), undefined);
    },

    "a connection that is never answered is given up in time": async (runtime) => {
      // Somebody who accepts, and says nothing: enough but for TCP, which needs a place in nowhere.
      const silent = await listenAt(runtime, "tcp", new Peer());
      const nowhere = { ...silent, local: { address: "192.0.2.254", port: 9 } };
      const before = performance.now();
      const listener = transport === "tcp" ? nowhere : silent;
      const connection = await connectTo(runtime, transport, listener, new Peer(), 100);
      same(connection, undefined);
      holds(performance.now() - before < 2_000, "it was given up in time");
      silent.close();
    },
  };
}

/** Checks of connections, by all transports. */
export const NET_CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(
    TRANSPORTS.flatMap((transport) =>
      Object.entries(checksOf(transport)).map(([name, check]) =>
        [`${transport}: ${name}`, check] as const
      )
    ),
  ),

  "every transport: a peer that reads nothing is disconnected in time": async (runtime) => {
    const times = await Promise.all(TRANSPORTS.map(async (transport) => {
      const server = new Peer();
      const listener = await listenAt(runtime, transport, server);
      const deaf = await deafPeer(transport, listener.local.port);
      await until(() => server.connections.length === 1, "it is accepted");
      await fill(server.first);
      const before = performance.now();
      server.first.close();
      await until(() => server.closes === 1, "it is disconnected", 8_000);
      const elapsed = Math.round(performance.now() - before);
      deaf.destroy();
      listener.close();
      return elapsed;
    }));
    holds(times.every((time) => time > 4_000), `what is queued has time: ${times}`);
  },

  "tcp: an address that is not ours cannot be bound": async (runtime) => {
    const at = { address: "203.0.113.77", port: 0 };
    // Deno does not tell which error it was.
    const code = await bindCode(runtime.listenStream({ transport: "tcp", at }, new Peer()));
    same(code, runtime.name === "bun" ? "EADDRNOTAVAIL" : "EINVAL");
  },
};
