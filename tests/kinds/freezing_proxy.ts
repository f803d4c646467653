/**
 * Stands between a gateway and a server, and can fall silent without a word: what a network does
 * that has lost one of them.
 *
 * @module
 */

import { connect, createServer, type Socket } from "node:net";

/** A port in front of another. */
export class FreezingProxy {
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(
    server: ReturnType<typeof createServer>,
    sockets: ReadonlySet<Socket>,
    port: number,
  ) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  /** @param target The port of the server. */
  static async open(target: number): Promise<FreezingProxy> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (from) => {
      const to = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
      for (const [one, other] of [[from, to], [to, from]] as const) {
        sockets.add(one);
        one.setNoDelay(true);
        one.pipe(other);
        one.on("error", () => other.resetAndDestroy());
        one.on("close", () => other.end());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return new FreezingProxy(server, sockets, port);
  }

  /** Nothing is passed on any more, nothing is closed, and nobody is told. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.removeAllListeners("close");
      socket.pause();
    }
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}
