/**
 * Who may speak to us: ranges of addresses, remembered for the addresses that do.
 *
 * @module
 */

import { type IpRange, isInRanges } from "../base/socket_address.ts";

/** Addresses that are remembered; above that, the memory starts anew. */
const REMEMBERED_MAX = 4096;

/** The allowed sources of one configuration. */
export class SourceFilter {
  readonly #ranges: readonly IpRange[];
  readonly #any: boolean;
  readonly #remembered = new Map<string, boolean>();

  /** @param allow `any` lets everybody in, whatever the ranges are. */
  constructor(allow: { readonly ranges: readonly IpRange[]; readonly any: boolean }) {
    this.#ranges = allow.ranges;
    this.#any = allow.any;
  }

  allows(address: string): boolean {
    if (this.#any) return true;
    const known = this.#remembered.get(address);
    if (known !== undefined) return known;
    const allowed = isInRanges(address, this.#ranges);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(address, allowed);
    return allowed;
  }
}
