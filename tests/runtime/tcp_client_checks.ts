/**
 * What plain TCP connections of handlers have to do, on every runtime.
 *
 * @module
 */

import net from "node:net";
import type { ConnectOptions, TcpEvents, TcpSocket } from "../../src/runtime/client_ports.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { type Check, holds, same, until, wait } from "./check.ts";

/** More than sockets on loopback hold at both ends. */
const MUCH = 16 << 20;

/** A server of one connection. */
class Server {
  readonly port: number;
  readonly sockets: net.Socket[] = [];
  text = "";
  bytes = 0;
  isEnded = false;
  readonly #server: net.Server;

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", (socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("end", () => {
        this.isEnded = true;
      });
      socket.on("data", (data: Uint8Array) => {
        this.bytes += data.length;
        if (this.text.length < 100) this.text += new TextDecoder().decode(data).slice(0, 100);
      });
    });
  }

  static async open(): Promise<Server> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Server(server);
  }

  get socket(): net.Socket {
    return this.sockets[0] as net.Socket;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** A connection that keeps what it hears. */
class Heard implements TcpEvents {
  readonly socket: TcpSocket;
  opens = 0;
  drains = 0;
  bytes = 0;
  text = "";
  why: string | undefined;
  ends: (string | undefined)[] = [];

  constructor(runtime: Runtime, port: number, options: Partial<ConnectOptions> = {}) {
    this.socket = runtime.connectTcp(
      { host: "127.0.0.1", port },
      { timeout: 2000, ...options },
      this,
    );
    same([this.opens, this.why], [0, undefined]);
  }

  opened({ address }: { readonly address: string }): void {
    same(address, "127.0.0.1");
    this.opens++;
  }

  data(data: Uint8Array): void {
    holds(this.ends.length === 0, "nothing comes after the end");
    this.bytes += data.length;
    if (this.text.length < 100) this.text += new TextDecoder().decode(data).slice(0, 100);
  }

  drained(): void {
    same(this.socket.queuedBytes, 0);
    this.drains++;
  }

  failed(why: string): void {
    this.why = why;
  }

  closed(error: string | undefined): void {
    this.ends.push(error);
  }
}

/** A connection that is open, with its server. */
async function connected(runtime: Runtime): Promise<{ server: Server; heard: Heard }> {
  const server = await Server.open();
  const heard = new Heard(runtime, server.port);
  await until(() => heard.opens === 1 && server.sockets.length === 1, "it is open");
  return { server, heard };
}

const text = (written: string): Uint8Array => new TextEncoder().encode(written);

export const TCP_CLIENT_CHECKS: Readonly<Record<string, Check>> = {
  "tcp client: bytes go both ways, in order, and the buffer may be reused": async (runtime) => {
    const { server, heard } = await connected(runtime);
    const buffer = new Uint8Array(1);
    for (let code = 97; code < 107; code++) {
      buffer[0] = code;
      heard.socket.write(buffer);
    }
    await until(() => server.text === "abcdefghij", "all of it came");
    server.socket.write("answer");
    await until(() => heard.text === "answer", "the answer came");
    heard.socket.destroy();
    server.close();
  },

  "tcp client: what is written before it is open is lost": async (runtime) => {
    const server = await Server.open();
    const heard = new Heard(runtime, server.port);
    heard.socket.write(text("early"));
    await until(() => heard.opens === 1, "it is open");
    heard.socket.write(text("late"));
    await until(() => server.text === "late", "what was written then came");
    heard.socket.destroy();
    server.close();
  },

  "tcp client: a peer that does not read is written to again when it reads": async (runtime) => {
    const { server, heard } = await connected(runtime);
    server.socket.pause();
    const piece = new Uint8Array(64 << 10);
    for (let sent = 0; sent < MUCH; sent += piece.length) heard.socket.write(piece);
    await wait(50);
    holds(heard.socket.queuedBytes > 0, "some of it waits");
    same(heard.drains, 0);
    server.socket.resume();
    await until(() => server.bytes === MUCH, "all of it came");
    await until(() => heard.drains === 1, "it was told once");
    same(heard.socket.queuedBytes, 0);
    heard.socket.destroy();
    server.close();
  },

  "tcp client: nothing is read while it is paused": async (runtime) => {
    const { server, heard } = await connected(runtime);
    heard.socket.pause();
    await wait(20);
    let isTaken = false;
    server.socket.write(new Uint8Array(MUCH), () => {
      isTaken = true;
    });
    await wait(100);
    holds(!isTaken && heard.bytes < MUCH / 2, "the peer has to wait");
    heard.socket.resume();
    await until(() => heard.bytes === MUCH, "all of it came");
    heard.socket.destroy();
    server.close();
  },

  "tcp client: closing comes after what is queued": async (runtime) => {
    const { server, heard } = await connected(runtime);
    server.socket.pause();
    heard.socket.write(new Uint8Array(MUCH));
    heard.socket.close();
    heard.socket.write(text("too late"));
    await wait(20);
    server.socket.resume();
    await until(() => server.bytes === MUCH && server.isEnded, "the rest and the end came");
    await until(() => heard.ends.length === 1, "it was told");
    same(heard.ends, [undefined]);
    server.close();
  },

  "tcp client: closing over what was not read resets nothing": async (runtime) => {
    const { server, heard } = await connected(runtime);
    const errors: string[] = [];
    server.socket.on("error", ({ code }: { readonly code?: string }) => {
      errors.push(`${code}`);
    });
    heard.socket.pause();
    await wait(20);
    server.socket.write(new Uint8Array(64 << 10));
    await wait(50);
    heard.socket.write(text("bye"));
    heard.socket.close();
    await until(() => server.isEnded, "the end came");
    server.socket.write("not heard any more");
    server.socket.end();
    await until(() => heard.ends.length === 1, "it was told");
    same([errors, server.text, heard.ends], [[], "bye", [undefined]]);
    server.close();
  },

  "tcp client: a peer that closes, and one that breaks off": async (runtime) => {
    const clean = await connected(runtime);
    clean.server.socket.end("last words");
    await until(() => clean.heard.ends.length === 1, "the end came");
    same([clean.heard.text, clean.heard.ends[0]], ["last words", undefined]);
    clean.server.close();
    const broken = await connected(runtime);
    broken.server.socket.resetAndDestroy();
    await until(() => broken.heard.ends.length === 1, "the end came");
    same(broken.heard.ends, ["it closed the connection"]);
    broken.server.close();
  },

  "tcp client: destroyed, it tells nothing more": async (runtime) => {
    const { server, heard } = await connected(runtime);
    heard.socket.destroy();
    heard.socket.destroy();
    heard.socket.write(text("x"));
    await wait(50);
    same([heard.ends, heard.why, heard.socket.queuedBytes], [[], undefined, 0]);
    server.close();
    const early = await Server.open();
    const given = new Heard(runtime, early.port);
    given.socket.destroy();
    await wait(50);
    same([given.opens, given.why], [0, undefined]);
    early.close();
  },

  "tcp client: where nothing listens, and where we may not connect to": async (runtime) => {
    const server = await Server.open();
    const { port } = server;
    server.close();
    await wait(20);
    const refused = new Heard(runtime, port);
    await until(() => refused.why !== undefined, "it failed");
    same([refused.why, refused.opens], ["nothing listens there", 0]);
    const forbidden = new Heard(runtime, port, { refuseAddress: () => "it is private" });
    await until(() => forbidden.why !== undefined, "it failed");
    same(forbidden.why, "it is private");
  },
};
