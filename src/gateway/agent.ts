/**
 * The user agent in the world: joins it with the sockets and with time, and hands what happens to whoever owns the
 * session or request that it happened to.
 *
 * What a call does with it is left to its owner; whether there will be a call, to the gateway.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { SipMessage } from "../sip/message/message.ts";
import type { SipParseError } from "../sip/message/parse_error.ts";
import type { Flow, Hop } from "../sip/transport/flow.ts";
import type { InviteOptions } from "../sip/user_agent/client_side.ts";
import type {
  InviteOutput,
  RequestId,
  SendMessageOutput,
  SessionId,
  SessionOutput,
  UserAgentOutput,
} from "../sip/user_agent/output.ts";
import type { OutsideRequest } from "../sip/user_agent/outside_requests.ts";
import { UserAgent, type UserAgentOptions } from "../sip/user_agent/user_agent.ts";
import { Alarm } from "./alarm.ts";
import type { ConnectionFailure } from "./signalling/options.ts";
import { Signalling, type SignallingOptions } from "./signalling.ts";

/**
 * Timers are not looked at more often than this: each wake-up costs, a busy agent has hundreds of deadlines a second,
 * and none of them needs to be exact.
 */
const TIMER_INTERVAL: Millis = 20;

/** Who hears of one session. */
export interface SessionOwner {
  receive(output: SessionOutput, now: Millis): void;
}

/** What became of a request outside of sessions. */
export type RequestResult = Omit<UserAgentOutput & { type: "response" }, "type" | "request">;

/** Who hears of what belongs to no session, and watches the rest. */
export interface AgentEvents {
  /** A call comes in. The session's owner is to be named by {@linkcode Agent.own} before the return. */
  invite(output: InviteOutput, now: Millis): void;
  refused?(output: UserAgentOutput & { type: "refused" }, now: Millis): void;
  /**
   * Looks at a message before the user agent does.
   *
   * @returns `false` for one that nobody is to see.
   */
  admits?(message: SipMessage, flow: Flow, now: Millis): boolean;
  message?(direction: "received" | "sent", message: SipMessage, flow: Flow, now: Millis): void;
  /** What was sent over a flow may be lost. The user agent has been told. */
  failed?(flow: Flow, now: Millis): void;
  /** A peer did not get through to us, or we to it. */
  unconnected?(failure: ConnectionFailure, now: Millis): void;
  /** A message could not be read. */
  malformed?(error: SipParseError, flow: Flow, now: Millis): void;
  /** A bug of ours; it costs one message and no other call. */
  crashed(error: unknown): void;
  /** The last of all sessions, requests and transactions has just ended. */
  idle?(): void;
}

/** What an agent is made of. */
export interface AgentOptions {
  readonly runtime: Runtime;
  readonly signalling: Omit<SignallingOptions, "runtime" | "events">;
  /** Whether a source may speak to us at all. */
  readonly admits: (address: string) => boolean;
  readonly userAgent: Pick<UserAgentOptions, "timers" | "sessionTimer" | "transactionsMax">;
  readonly events: AgentEvents;
}

/** One user agent with its sockets. */
export class Agent {
  readonly signalling: Signalling;
  readonly #runtime: Runtime;
  readonly #events: AgentEvents;
  readonly #counters: SignallingOptions["counters"];
  readonly #userAgent: UserAgent;
  readonly #owners = new Map<SessionId, SessionOwner>();
  readonly #requests = new Map<RequestId, (result: RequestResult) => void>();
  readonly #alarm: Alarm;
  #wokenAt: Millis = -Infinity;
  #closed = false;

