/**
 * What tells sources apart: an IPv4 address, or the network of an IPv6 address.
 *
 * @module
 */

import { isIpv6, parseIpAddress } from "../base/socket_address.ts";

/** IPv6 addresses whose networks are remembered; above that, the memory starts anew. */
const REMEMBERED_MAX = 4096;

/** Names sources, without reading an address twice in a row. */
export class SourceKeys {
  readonly #remembered = new Map<string, string>();

  /**
   * Names the source of an address: IPv4 as it is, also when it comes mapped into IPv6; of IPv6 the
   * first 64 bits, as `2001:db8:1:2::/64`. What is no address stands for itself.
   */
  of(address: string): string {
    if (!isIpv6(address)) return address;
    const known = this.#remembered.get(address);
    if (known !== undefined) return known;
    const key = networkOf(address);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(address, key);
    return key;
  }
}

function networkOf(address: string): string {
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return address;
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < 8; at += 2) {
    groups.push((((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16));
  }
  return `${groups.join(":")}::/64`;
}
