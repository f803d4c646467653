/**
 * Flows that know whom they lead to, and the names under which destinations are remembered.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import { defaultPort } from "../../sip/message/next_hop.ts";
import { type Flow, isSecure, type SipTransport } from "../../sip/transport/flow.ts";

/** A flow to a destination that was looked up. Whoever copies a flow keeps the name. */
export interface NamedFlow extends Flow {
  /** What the certificate of the peer has to say: the host of the URI. RFC 5922 §7.1 */
  readonly serverName?: string | undefined;
}

/** A destination, as a key. */
export function destinationKey(transport: SipTransport, to: SocketAddress): string {
  return `${transport} ${to.address} ${to.port}`;
}

/** A place that a connection leads to. */
export interface ConnectionTarget {
  readonly flow: NamedFlow;
  /** Literal, with a port. */
  readonly to: SocketAddress;
  /** What a certificate there has to say. */
  readonly serverName: string;
}

/**
 * The place that a stream flow leads to.
 *
 * @param to Literal; port 0 stands for the transport's default.
 * @param name Where `to` was looked up from; default: as the flow says, else the address itself.
 */
export function connectionTarget(
  flow: NamedFlow,
  to: SocketAddress,
  name?: string,
): ConnectionTarget {
  const at = to.port === 0 ? { address: to.address, port: defaultPort(flow.transport) } : to;
  return { flow, to: at, serverName: name ?? flow.serverName ?? to.address };
}

/**
 * The destination of a connection that we open, as a key: whose certificate we saw is a part of it.
 */
export function connectionKey(
  transport: SipTransport,
  to: SocketAddress,
  serverName: string,
): string {
  const key = destinationKey(transport, to);
  return isSecure(transport) ? `${key} ${serverName}` : key;
}

/**
 * Tells whether `address` is no name, without reading it closely: called for every message. No name
 * consists of digits and dots alone (RFC 1123 §2.1), and none has a colon.
 */
export function isLiteral(address: string): boolean {
  for (let index = address.length - 1; index >= 0; index--) {
    const code = address.charCodeAt(index);
    if (code === COLON) return true;
    // An IPv6 address may have letters before its colons
    if (code !== DOT && (code < ZERO || code > NINE)) return address.includes(":");
  }
  return address !== "";
}

const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
