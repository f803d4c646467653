/**
 * All connections that carry SIP, of either side: found again, opened where needed, limited, kept
 * alive and closed. RFC 3261 §18, RFC 5626 §4.4.1.
 *
 * What goes over them, and where names lead, is left to `signalling.ts`.
 *
 * @module
 */

import { formatHost, type SocketAddress } from "../../base/socket_address.ts";
import { TimerTable } from "../../base/timer_table.ts";
import type { Millis } from "../../base/units.ts";
import type {
  Runtime,
  StreamConnection,
  StreamEvents,
  StreamTransport,
} from "../../runtime/ports.ts";
import { Alarm } from "../alarm.ts";
import { SipParseError } from "../../sip/message/parse_error.ts";
import { type Flow, isSecure, isWebSocket, type SipTransport } from "../../sip/transport/flow.ts";
import { Connection, PING, PONG } from "./connection.ts";
import { connectionKey, type ConnectionTarget, destinationKey } from "./flow_name.ts";
import { SourceKeys } from "../source_key.ts";
import type { ConnectionFailure, ConnectionLimits } from "./options.ts";
import type { SignallingCounters, SignallingTls } from "./options.ts";

/** Who hears of what comes. */
export interface ConnectionsEvents {
  admits(address: string): boolean;
  /** @returns Whether it is SIP. */
  message(bytes: Uint8Array, flow: Flow): boolean;
  malformed(error: SipParseError, flow: Flow): void;
  /** What was sent over this flow may be lost. May be told within `sendTo`. */
  failed(flow: Flow): void;
  /** There is no connection of a peer, or none of ours to one. */
  unconnected(failure: ConnectionFailure): void;
  /** A connection was made, or could not be. */
  reached(transport: SipTransport, to: SocketAddress, reached: boolean): void;
}

/** What connections are made with. */
export interface ConnectionsOptions {
  readonly runtime: Runtime;
  readonly counters: SignallingCounters;
  readonly limits: ConnectionLimits;
  readonly keepAlive: Millis;
  /** As it is now. */
  readonly tls: () => SignallingTls | undefined;
  readonly events: ConnectionsEvents;
}

/** A connection that is being opened, and what waits for it. */
interface Opening {
  readonly waiting: { readonly flow: Flow; readonly bytes: Uint8Array }[];
  bytes: number;
  readonly done: Promise<Connection | undefined>;
}

/** What waits for one connection. */
const WAITING_MAX = 64;
const WAITING_BYTES_MAX = 262_144;

/** Connections that we have opened, those that are being opened among them. */
const OPENED_MAX = 4096;

/** What is counted when time closes a connection. */
const CLOSE_COUNTERS = {
  incomplete: "messages_malformed",
  silent: "connections_silent",
  dead: "connections_dead",
  idle: "connections_idle",
} as const;

