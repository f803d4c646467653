import net from "node:net";
import type { Runtime, TcpConnection, TcpListener } from "../../src/runtime/ports.ts";
import { bindCode, type Check, holds, same, until, wait } from "./check.ts";

/** One end that keeps what it hears. */
class Peer {
  readonly connections: TcpConnection[] = [];
  text = "";
  bytes = 0;
  closes = 0;

  receive(connection: TcpConnection, data: Uint8Array): void {
    if (!this.connections.includes(connection)) this.connections.push(connection);
    this.bytes += data.length;
    if (this.text.length < 1_000) this.text += new TextDecoder().decode(data);
  }

  closed(): void {
    this.closes++;
  }
}

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

async function pair(runtime: Runtime): Promise<{
  readonly listener: TcpListener;
  readonly server: Peer;
  readonly client: Peer;
  readonly connection: TcpConnection;
}> {
  const [server, client] = [new Peer(), new Peer()];
  const listener = await runtime.listenTcp({ address: "127.0.0.1", port: 0 }, server);
  const connection = await runtime.connectTcp(listener.local, client, 2_000);
  if (connection === undefined) throw new Error("Not connected");
  connection.send(bytes("hello"));
  await until(() => server.text === "hello", "the greeting came");
  return { listener, server, client, connection };
}

/** A plain socket that never reads. */
async function deafSocket(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.pause();
  return socket;
}

/** Checks of TCP. */
export const NET_CHECKS: Readonly<Record<string, Check>> = {
  "TCP: both ends talk, know their addresses and hear of the end once": async (runtime) => {
    const { listener, server, client, connection } = await pair(runtime);
    const [accepted] = server.connections as [TcpConnection];
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

  "TCP: close sends what is queued first": async (runtime) => {
    const { listener, server, client, connection } = await pair(runtime);
    const [accepted] = server.connections as [TcpConnection];
    accepted.send(new Uint8Array(900_000));
    accepted.close();
    await until(() => client.closes === 1, "it is closed");
    same(client.bytes, 900_000);
    connection.close();
    listener.close();
  },

  "TCP: a peer that does not read is refused more after a bound": async (runtime) => {
    const server = new Peer();
    const listener = await runtime.listenTcp({ address: "127.0.0.1", port: 0 }, server);
    const deaf = await deafSocket(listener.local.port);
    deaf.write("x");
    await until(() => server.connections.length === 1, "it is accepted");
    const [accepted] = server.connections as [TcpConnection];
    const block = new Uint8Array(64 * 1024);
    let sent = 0;
    while (sent < 2_000 && accepted.send(block)) {
      sent++;
      if (sent % 16 === 0) await wait(1);
    }
    holds(sent < 2_000, "sending was refused at last");
    deaf.destroy();
    await until(() => server.closes === 1, "it is closed");
    listener.close();
  },

  "TCP: a half-closed peer is closed": async (runtime) => {
    const server = new Peer();
    const listener = await runtime.listenTcp({ address: "127.0.0.1", port: 0 }, server);
    const half = await deafSocket(listener.local.port);
    half.end("x");
    await until(() => server.closes === 1, "it is closed");
    half.destroy();
    listener.close();
  },

  "TCP: a reset connection is closed without an error": async (runtime) => {
    const server = new Peer();
    const listener = await runtime.listenTcp({ address: "127.0.0.1", port: 0 }, server);
    const socket = await deafSocket(listener.local.port);
    socket.write("x");
    await until(() => server.connections.length === 1, "it is accepted");
    socket.resetAndDestroy();
    await until(() => server.closes === 1, "it is closed");
    listener.close();
  },

  "TCP: a port that is taken, a port where nobody listens": async (runtime) => {
    const listener = await runtime.listenTcp({ address: "127.0.0.1", port: 0 }, new Peer());
    same(await bindCode(runtime.listenTcp(listener.local, new Peer())), "EADDRINUSE");
    const foreign = { address: "203.0.113.77", port: 0 };
    // Deno does not tell which error it was.
    const code = await bindCode(runtime.listenTcp(foreign, new Peer()));
    same(code, runtime.name === "bun" ? "EADDRNOTAVAIL" : "EINVAL");
    listener.close();
    await wait(20);
    same(await runtime.connectTcp(listener.local, new Peer(), 1_000), undefined);
  },

  "TCP: a connection that is never answered is given up in time": async (runtime) => {
    // A queue that is full: nobody accepts, and the system takes no more.
    const before = performance.now();
    same(await runtime.connectTcp({ address: "192.0.2.254", port: 9 }, new Peer(), 100), undefined);
    holds(performance.now() - before < 2_000, "it was given up in time");
  },
};
