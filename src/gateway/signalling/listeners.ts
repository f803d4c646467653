/**
 * The bound sockets: which of them serves a transport and a family of addresses, and the address
 * that we write into messages. RFC 3261 §18.1.1.
 *
 * @module
 */

import { isIpv6, type SocketAddress } from "../../base/socket_address.ts";
import type { Runtime, StreamEvents, StreamListener, UdpSocket } from "../../runtime/ports.ts";
import { defaultPort } from "../../sip/message/next_hop.ts";
import { type Flow, isSecure, isWebSocket, type SipTransport } from "../../sip/transport/flow.ts";
import type { SignallingListen, SignallingTls } from "./options.ts";

/** One bound socket. */
export interface Listener {
  readonly transport: SipTransport;
  readonly local: SocketAddress;
  /** Bound to all addresses of this machine. */
  readonly isWildcard: boolean;
  readonly advertise: string | undefined;
  readonly udp: UdpSocket | undefined;
  readonly stream: StreamListener | undefined;
}

/** What a socket is bound with. */
export interface BindOptions {
  readonly runtime: Runtime;
  readonly at: SignallingListen;
  readonly tls: SignallingTls | undefined;
  readonly receiveDatagram: (data: Uint8Array, port: number, address: string) => void;
  readonly streamEvents: StreamEvents;
}

/** The listener of connections that we open where nothing listens for their transport. */
export const NO_LISTENER = -1;

/**
 * Binds one socket.
 *
 * @throws {BindError | TlsError} As the runtime does.
 */
export async function bindListener(options: BindOptions): Promise<Listener> {
  const { runtime, at, tls } = options;
  const { transport, address, port, advertise } = at;
  const isWildcard = address === "0.0.0.0" || address === "::";
  const own = { transport, isWildcard, advertise };
  if (transport === "udp") {
    const receive = options.receiveDatagram;
    const udp = await runtime.bindUdp({ address, port, largeBuffers: true, receive });
    return { ...own, local: udp.local, udp, stream: undefined };
  }
  const stream = await runtime.listenStream({
    transport,
    at: { address, port },
    ...(isSecure(transport) ? { tls: tls?.server } : {}),
    ...(isWebSocket(transport) ? { subprotocol: "sip" } : {}),
  }, options.streamEvents);
  return { ...own, local: stream.local, udp: undefined, stream };
}

/**
 * Tells whether a listener's socket reaches addresses of a family; one bound to `::` reaches both.
 */
export function serves({ local, isWildcard }: Listener, ipv6: boolean): boolean {
  return isIpv6(local.address) === ipv6 || (isWildcard && !ipv6);
}

/**
 * The listener that sends to peers of a family over a transport: `preferred`, if it does, else the
 * first that does.
 *
 * @returns Its index, or {@linkcode NO_LISTENER}.
 */
export function listenerFor(
  listeners: readonly Listener[],
  transport: SipTransport,
  ipv6: boolean,
  preferred: number = NO_LISTENER,
): number {
  const wanted = listeners[preferred];
  if (wanted?.transport === transport && serves(wanted, ipv6)) return preferred;
  return listeners.findIndex((each) => each.transport === transport && serves(each, ipv6));
}

/**
 * The address that we write into Via and Contact of what goes out over a flow. Requests of the peer
 * can reach it: the port is that of the listener, and only where there is none that of the
 * connection.
 *
 * @param advertise Of the whole gateway; it is used towards peers of its own family.
 */
export function identityOf(
  listeners: readonly Listener[],
  flow: Flow,
  advertise: string | undefined,
): SocketAddress {
  const { local, transport } = flow;
  const ipv6 = isIpv6(local.address);
  const listener = listeners[listenerFor(listeners, transport, ipv6, flow.listener)];
  const own = listener?.advertise ?? advertise;
  const address = own !== undefined && isIpv6(own) === ipv6 ? own : local.address;
  if (listener !== undefined) return { address, port: listener.local.port };
  return { address, port: local.port === 0 ? defaultPort(transport) : local.port };
}
