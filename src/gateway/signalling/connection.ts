/**
 * One connection that carries SIP: what comes out of its bytes, and when it is to be pinged or
 * given up. RFC 3261 §18.3, RFC 5626 §3.5.1 and §4.4.1, RFC 7118 §5 and §6.
 *
 * Sockets and timers are left to `connections.ts`, what messages mean to others.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { StreamConnection } from "../../runtime/ports.ts";
import { isKeepAlive } from "../../sip/message/parse.ts";
import type { SipParseError } from "../../sip/message/parse_error.ts";
import { type FramerOutput, StreamFramer } from "../../sip/message/stream_framer.ts";
import { type Flow, isWebSocket } from "../../sip/transport/flow.ts";
import type { NamedFlow } from "./flow_name.ts";
import type { ConnectionLimits } from "./options.ts";

/** Asks a peer whether it is there, and is nothing to one that does not know it. */
export const PING = new Uint8Array([13, 10, 13, 10]);

/** Answers a ping. */
export const PONG = new Uint8Array([13, 10]);

/**
 * What time brings: a ping is to be sent, or the connection to be closed since a message never
 * became whole, none ever came, a ping was not answered, or nothing came for long.
 */
export type ConnectionTimeout = "ping" | "incomplete" | "silent" | "dead" | "idle";

/** What a connection is made of. */
export interface ConnectionOptions {
  readonly id: number;
  /** Who opened it. */
  readonly role: "accepted" | "opened";
  /** Under which it is found by those who send to its peer. */
  readonly key: string;
  readonly stream: StreamConnection;
  readonly listener: number;
  readonly serverName?: string | undefined;
  readonly limits: ConnectionLimits;
  /** Between our pings; 0 sends none. */
  readonly keepAlive: Millis;
}

/** Flows whose messages went over a connection and that hear of its end. */
const CARRIED_MAX = 256;

const NEVER: Millis = Infinity;

/** The state of one connection. */
export class Connection {
  readonly id: number;
  readonly role: "accepted" | "opened";
  readonly key: string;
  readonly stream: StreamConnection;
  readonly flow: NamedFlow;
  /** Something depends on it, so that it is not closed for being idle. */
  isKept = false;
  /** When its owner will ask for {@linkcode Connection.timeout}; the owner's to write. */
  scheduledAt: Millis = NEVER;
  readonly #limits: ConnectionLimits;
  readonly #keepAlive: Millis;
  readonly #idle: Millis;
  /** None for WebSockets: each message has a frame of its own. */
  readonly #framer: StreamFramer | undefined;
  readonly #carried = new Map<string | number, Flow>();
  /** When a message or the peer's ping came last. */
  #activeAt: Millis;
  #provenBy: Millis;
  #completeBy: Millis = NEVER;
  #pingAt: Millis = NEVER;
  #pongBy: Millis = NEVER;
  #answersPings = false;

  constructor(options: ConnectionOptions, now: Millis) {
    const { id, role, key, stream, listener, serverName, limits, keepAlive } = options;
    const { transport, local, remote } = stream;
    this.id = id;
    this.role = role;
    this.key = key;
    this.stream = stream;
    const flow = { transport, listener, local, remote, connection: id };
    this.flow = serverName === undefined ? flow : { ...flow, serverName };
    this.#limits = limits;
    this.#keepAlive = keepAlive;
    this.#framer = isWebSocket(transport) ? undefined : new StreamFramer();
    const comesBack = role === "opened" || !isWebSocket(transport);
    this.#idle = comesBack ? limits.idle : limits.webSocketIdle;
    this.#activeAt = now;
    this.#provenBy = role === "accepted" ? now + limits.proof : NEVER;
    if (role === "opened" && keepAlive > 0) this.#pingAt = now + keepAlive;
  }

  /** Why the peer must be disconnected; `undefined` while all is well. */
  get failure(): SipParseError | undefined {
    return this.#framer?.failure;
  }

  /** Other flows whose messages went over this connection. */
  get carried(): Iterable<Flow> {
    return this.#carried.values();
  }

  /** When `timeout` is to be asked next. */
  get deadline(): Millis {
    const idleAt = this.#activeAt + this.#idle;
    return Math.min(idleAt, this.#provenBy, this.#completeBy, this.#pingAt, this.#pongBy);
  }

  /**
   * Takes what came; look at `failure` after it.
   *
   * @param data Copied where it is kept.
   * @returns Whole messages, and pings that are to be answered.
   * @throws {SipParseError} The peer must be disconnected.
   */
  receive(data: Uint8Array, now: Millis): FramerOutput[] {
    this.#pongBy = NEVER;
    if (this.#pingAt !== NEVER) this.#pingAt = now + this.#keepAlive;
    if (this.#isPong(data)) {
      this.#answersPings = true;
      return [];
    }
    const outputs = this.#framer === undefined ? fromFrame(data) : this.#framer.receive(data);
    if (outputs.length > 0) this.#activeAt = now;
    if (this.#framer?.isIncomplete !== true) this.#completeBy = NEVER;
    else if (this.#completeBy === NEVER) this.#completeBy = now + this.#limits.completion;
    return outputs;
  }

  /** A message of the peer could be read. */
  prove(): void {
    this.#provenBy = NEVER;
  }

  /** A message was sent over this connection, for `flow`. */
  carry(flow: Flow, now: Millis): void {
    this.#activeAt = now;
    if (flow.connection === this.id) return;
    const { listener, remote } = flow;
    const name = flow.connection ?? `${listener} ${remote.address} ${remote.port}`;
    if (this.#carried.has(name)) return;
    this.#carried.set(name, flow);
    if (this.#carried.size <= CARRIED_MAX) return;
    for (const oldest of this.#carried.keys()) return void this.#carried.delete(oldest);
  }

  /** Tells what is due; too early a call is safe. */
  timeout(now: Millis): ConnectionTimeout | undefined {
    if (now >= this.#completeBy) return "incomplete";
    if (now >= this.#provenBy) return "silent";
    if (now >= this.#pongBy) return "dead";
    if (now >= this.#activeAt + this.#idle) {
      if (!this.isKept) return "idle";
      this.#activeAt = now;
    }
    if (now < this.#pingAt) return undefined;
    this.#pingAt = now + this.#keepAlive;
    // RFC 5626 §4.4.1, but only of peers that are known to answer: many do not
    if (this.#answersPings) this.#pongBy = Math.min(this.#pongBy, now + this.#limits.pong);
    return "ping";
  }

  /** On a connection of ours a lone CRLF between messages answers our ping. */
  #isPong(data: Uint8Array): boolean {
    if (this.role !== "opened" || data.length !== PONG.length) return false;
    return data[0] === 13 && data[1] === 10 && this.#framer?.isIncomplete !== true;
  }
}

/** RFC 7118 §4.2: a WebSocket message is a whole SIP message; §6: or a keep-alive. */
function fromFrame(data: Uint8Array): FramerOutput[] {
  if (!isKeepAlive(data)) return [{ type: "message", bytes: data.slice() }];
  return data.length >= PING.length ? [{ type: "ping" }] : [];
}
