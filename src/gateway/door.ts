/**
 * Who gets in: sources that may speak to us, how much one of them may ask for, and passwords. What is looked at before
 * an INVITE is looked into.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { FORBIDDEN_SOURCE, type Refused, unavailable } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import type { Runtime } from "../runtime/ports.ts";
import { DigestServer } from "../sip/auth/digest_server.ts";
import type { SipMessage } from "../sip/message/message.ts";
import { type Flow, isReliable } from "../sip/transport/flow.ts";
import type { InviteOutput, SessionId, UserAgentOutput } from "../sip/user_agent/output.ts";
import { Admission } from "./admission.ts";
import { CallSetups } from "./call_setups.ts";
import type { Counters } from "./counters.ts";
import { LoopLag, type LoopLagFigures } from "./loop_lag.ts";
import type { GatewayObserver } from "./observer.ts";
import { type BlockedSource, type FailureKind, SourceGuard } from "./source_guard.ts";
import { SourceFilter } from "./source_filter.ts";

/** What the door is made of. */
export interface DoorOptions {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly counters: Counters;
  readonly log: NonNullable<GatewayObserver["log"]>;
  /** Sources that may call though `sip.allow` does not have them: registrars that we are registered at. */
  readonly expects: (address: string) => boolean;
  /** The name of the registration that an INVITE came through. */
  readonly registrationOf: (invite: InviteOutput) => string | undefined;
}

/** An INVITE that may become a call. */
export interface Entered {
  /** Empty where no password was asked for. */
  readonly authUser: string;
  /** The registration that it came through; empty where it came through none. */
  readonly registration: string;
}

/** The share of a limit that one source may take where the configuration does not say. */
const SHARE_OF_ONE_SOURCE = 0.8;

/** So many calls of one source may ring, or wait for their ACK, in any case. */
const SETUPS_MIN = 100;

/** Sources that are told of at most so often. */
const NOTICE_INTERVAL: Millis = 10_000;

/** Headers that a refused password is answered with go out with this status. §22.2 */
const UNAUTHORIZED = 401;

/** The door of one gateway. */
export class Door {
  readonly #options: DoorOptions;
  readonly #filter: SourceFilter;
  /** Sources that are never blocked. */
  readonly #exempt: SourceFilter;
  readonly #guard: SourceGuard;
  readonly #lag: LoopLag;
  readonly #admission: Admission;
  readonly #setups: CallSetups;
  readonly #digest: DigestServer | undefined;
  readonly #refuses: boolean;
  /** When each kind of notice was last given. */
  readonly #noticedAt = new Map<string, Millis>();

