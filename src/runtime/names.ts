/**
 * Names by `node:dns`: addresses, and where services are. RFC 1035, RFC 2782, RFC 3403.
 *
 * @module
 */

import { lookup, Resolver } from "node:dns/promises";
import { isIpAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { NaptrRecord, Runtime, SrvRecord } from "./ports.ts";

/** What names are asked for. */
export type Names = Pick<Runtime, "resolveHost" | "resolveNaptr" | "resolveSrv">;

/** How long one name server is waited for, and how often each is asked. */
const TIMEOUT: Millis = 1_500;
const ROUNDS = 2;

/** The name servers say that there is nothing of this name. */
const NOTHING: readonly unknown[] = ["ENOTFOUND", "ENODATA", "DNS_ENOTFOUND", "DNS_ENODATA"];

/**
 * Makes the look-ups.
 *
 * @param nameServers Literal addresses, with or without ports, asked in this order; none: those of
 * the system.
 * @throws {TypeError} One of them is no address.
 */
export function createNames(nameServers: readonly string[]): Names {
  const resolvers = nameServers.length === 0
    ? [new Resolver({ timeout: TIMEOUT, tries: ROUNDS })]
    : [...nameServers, ...nameServers].map(resolverAt);
  const ask = <T>(query: (resolver: Resolver) => Promise<readonly T[]>) => askAll(resolvers, query);
  const ownHost = async (host: string): Promise<readonly string[]> => {
    const [ipv4, ipv6] = await Promise.all([
      ask((resolver) => resolver.resolve4(host)),
      ask((resolver) => resolver.resolve6(host)),
    ]);
    if (ipv4.length + ipv6.length === 0) throw new NoSuchName();
    return [...ipv4, ...ipv6];
  };
  const findHost = nameServers.length === 0 ? systemHost : ownHost;
  return {
    resolveHost: (host) => resolveHost(host, findHost),
    resolveNaptr: async (name) =>
      (await ask((resolver) => resolver.resolveNaptr(name))).map(plainNaptr),
    resolveSrv: async (name) => (await ask((resolver) => resolver.resolveSrv(name))).map(plainSrv),
  };
}

class NoSuchName extends Error {
  readonly code = "ENOTFOUND";
}

/**
 * One for each server: a runtime that is given several asks only the first of them.
 */
function resolverAt(server: string): Resolver {
  const resolver = new Resolver({ timeout: TIMEOUT, tries: 1 });
  try {
    resolver.setServers([server]);
  } catch {
    throw new TypeError(`"${server}" is no name server, use an address such as "192.0.2.53:53"`);
  }
  return resolver;
}

/** Asks until a server answers. */
async function askAll<T>(
  resolvers: readonly Resolver[],
  query: (resolver: Resolver) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  let last: unknown;
  for (const resolver of resolvers) {
    try {
      return await query(resolver);
    } catch (error) {
      if (NOTHING.includes((error as { code?: unknown }).code)) return [];
      last = error;
    }
  }
  throw last;
}

async function resolveHost(
  host: string,
  find: (host: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (isIpAddress(host)) return [host];
  try {
    return [...new Set(await find(host))];
  } catch (error) {
    throw new Error(`Cannot find the address of "${host}": ${why(error)}`, { cause: error });
  }
}

/** Knows the hosts file too. */
async function systemHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function why(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return NOTHING.includes(code) ? "no such name" : String(message ?? error);
}

function plainNaptr(record: NaptrRecord): NaptrRecord {
  const { order, preference, flags, service, replacement } = record;
  return { order, preference, flags, service, replacement: withoutRoot(replacement) };
}

function plainSrv({ priority, weight, port, name }: Omit<SrvRecord, "target"> & { name: string }) {
  return { priority, weight, port, target: withoutRoot(name) };
}

/** One runtime writes the root's dot after some names. */
function withoutRoot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
