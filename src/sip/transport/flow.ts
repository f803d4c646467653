/**
 * A flow: where a message came from, and the way back. RFC 3261 §18, RFC 5626 §1.
 *
 * What a flow is made of (a bound socket, an accepted connection) is left to the gateway.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";

/** The transports that there are. RFC 3261 §18, §26.2; RFC 7118. */
export type SipTransport = "udp" | "tcp" | "tls" | "ws" | "wss";

/** One way between us and a peer. */
export interface Flow {
  readonly transport: SipTransport;
  /** The listener whose socket sends over this flow: an index that the gateway gives out. */
  readonly listener: number;
  /** Our end. */
  readonly local: SocketAddress;
  /** The peer's end: the source address of what it sent. */
  readonly remote: SocketAddress;
  /** The connection of a stream transport; absent for datagrams. */
  readonly connection?: number;
}

/** Where a request goes, and over which flow. */
export interface Hop {
  readonly flow: Flow;
  /** `address` may be a name that is still to be looked up; port 0: by SRV. RFC 3263 §4.2 */
  readonly to: SocketAddress;
}

/** Tells whether retransmissions are the transport's business. RFC 3261 §17.1.1.1. */
export function isReliable(transport: SipTransport): boolean {
  return transport !== "udp";
}

/** Tells whether nobody between us and the peer can listen. */
export function isSecure(transport: SipTransport): boolean {
  return transport === "tls" || transport === "wss";
}

/** Tells whether each message travels in a WebSocket message of its own. RFC 7118 §4.2. */
export function isWebSocket(transport: SipTransport): boolean {
  return transport === "ws" || transport === "wss";
}
