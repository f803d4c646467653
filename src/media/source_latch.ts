/**
 * Decides whose RTP is heard: the first valid source that fits is latched, all others are refused.
 *
 * It is the guard against RTPbleed (anyone who finds the port could listen and speak) that still
 * lets peers behind NAT in, whose packets come from elsewhere than their SDP says (symmetric RTP,
 * RFC 4961).
 *
 * @module
 */

import { isSameBytes } from "../base/same_bytes.ts";
import { parseIpAddress } from "../base/socket_address.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";

/**
 * After this long without a packet of the latched source, another port of its address may take its
 * place.
 */
export const RELATCH_SILENCE_MS = 2000;

/** What the operator allows. */
export interface SourceLatchOptions {
  /**
   * After this long without a packet of the latched source, any other address may take its place,
   * for peers whose network changes in mid-call; 0, the default: never.
   */
  readonly newSourceAfter?: Millis;
}

/** What became of a packet's source. */
export type LatchVerdict = "known" | "latched" | "refused";

/** The latch of one session. Hot path: returns constants; a known source costs two comparisons. */
export class SourceLatch {
  #remoteAddress: string | undefined;
  #signallingAddress: string;
  #address = "";
  #port = 0;
  #lastHeard: Millis = 0;
  readonly #newSourceAfter: Millis;
  #newSources = 0;

  /**
   * @param remote Where the SDP says that the peer is; its port need not be the source's.
   * @param signallingAddress Where the peer's SIP comes from.
   */
  constructor(
    remote: SocketAddress | undefined,
    signallingAddress: string,
    { newSourceAfter = 0 }: SourceLatchOptions = {},
  ) {
    this.#remoteAddress = remote?.address;
    this.#signallingAddress = signallingAddress;
    this.#newSourceAfter = newSourceAfter;
  }

  /**
   * Judges the source of a packet that is valid in itself, and remembers it when it is the first
   * that fits.
   */
  accept(port: number, address: string, now: Millis): LatchVerdict {
    if (port === this.#port && address === this.#address) {
      this.#lastHeard = now;
      return "known";
    }
    if (!this.#mayLatch(address, now)) return "refused";
    if (this.#port !== 0 && !sameHost(address, this.#address)) this.#newSources++;
    this.#address = address;
    this.#port = port;
    this.#lastHeard = now;
    return "latched";
  }

  /** The peer has new addresses: the next packet that fits them is latched. */
  reset(remote: SocketAddress | undefined, signallingAddress: string): void {
    this.#remoteAddress = remote?.address;
    this.#signallingAddress = signallingAddress;
    this.#address = "";
    this.#port = 0;
  }

  get latched(): boolean {
    return this.#port !== 0;
  }

  /** Address of the latched source, empty when there is none. */
  get address(): string {
    return this.#address;
  }

  /** Port of the latched source, 0 when there is none. */
  get port(): number {
    return this.#port;
  }

  /** How many times another address took the place of a source that was silent. */
  get newSources(): number {
    return this.#newSources;
  }

  #mayLatch(address: string, now: Millis): boolean {
    if (this.#port !== 0) {
      const silence = now - this.#lastHeard;
      if (this.#newSourceAfter > 0 && silence >= this.#newSourceAfter) return true;
      return silence >= RELATCH_SILENCE_MS && sameHost(address, this.#address);
    }
    return (this.#remoteAddress !== undefined && sameHost(address, this.#remoteAddress)) ||
      sameHost(address, this.#signallingAddress);
  }
}

/** Compares literal addresses by value: `::ffff:192.0.2.1` is `192.0.2.1`. */
function sameHost(a: string, b: string): boolean {
  if (a === b) return true;
  const left = parseIpAddress(a);
  const right = parseIpAddress(b);
  return left !== undefined && right !== undefined && isSameBytes(left, right);
}
