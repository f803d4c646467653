/**
 * Pairs of UDP ports for RTP and RTCP: even and odd. RFC 3550 §11.
 *
 * Ports are bound in sequence with wrap-around, from a random one on, so that one that was just given back rests the
 * longest and late packets of an old call do not reach a new one. While calls come quickly, pairs are not closed in
 * between: `resting_ports.ts`.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import { BindError, type Runtime, type UdpSocket } from "../runtime/ports.ts";
import { type BoundPair, type DatagramReceiver, RestingPorts } from "./resting_ports.ts";

export type { DatagramReceiver } from "./resting_ports.ts";

/** A first and a last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Two bound sockets on neighbouring ports. */
export interface PortPair {
  readonly rtp: UdpSocket;
  readonly rtcp: UdpSocket;
  /** Gives the ports back. Safe to call twice. */
  close(): void;
}

/** The process has no descriptors left. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE"]);

/** Neither of these will be different at the next port. */
const HOPELESS = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", ...EXHAUSTED]);

/** The ports of one range. */
export class PortPool {
  readonly #runtime: Runtime;
  readonly #pairs: number;
  readonly #first: number;
  /** Bound, in use or at rest. */
  readonly #bound = new Set<number>();
  readonly #resting: RestingPorts;
  #next: number;
  #isClosed = false;

  /** @throws {RangeError} There is no even port with its odd neighbour in the range. */
  constructor(runtime: Runtime, range: PortRange) {
    this.#runtime = runtime;
    this.#first = range.first + (range.first & 1);
    this.#pairs = Math.floor((range.last - this.#first + 1) / 2);
    if (this.#pairs < 1) throw new RangeError(`No pair of ports in ${range.first}-${range.last}`);
    this.#resting = new RestingPorts(runtime, ({ index }) => this.#bound.delete(index));
    // After a restart, callers of before may still send to the ports that they knew
    this.#next = randomUint32(runtime.random) % this.#pairs;
  }

  /** Calls that the range has room for. */
  get capacity(): number {
    return this.#pairs;
  }

  /** Pairs that are given out. */
  get taken(): number {
    return this.#bound.size - this.#resting.size;
  }

  /**
   * Gives out a pair that has rested, at once, or binds the next one that can be bound; ports that somebody else holds
   * are skipped.
   *
   * @returns `undefined` when there is none.
   * @throws {BindError} The address itself cannot be bound, or the process has no descriptors left.
   */
  take(
    address: string,
    receiveRtp: DatagramReceiver,
    receiveRtcp: DatagramReceiver,
  ): PortPair | Promise<PortPair | undefined> {
    const user = { receiveRtp, receiveRtcp };
    const rested = this.#resting.take(address);
    if (rested === undefined) return this.#bindNew(address, user);
    Object.assign(rested.user, user);
    return this.#lend(rested);
  }

  /** Nothing rests any more: pairs are closed as soon as they are given back. */
  close(): void {
    this.#isClosed = true;
    this.#resting.clear();
  }

  /** Binds the next pair; if there is none because of those that rest, they go. */
  async #bindNew(address: string, user: BoundPair["user"]): Promise<PortPair | undefined> {
    try {
      const pair = await this.#bindNext(address, user);
      if (pair !== undefined || this.#resting.size === 0) return pair;
    } catch (error) {
      const isFull = error instanceof BindError && EXHAUSTED.has(error.code);
      if (!isFull || this.#resting.size === 0) throw error;
    }
    this.#resting.clear();
    return await this.#bindNext(address, user);
  }

  async #bindNext(address: string, user: BoundPair["user"]): Promise<PortPair | undefined> {
    for (let tries = 0; tries < this.#pairs; tries++) {
      const index = this.#next;
      this.#next = (index + 1) % this.#pairs;
      if (this.#bound.has(index)) continue;
      this.#bound.add(index);
      try {
        return this.#lend(await this.#bind(index, address, user));
      } catch (error) {
        this.#bound.delete(index);
        if (!(error instanceof BindError) || HOPELESS.has(error.code)) throw error;
      }
    }
    return undefined;
  }

  async #bind(index: number, address: string, user: BoundPair["user"]): Promise<BoundPair> {
    const port = this.#first + 2 * index;
    const rtp = await this.#runtime.bindUdp({
      address,
      port,
      receive: (data, from, source) => user.receiveRtp(data, from, source),
    });
    try {
      const rtcp = await this.#runtime.bindUdp({
        address,
        port: port + 1,
        receive: (data, from, source) => user.receiveRtcp(data, from, source),
      });
      return { index, address, rtp, rtcp, user };
    } catch (error) {
      rtp.close();
      throw error;
    }
  }

  #lend(pair: BoundPair): PortPair {
    const { rtp, rtcp } = pair;
    let isLent = true;
    return {
      rtp,
      rtcp,
      close: () => {
        if (!isLent) return;
        isLent = false;
        this.#resting.add(pair);
        if (this.#isClosed) this.#resting.clear();
      },
    };
  }
}
