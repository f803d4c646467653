/**
 * Peers that were accepted, but are not through with their TLS and WebSocket handshakes: so many at
 * a time, and for so long.
 *
 * @module
 */

import type net from "node:net";
import type { Millis } from "../base/units.ts";

/** What handshakes may take. */
export interface HandshakeLimits {
  /** For all of it. */
  readonly timeout: Millis;
  /** At a time. */
  readonly handshakesMax: number;
  /** At a time from one address. */
  readonly perSourceMax: number;
}

/** Enough for a few hundred phones behind one address that come back at once. */
export const HANDSHAKE_LIMITS: HandshakeLimits = {
  timeout: 10_000,
  handshakesMax: 1024,
  perSourceMax: 512,
};

/** The handshakes in progress of one listener. */
export class Handshakes {
  readonly #limits: HandshakeLimits;
  readonly #sockets = new Set<net.Socket>();
  readonly #perSource = new Map<string, number>();

  constructor(limits: HandshakeLimits) {
    this.#limits = limits;
  }

  /**
   * Lets a peer begin; it is disconnected when it takes too long, or when there are too many.
   *
   * @param socket As it was accepted, before TLS.
   * @param failed Hears of a peer that is disconnected.
   * @returns To be called when the peer is through; `undefined` when it is refused.
   */
  begin(socket: net.Socket, failed: (why: string) => void): (() => void) | undefined {
    const { timeout, handshakesMax, perSourceMax } = this.#limits;
    const source = socket.remoteAddress ?? "";
    const ofSource = this.#perSource.get(source) ?? 0;
    if (this.#sockets.size >= handshakesMax || ofSource >= perSourceMax) {
      failed("too many others are not through with their handshakes");
      socket.destroy();
      return undefined;
    }
    this.#sockets.add(socket);
    this.#perSource.set(source, ofSource + 1);
    const timer = setTimeout(() => {
      failed("its handshake took too long");
      socket.destroy();
    }, timeout);
    const done = (): void => {
      clearTimeout(timer);
      if (this.#sockets.delete(socket)) this.#ended(source);
    };
    socket.once("close", done);
    return done;
  }

  /** Disconnects all of them. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #ended(source: string): void {
    const left = (this.#perSource.get(source) ?? 1) - 1;
    if (left > 0) this.#perSource.set(source, left);
    else this.#perSource.delete(source);
  }
}
