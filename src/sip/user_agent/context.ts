/**
 * What the parts of a user agent work with: where requests go, and what we write about ourselves.
 *
 * @module
 */

import type { Hash } from "../../base/hash.ts";
import { randomHex, type RandomSource } from "../../base/random.ts";
import { formatSocketAddress, isIpAddress, type SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { Dialog } from "../dialog/dialog.ts";
import type { SessionTimerPolicy } from "../dialog/session_timer.ts";
import type { SipRequest } from "../message/message.ts";
import { defaultPort } from "../message/next_hop.ts";
import { NO_PARAMETERS } from "../message/parameters.ts";
import { serializeMessage } from "../message/serialize.ts";
import { serializeSipUri } from "../message/uri.ts";
import type { SipTimers } from "../transaction/timers.ts";
import type { TransactionOutput, TransactionTable } from "../transaction/transaction_table.ts";
import { type Flow, type Hop, isWebSocket } from "../transport/flow.ts";
import type { ClientRequests } from "./client_requests.ts";
import type { SendMessageOutput, UserAgentOutput } from "./output.ts";
import type { SessionTable } from "./session_table.ts";

/** The address that we write into Via and Contact, for what goes out over a flow. */
export type Identity = (flow: Flow) => SocketAddress;

/** The parts that the sides of a user agent share. */
export interface UserAgentContext {
  readonly random: RandomSource;
  readonly timers: SipTimers;
  readonly identity: Identity;
  readonly hash: Hash | undefined;
  readonly sessionTimer: SessionTimerPolicy;
  /** The same hop over a stream, where there is one. RFC 3261 §18.1.1 */
  readonly streamHop: (hop: Hop) => Hop | undefined;
  readonly transactions: TransactionTable;
  readonly sessions: SessionTable;
  readonly requests: ClientRequests;
  /** Turns what the transactions want into what the user agent wants, in place. */
  absorb(outputs: readonly TransactionOutput[], into: UserAgentOutput[], now: Millis): void;
}

/** What a Contact of ours has beside the address. */
export interface ContactOptions {
  readonly user?: string;
  /** Of the header, such as `;expires=600`. */
  readonly parameters?: string;
  /**
   * The Request-URI that our Contact is to be like: where that is `sips:`, so is a Contact over TLS. §8.1.1.8, §12.1.1
   */
  readonly requestUri?: string;
}

const BRANCH_COOKIE = "z9hG4bK";

/** Our Contact on a flow, with its angle brackets. */
export function contactFor(identity: Identity, flow: Flow, options: ContactOptions = {}): string {
  const at = identity(flow);
  const { transport } = flow;
  const named = transport === "wss" ? "ws" : transport;
  // Not where a proxy in front has ended TLS: nobody could reach us at such a Contact there
  const isSecure = transport === "tls" && /^sips:/i.test(options.requestUri ?? "");
  const uri = serializeSipUri({
    scheme: transport === "wss" || isSecure ? "sips" : "sip",
    user: options.user,
    password: undefined,
    host: at.address,
    port: at.port,
    parameters: transport === "udp" ? NO_PARAMETERS : new Map([["transport", named]]),
    headers: undefined,
  });
  return `<${uri}>${options.parameters ?? ""}`;
}

/** Puts our Via, with a branch of its own, on top of a request. §8.1.1.7 */
export function addVia(context: UserAgentContext, request: SipRequest, flow: Flow): void {
  const branch = BRANCH_COOKIE + randomHex(context.random, 8);
  const at = context.identity(flow);
  const transport = flow.transport.toUpperCase();
  request.headers.prepend(
    "Via",
    `SIP/2.0/${transport} ${formatSocketAddress(at)};rport;branch=${branch}`,
  );
}

/**
 * The way to the peer of a dialog: the first hop that route set and remote target give (§12.2.1.1), over the
 * connection that the dialog began on while there is one.
 *
 * DEVIATION §18.1.1: a stream dialog keeps its connection instead of opening one to the Contact; peers behind NAT,
 * and every browser (RFC 7118 §5), can be reached in no other way.
 */
export function hopOf(dialog: Dialog | undefined, flow: Flow): Hop {
  const next = dialog?.nextHop;
  if (next === undefined || isWebSocket(flow.transport)) return { flow, to: flow.remote };
  const transport = next.transport ?? (next.secure ? "tls" : flow.transport);
  // A name without a port is looked up by SRV
  const unnamed = isIpAddress(next.host) ? defaultPort(transport) : 0;
  const to = { address: next.host, port: next.port ?? unnamed };
  if (transport === flow.transport) return { flow, to };
  return { flow: { transport, listener: flow.listener, local: flow.local, remote: to }, to };
}

/** Sends a message that no transaction repeats: an ACK of a 2xx. §13.2.2.4 */
export function sendOnce(hop: Hop, message: SipRequest): SendMessageOutput {
  return { type: "send", ...hop, bytes: serializeMessage(message), message };
}