  constructor(options: AgentOptions) {
    const { runtime, events } = options;
    this.#runtime = runtime;
    this.#alarm = new Alarm({ runtime, ring: (now) => this.#timeout(now) });
    this.#events = events;
    this.#counters = options.signalling.counters;
    this.signalling = new Signalling({
      ...options.signalling,
      runtime,
      events: {
        admits: options.admits,
        receive: (message, flow, now) => this.#receive(message, flow, now),
        malformed: (error, flow, now) => {
          events.malformed?.(error, flow, now);
          this.#guarded(() => this.#dispatch(this.#userAgent.receiveMalformed(error, flow), now));
        },
        failed: (flow, now) => {
          this.#guarded(() => this.#dispatch(this.#userAgent.transportFailed(flow, now), now));
          events.failed?.(flow, now);
        },
        unconnected: (failure, now) => events.unconnected?.(failure, now),
      },
    });
    this.#userAgent = new UserAgent({
      ...options.userAgent,
      random: runtime.random,
      hash: (name, text) => runtime.hash(name, text),
      identity: (flow) => this.signalling.identity(flow),
      streamHop: (hop) => this.signalling.streamHop(hop),
    });
  }

  /** Sessions and transactions that are still there; both 0 when nothing is left. */
  get size(): UserAgent["size"] {
    return this.#userAgent.size;
  }

  /** Whether OPTIONS is answered with 200 (the default) or 503. */
  set serving(value: boolean) {
    this.#userAgent.serving = value;
  }

  /**
   * Binds the listeners, or none.
   *
   * @throws {BindError} One of them cannot be bound.
   */
  async open(): Promise<void> {
    await this.signalling.open();
  }

  close(): void {
    this.#closed = true;
    this.#alarm.cancel();
    this.signalling.close();
  }

  /** From now on `owner` hears of what happens to the session, until it is terminated. */
  own(session: SessionId, owner: SessionOwner): void {
    this.#owners.set(session, owner);
  }

  /** Nobody hears of the session any more. */
  disown(session: SessionId): void {
    this.#owners.delete(session);
  }

  /** Has the user agent do something, and does what comes of it. */
  perform(act: (userAgent: UserAgent, now: Millis) => UserAgentOutput[]): void {
    const now = this.#runtime.now();
    this.#dispatch(act(this.#userAgent, now), now);
  }

  /** Refuses what the peer asks for within a session and nobody has a use for; the rest needs no answer. */
  decline({ type, session }: SessionOutput, statusCode: number): void {
    const answer = { statusCode };
    switch (type) {
      case "reinvite":
        return this.perform((userAgent, now) => userAgent.answerReinvite(session, answer, now));
      case "offer":
        return this.perform((userAgent, now) => userAgent.answerOffer(session, answer, now));
      case "refer":
        return this.perform((userAgent, now) => userAgent.answerRefer(session, answer, now));
    }
  }

  /** What the user agent knows, without changing it. */
  look<T>(at: (userAgent: UserAgent) => T): T {
    return at(this.#userAgent);
  }

  /** Places a call. The owner hears of nothing before the return. */
  invite(options: InviteOptions, owner: SessionOwner): SessionId {
    const now = this.#runtime.now();
    const { session, outputs } = this.#userAgent.invite(options, now);
    this.own(session, owner);
    this.#dispatch(outputs, now);
    return session;
  }

  /** Sends a request outside of sessions; `done` hears of its final response, once, unless it is given up. */
  request(options: OutsideRequest, done: (result: RequestResult) => void): RequestId {
    const now = this.#runtime.now();
    const { request, outputs } = this.#userAgent.request(options, now);
    this.#requests.set(request, done);
    this.#dispatch(outputs, now);
    return request;
  }

  /** Where a URI leads, in the order to be tried; empty when nowhere. RFC 3263 */
  locate(
    uri: string,
    options: { readonly routes?: readonly string[] } = {},
  ): Promise<readonly Hop[]> {
    return this.signalling.locate(uri, options);
  }

  #receive(message: SipMessage, flow: Flow, now: Millis): void {
    if (this.#events.admits?.(message, flow, now) === false) return;
    this.#events.message?.("received", message, flow, now);
    this.#guarded(() => this.#dispatch(this.#userAgent.receive(message, flow, now), now));
  }

  #dispatch(outputs: readonly UserAgentOutput[], now: Millis): void {
    for (const output of outputs) this.#handle(output, now);
    this.#arm(now);
  }

  #handle(output: UserAgentOutput, now: Millis): void {
    switch (output.type) {
      case "send":
        this.#events.message?.("sent", output.message, wayOf(output), now);
        return this.signalling.send(output.flow, output.to, output.bytes);
      case "invite":
        return this.#events.invite(output, now);
      case "refused":
        return this.#events.refused?.(output, now);
      case "ignored":
        return this.#counters.add("messages_ignored");
      case "response": {
        const done = this.#requests.get(output.request);
        this.#requests.delete(output.request);
        return done?.(output);
      }
      default: {
        const owner = this.#owners.get(output.session);
        if (output.type === "terminated") this.#owners.delete(output.session);
        if (owner !== undefined) return owner.receive(output, now);
        // The call is over for us, its dialog is not
        return this.decline(output, 481);
      }
    }
  }

  #arm(now: Millis): void {
    if (this.#closed) return;
    const at = this.#userAgent.deadline ?? Infinity;
    this.#alarm.set(Math.max(at, this.#wokenAt + TIMER_INTERVAL), now);
  }

  #timeout(now: Millis): void {
    this.#wokenAt = now;
    this.#guarded(() => this.#dispatch(this.#userAgent.timeout(now), now));
    const { sessions, requests, transactions } = this.#userAgent.size;
    if (sessions + requests + transactions === 0) this.#events.idle?.();
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#events.crashed(error);
      this.#arm(this.#runtime.now());
    }
  }
}

/** Where a message really goes: a datagram need not go back to where its flow comes from. */
function wayOf({ flow, to }: SendMessageOutput): Flow {
  return flow.connection !== undefined || to === flow.remote ? flow : { ...flow, remote: to };
}
