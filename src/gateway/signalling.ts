/**
 * The SIP sockets: bytes in, messages and flows out, and the way back. RFC 3261 §18.
 *
 * What messages mean is left to the user agent. Sources that may not call are dropped before anything is read.
 *
 * @module
 */

import { formatSocketAddress, isIpAddress, type SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { ListenAddress } from "../config/schema.ts";
import type { Runtime, TcpConnection, TcpListener, Timer, UdpSocket } from "../runtime/ports.ts";
import type { SipMessage } from "../sip/message/message.ts";
import { isKeepAlive, parseMessage } from "../sip/message/parse.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { StreamFramer } from "../sip/message/stream_framer.ts";
import type { Flow, SipTransport } from "../sip/transport/flow.ts";
import type { Counters } from "./counters.ts";

/** Who hears of messages. */
export interface SignallingEvents {
  receive(message: SipMessage, flow: Flow, now: Millis): void;
  malformed(error: SipParseError, flow: Flow, now: Millis): void;
  /** Whether a source may speak to us at all. */
  admits(address: string): boolean;
  /** A connection is gone, or could not be made. */
  failed(flow: Flow, now: Millis): void;
}

/** What the sockets are bound to. */
export interface SignallingOptions {
  readonly runtime: Runtime;
  readonly listen: readonly ListenAddress[];
  /** The address that we write into Via and Contact instead of the local one. */
  readonly advertise?: string | undefined;
  readonly counters: Counters;
  /** How long a peer may take to send the rest of a message; default 64·T1. */
  readonly completionTimeout?: Millis;
  readonly events: SignallingEvents;
}

interface Listener {
  readonly transport: SipTransport;
  readonly local: SocketAddress;
  readonly udp: UdpSocket | undefined;
  readonly tcp: TcpListener | undefined;
}

interface Connection {
  readonly id: number;
  readonly listener: number;
  readonly framer: StreamFramer;
  readonly tcp: TcpConnection;
  readonly flow: Flow;
  /** Runs while a message is incomplete. */
  completion: Timer | undefined;
}

/** Connections that are open at the same time; more are closed at once. */
const CONNECTIONS_MAX = 4096;

/** How long a peer may take to send the rest of a message: as long as an answer may take, 64·T1. */
const COMPLETION_TIMEOUT: Millis = 32_000;

/** How long we wait for a connection that we open. */
const CONNECT_TIMEOUT: Millis = 4000;

const WILDCARDS = new Set(["0.0.0.0", "::"]);
const PONG = new Uint8Array([13, 10]);

/** All SIP sockets of a gateway. */
export class Signalling {
  readonly #options: SignallingOptions;
  #listeners: Listener[] = [];
  readonly #connections = new Map<number, Connection>();
  readonly #byConnection = new Map<TcpConnection, Connection>();
  /** Our address towards a peer, where the listener is bound to every address. */
  readonly #localTowards = new Map<string, string>();
  #nextConnection = 1;
  #closed = false;

  constructor(options: SignallingOptions) {
    this.#options = options;
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
   */
  async open(): Promise<void> {
    try {
      for (const at of this.#options.listen) {
        const index = this.#listeners.length;
        this.#listeners.push(await this.#listen(at, index));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The address that we write into Via and Contact of what goes out over a flow. */
  identity(flow: Flow): SocketAddress {
    const listener = this.#listeners[flow.listener];
    const sameTransport = listener?.transport === flow.transport
      ? listener
      : this.#listeners.find((candidate) => candidate.transport === flow.transport);
    return {
      address: this.#options.advertise ?? flow.local.address,
      port: sameTransport?.local.port ?? flow.local.port,
    };
  }

  /** The flow of a request of ours that belongs to no dialog yet. */
  async flowTo(transport: SipTransport, to: SocketAddress): Promise<Flow | undefined> {
    const listener = this.#listeners.findIndex((candidate) => candidate.transport === transport);
    const bound = this.#listeners[listener]?.local;
    if (bound === undefined) return undefined;
    const address = WILDCARDS.has(bound.address) ? await this.#towards(to.address) : bound.address;
    return { transport, listener, local: { address, port: bound.port }, remote: to };
  }

  /** Sends bytes over a flow. Failures of connections come back as `failed`. */
  send(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#options.counters.add("messages_sent");
    if (flow.transport === "tcp") this.#sendStream(flow, to, bytes);
    else this.#sendDatagram(flow, to, bytes);
  }

  close(): void {
    this.#closed = true;
    for (const { udp, tcp } of this.#listeners) {
      udp?.close();
      tcp?.close();
    }
    for (const { tcp, completion } of this.#connections.values()) {
      completion?.cancel();
      tcp.close();
    }
    this.#connections.clear();
    this.#byConnection.clear();
  }

  async #listen(at: ListenAddress, index: number): Promise<Listener> {
    const { runtime } = this.#options;
    const { transport, address, port } = at;
    if (transport === "udp") {
      const udp = await runtime.bindUdp({
        address,
        port,
        largeBuffers: true,
        receive: (data, fromPort, from) => this.#receiveDatagram(index, data, fromPort, from),
      });
      return { transport, local: udp.local, udp, tcp: undefined };
    }
    const tcp = await runtime.listenTcp({ address, port }, {
      receive: (connection, data) => this.#receiveStream(index, connection, data),
      closed: (connection) => this.#streamClosed(connection),
    });
    return { transport, local: tcp.local, udp: undefined, tcp };
  }

  #receiveDatagram(listener: number, data: Uint8Array, port: number, address: string): void {
    if (this.#closed) return;
    const { events, counters } = this.#options;
    if (!events.admits(address)) return counters.add("sources_refused");
    if (isKeepAlive(data)) return;
    // Messages outlive the buffer that they came in
    const bytes = data.slice();
    const remote = { address, port };
    const { local } = this.#listeners[listener] as Listener;
    if (!WILDCARDS.has(local.address)) {
      return this.#receive(bytes, { transport: "udp", listener, local, remote });
    }
    const known = this.#localTowards.get(address);
    if (known !== undefined) {
      const at = { address: known, port: local.port };
      return this.#receive(bytes, { transport: "udp", listener, local: at, remote });
    }
    // Look-ups for one address finish in the order they were asked in, so messages keep theirs
    void this.#towards(address).then((found) => {
      const at = { address: found, port: local.port };
      this.#receive(bytes, { transport: "udp", listener, local: at, remote });
    });
  }

  #receiveStream(listener: number, tcp: TcpConnection, data: Uint8Array): void {
    const { events, counters } = this.#options;
    let connection = this.#byConnection.get(tcp);
    if (connection === undefined) {
      if (!events.admits(tcp.remote.address)) {
        counters.add("sources_refused");
        return tcp.close();
      }
      if (this.#connections.size >= CONNECTIONS_MAX) {
        counters.add("connections_refused");
        return tcp.close();
      }
      connection = this.#add(listener, tcp);
    }
    const { framer, flow } = connection;
    try {
      for (const output of framer.receive(data)) {
        // RFC 5626 §3.5.1: a double CRLF is answered with a single one
        if (output.type === "ping") tcp.send(PONG);
        else this.#receive(output.bytes, flow);
      }
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
    }
    if (framer.failure === undefined) return this.#watchCompletion(connection);
    // §18.3: where a message ends is lost, and with it the connection
    counters.add("messages_malformed");
    events.malformed(framer.failure, flow, this.#options.runtime.now());
    tcp.close();
  }

  /** A message that never becomes whole must not hold a connection for ever. */
  #watchCompletion(connection: Connection): void {
    if (!connection.framer.isIncomplete) {
      connection.completion?.cancel();
      connection.completion = undefined;
      return;
    }
    const { runtime, counters, completionTimeout = COMPLETION_TIMEOUT } = this.#options;
    connection.completion ??= runtime.setTimer(() => {
      counters.add("messages_malformed");
      connection.tcp.close();
    }, completionTimeout);
  }

  #receive(bytes: Uint8Array, flow: Flow): void {
    if (this.#closed) return;
    const { events, counters, runtime } = this.#options;
    counters.add("messages_received");
    const now = runtime.now();
    let message: SipMessage;
    try {
      const transport = flow.transport === "udp" ? "datagram" : "stream";
      message = parseMessage(bytes, { transport });
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      counters.add("messages_malformed");
      return events.malformed(error, flow, now);
    }
    events.receive(message, flow, now);
  }

  #add(listener: number, tcp: TcpConnection): Connection {
    const id = this.#nextConnection++;
    const { local, remote } = tcp;
    const flow: Flow = { transport: "tcp", listener, local, remote, connection: id };
    const framer = new StreamFramer();
    const connection: Connection = { id, listener, framer, tcp, flow, completion: undefined };
    this.#connections.set(id, connection);
    this.#byConnection.set(tcp, connection);
    return connection;
  }

  #streamClosed(tcp: TcpConnection): void {
    const connection = this.#byConnection.get(tcp);
    if (connection === undefined) return;
    connection.completion?.cancel();
    this.#byConnection.delete(tcp);
    this.#connections.delete(connection.id);
    if (!this.#closed) this.#options.events.failed(connection.flow, this.#options.runtime.now());
  }

  #sendDatagram(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    const socket = this.#listeners[flow.listener]?.udp ??
      this.#listeners.find((candidate) => candidate.udp !== undefined)?.udp;
    if (socket === undefined) return this.#unsent(flow);
    if (isIpAddress(to.address)) {
      if (!socket.send(bytes, to.port, to.address)) {
        this.#options.counters.add("messages_unsent");
      }
      return;
    }
    void this.#resolve(to, flow).then((address) => {
      if (!this.#closed) socket.send(bytes, to.port, address);
    });
  }

  #sendStream(flow: Flow, to: SocketAddress, bytes: Uint8Array): void {
    const open = flow.connection === undefined
      ? this.#connectionTo(to)
      : this.#connections.get(flow.connection);
    if (open === undefined) return void this.#connect(flow, to, bytes);
    if (open.tcp.send(bytes)) return;
    this.#options.counters.add("messages_unsent");
    open.tcp.close();
  }

  async #connect(flow: Flow, to: SocketAddress, bytes: Uint8Array): Promise<void> {
    const { runtime } = this.#options;
    const address = await this.#resolve(to, flow);
    const tcp = await runtime.connectTcp({ address, port: to.port }, {
      receive: (connection, data) => this.#receiveStream(flow.listener, connection, data),
      closed: (connection) => this.#streamClosed(connection),
    }, CONNECT_TIMEOUT);
    if (this.#closed) return tcp?.close();
    if (tcp === undefined) return this.#unsent(flow);
    this.#add(flow.listener, tcp);
    if (!tcp.send(bytes)) this.#unsent(flow);
  }

  #connectionTo(to: SocketAddress): Connection | undefined {
    for (const connection of this.#connections.values()) {
      const { remote } = connection.flow;
      if (remote.port === to.port && remote.address === to.address) return connection;
    }
    return undefined;
  }

  #unsent(flow: Flow): void {
    this.#options.counters.add("messages_unsent");
    this.#options.events.failed(flow, this.#options.runtime.now());
  }

  /** A name that cannot be looked up leads back to where the dialog's messages came from. */
  async #resolve(to: SocketAddress, flow: Flow): Promise<string> {
    if (isIpAddress(to.address)) return to.address;
    try {
      const [address] = await this.#options.runtime.resolveHost(to.address);
      return address ?? flow.remote.address;
    } catch {
      // The name may be known to the peer alone; its own address is the best guess left
      return flow.remote.address;
    }
  }

  async #towards(remote: string): Promise<string> {
    const known = this.#localTowards.get(remote);
    if (known !== undefined) return known;
    const found = await this.#options.runtime.localAddressTowards(remote);
    // Bounded: a table of peers, not of everybody who ever sent a packet
    if (this.#localTowards.size >= 4096) this.#localTowards.clear();
    this.#localTowards.set(remote, found);
    return found;
  }
}

/** Says what listens where, such as `udp://127.0.0.1:5060`. */
export function formatListener(
  listener: { readonly transport: SipTransport; readonly local: SocketAddress },
): string {
  return `${listener.transport}://${formatSocketAddress(listener.local)}`;
}
