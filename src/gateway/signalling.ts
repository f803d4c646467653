/**
 * The SIP sockets: bytes in, messages and flows out, and the way back. RFC 3261 §18, RFC 3263, RFC
 * 5626 §4.4, RFC 7118.
 *
 * What messages mean is left to the user agent. Sources that may not call are dropped before
 * anything is read. The parts stand in `signalling/`: listeners, connections, the search for
 * destinations, kept flows.
 *
 * @module
 */

import { formatSocketAddress, isIpv6, type SocketAddress } from "../base/socket_address.ts";
import { TlsError } from "../runtime/ports.ts";
import type { SipMessage } from "../sip/message/message.ts";
import { defaultPort } from "../sip/message/next_hop.ts";
import { isKeepAlive, parseMessage } from "../sip/message/parse.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import {
  type Flow,
  type Hop,
  isSecure,
  isWebSocket,
  type SipTransport,
} from "../sip/transport/flow.ts";
import { Connections } from "./signalling/connections.ts";
import { Destinations } from "./signalling/destinations.ts";
import { connectionTarget, isLiteral, type NamedFlow } from "./signalling/flow_name.ts";
import { KeptFlows } from "./signalling/kept_flows.ts";
import { bindListener, identityOf, type Listener, listenerFor } from "./signalling/listeners.ts";
import {
  CONNECTION_LIMITS,
  type ConnectionFailure,
  DEFAULT_KEEP_ALIVE,
  type SignallingOptions,
  type SignallingTls,
} from "./signalling/options.ts";

export type { SignallingEvents, SignallingOptions, SignallingTls } from "./signalling/options.ts";

/** Messages that wait for a name to be looked up. */
const LOOKING_UP_MAX = 1024;

/** All SIP sockets of a gateway. */
export class Signalling {
  readonly #options: SignallingOptions;
  #tls: SignallingTls | undefined;
  readonly #listeners: Listener[] = [];
  readonly #connections: Connections;
  readonly #destinations: Destinations;
  readonly #kept: KeptFlows;
  #lookingUp = 0;
  #closed = false;

