/**
 * Where requests of ours go: from a URI to hops, each with the flow that leads there. RFC 3263 §4,
 * RFC 3261 §8.1.2.
 *
 * What name servers say is left to `locator.ts`, sending to `signalling.ts`.
 *
 * @module
 */

import { isIpv6, type SocketAddress } from "../../base/socket_address.ts";
import type { Runtime } from "../../runtime/ports.ts";
import { parseFirstNameAddr } from "../../sip/message/name_addr.ts";
import { nextHopOf, type UriTransport } from "../../sip/message/next_hop.ts";
import { SipParseError } from "../../sip/message/parse_error.ts";
import {
  type Flow,
  type Hop,
  isSecure,
  isWebSocket,
  type SipTransport,
} from "../../sip/transport/flow.ts";
import type { Destination } from "../../sip/transport/locate.ts";
import type { Connections } from "./connections.ts";
import { connectionTarget, type NamedFlow } from "./flow_name.ts";
import { type Listener, listenerFor, NO_LISTENER, serves } from "./listeners.ts";
import { type Abilities, Locator } from "./locator.ts";
import type { SignallingCounters } from "./options.ts";

/** What destinations are found with. */
export interface DestinationsOptions {
  readonly runtime: Runtime;
  readonly counters: SignallingCounters;
  /** The bound sockets, by their index; grows while they are bound. */
  readonly listeners: readonly Listener[];
  readonly connections: () => Connections;
}

/** Peers whose way from us is remembered. */
const TOWARDS_MAX = 4096;

/** Connections that `locate` tries to open before it leaves the rest to those who send. */
const OPENED_AHEAD_MAX = 2;

const STREAMS: readonly UriTransport[] = ["tcp", "tls", "ws", "wss"];

/** Finds hops. */
export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #locator: Locator;
  /** Our address towards a peer, where the listener is bound to every address. */
  readonly #localTowards = new Map<string, string>();
  /** The same, while it is looked up. */
  readonly #lookingUp = new Map<string, Promise<string>>();

  constructor(options: DestinationsOptions) {
    this.#options = options;
    const { runtime, counters, listeners } = options;
    this.#locator = new Locator({ runtime, counters, abilities: () => abilitiesOf(listeners) });
  }

  /** What is known of names and of those who did not answer. */
  get locator(): Locator {
    return this.#locator;
  }

  /** Where a URI, or the first route, leads, in the order to be tried. */
  async locate(uri: string, routes: readonly string[] = []): Promise<readonly Hop[]> {
    const next = nextHopOf(uriOf(routes[0] ?? uri));
    if (next === undefined) return [];
    const hops: Hop[] = [];
    for (const destination of await this.#locator.locate(next)) {
      const hop = await this.#hopTo(destination, next.host);
      if (hop !== undefined) hops.push(hop);
    }
    return await this.#openAhead(hops);
  }

  /**
   * The same destination over TCP; `undefined` where nothing listens for it, or it was refused
   * lately.
   */
  streamHop({ flow, to }: Hop): Hop | undefined {
    const { listeners } = this.#options;
    const listener = listenerFor(listeners, "tcp", isIpv6(flow.local.address));
    const bound = listeners[listener];
    if (flow.transport !== "udp" || bound === undefined) return undefined;
    if (this.#locator.isAvoided("tcp", to)) return undefined;
    const address = bound.isWildcard ? flow.local.address : bound.local.address;
    const local = { address, port: bound.local.port };
    return { flow: { transport: "tcp", listener, local, remote: to }, to };
  }

  /** The flow to a literal address; `undefined` when no socket of ours sends there. */
  async flowTo(transport: SipTransport, to: SocketAddress): Promise<Flow | undefined> {
    const { listeners } = this.#options;
    const listener = listenerFor(listeners, transport, isIpv6(to.address));
    const bound = listeners[listener];
    if (bound === undefined && transport === "udp") return undefined;
    const address = bound?.isWildcard === false
      ? bound.local.address
      : await this.towards(to.address);
    return { transport, listener, local: { address, port: bound?.local.port ?? 0 }, remote: to };
  }

  /** Our address towards a peer, where it is known already. */
  knownTowards(remote: string): string | undefined {
    return this.#localTowards.get(remote);
  }

  /**
   * Our address towards a peer. All who ask while it is looked up hear of it in the order they asked
   * in.
   */
  async towards(remote: string): Promise<string> {
    const known = this.#localTowards.get(remote) ?? this.#lookingUp.get(remote);
    if (known !== undefined) return await known;
    const asked = this.#options.runtime.localAddressTowards(remote);
    this.#lookingUp.set(remote, asked);
    try {
      const found = await asked;
      // Bounded: a table of peers, not of everybody who ever sent a packet
      if (this.#localTowards.size >= TOWARDS_MAX) this.#localTowards.clear();
      this.#localTowards.set(remote, found);
      return found;
    } finally {
      this.#lookingUp.delete(remote);
    }
  }

  /** Joins a destination with its flow; `serverName` is the host of the URI. */
  async #hopTo(destination: Destination, serverName: string): Promise<Hop | undefined> {
    const { transport, address, port } = destination;
    const to = { address, port };
    const flow = await this.flowTo(transport, to);
    if (flow === undefined) return undefined;
    const isNamed = isSecure(transport) || isWebSocket(transport);
    const named: NamedFlow = isNamed ? { ...flow, serverName } : flow;
    return { flow: named, to };
  }

  /**
   * Where nothing listens for a transport, the peer can reach us over our connection alone: it is
   * opened before the request is written, so that Via and Contact have its port. One that cannot be
   * opened is tried last.
   */
  async #openAhead(hops: readonly Hop[]): Promise<readonly Hop[]> {
    const failed: Hop[] = [];
    for (const [index, hop] of hops.entries()) {
      const { flow, to } = hop;
      if (flow.listener !== NO_LISTENER || failed.length === OPENED_AHEAD_MAX) {
        return [...hops.slice(index), ...failed];
      }
      const connection = await this.#options.connections().open(connectionTarget(flow, to));
      if (connection !== undefined) {
        const opened = { ...flow, local: connection.flow.local, connection: connection.id };
        return [{ flow: opened, to }, ...hops.slice(index + 1), ...failed];
      }
      failed.push(hop);
    }
    return failed;
  }
}

/**
 * What the sockets can do. Connections can be opened from anywhere; where a URI leaves the
 * transport open, we choose one that the peer can call back on.
 */
function abilitiesOf(listeners: readonly Listener[]): Abilities {
  const listens = (transport: SipTransport): boolean =>
    listeners.some((listener) => listener.transport === transport);
  return {
    available: listens("udp") ? ["udp", ...STREAMS] : STREAMS,
    preferred: (["udp", "tcp", "tls"] as const).filter(listens),
    reaches: ({ transport, address }) => {
      const ipv6 = isIpv6(address);
      if (transport === "udp") return listenerFor(listeners, "udp", ipv6) !== NO_LISTENER;
      return listeners.some((listener) => serves(listener, ipv6));
    },
  };
}

/** The URI of a Route header's value, or the URI that it is. */
function uriOf(route: string): string {
  if (!route.includes("<")) return route;
  try {
    return parseFirstNameAddr(route).uri;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return "";
  }
}