/** The connections of a gateway. */
export class Connections {
  readonly #options: ConnectionsOptions;
  /** All that are open, by what their flows name them. */
  readonly #byId = new Map<number, Connection>();
  readonly #byStream = new Map<StreamConnection, Connection>();
  /** By where they lead; of several to one place, the newest. */
  readonly #byKey = new Map<string, Connection>();
  /** How many connections each source has opened. */
  readonly #acceptedFrom = new Map<string, number>();
  readonly #sources = new SourceKeys();
  readonly #openings = new Map<string, Opening>();
  /** Places to which connections are not closed for being idle. */
  readonly #kept = new Set<string>();
  readonly #deadlines = new TimerTable<Connection>();
  #accepted = 0;
  readonly #alarm: Alarm;
  #nextId = 1;
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    const { runtime } = options;
    this.#alarm = new Alarm({ runtime, ring: (now) => this.#timeout(now) });
  }

  /** Open connections. */
  get size(): number {
    return this.#byId.size;
  }

  /** What a listener is to report to. */
  eventsOf(listener: number, transport: SipTransport): StreamEvents {
    const { events } = this.#options;
    return {
      failed: (remote, why) => events.unconnected({ role: "accepted", transport, remote, why }),
      accepted: (stream) => this.#accept(stream, listener),
      receive: (stream, data) => this.#receive(stream, data),
      closed: (stream) => this.#streamClosed(stream),
    };
  }

  /** The connection of a flow, while it is open. */
  get(id: number): Connection | undefined {
    return this.#byId.get(id);
  }

  /** A connection that is open to a place already. */
  find({ flow, to, serverName }: ConnectionTarget): Connection | undefined {
    const { transport } = flow;
    return this.#byKey.get(connectionKey(transport, to, serverName)) ??
      this.#byKey.get(destinationKey(transport, to));
  }

  /** Sends over an open connection; one that does not take it is closed. */
  send(connection: Connection, flow: Flow, bytes: Uint8Array): void {
    connection.carry(flow, this.#options.runtime.now());
    if (connection.stream.send(bytes)) return;
    this.#options.counters.add("messages_unsent");
    this.#drop(connection);
  }

  /**
   * Sends to a place: over the connection that leads there, else over a new one behind what waits
   * for it.
   */
  sendTo(target: ConnectionTarget, bytes: Uint8Array): void {
    const open = this.find(target);
    if (open !== undefined) return this.send(open, target.flow, bytes);
    const opening = this.#opening(target);
    const fits = opening !== undefined && opening.waiting.length < WAITING_MAX &&
      opening.bytes + bytes.length <= WAITING_BYTES_MAX;
    if (!fits) return this.#unsent(target.flow);
    opening.waiting.push({ flow: target.flow, bytes });
    opening.bytes += bytes.length;
  }

  /** The connection to a place, a new one where there is none. */
  async open(target: ConnectionTarget): Promise<Connection | undefined> {
    return this.find(target) ?? await this.#opening(target)?.done;
  }

  /** Connections to this place are not closed for being idle, or may be again. */
  keep(transport: SipTransport, to: SocketAddress, kept: boolean): void {
    const key = destinationKey(transport, to);
    if (kept) this.#kept.add(key);
    else this.#kept.delete(key);
    for (const connection of this.#byId.values()) {
      const { flow } = connection;
      if (destinationKey(flow.transport, flow.remote) === key) connection.isKept = kept;
    }
  }

  close(): void {
    this.#closed = true;
    this.#alarm.cancel();
    for (const { stream } of this.#byId.values()) stream.close();
    this.#byId.clear();
    this.#byStream.clear();
    this.#byKey.clear();
    this.#openings.clear();
  }

  /**
   * Takes a connection of a peer in, or closes it at once: it may not speak, or there are too many.
   */
  #accept(stream: StreamConnection, listener: number): void {
    const { events, counters, limits } = this.#options;
    const { address } = stream.remote;
    const source = this.#sources.of(address);
    const ofSource = this.#acceptedFrom.get(source) ?? 0;
    if (!events.admits(address)) {
      counters.add("sources_refused");
      return stream.close();
    }
    if (this.#accepted >= limits.connectionsMax || ofSource >= limits.connectionsPerSourceMax) {
      counters.add("connections_refused");
      return stream.close();
    }
    if (this.#closed) return stream.close();
    this.#accepted++;
    this.#acceptedFrom.set(source, ofSource + 1);
    const key = destinationKey(stream.transport, stream.remote);
    this.#add({ role: "accepted", stream, listener, key });
  }

  #add(
    own: {
      readonly role: Connection["role"];
      readonly stream: StreamConnection;
      readonly listener: number;
      readonly key: string;
      readonly serverName?: string;
    },
  ): Connection {
    const { runtime, limits, keepAlive } = this.#options;
    const options = { ...own, id: this.#nextId++, limits, keepAlive };
    const connection = new Connection(options, runtime.now());
    const { flow } = connection;
    connection.isKept = this.#kept.has(destinationKey(flow.transport, flow.remote));
    this.#byId.set(connection.id, connection);
    this.#byStream.set(own.stream, connection);
    this.#byKey.set(connection.key, connection);
    this.#schedule(connection);
    return connection;
  }

  /** Whatever came on a connection. A source that may speak no more is disconnected. */
  #receive(stream: StreamConnection, data: Uint8Array): void {
    const connection = this.#byStream.get(stream);
    if (connection === undefined) return;
    const { events, runtime, counters } = this.#options;
    if (connection.role === "accepted" && !events.admits(stream.remote.address)) {
      counters.add("sources_refused");
      return this.#drop(connection);
    }
    try {
      for (const output of connection.receive(data, runtime.now())) {
        // RFC 5626 §3.5.1: a double CRLF is answered with a single one
        if (output.type === "ping") stream.send(PONG);
        else if (events.message(output.bytes, connection.flow)) connection.prove();
      }
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
    }
    if (!this.#byId.has(connection.id)) return;
    if (connection.failure === undefined) return this.#schedule(connection);
    // §18.3: where a message ends is lost, and with it the connection
    counters.add("messages_malformed");
    events.malformed(connection.failure, connection.flow);
    this.#drop(connection);
  }

  #streamClosed(stream: StreamConnection): void {
    const connection = this.#byStream.get(stream);
    if (connection !== undefined) this.#forget(connection);
  }

  /** Closes a connection; what is queued for the peer may still go out. */
  #drop(connection: Connection): void {
    this.#forget(connection);
    connection.stream.close();
  }

  /** Nothing is sent over it any more, and those who did hear of it. */
  #forget(connection: Connection): void {
    const { id, role, key, stream, flow } = connection;
    if (!this.#byId.delete(id)) return;
    this.#byStream.delete(stream);
    if (this.#byKey.get(key) === connection) this.#byKey.delete(key);
    this.#deadlines.delete(connection);
    if (role === "accepted") {
      this.#accepted--;
      const source = this.#sources.of(flow.remote.address);
      const left = (this.#acceptedFrom.get(source) ?? 1) - 1;
      if (left > 0) this.#acceptedFrom.set(source, left);
      else this.#acceptedFrom.delete(source);
    }
    this.#options.events.failed(flow);
    for (const carried of connection.carried) this.#options.events.failed(carried);
  }

  /** One connection at a time is opened to one place. */
  #opening(target: ConnectionTarget): Opening | undefined {
    const { flow, to, serverName } = target;
    const key = connectionKey(flow.transport, to, serverName);
    const known = this.#openings.get(key);
    if (known !== undefined) return known;
    const opened = this.#byId.size - this.#accepted + this.#openings.size;
    if (this.#closed || opened >= OPENED_MAX) return undefined;
    const connected = this.#connect(target, key);
    const opening: Opening = {
      waiting: [],
      bytes: 0,
      done: connected.then((connection) => this.#opened(target, key, connection)),
    };
    this.#openings.set(key, opening);
    return opening;
  }

  /**
   * Opens a connection. The peer may speak before we hear that it is there, and may be gone by
   * then.
   */
  async #connect(target: ConnectionTarget, key: string): Promise<Connection | undefined> {
    const { runtime, limits, tls, events } = this.#options;
    const { flow, to, serverName } = target;
    const transport = flow.transport as StreamTransport;
    const { listener } = flow;
    let connection: Connection | undefined;
    const register = (stream: StreamConnection): Connection =>
      connection ??= this.#add({ role: "opened", stream, listener, key, serverName });
    const client = isSecure(transport) ? tls()?.client ?? { verify: true } : undefined;
    const stream = await runtime.connectStream({
      transport,
      to,
      timeout: limits.connect,
      ...(client === undefined ? {} : { tls: { ...client, serverName } }),
      ...(isWebSocket(transport)
        ? { subprotocol: "sip", host: `${formatHost(serverName)}:${to.port}` }
        : {}),
    }, {
      receive: (stream, data) => {
        if (!this.#closed) register(stream);
        this.#receive(stream, data);
      },
      closed: (stream) => this.#streamClosed(stream),
      failed: (remote, why) => events.unconnected({ role: "opened", transport, remote, why }),
    }).catch(() => undefined);
    if (stream === undefined) return undefined;
    if (this.#closed) return void stream.close();
    return register(stream);
  }

  /** Sends what has waited, or says that it is lost. */
  #opened(
    { flow, to }: ConnectionTarget,
    key: string,
    connected: Connection | undefined,
  ): Connection | undefined {
    const { counters, events } = this.#options;
    const waiting = this.#openings.get(key)?.waiting ?? [];
    this.#openings.delete(key);
    if (this.#closed) return undefined;
    const connection = connected && this.#byId.get(connected.id);
    counters.add(connection === undefined ? "connections_failed" : "connections_opened");
    events.reached(flow.transport, to, connection !== undefined);
    for (const message of waiting) {
      const isOpen = connection !== undefined && this.#byId.has(connection.id);
      if (isOpen) this.send(connection, message.flow, message.bytes);
      else this.#unsent(message.flow);
    }
    return connection;
  }

  /** A message has no connection to go over. */
  #unsent(flow: Flow): void {
    this.#options.counters.add("messages_unsent");
    this.#options.events.failed(flow);
  }

  /** Only a deadline that became earlier moves the timer; a later one is found when it fires. */
  #schedule(connection: Connection): void {
    const { deadline } = connection;
    if (deadline >= connection.scheduledAt) return;
    connection.scheduledAt = deadline;
    this.#deadlines.set(connection, deadline);
    this.#alarm.set(deadline, this.#options.runtime.now());
  }

  #timeout(now: Millis): void {
    for (;;) {
      const connection = this.#deadlines.popDue(now);
      if (connection === undefined) break;
      this.#handleTimeout(connection, now);
    }
    this.#alarm.set(this.#deadlines.deadline ?? Infinity, now);
  }

  /** Pings, or closes, whatever the connection says is due. */
  #handleTimeout(connection: Connection, now: Millis): void {
    const due = connection.timeout(now);
    connection.scheduledAt = Infinity;
    if (due === undefined || due === "ping") {
      if (due === "ping" && !connection.stream.send(PING)) return this.#drop(connection);
      return this.#schedule(connection);
    }
    this.#options.counters.add(CLOSE_COUNTERS[due]);
    this.#drop(connection);
  }
}
