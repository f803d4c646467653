/**
 * IPv4 addresses as a dual-stack socket shows them. RFC 4291 §2.5.5.2.
 *
 * @module
 */

const MAPPED_PREFIX = "::ffff:";

/** Takes the IPv4 address out of an IPv4-mapped IPv6 address; any other stays as it is. */
export function plainAddress(address: string): string {
  return address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
}
