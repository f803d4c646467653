/**
 * Where a request goes: from a next hop to an ordered list of addresses. RFC 3263 §4, RFC 2782, RFC
 * 7118 §5.3.
 *
 * The machine says which names to look up, and is told what came of it. Asking, remembering, and
 * what to do when a destination does not answer are left to the gateway.
 *
 * @module
 */

import type { NaptrRecord, SrvRecord } from "../../base/dns_record.ts";
import { type RandomSource, randomUint32 } from "../../base/random.ts";
import { isIpAddress } from "../../base/socket_address.ts";
import { defaultPort, type NextHop, type UriTransport } from "../message/next_hop.ts";

/** A look-up that is to be made. `host` stands for A and AAAA. */
export interface LocateQuery {
  readonly type: "naptr" | "srv" | "host";
  readonly name: string;
}

/** A place to send a request to. */
export interface Destination {
  readonly transport: UriTransport;
  /** Literal. */
  readonly address: string;
  readonly port: number;
}

/** What is asked, and what we can do. */
export interface LocateOptions {
  readonly hop: NextHop;
  /** Transports that are taken where the URI asks for them. */
  readonly available: readonly UriTransport[];
  /** Transports to choose from where the URI leaves it open. */
  readonly preferred: readonly UriTransport[];
  /** Whether we have a socket of the address's family. Default: always. */
  readonly reaches?: (destination: Destination) => boolean;
  /** Chooses between SRV records of one priority. */
  readonly random: RandomSource;
}

/** A name that has SRV records for one transport. */
interface Service {
  readonly transport: UriTransport;
  readonly name: string;
}

/** A host that serves one transport. */
interface Target {
  readonly transport: UriTransport;
  readonly host: string;
  readonly port: number;
}

/** Destinations, and the names behind them, that are looked at. */
export const DESTINATIONS_MAX = 16;

/** NAPTR records that are followed. */
const SERVICES_MAX = 8;

/**
 * RFC 3263 §4.1, §8.1; RFC 7118 §5.3. Services for other transports, such as SCTP, mean nothing to
 * us.
 */
const NAPTR_SERVICES: ReadonlyMap<string, UriTransport> = new Map([
  ["SIP+D2U", "udp"],
  ["SIP+D2T", "tcp"],
  ["SIPS+D2T", "tls"],
  ["SIP+D2W", "ws"],
  ["SIPS+D2W", "wss"],
]);

/** RFC 3263 §4.1: names below the domain where the SRV records of a transport stand. */
const SRV_PREFIXES: Readonly<Record<UriTransport, string>> = {
  udp: "_sip._udp",
  tcp: "_sip._tcp",
  tls: "_sips._tcp",
  ws: "_sip._ws",
  wss: "_sips._ws",
};

/**
 * Transports that SRV records are asked for where no NAPTR record chose, in our order of
 * preference.
 */
const SRV_ORDER: readonly UriTransport[] = ["tls", "tcp", "udp"];

/** What is taken where nothing else chooses. §4.1: UDP for `sip:`, TCP below TLS for `sips:` */
const DEFAULT_ORDER: readonly UriTransport[] = ["udp", "tcp", "tls"];

/**
 * Finds the destinations of one next hop. It is done when {@linkcode Location.queries} is empty.
 */
export class Location {
  readonly #options: LocateOptions;
  /** Of a next hop where neither NAPTR nor SRV records have a say. */
  #fallback: UriTransport;
  #services: readonly Service[] = [];
  #targets: readonly Target[] = [];
  /** Answers, by name. */
  readonly #srv = new Map<string, readonly SrvRecord[]>();
  readonly #addresses = new Map<string, readonly string[]>();
  #queries: LocateQuery[] = [];
  #destinations: readonly Destination[] = [];

