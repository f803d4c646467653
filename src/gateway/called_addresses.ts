/**
 * Addresses that calls of ours went to. They may speak to us, whatever `sip.allow` says: for as long as a call lasts, and
 * until its last request, a BYE or CANCEL, has had its time to be answered.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";

/** The addresses of all calls; `Call` only tells calls apart. */
export class CalledAddresses<Call> {
  readonly #linger: Millis;
  readonly #byCall = new Map<Call, Set<string>>();
  /** How many calls went to an address. */
  readonly #calls = new Map<string, number>();
  /** Until when the address of a call that is over may speak; the first is over first. */
  readonly #until = new Map<string, Millis>();

  /** @param linger How long the last request of a call may take: 64·T1. */
  constructor(linger: Millis) {
    this.#linger = linger;
  }

  /** A call goes to an address. */
  add(call: Call, address: string): void {
    const addresses = this.#byCall.get(call) ?? new Set();
    this.#byCall.set(call, addresses);
    if (addresses.has(address)) return;
    addresses.add(address);
    this.#calls.set(address, (this.#calls.get(address) ?? 0) + 1);
  }

  /** A call is over. */
  release(call: Call, now: Millis): void {
    for (const [address, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(address);
    }
    for (const address of this.#byCall.get(call) ?? []) {
      const left = (this.#calls.get(address) ?? 1) - 1;
      if (left > 0) this.#calls.set(address, left);
      else this.#calls.delete(address);
      this.#until.delete(address);
      this.#until.set(address, now + this.#linger);
    }
    this.#byCall.delete(call);
  }

  /** Asked for every message of a source that is not allowed otherwise. */
  has(address: string, now: Millis): boolean {
    return this.#calls.has(address) || (this.#until.get(address) ?? -Infinity) > now;
  }
}