  constructor(options: SignallingOptions) {
    this.#options = options;
    this.#tls = options.tls;
    const { runtime, counters, events, keepAlive = DEFAULT_KEEP_ALIVE } = options;
    this.#destinations = new Destinations({
      runtime,
      counters,
      listeners: this.#listeners,
      connections: () => this.#connections,
    });
    const { locator } = this.#destinations;
    this.#connections = new Connections({
      runtime,
      counters,
      limits: { ...CONNECTION_LIMITS, ...options.limits },
      keepAlive,
      tls: () => this.#tls,
      events: {
        admits: (address) => events.admits(address),
        message: (bytes, flow) => this.#receive(bytes, flow),
        malformed: (error, flow) => events.malformed(error, flow, runtime.now()),
        failed: (flow) => this.#fail(flow),
        unconnected: (failure) => this.#unconnected(failure),
        reached: (transport, to, reached) =>
          reached ? locator.trust(transport, to) : locator.avoid(transport, to),
      },
    });
    this.#kept = new KeptFlows({
      runtime,
      interval: keepAlive,
      ping: (flow, to, bytes) => this.#sendDatagram(flow, to, bytes),
      keep: (transport, to, kept) => this.#connections.keep(transport, to, kept),
    });
  }

  /** What listens where, once `open` is done. */
  get listeners(): readonly { readonly transport: SipTransport; readonly local: SocketAddress }[] {
    return this.#listeners;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Binds every listener, or none.
   *
   * @throws {BindError} An address cannot be bound.
   * @throws {TlsError} A certificate, key or authority cannot be used.
   */
  async open(): Promise<void> {
    const { runtime, listen } = this.#options;
    try {
      for (const at of listen) {
        const index = this.#listeners.length;
        const listener = await bindListener({
          runtime,
          at,
          tls: this.#tls,
          receiveDatagram: (data, port, address) =>
            this.#receiveDatagram(index, data, port, address),
          streamEvents: this.#connections.eventsOf(index, at.transport),
        });
        this.#listeners.push(listener);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * New connections of either side get other certificates; open ones live on.
   *
   * @throws {TlsError} They cannot be used where we listen; nothing is changed.
   */
  replaceTls(tls: SignallingTls): void {
    const listeners = this.#listeners.filter(({ transport }) => isSecure(transport));
    const { server } = tls;
    if (server === undefined && listeners.length > 0) {
      throw new TlsError("A listener speaks TLS, so that certificate and key are needed");
    }
    for (const { stream } of listeners) if (server !== undefined) stream?.replaceTls(server);
    this.#tls = tls;
  }

  /** The address that we write into Via and Contact of what goes out over a flow. */
  identity(flow: Flow): SocketAddress {
    return identityOf(this.#listeners, flow, this.#options.advertise);
  }

  /**
   * Where a URI leads, in the order to be tried. RFC 3263 §4, §8.1.2
   *
   * @param options `routes`: the first decides instead of the URI; URIs, or values of Route
   * headers.
   * @returns Literal addresses; empty when it leads nowhere.
   */
  locate(
    uri: string,
    options: { readonly routes?: readonly string[] } = {},
  ): Promise<readonly Hop[]> {
    return this.#destinations.locate(uri, options.routes);
  }

  /**
   * The same destination over TCP; `undefined` where nothing listens for it, or it was refused
   * lately. §18.1.1
   */
  streamHop(hop: Hop): Hop | undefined {
    return this.#destinations.streamHop(hop);
  }

  /**
   * A destination did not answer, or answered 503: for half a minute it is tried after all others.
   * RFC 3263 §4.3
   */
  markFailed(hop: Hop): void {
    this.#destinations.locator.avoid(hop.flow.transport, hop.to);
  }

  /**
   * Keeps the way to a destination open, such as that of a registration, until as many times
   * released.
   */
  keepFlow(hop: Hop): void {
    this.#kept.keep(hop);
  }

  /** The way may close again. */
  releaseFlow(hop: Hop): void {
    this.#kept.release(hop);
  }

  /**
   * The flow of a request of ours that belongs to no dialog yet.
   *
   * @param to Literal.
   * @returns `undefined` when no socket of ours sends there.
   */
  flowTo(transport: SipTransport, to: SocketAddress): Promise<Flow | undefined> {
    return this.#destinations.flowTo(transport, to);
  }

  /**
   * Sends bytes: over the flow's own connection while it is open, else to `to`. Failures come back
   * as `failed`.
   *
   * @param to May be a name; port 0: its SRV records are looked up.
   */
  send(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#options.counters.add("messages_sent");
    if (flow.transport === "udp") this.#sendDatagram(flow, to, bytes);
    else this.#sendStream(flow, to, bytes);
  }

  close(): void {
    this.#closed = true;
    for (const { udp, stream } of this.#listeners) {
      udp?.close();
      stream?.close();
    }
    this.#kept.close();
    this.#connections.close();
  }

  /** A datagram: one message, or nothing at all. The flow is made here, once. */
  #receiveDatagram(listener: number, data: Uint8Array, port: number, address: string): void {
    const bound = this.#listeners[listener];
    // A socket may hear something before we hear that it is bound
    if (this.#closed || bound === undefined) return;
    const { events, counters } = this.#options;
    if (!events.admits(address)) return counters.add("sources_refused");
    if (isKeepAlive(data)) return;
    const remote = { address, port };
    const { local, isWildcard } = bound;
    if (!isWildcard) {
      return void this.#receive(data, { transport: "udp", listener, local, remote });
    }
    const known = this.#destinations.knownTowards(address);
    if (known !== undefined) {
      const at = { address: known, port: local.port };
      return void this.#receive(data, { transport: "udp", listener, local: at, remote });
    }
    // The socket's buffer is used again meanwhile
    const bytes = data.slice();
    // Look-ups for one address finish in the order they were asked in, so messages keep theirs
    void this.#destinations.towards(address).then((found) => {
      const at = { address: found, port: local.port };
      this.#receive(bytes, { transport: "udp", listener, local: at, remote });
    });
  }

  /** @returns Whether it is SIP. */
  #receive(bytes: Uint8Array, flow: Flow): boolean {
    if (this.#closed) return false;
    const { events, counters, runtime } = this.#options;
    counters.add("messages_received");
    const now = runtime.now();
    let message: SipMessage;
    try {
      // RFC 7118 §5.2.4: where frames say how long a message is, Content-Length need not
      const isFramed = flow.transport === "udp" || isWebSocket(flow.transport);
      message = parseMessage(bytes, { transport: isFramed ? "datagram" : "stream" });
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      counters.add("messages_malformed");
      events.malformed(error, flow, now);
      return false;
    }
    events.receive(message, flow, now);
    return true;
  }

  /**
   * Sends over the flow's own socket, unless the destination is of the other family. What the
   * system does not take is counted and no more: the transaction repeats it, or times out.
   */
  #sendDatagram(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    if (!isLiteral(to.address)) return this.#sendByName(flow, to, bytes);
    const own = this.#listeners[flow.listener];
    const socket = to === flow.remote && own?.udp !== undefined
      ? own.udp
      : this.#listeners[listenerFor(this.#listeners, "udp", isIpv6(to.address), flow.listener)]
        ?.udp;
    if (socket === undefined) return this.#unsent(flow);
    const port = to.port === 0 ? defaultPort("udp") : to.port;
    if (!socket.send(bytes, port, to.address)) this.#options.counters.add("messages_unsent");
  }

  /** §18.1.1, §18.2.2: the connection of the flow first, then one to the destination. */
  #sendStream(flow: NamedFlow, to: SocketAddress, bytes: Uint8Array): void {
    const own = flow.connection === undefined ? undefined : this.#connections.get(flow.connection);
    if (own !== undefined) return this.#connections.send(own, flow, bytes);
    // RFC 7118 §5: nobody listens at the other end of a browser's connection
    const isLost = flow.connection !== undefined && isWebSocket(flow.transport) &&
      flow.serverName === undefined;
    if (isLost) return this.#unsent(flow);
    if (!isLiteral(to.address)) return this.#sendByName(flow, to, bytes);
    this.#connections.sendTo(connectionTarget(flow, to), bytes);
  }

  /** Look-ups of one name finish in the order they were asked in, so messages keep theirs. */
  #sendByName(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    if (this.#lookingUp >= LOOKING_UP_MAX) return this.#unsent(flow);
    this.#lookingUp++;
    void this.#destinations.locator.choose(flow.transport, to).then((found) => {
      this.#lookingUp--;
      if (this.#closed) return;
      // The name may be known to the peer alone; its own address is the best guess left
      const at = found ?? { address: flow.remote.address, port: to.port || flow.remote.port };
      if (!isLiteral(at.address)) return this.#unsent(flow);
      if (flow.transport === "udp") return this.#sendDatagram(flow, at, bytes);
      const target = connectionTarget(flow, { address: at.address, port: at.port }, to.address);
      this.#connections.sendTo(target, bytes);
    });
  }

  #unconnected(failure: ConnectionFailure): void {
    if (this.#closed) return;
    const { events, counters, runtime } = this.#options;
    if (failure.role === "accepted") {
      if (!events.admits(failure.remote.address)) return counters.add("sources_refused");
      counters.add("handshakes_failed");
    }
    events.unconnected?.(failure, runtime.now());
  }

  /** There is no way to send it. */
  #unsent(flow: Flow): void {
    this.#options.counters.add("messages_unsent");
    this.#fail(flow);
  }

  /** Told later, since those who send do not expect to hear of it before the return. */
  #fail(flow: Flow): void {
    const { runtime, events } = this.#options;
    runtime.setImmediate(() => {
      if (!this.#closed) events.failed(flow, runtime.now());
    });
  }
}

/** Says what listens where, such as `udp://127.0.0.1:5060`. */
export function formatListener(
  listener: { readonly transport: SipTransport; readonly local: SocketAddress },
): string {
  return `${listener.transport}://${formatSocketAddress(listener.local)}`;
}
