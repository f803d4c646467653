/**
 * What both sides of a user agent work with.
 *
 * @module
 */

import { randomHex, type RandomSource } from "../../base/random.ts";
import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { SipRequest } from "../message/message.ts";
import { serializeMessage } from "../message/serialize.ts";
import { serializeSipUri } from "../message/uri.ts";
import type { SipTimers } from "../transaction/timers.ts";
import type { TransactionOutput, TransactionTable } from "../transaction/transaction_table.ts";
import type { Flow } from "../transport/flow.ts";
import type { UserAgentOutput } from "./output.ts";
import type { Session, SessionTable } from "./session_table.ts";

/** The address that we write into Via and Contact, for what goes out over a flow. */
export type Identity = (flow: Flow) => SocketAddress;

/** The parts that a user agent's two sides share. */
export interface UserAgentContext {
  readonly random: RandomSource;
  readonly timers: SipTimers;
  readonly identity: Identity;
  readonly transactions: TransactionTable;
  readonly sessions: SessionTable;
  /** Turns what the transactions want into what the user agent wants, in place. */
  absorb(outputs: readonly TransactionOutput[], into: UserAgentOutput[], now: Millis): void;
}

/** Where a request within a session goes, and over which flow. */
export interface Hop {
  readonly flow: Flow;
  readonly to: SocketAddress;
}

const BRANCH_COOKIE = "z9hG4bK";

/** Our Contact on a flow, with its angle brackets. */
export function contactFor(context: UserAgentContext, flow: Flow): string {
  const at = context.identity(flow);
  const parameters = new Map(flow.transport === "udp" ? [] : [["transport", flow.transport]]);
  const uri = serializeSipUri({
    scheme: "sip",
    user: undefined,
    password: undefined,
    host: at.address,
    port: at.port,
    parameters,
    headers: undefined,
  });
  return `<${uri}>`;
}

/** Puts our Via, with a branch of its own, on top of a request. §8.1.1.7 */
export function addVia(context: UserAgentContext, request: SipRequest, flow: Flow): void {
  const branch = BRANCH_COOKIE + randomHex(context.random, 8);
  const at = context.identity(flow);
  const host = at.address.includes(":") ? `[${at.address}]` : at.address;
  const transport = flow.transport.toUpperCase();
  request.headers.prepend(
    "Via",
    `SIP/2.0/${transport} ${host}:${at.port};rport;branch=${branch}`,
  );
}

/**
 * The way to the peer of a dialog: the first hop that route set and remote target give (§12.2.1.1), over the
 * connection that the dialog began on where there is one.
 *
 * DEVIATION §18.1.1: a stream dialog keeps its connection instead of opening one to the Contact; peers behind NAT
 * can be reached in no other way.
 */
export function hopOf(session: Session): Hop {
  const hop = session.dialog?.nextHop;
  const { flow } = session;
  if (hop === undefined) return { flow, to: flow.remote };
  const to = { address: hop.host, port: hop.port };
  const transport = hop.transport ?? flow.transport;
  if (transport === flow.transport) return { flow, to };
  return { flow: { transport, listener: flow.listener, local: flow.local, remote: to }, to };
}

/** Sends a request within a session in a transaction of its own. */
export function sendInSession(
  context: UserAgentContext,
  session: Session,
  request: SipRequest,
  now: Millis,
): UserAgentOutput[] {
  const { flow, to } = hopOf(session);
  addVia(context, request, flow);
  const { key, outputs } = context.transactions.send(request, flow, to, now);
  context.sessions.expect(key, session);
  const into: UserAgentOutput[] = [];
  context.absorb(outputs, into, now);
  return into;
}

/** Sends the BYE of a session. §15.1.1 */
export function sendBye(
  context: UserAgentContext,
  session: Session,
  now: Millis,
): UserAgentOutput[] {
  const bye = session.dialog?.createRequest("BYE", { headers: session.byeHeaders });
  return bye === undefined ? [] : sendInSession(context, session, bye, now);
}

/** Sends a message that no transaction repeats: an ACK of a 2xx. §13.2.2.4 */
export function sendOnce(hop: Hop, message: SipRequest): UserAgentOutput & { type: "send" } {
  return { type: "send", ...hop, bytes: serializeMessage(message), message };
}
