/**
 * Pairs of UDP ports for RTP and RTCP: even and odd, taken in turn. RFC 3550 §11.
 *
 * Ports are given out in sequence with wrap-around, from a random one on, so that one that was just given back rests the longest and late
 * packets of an old call do not reach a new one.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import { BindError, type Runtime, type UdpSocket } from "../runtime/ports.ts";

/** A first and a last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Hears of datagrams; `data` is valid only during the call. */
export type DatagramReceiver = (data: Uint8Array, port: number, address: string) => void;

/** Two bound sockets on neighbouring ports. */
export interface PortPair {
  readonly rtp: UdpSocket;
  readonly rtcp: UdpSocket;
  /** Gives the ports back. Safe to call twice. */
  close(): void;
}

/** Neither of these will be different at the next port. */
const HOPELESS = new Set(["EADDRNOTAVAIL", "EMFILE", "ENFILE", "EAFNOSUPPORT"]);

/** The ports of one range. */
export class PortPool {
  readonly #runtime: Runtime;
  readonly #pairs: number;
  readonly #first: number;
  readonly #taken = new Set<number>();
  #next: number;

  /** @throws {RangeError} There is no even port with its odd neighbour in the range. */
  constructor(runtime: Runtime, range: PortRange) {
    this.#runtime = runtime;
    this.#first = range.first + (range.first & 1);
    this.#pairs = Math.floor((range.last - this.#first + 1) / 2);
    if (this.#pairs < 1) throw new RangeError(`No pair of ports in ${range.first}-${range.last}`);
    // After a restart, callers of before may still send to the ports that they knew
    this.#next = randomUint32(runtime.random) % this.#pairs;
  }

  /** Calls that the range has room for. */
  get capacity(): number {
    return this.#pairs;
  }

  /** Pairs that are given out. */
  get taken(): number {
    return this.#taken.size;
  }

  /**
   * Binds the next pair that can be bound; ports that somebody else holds are skipped.
   *
   * @returns `undefined` when there is none.
   * @throws {BindError} The address itself cannot be bound, or the process has no descriptors left.
   */
  async take(
    address: string,
    receiveRtp: DatagramReceiver,
    receiveRtcp: DatagramReceiver,
  ): Promise<PortPair | undefined> {
    for (let tries = 0; tries < this.#pairs; tries++) {
      const index = this.#next;
      this.#next = (index + 1) % this.#pairs;
      if (this.#taken.has(index)) continue;
      this.#taken.add(index);
      try {
        const port = this.#first + 2 * index;
        return await this.#bind(index, port, { address, receiveRtp, receiveRtcp });
      } catch (error) {
        this.#taken.delete(index);
        if (!(error instanceof BindError) || HOPELESS.has(error.code)) throw error;
      }
    }
    return undefined;
  }

  async #bind(
    index: number,
    port: number,
    to: { address: string; receiveRtp: DatagramReceiver; receiveRtcp: DatagramReceiver },
  ): Promise<PortPair> {
    const { address } = to;
    const rtp = await this.#runtime.bindUdp({ address, port, receive: to.receiveRtp });
    let rtcp: UdpSocket;
    try {
      rtcp = await this.#runtime.bindUdp({ address, port: port + 1, receive: to.receiveRtcp });
    } catch (error) {
      rtp.close();
      throw error;
    }
    let open = true;
    return {
      rtp,
      rtcp,
      close: () => {
        if (!open) return;
        open = false;
        rtp.close();
        rtcp.close();
        this.#taken.delete(index);
      },
    };
  }
}
