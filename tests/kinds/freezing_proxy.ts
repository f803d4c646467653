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
  readonly #sockets: Set<Socket>;
  readonly #life: { state: "passing" | "frozen" | "dead" };

  private constructor(
    server: ReturnType<typeof createServer>,
    sockets: Set<Socket>,
    port: number,
    life: { state: "passing" | "frozen" | "dead" },
  ) {
    this.#server = server;
    this.#sockets = sockets;
    this.#life = life;
    this.port = port;
  }

  /** @param target The port of the server. */
  static async open(target: number): Promise<FreezingProxy> {
    const sockets = new Set<Socket>();
    const life: { state: "passing" | "frozen" | "dead" } = { state: "passing" };
    const server = createServer({ allowHalfOpen: true }, (from) => {
      sockets.add(from);
      from.on("error", () => {});
      if (life.state === "dead") return void from.resetAndDestroy();
      if (life.state === "frozen") return void from.pause();
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
    return new FreezingProxy(server, sockets, port, life);
  }

  /** Nothing is passed on any more, nothing is closed, and nobody is told. */
  freeze(): void {
    this.#life.state = "frozen";
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.removeAllListeners("close");
      socket.pause();
    }
  }

  /** All connections are reset, and so is each that comes. */
  reset(): void {
    this.#life.state = "dead";
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}
