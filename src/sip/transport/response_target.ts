/**
 * Where responses go, and what the top Via is told about where its request came from.
 * RFC 3261 §18.2.1, §18.2.2; RFC 3581 §4.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { SipRequest } from "../message/message.ts";
import { defaultPort } from "../message/next_hop.ts";
import { stampTopVia, type Via } from "../message/via.ts";
import { type Flow, isReliable } from "./flow.ts";

/**
 * Works out where the responses to a request go.
 *
 * The address is always the one that the request came from: `received` says the same once
 * {@linkcode stampVia} has been there, and what a sender wrote into it must not aim our responses
 * at others.
 *
 * Over a stream the response takes the connection of its request while that is open; what is worked out here is where
 * a new one leads when it is not.
 *
 * DEVIATION §18.2.2: `maddr` is ignored, as it would let anyone aim our responses at a third party.
 *
 * @param via The top Via of the request.
 * @param flow Where the request came from.
 */
export function responseTarget(via: Via, flow: Flow): SocketAddress {
  // RFC 3581 §4: a sender that asks for it is answered at the port that it sent from
  if (!isReliable(flow.transport) && via.rport !== undefined) return flow.remote;
  return { address: flow.remote.address, port: via.port ?? defaultPort(flow.transport) };
}

/**
 * Notes in the top Via where the request came from. A second time changes nothing.
 *
 * `received` is added when the sent-by is not the source address, or when `rport` was asked; a
 * value that the sender has written itself is overwritten. `rport` is filled when it was asked.
 */
export function stampVia(request: SipRequest, flow: Flow): void {
  const via = request.headers.via;
  const source = withoutZone(flow.remote.address);
  const rport = via.rport === undefined ? undefined : flow.remote.port;
  const needed = rport !== undefined || via.received !== undefined || via.host !== source;
  if (!needed || (via.received === source && via.rport === rport)) return;
  stampTopVia(request.headers, { received: source, rport });
}

/** A zone (`fe80::1%eth0`) means something on this machine only. RFC 4007 §11.2 */
function withoutZone(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? address : address.slice(0, percent);
}