  constructor(options: LocateOptions) {
    this.#options = options;
    const { hop } = options;
    this.#fallback = hop.transport ?? defaultTransport(options);
    if (!options.available.includes(this.#fallback)) return;
    if (hop.secure && !isSecured(this.#fallback)) return;
    if (hop.port !== undefined || !hasServices(hop.host)) {
      this.#lookUpHop();
    } else if (hop.transport !== undefined) {
      this.#lookUpServices([serviceOf(hop.transport, hop.host)]);
    } else {
      this.#queries = [{ type: "naptr", name: hop.host }];
    }
  }

  /** What is to be looked up now, all at once; empty when nothing is. */
  get queries(): readonly LocateQuery[] {
    return this.#queries;
  }

  /**
   * Literal addresses in the order to be tried, once there are no more queries; empty when nobody
   * is there.
   */
  get destinations(): readonly Destination[] {
    return this.#destinations;
  }

  /** The NAPTR records of the host; none where the look-up failed. */
  receiveNaptr(name: string, records: readonly NaptrRecord[]): void {
    if (!this.#answered("naptr", name)) return;
    const services = naptrServices(records, (transport) => this.#mayChoose(transport));
    if (services.length > 0) {
      this.#fallback = (services[0] as Service).transport;
      return this.#lookUpServices(services);
    }
    // §4.1: without NAPTR records, SRV is asked for every transport that we speak; `_sips` only for
    // `sips:`
    const { host, secure } = this.#options.hop;
    const asked = SRV_ORDER.filter((transport) =>
      this.#mayChoose(transport) &&
      (secure || !isSecured(transport) || transport === this.#fallback)
    );
    this.#lookUpServices(asked.map((transport) => serviceOf(transport, host)));
  }

  /** The SRV records of a name; none where the look-up failed. */
  receiveSrv(name: string, records: readonly SrvRecord[]): void {
    if (!this.#answered("srv", name)) return;
    this.#srv.set(name, records);
    if (this.#queries.length === 0) this.#chooseTargets();
  }

  /**
   * The addresses of a host, in the order of the resolver's preference; none where the look-up
   * failed.
   */
  receiveHost(name: string, addresses: readonly string[]): void {
    if (!this.#answered("host", name)) return;
    this.#addresses.set(name, addresses);
    if (this.#queries.length === 0) this.#finish();
  }

  #answered(type: LocateQuery["type"], name: string): boolean {
    const index = this.#queries.findIndex((query) => query.type === type && query.name === name);
    if (index >= 0) this.#queries.splice(index, 1);
    return index >= 0;
  }

  /**
   * Whether a transport that the URI does not name may be taken. §26.2.2: `sips:` is never heard.
   */
  #mayChoose(transport: UriTransport): boolean {
    const { hop, preferred, available } = this.#options;
    if (!available.includes(transport) || (hop.secure && !isSecured(transport))) return false;
    return preferred.includes(transport) || transport === this.#fallback;
  }

  /** The host itself, over the transport that is left. */
  #lookUpHop(): void {
    const { host, port } = this.#options.hop;
    const transport = this.#fallback;
    this.#lookUpTargets([{ transport, host, port: port ?? defaultPort(transport) }]);
  }

  /** Names that have SRV records, those to be preferred first. */
  #lookUpServices(services: readonly Service[]): void {
    if (services.length === 0) return this.#lookUpHop();
    this.#services = services;
    const names = new Set(services.map((service) => service.name));
    this.#queries = [...names].map((name) => ({ type: "srv", name }));
  }

  /** RFC 2782: the records of each service in the order to be tried. */
  #chooseTargets(): void {
    const targets: Target[] = [];
    let anyRecord = false;
    for (const { transport, name } of this.#services) {
      const records = this.#srv.get(name) ?? [];
      anyRecord ||= records.length > 0;
      for (const { target, port } of orderSrv(records, this.#options.random)) {
        targets.push({ transport, host: target, port });
      }
    }
    // §4.2: without SRV records, the domain's own addresses at the default port
    if (!anyRecord) return this.#lookUpHop();
    this.#lookUpTargets(targets.slice(0, DESTINATIONS_MAX));
  }

  /** Hosts, those to be tried first in front; literal ones need no look-up. */
  #lookUpTargets(targets: readonly Target[]): void {
    this.#targets = targets;
    const names = new Set(targets.map(({ host }) => host).filter((host) => !isIpAddress(host)));
    this.#queries = [...names].map((name) => ({ type: "host", name }));
    if (this.#queries.length === 0) this.#finish();
  }

  /** Every address of every target in their order, each once, as far as we can send there. */
  #finish(): void {
    const { reaches } = this.#options;
    const found = new Map<string, Destination>();
    for (const { transport, host, port } of this.#targets) {
      const addresses = isIpAddress(host) ? [host] : this.#addresses.get(host) ?? [];
      for (const address of addresses) {
        const destination = { transport, address, port };
        if (found.size === DESTINATIONS_MAX || reaches?.(destination) === false) continue;
        found.set(`${transport} ${address} ${port}`, destination);
      }
    }
    this.#destinations = [...found.values()];
  }
}

/**
 * Puts SRV records in the order in which they are to be tried: by priority, and within one by a
 * draw of lots in which each has its weight. RFC 2782, page 4.
 *
 * @returns Nothing when the only target is `.`: the service is decidedly not there.
 */
export function orderSrv(records: readonly SrvRecord[], random: RandomSource): SrvRecord[] {
  const usable = records
    .map((record) => ({ ...record, target: withoutRoot(record.target) }))
    .filter(({ target, port }) => target !== "" && port > 0);
  const ordered: SrvRecord[] = [];
  const priorities = new Set(usable.map((record) => record.priority));
  for (const priority of [...priorities].sort((a, b) => a - b)) {
    // Those of weight 0 stand first, which leaves them a very small chance of being drawn
    const left = usable.filter((record) => record.priority === priority)
      .sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
    while (left.length > 0) ordered.push(...left.splice(drawSrv(left, random), 1));
  }
  return ordered;
}

/**
 * Draws a record: the first whose running sum of weights reaches a number from 0 to the sum of all.
 */
function drawSrv(records: readonly SrvRecord[], random: RandomSource): number {
  const total = records.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = Math.floor((randomUint32(random) / 0x1_0000_0000) * (total + 1));
  let running = 0;
  return records.findIndex(({ weight }) => (running += weight) >= drawn);
}

/** §4.1: the services that we take, those to be preferred first. */
function naptrServices(
  records: readonly NaptrRecord[],
  mayChoose: (transport: UriTransport) => boolean,
): Service[] {
  return [...records]
    .sort((a, b) => a.order - b.order || a.preference - b.preference)
    .flatMap(({ flags, service, replacement }): Service[] => {
      const transport = NAPTR_SERVICES.get(service.toUpperCase());
      const name = withoutRoot(replacement);
      const fits = transport !== undefined && flags.toLowerCase() === "s" && name !== "";
      return fits && mayChoose(transport) ? [{ transport, name }] : [];
    })
    .slice(0, SERVICES_MAX);
}

function serviceOf(transport: UriTransport, host: string): Service {
  return { transport, name: `${SRV_PREFIXES[transport]}.${host}` };
}

function defaultTransport({ hop, preferred }: LocateOptions): UriTransport {
  const chosen = DEFAULT_ORDER.find((transport) =>
    preferred.includes(transport) && (!hop.secure || isSecured(transport))
  );
  return chosen ?? (hop.secure ? "tls" : "tcp");
}

/**
 * RFC 3263 §4.1: an address has no records; neither has this machine, whose name is not asked for
 * (RFC 6761 §6.3).
 */
function hasServices(host: string): boolean {
  return !isIpAddress(host) && !/(?:^|\.)localhost\.?$/i.test(host);
}

function isSecured(transport: UriTransport): boolean {
  return transport === "tls" || transport === "wss";
}

/** Names in records may end in the dot of the root. */
function withoutRoot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
