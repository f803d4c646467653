/**
 * Finds the address of ours that packets to a peer leave from, for Via, Contact and SDP.
 *
 * The system knows: a connected UDP socket has that address, and nothing is sent. Deno does not
 * tell it; there the routing table and the list of interfaces have to do.
 *
 * @module
 */

import dgram from "node:dgram";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { isInRanges, isIpv6, parseIpAddress, parseIpRange } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";

/** Interfaces and routes change, but seldom. */
const CACHED_FOR: Millis = 30_000;

const CACHE_ENTRIES_MAX = 1_024;

const cache = new Map<string, { readonly local: string; readonly until: Millis }>();

/**
 * Looks up the local address towards a literal address.
 *
 * @returns A loopback address when nothing better is known.
 */
export async function localAddressTowards(remote: string): Promise<string> {
  const now = performance.now();
  const cached = cache.get(remote);
  if (cached !== undefined && cached.until > now) return cached.local;
  const ipv6 = isIpv6(remote);
  const asked = await askSocket(remote, ipv6);
  const local = asked ?? await addressByRoute(remote, ipv6);
  if (cache.size >= CACHE_ENTRIES_MAX) cache.clear();
  cache.set(remote, { local, until: now + CACHED_FOR });
  return local;
}

function askSocket(remote: string, ipv6: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(ipv6 ? "udp6" : "udp4");
    const give = (address: string | undefined): void => {
      socket.close();
      resolve(address === "0.0.0.0" || address === "::" ? undefined : address);
    };
    // No route to that address.
    socket.once("error", () => give(undefined));
    try {
      // Any port: nothing is sent.
      socket.connect(9, remote, () => give(socket.address().address));
    } catch {
      give(undefined);
    }
  });
}

async function addressByRoute(remote: string, ipv6: boolean): Promise<string> {
  const loopback = ipv6 ? "::1" : "127.0.0.1";
  const family = ipv6 ? "IPv6" : "IPv4";
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).filter((each) => each.family === family).map((each) => ({ name, ...each }))
  );
  const same = own.find((each) => isInRange(remote, each.cidr));
  if (same !== undefined) return same.address;
  const outer = own.filter((each) => !each.internal && !each.address.startsWith("fe80:"));
  const device = ipv6 ? undefined : await routeDevice(remote);
  return (outer.find((each) => each.name === device) ?? outer[0])?.address ?? loopback;
}

function isInRange(address: string, cidr: string | null): boolean {
  const range = cidr === null ? undefined : parseIpRange(cidr);
  return range !== undefined && isInRanges(address, [range]);
}

/**
 * The interface of the longest route in Linux' table, whose addresses are hexadecimal, last byte
 * first.
 */
async function routeDevice(remote: string): Promise<string | undefined> {
  const bytes = parseIpAddress(remote);
  const table = await readFile("/proc/net/route", "utf8").catch(() => "");
  if (bytes === undefined) return undefined;
  const target = new DataView(bytes.buffer).getUint32(0, true);
  let best: { readonly device: string; readonly bits: number } | undefined;
  for (const line of table.split("\n").slice(1)) {
    const fields = line.split("\t");
    const destination = Number.parseInt(fields[1] ?? "", 16);
    const mask = Number.parseInt(fields[7] ?? "", 16);
    if (((target & mask) >>> 0) !== destination) continue;
    const bits = mask.toString(2).replaceAll("0", "").length;
    if (best === undefined || bits > best.bits) best = { device: fields[0] ?? "", bits };
  }
  return best?.device;
}
