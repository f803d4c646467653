/**
 * What the SIP sockets are told, what they count, and how long they wait.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { Runtime, TlsClientOptions, TlsServerOptions } from "../../runtime/ports.ts";
import type { SipMessage } from "../../sip/message/message.ts";
import type { SipParseError } from "../../sip/message/parse_error.ts";
import type { Flow, SipTransport } from "../../sip/transport/flow.ts";
import type { CounterName } from "../counters.ts";

/** Who hears of messages. */
export interface SignallingEvents {
  receive(message: SipMessage, flow: Flow, now: Millis): void;
  malformed(error: SipParseError, flow: Flow, now: Millis): void;
  /** Whether a source may speak to us at all. */
  admits(address: string): boolean;
  /**
   * What was sent over this flow may be lost: its connection is gone, or could not be made. Never
   * within `send`.
   */
  failed(flow: Flow, now: Millis): void;
  /** There is no connection; what waits for it is told as `failed`. */
  unconnected?(failure: ConnectionFailure, now: Millis): void;
}

/** Why a connection did not come to be. */
export interface ConnectionFailure {
  /** Whether the peer wanted it, or we. */
  readonly role: "accepted" | "opened";
  readonly transport: SipTransport;
  readonly remote: SocketAddress;
  /** For a person, with the peer as "it"; may quote the peer. */
  readonly why: string;
}

/** One socket to be bound. */
export interface SignallingListen {
  readonly transport: SipTransport;
  /** Literal. */
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Written into Via and Contact instead of the local address. */
  readonly advertise?: string | undefined;
}

/** How TLS is spoken, for `tls` and `wss`. */
export interface SignallingTls {
  /** Needed where we listen. */
  readonly server?: TlsServerOptions | undefined;
  readonly client: Omit<TlsClientOptions, "serverName">;
}

/** Where the sockets count. */
export interface SignallingCounters {
  add(name: CounterName, amount?: number): void;
}

/** What connections may take. */
export interface ConnectionLimits {
  /**
   * Connections that peers have opened and that are open at the same time; more are closed at once.
   */
  readonly connectionsMax: number;
  /** Those of one source: an IPv4 address, or an IPv6 network of 64 bits. */
  readonly connectionsPerSourceMax: number;
  /** For the rest of a message: as long as an answer may take, 64·T1. */
  readonly completion: Millis;
  /** For the first message of a connection that we accepted. */
  readonly proof: Millis;
  /** Without any message. */
  readonly idle: Millis;
  /** The same where only the peer can open it again: longer than any call is silent. */
  readonly webSocketIdle: Millis;
  /** For the answer to a ping. RFC 5626 §4.4.1 */
  readonly pong: Millis;
  /** For a connection that we open. */
  readonly connect: Millis;
}

/** What is right on real networks. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  connectionsMax: 4096,
  connectionsPerSourceMax: 512,
  completion: 32_000,
  proof: 10_000,
  idle: 600_000,
  webSocketIdle: 5 * 3_600_000,
  pong: 10_000,
  connect: 4000,
};

/**
 * How often peers hear of us where nothing else is said. RFC 5626 §4.4.1 asks for less than 30 s
 * over UDP.
 */
export const DEFAULT_KEEP_ALIVE: Millis = 30_000;

/** What the sockets are bound to. */
export interface SignallingOptions {
  readonly runtime: Runtime;
  readonly listen: readonly SignallingListen[];
  /** Stands in for the `advertise` of listeners that have none, towards peers of its family. */
  readonly advertise?: string | undefined;
  /** Default: certificates of servers are checked, and we show none. */
  readonly tls?: SignallingTls | undefined;
  /** Between pings on connections that we opened, and datagrams to kept flows; 0 sends none. */
  readonly keepAlive?: Millis | undefined;
  readonly counters: SignallingCounters;
  readonly limits?: Partial<ConnectionLimits> | undefined;
  readonly events: SignallingEvents;
}
