/**
 * Names by `node:dns`: addresses, and where services are. RFC 1035, RFC 2782, RFC 3403.
 *
 * @module
 */

import { lookup, Resolver } from "node:dns/promises";
import type { NaptrRecord, SrvRecord } from "../base/dns_record.ts";
import { isIpAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { Runtime } from "./ports.ts";

/** The look-ups of a runtime. */
export type Names = Pick<Runtime, "resolveHost" | "resolveNaptr" | "resolveSrv">;

/** How long one name server is waited for, and how often each is asked. */
const TIMEOUT: Millis = 1_500;
const ROUNDS = 2;

/** RFC 6761 §6.3: no name server is asked */
const LOCAL = /^(?:.*\.)?localhost\.?$/i;

const NOTHING: readonly unknown[] = ["ENOTFOUND", "ENODATA", "DNS_ENOTFOUND", "DNS_ENODATA"];

/**
 * Makes the look-ups.
 *
 * @param nameServers Literal addresses, with or without ports, asked in this order; none: those of
 * the system.
 * @throws {TypeError} One of them is no address.
 */
export function createNames(nameServers: readonly string[]): Names {
  const isSystem = nameServers.length === 0;
  const servers = isSystem
    ? new NameServers([new Resolver({ timeout: TIMEOUT, tries: ROUNDS })], 1)
    : new NameServers(nameServers.map(resolverAt), nameServers.length * ROUNDS);
  const findHost = (host: string): Promise<readonly string[]> =>
    isSystem || LOCAL.test(host) ? systemHost(host) : askHost(servers, host);
  return {
    resolveHost: (host) => resolveHost(host, findHost),
    resolveNaptr: async (name) =>
      (await servers.ask((resolver) => resolver.resolveNaptr(name))).map(plainNaptr),
    resolveSrv: async (name) =>
      (await servers.ask((resolver) => resolver.resolveSrv(name))).map(plainSrv),
  };
}

/** Both families; one that is not answered does not keep the other back for nothing. */
async function askHost(servers: NameServers, host: string): Promise<readonly string[]> {
  const answers = await Promise.allSettled([
    servers.ask((resolver) => resolver.resolve4(host)),
    servers.ask((resolver) => resolver.resolve6(host)),
  ]);
  const found = answers.flatMap((each) => each.status === "fulfilled" ? each.value : []);
  if (found.length > 0) return found;
  const failure = answers.find((each) => each.status === "rejected");
  throw failure?.reason ?? new NoSuchName();
}

class NoSuchName extends Error {
  readonly code = "ENOTFOUND";
}

/** One for each server: a runtime that is given several may ask only the first of them. */
function resolverAt(server: string): Resolver {
  const resolver = new Resolver({ timeout: TIMEOUT, tries: 1 });
  try {
    resolver.setServers([server]);
  } catch {
    throw new TypeError(`"${server}" is no name server, use an address such as "192.0.2.53:53"`);
  }
  return resolver;
}

/** Name servers in their order, but first the one that answered last. */
class NameServers {
  readonly #resolvers: readonly Resolver[];
  readonly #attempts: number;
  #answering = 0;

  /** @param attempts How many are asked until that is an error; then from the front again. */
  constructor(resolvers: readonly Resolver[], attempts: number) {
    this.#resolvers = resolvers;
    this.#attempts = attempts;
  }

  /** Asks until a server answers; nothing of that name is an answer too. */
  async ask<T>(query: (resolver: Resolver) => Promise<readonly T[]>): Promise<readonly T[]> {
    const count = this.#resolvers.length;
    const first = this.#answering;
    let last: unknown;
    for (let attempt = 0; attempt < this.#attempts; attempt++) {
      const index = (first + attempt) % count;
      try {
        const found = await query(this.#resolvers[index] as Resolver);
        this.#answering = index;
        return found;
      } catch (error) {
        if (isNothing(error)) {
          this.#answering = index;
          return [];
        }
        last = error;
      }
    }
    throw last;
  }
}

/** The name servers say that there is nothing of this name; in Deno also that they do not know. */
function isNothing(error: unknown): boolean {
  return NOTHING.includes((error as { code?: unknown }).code);
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
  if (isNothing(error)) return "no such name";
  return String((error as { message?: unknown }).message ?? error);
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
