/**
 * Addresses of sockets, and the ranges of addresses that configuration speaks of.
 *
 * Name look-up is not done here: every address is a literal IPv4 or IPv6 address.
 *
 * @module
 */

/** Where a datagram or a connection comes from or goes to. */
export interface SocketAddress {
  /** A literal IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  readonly port: number;
}

/** Tells whether a literal address is an IPv6 one. */
export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** Writes a host as URIs and headers have it: an IPv6 address in brackets, anything else as it is. */
export function formatHost(host: string): string {
  return isIpv6(host) ? `[${host}]` : host;
}

/** Writes `address:port`, an IPv6 address in brackets. */
export function formatSocketAddress({ address, port }: SocketAddress): string {
  return `${formatHost(address)}:${port}`;
}

/** Tells whether two addresses are the same text and port. */
export function sameSocketAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && a.address === b.address;
}

/** A range of addresses: the first `prefixBits` bits of `bytes`. */
export interface IpRange {
  readonly bytes: Uint8Array;
  readonly prefixBits: number;
}

const DOT = 0x2e;
const DIGIT_ZERO = 0x30;
const V4_MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Reads a literal address into 4 or 16 bytes. An IPv4-mapped IPv6 address gives its 4 bytes.
 *
 * @returns `undefined` when `text` is not an address.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return isIpv6(text) ? parseIpv6(text) : parseIpv4(text);
}

/** Dotted decimal without leading zeros. Called for every message and packet that names an address. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (value < 0 || part === 3) return undefined;
      bytes[part++] = value;
      value = -1;
    } else {
      const digit = code - DIGIT_ZERO;
      if (digit < 0 || digit > 9 || value === 0) return undefined;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return undefined;
    }
  }
  if (part !== 3 || value < 0) return undefined;
  bytes[3] = value;
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  let rest = text.split("%", 1)[0] as string;
  const tail = rest.slice(rest.lastIndexOf(":") + 1);
  if (tail.includes(".")) {
    const v4 = parseIpv4(tail);
    if (v4 === undefined) return undefined;
    const high = (((v4[0] as number) << 8) | (v4[1] as number)).toString(16);
    const low = (((v4[2] as number) << 8) | (v4[3] as number)).toString(16);
    rest = `${rest.slice(0, rest.length - tail.length)}${high}:${low}`;
  }
  const halves = rest.split("::");
  if (halves.length > 2) return undefined;
  const head = halves[0] === "" ? [] : (halves[0] as string).split(":");
  const foot = halves.length === 1 || halves[1] === "" ? [] : (halves[1] as string).split(":");
  const missing = 8 - head.length - foot.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [
    ...head,
    ...new Array<string>(halves.length === 2 ? missing : 0).fill("0"),
    ...foot,
  ];
  const bytes = new Uint8Array(16);
  for (let index = 0; index < 8; index++) {
    const group = groups[index] as string;
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >>> 8;
    bytes[index * 2 + 1] = value & 0xff;
  }
  return V4_MAPPED_PREFIX.every((byte, index) => bytes[index] === byte) ? bytes.slice(12) : bytes;
}

/** Tells whether `text` is a literal IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  return parseIpAddress(text) !== undefined;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
 *
 * @returns `undefined` when `text` is not a range.
 */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf("/");
  const bytes = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  if (slash < 0) return { bytes, prefixBits: bytes.length * 8 };
  const prefix = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bytes.length * 8) return undefined;
  return { bytes, prefixBits: Number(prefix) };
}

/** Loopback, link-local and private ranges: RFC 1918, RFC 4193, RFC 3927, RFC 6598. */
export const PRIVATE_RANGES: readonly IpRange[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "100.64.0.0/10",
  "::1",
  "fc00::/7",
  "fe80::/10",
].map((text) => parseIpRange(text) as IpRange);

/** Tells whether a literal address lies in one of `ranges`. */
export function isInRanges(address: string, ranges: readonly IpRange[]): boolean {
  const bytes = parseIpAddress(address);
  return bytes !== undefined && ranges.some((range) => isInRange(bytes, range));
}

function isInRange(bytes: Uint8Array, range: IpRange): boolean {
  if (bytes.length !== range.bytes.length) return false;
  const whole = range.prefixBits >>> 3;
  for (let index = 0; index < whole; index++) {
    if (bytes[index] !== range.bytes[index]) return false;
  }
  const rest = range.prefixBits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((bytes[whole] as number) & mask) === ((range.bytes[whole] as number) & mask);
}