  constructor(options: DoorOptions) {
    const { config, runtime } = options;
    const { sip, limits } = config;
    this.#options = options;
    this.#filter = new SourceFilter(sip.allow);
    this.#exempt = new SourceFilter(sip.block.exempt);
    this.#refuses = sip.refuse === "403";
    this.#lag = new LoopLag(runtime);
    this.#admission = new Admission({ limits, lag: this.#lag }, runtime.now());
    const { per_source: perSource, block } = sip;
    const requestsPerSecond = perSource.requests_per_second ?? shareOf(limits.calls_per_second);
    // Nobody takes longer than a second to acknowledge, unless it rings
    this.#setups = new CallSetups(Math.max(SETUPS_MIN, requestsPerSecond));
    this.#guard = new SourceGuard({
      requestsPerSecond,
      callsMax: perSource.calls ?? shareOf(limits.calls),
      failures: block.failures,
      within: block.within,
      duration: block.duration,
      scanners: block.scanners,
    });
    this.#digest = sip.auth === undefined ? undefined : new DigestServer({
      realm: sip.auth.realm,
      users: new Map(Object.entries(sip.auth.users)),
      algorithms: sip.auth.algorithms,
      nonceLifetime: sip.auth.nonce_lifetime,
      hash: (name, text) => runtime.hash(name, text),
      random: runtime.random,
    });
  }

  /** Calls that are in. */
  get calls(): number {
    return this.#admission.calls;
  }

  /** How late the event loop is. */
  get lag(): LoopLagFigures {
    return this.#lag.figures;
  }

  /** Sources that are shut out. */
  get blocked(): readonly BlockedSource[] {
    return this.#guard.blocked;
  }

  set draining(value: boolean) {
    this.#admission.draining = value;
  }

  set limits(limits: Config["limits"]) {
    this.#admission.limits = limits;
  }

  /** Whether anything of a source is read at all. */
  admits(address: string): boolean {
    const now = this.#options.runtime.now();
    if (this.#guard.admit(address, now) === "blocked") return false;
    if (this.#refuses || this.#filter.allows(address) || this.#options.expects(address)) {
      return true;
    }
    this.#notice("source", `sip.allow does not have ${address}: nothing is answered`, now);
    return false;
  }

  /** Whether a message is looked into: not that of a scanner, nor what is too much from one source. */
  admitsMessage(message: SipMessage, flow: Flow, now: Millis): boolean {
    if (message.type === "response") return true;
    const { headers, method } = message;
    const { counters } = this.#options;
    const userAgent = headers.get("User-Agent");
    if (this.#guard.scanner(userAgent)) {
      counters.add("scanners_dropped");
      // A datagram may come from somebody else than it says
      const isProven = isReliable(flow.transport);
      if (isProven && !this.#exempt.allows(flow.remote.address)) {
        this.#guard.block(flow.remote.address, now, "scanner");
      }
      const name = JSON.stringify(userAgent?.slice(0, 60));
      const text = `sip.block.scanners: ${flow.remote.address} calls itself ${name}`;
      this.#notice("scanner", `${text}: nothing is answered`, now);
      return false;
    }
    if (headers.to.tag !== undefined || method === "ACK" || method === "CANCEL") return true;
    if (method === "INVITE" && this.#setups.isFull(flow.remote.address)) {
      counters.add("requests_limited");
      const text = `${flow.remote.address} acknowledges none of its calls: new ones are dropped`;
      this.#notice("setups", text, now);
      return false;
    }
    if (this.#guard.request(flow.remote.address, now)) return true;
    counters.add("requests_limited");
    const { address } = flow.remote;
    const text = `sip.per_source.requests_per_second: ${address} sends more, the rest is dropped`;
    this.#notice("rate", text, now);
    return false;
  }

  /** Looks at source, password, and room, in this order. Who is let in has to `leave`. */
  enter(invite: InviteOutput, now: Millis): Entered | Refused {
    const { request, flow } = invite;
    const { address } = flow.remote;
    const registration = this.#options.registrationOf(invite);
    const isExpected = registration !== undefined;
    if (!isExpected && !this.#filter.allows(address)) return FORBIDDEN_SOURCE;
    const verdict = isExpected ? undefined : this.#digest?.check(request, now, address);
    if (verdict !== undefined && verdict.type !== "accepted") {
      const { headers, reason } = verdict;
      if (verdict.type === "refused") this.#failed(flow, "digest", verdict.isSourceProven, now);
      return {
        answer: { statusCode: UNAUTHORIZED, headers },
        cause: "refused",
        reason: verdict.type === "refused" ? `digest: ${reason}` : "",
      };
    }
    const problem = this.#admission.enter(now);
    if (problem !== undefined) return unavailable(problem);
    if (!this.#guard.callBegun(address)) {
      this.#admission.leave();
      return unavailable(`sip.per_source.calls: ${address} has as many calls as it may`);
    }
    this.#setups.begin(invite.session, address);
    if (verdict !== undefined) this.#guard.success(address);
    return { authUser: verdict?.username ?? "", registration: registration ?? "" };
  }

  /** Makes room for a call of our own, or says why there is none. It has to `leave` as well. */
  enterOwn(now: Millis): string | undefined {
    return this.#admission.enter(now);
  }

  /** The ACK of a call that was let in came. */
  acknowledged(session: SessionId): void {
    this.#setups.end(session);
  }

  /** A call that was let in is over; `address` is `undefined` for one of our own. */
  leave(session: SessionId, address: string | undefined): void {
    this.#admission.leave();
    this.#setups.end(session);
    if (address !== undefined) this.#guard.callEnded(address);
  }

  /** A request could not be read, or was refused. */
  refused({ statusCode, flow }: UserAgentOutput & { type: "refused" }, now: Millis): void {
    if (statusCode === 400) this.malformed(flow, now);
  }

  /** A message made no sense at all. */
  malformed(flow: Flow, now: Millis): void {
    this.#failed(flow, "malformed", isReliable(flow.transport), now);
  }

  #failed(flow: Flow, kind: FailureKind, isSourceProven: boolean, now: Millis): void {
    if (this.#exempt.allows(flow.remote.address)) return;
    const { blocked } = this.#guard.failure(flow.remote.address, kind, now, { isSourceProven });
    if (!blocked) return;
    this.#options.counters.add("sources_blocked");
    const { failures, duration } = this.#options.config.sip.block;
    const what = kind === "digest" ? "wrong passwords" : "malformed messages";
    const text = `sip.block: blocked for ${duration / 1000} s after ${failures} ${what}`;
    this.#options.log("warning", text, { source: formatSocketAddress(flow.remote) });
  }

  /** One line for a flood of a kind. */
  #notice(kind: string, message: string, now: Millis): void {
    if (now - (this.#noticedAt.get(kind) ?? -Infinity) < NOTICE_INTERVAL) return;
    this.#noticedAt.set(kind, now);
    this.#options.log("warning", message, {});
  }
}

function shareOf(limit: number): number {
  return Math.ceil(limit * SHARE_OF_ONE_SOURCE);
}
