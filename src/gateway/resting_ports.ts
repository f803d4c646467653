/**
 * Pairs of ports whose call is over, kept bound for a while: to bind two sockets anew for the next
 * call costs more than anything else of its set-up.
 *
 * A pair is given out again only once nothing has come to it for a while. A former caller that goes
 * on sending is not to be heard by the next one.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, UdpSocket } from "../runtime/ports.ts";
import { Alarm } from "./alarm.ts";

/** Hears of datagrams; `data` is valid only during the call. */
export type DatagramReceiver = (data: Uint8Array, port: number, address: string) => void;

/** How long a pair rests at least, and must have been left alone. */
const REST: Millis = 500;

/** After that it is closed: calls come too seldom for it to matter. */
const REST_MAX: Millis = 2000;

/** Pairs that rest at the same time. Beyond that the one that has rested longest is closed. */
const PAIRS_MAX = 512;

/** Two bound sockets on neighbouring ports, in use or at rest. */
export interface BoundPair {
  /** Of the pair within its range. */
  readonly index: number;
  /** That both are bound to. */
  readonly address: string;
  readonly rtp: UdpSocket;
  readonly rtcp: UdpSocket;
  /** Who has the pair now. */
  readonly user: { receiveRtp: DatagramReceiver; receiveRtcp: DatagramReceiver };
}

interface Resting {
  readonly pair: BoundPair;
  readonly since: Millis;
  /** When something came to it last. */
  disturbedAt: Millis;
}

/** The pairs that rest. */
export class RestingPorts {
  readonly #runtime: Pick<Runtime, "now" | "setTimer">;
  readonly #closed: (pair: BoundPair) => void;
  readonly #alarm: Alarm;
  /** The one that has rested longest is the first. */
  #resting: Resting[] = [];

  /** @param closed Hears of each pair that is closed here. */
  constructor(runtime: Pick<Runtime, "now" | "setTimer">, closed: (pair: BoundPair) => void) {
    this.#runtime = runtime;
    this.#closed = closed;
    this.#alarm = new Alarm({ runtime, ring: (now) => this.#expire(now) });
  }

  /** Pairs that rest. */
  get size(): number {
    return this.#resting.length;
  }

  /** Nobody needs the pair any more. */
  add(pair: BoundPair): void {
    const now = this.#runtime.now();
    const resting: Resting = { pair, since: now, disturbedAt: -Infinity };
    const disturb = (): void => {
      resting.disturbedAt = this.#runtime.now();
    };
    pair.user.receiveRtp = disturb;
    pair.user.receiveRtcp = disturb;
    this.#resting.push(resting);
    if (this.#resting.length > PAIRS_MAX) this.#closeFirst(1);
    this.#alarm.set(now + REST_MAX, now);
  }

  /** Takes a pair that has rested; `undefined` when there is none for this address. */
  take(address: string): BoundPair | undefined {
    const now = this.#runtime.now();
    for (let index = 0; index < this.#resting.length;) {
      const { pair, since, disturbedAt } = this.#resting[index] as Resting;
      if (since + REST > now) return undefined;
      const isQuiet = disturbedAt + REST <= now;
      if (isQuiet && pair.address !== address) {
        index++;
        continue;
      }
      this.#resting.splice(index, 1);
      if (isQuiet) return pair;
      this.#close(pair);
    }
    return undefined;
  }

  /** Closes all that rest. */
  clear(): void {
    this.#alarm.cancel();
    this.#closeFirst(this.#resting.length);
  }

  #expire(now: Millis): void {
    let count = 0;
    while ((this.#resting[count]?.since ?? Infinity) + REST_MAX <= now) count++;
    this.#closeFirst(count);
    const next = this.#resting[0];
    // Those that follow soon are closed with it
    if (next !== undefined) this.#alarm.set(Math.max(next.since + REST_MAX, now + REST), now);
  }

  #closeFirst(count: number): void {
    for (const { pair } of this.#resting.splice(0, count)) this.#close(pair);
  }

  #close(pair: BoundPair): void {
    pair.rtp.close();
    pair.rtcp.close();
    this.#closed(pair);
  }
}
