/**
 * One call that we place, up to its answer: where it goes, who is tried next, and when we give up. RFC 3261 §8.1.3, §9.1,
 * §13.2; RFC 3263 §4.3.
 *
 * Challenges, the destinations that one URI leads to, forks and PRACKs are the user agent's; everything after the answer
 * is the new owner's.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import type { Credentials } from "../sip/auth/credentials.ts";
import { type Headers, SipHeaders } from "../sip/message/headers.ts";
import type { SipResponse } from "../sip/message/message.ts";
import { parseNameAddr } from "../sip/message/name_addr.ts";
import type { Hop } from "../sip/transport/flow.ts";
import type { SessionId, SessionOutput, SipBody } from "../sip/user_agent/output.ts";
import type { Agent, SessionOwner } from "./agent.ts";
import { type DialAttempt, type DialCandidate, DialQueue } from "./outbound_queue.ts";
import { parseTarget } from "./outbound_target.ts";

/** Whom to call, and how. */
export interface DialOptions {
  readonly runtime: Runtime;
  /** `sip:` and `sips:` URIs, in the order to be tried; at least one. */
  readonly uris: readonly string[];
  /** Value of From without a tag. */
  readonly from: string;
  readonly headers?: Headers;
  /** Of the first INVITE; each that follows has one of its own. Default: a new one. */
  readonly callId?: string;
  /** The offer. */
  readonly body?: SipBody;
  readonly credentials?: Credentials | undefined;
  /** Proxies to go through, such as `<sip:proxy.example.com;lr>`. §8.1.1.1 */
  readonly routes?: readonly string[];
  /** For the whole of it, name look-up and every redirection included. */
  readonly ringTimeout: Millis;
  /** How long one URI may say nothing at all while there is another one; default 5 s. */
  readonly patience?: Millis;
  readonly redirects: "follow" | "refuse";
  /**
   * Owns the session from the 2xx on. Before, it hears of what only an owner can answer, such as an UPDATE within an
   * early dialog.
   */
  readonly owner: SessionOwner;
  readonly events: DialEvents;
}

/** Who hears of a dial. Nothing is told before {@linkcode dial} has returned. */
export interface DialEvents {
  /** An INVITE is about to go out: responses will come from there. */
  trying?(candidate: DialCandidate, hops: readonly Hop[], now: Millis): void;
  /** A provisional response came, 100 included. */
  progress?(output: SessionOutput & { readonly type: "progress" }, now: Millis): void;
  /** A bug of ours has cost the call; `done` follows. */
  crashed?(error: unknown): void;
  /** Once: what became of it. */
  done(result: DialResult, now: Millis): void;
  /**
   * Once, at or after a failure: the last INVITE is over for the peer too. Never comes for one that was given up and to
   * which no answer ever came, before 64·T1 are over.
   */
  settled?(now: Millis): void;
}

/** What became of a dial. */
export type DialResult =
  | {
    readonly type: "accepted";
    readonly session: SessionId;
    /** The URI that answered. */
    readonly uri: string;
    readonly response: SipResponse;
    /**
     * The answer to our offer: in the 2xx, or in a provisional response of the same dialog where
     * the 2xx leaves it out. Empty when there was none. RFC 3262 §5
     */
    readonly answer: Uint8Array;
    /** Where the INVITE went first: RTP of a peer behind NAT comes from there. */
    readonly address: string;
    /** Those that failed before. */
    readonly attempts: readonly DialAttempt[];
  }
  | {
    readonly type: "failed";
    /** That of the attempt which says most. */
    readonly statusCode: number;
    readonly reasonPhrase: string;
    readonly cause: DialAttempt["cause"];
    readonly response: SipResponse | undefined;
    readonly attempts: readonly DialAttempt[];
  };

/** `leaving`: its result is told, its CANCEL is not answered. */
export type DialState = "locating" | "inviting" | "leaving" | "over";

const PATIENCE: Millis = 5000;

/**
 * Calls somebody.
 *
 * @throws {OutboundTargetError} A URI cannot be called.
 * @throws {RangeError} There is no URI.
 * @throws {TypeError} A header holds what no header may hold.
 * @throws {SipParseError} `from` is no address.
 */
export function dial(agent: Agent, options: DialOptions): Dialer {
  if (options.uris.length === 0) throw new RangeError("There is no URI to call");
  for (const uri of options.uris) parseTarget(uri);
  for (const route of options.routes ?? []) parseNameAddr(route);
  parseNameAddr(options.from);
  new SipHeaders(options.headers ?? []);
  const dialer = new Dialer(agent, options);
  dialer.start();
  return dialer;
}

/** A call on its way to being answered. */
export class Dialer implements SessionOwner {
  readonly #agent: Agent;
  readonly #options: DialOptions;
  readonly #queue: DialQueue;
  readonly #attempts: DialAttempt[] = [];
  #state: DialState = "locating";
  #candidate: DialCandidate;
  #session: SessionId | undefined;
  #ringTimer: Timer | undefined;
  #patienceTimer: Timer | undefined;
  /** Of the present candidate: any response; that its phone rings. */
  #heard: "nothing" | "something" | "alerting" = "nothing";
  /** What provisional responses to the present INVITE describe, by the tag of their dialog. */
  readonly #described = new Map<string, Uint8Array>();
  /** Where the INVITE to the present candidate went first. */
  #address = "";
  /** Headers of the CANCEL, where the INVITE was not out yet when it was given up. */
  #farewell: Headers = [];
  /** The response that would be the result, were nothing to follow. */
  #lastResponse: { readonly attempt: DialAttempt; readonly response: SipResponse } | undefined;

  /** Use {@linkcode dial}, which checks the options. */
  constructor(agent: Agent, options: DialOptions) {
    this.#agent = agent;
    this.#options = options;
    const followsRedirects = options.redirects === "follow";
    this.#queue = new DialQueue(options.uris, { followsRedirects });
    this.#candidate = this.#queue.first() as DialCandidate;
  }

  get state(): DialState {
    return this.#state;
  }

  /** Begins; once. */
  start(): void {
    const { runtime, ringTimeout } = this.#options;
    this.#ringTimer = runtime.setTimer(() => {
      this.#leave(
        { statusCode: 408, reasonPhrase: "No answer", cause: "unanswered" },
        [["Reason", 'SIP;cause=408;text="No answer"']],
      );
    }, ringTimeout);
    this.#tryLater(this.#candidate);
  }

  /**
   * Gives the call up: it fails with 487 at once, and the CANCEL follows as §9.1 allows. Nothing happens once it has a
   * result.
   *
   * @param headers Of the CANCEL, such as Reason.
   */
  cancel(headers: Headers = []): void {
    this.#leave({ statusCode: 487, reasonPhrase: "Cancelled", cause: "cancelled" }, headers);
  }

  receive(output: SessionOutput, now: Millis): void {
    if (output.session !== this.#session) return;
    if (this.#state === "leaving") {
      if (output.type === "terminated") this.#settle(now);
      return;
    }
    switch (output.type) {
      case "progress":
        return this.#progress(output, now);
      case "accepted":
        return this.#accepted(output, now);
      case "rejected":
        return this.#rejected(output, now);
      case "terminated":
        // Follows a rejection, which has done everything
        return;
      default:
        return this.#options.owner.receive(output, now);
    }
  }

  /** A bug, ours or of whoever listens, costs this call and no other. */
  #tryLater(candidate: DialCandidate): void {
    this.#try(candidate).catch((error: unknown) => {
      this.#options.events.crashed?.(error);
      const message = error instanceof Error ? error.message : String(error);
      const reasonPhrase = `Internal error: ${message}`;
      this.#leave({ statusCode: 500, reasonPhrase, cause: "internal" }, []);
    });
  }

  /** Calls the next candidate, once it is known where that is. */
  async #try(candidate: DialCandidate): Promise<void> {
    this.#state = "locating";
    this.#candidate = candidate;
    this.#session = undefined;
    this.#heard = "nothing";
    this.#described.clear();
    const { routes = [], runtime } = this.#options;
    const hops = await this.#agent.locate(candidate.uri, { routes }).catch(() => []);
    // The call may have been given up in the meantime
    if (this.#state !== "locating" || this.#candidate !== candidate) return;
    const now = runtime.now();
    if (hops.length > 0) return this.#invite(candidate, hops, now);
    this.#failed({ statusCode: 503, reasonPhrase: "Name not found", cause: "unresolved" }, now);
  }

  #invite(candidate: DialCandidate, hops: readonly Hop[], now: Millis): void {
    const { from, headers, body, callId, credentials, routes, events } = this.#options;
    this.#state = "inviting";
    this.#address = hops[0]?.to.address ?? "";
    events.trying?.(candidate, hops, now);
    // Whoever watches may have had enough at the sight of it
    if (this.state !== "inviting") return this.#settle(now);
    const session = this.#agent.invite({
      requestUri: candidate.uri,
      from,
      to: `<${candidate.to}>`,
      hops,
      ...(routes === undefined ? {} : { routes }),
      ...(callId === undefined || this.#attempts.length > 0 ? {} : { callId }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
      // Whoever a redirection names is nobody's business to prove a password to
      credentials: candidate.origin === "given" ? credentials : undefined,
    }, this);
    this.#session = session;
    // The same of those who watch the messages
    if (this.state !== "inviting") return this.#sendCancel(session, this.#farewell);
    if (!this.#queue.hasMore) return;
    const { runtime, patience = PATIENCE } = this.#options;
    this.#patienceTimer = runtime.setTimer(() => this.#abandon(session), patience);
  }

  #progress(output: SessionOutput & { type: "progress" }, now: Millis): void {
    this.#patienceTimer?.cancel();
    const isAlerting = output.response.statusCode > 100;
    if (isAlerting || this.#heard === "nothing") {
      this.#heard = isAlerting ? "alerting" : "something";
    }
    const { body, headers } = output.response;
    if (body.length > 0) this.#described.set(headers.to.tag ?? "", body);
    this.#options.events.progress?.(output, now);
  }

  #accepted(output: SessionOutput & { type: "accepted" }, now: Millis): void {
    const { session, response } = output;
    const { owner, events } = this.#options;
    this.#finish();
    this.#agent.own(session, owner);
    const { uri } = this.#candidate;
    const { body, headers } = response;
    const answer = body.length > 0 ? body : this.#described.get(headers.to.tag ?? "") ?? body;
    const address = this.#address;
    const attempts = this.#attempts;
    events.done({ type: "accepted", session, uri, response, answer, address, attempts }, now);
  }

  #rejected(output: SessionOutput & { type: "rejected" }, now: Millis): void {
    const { statusCode, reasonPhrase, response } = output;
    const ownCause = statusCode === 408 ? "timeout" : "transport";
    const cause = response === undefined ? ownCause : "response";
    if (response !== undefined) this.#queue.redirect(response, this.#candidate);
    this.#failed({ statusCode, reasonPhrase, cause }, now, response);
  }

  /** One candidate failed: there is another one, or the call has. */
  #failed(failure: Omit<DialAttempt, "uri">, now: Millis, response?: SipResponse): void {
    this.#patienceTimer?.cancel();
    const attempt = { uri: this.#candidate.uri, ...failure };
    this.#attempts.push(attempt);
    if (response !== undefined) this.#lastResponse = { attempt, response };
    const next = this.#queue.next(attempt, this.#heard === "alerting");
    if (next !== undefined) return this.#tryLater(next);
    // What somebody said tells more than that somebody else said nothing
    const { attempt: telling, response: said } = this.#lastResponse ??
      { attempt, response: undefined };
    this.#tell(telling, said, now);
    this.#settle(now);
  }

  /** The present candidate says nothing, and another one may. */
  #abandon(session: SessionId): void {
    if (this.#state !== "inviting" || session !== this.#session) return;
    this.#agent.own(session, NOBODY);
    this.#sendCancel(session, []);
    const failure = { statusCode: 408, reasonPhrase: "No response", cause: "timeout" } as const;
    this.#failed(failure, this.#options.runtime.now());
  }

  /** We want no more of it, wherever it stands. */
  #leave(failure: Omit<DialAttempt, "uri">, headers: Headers): void {
    if (this.#state === "leaving" || this.#state === "over") return;
    const wasInviting = this.#state === "inviting";
    const now = this.#options.runtime.now();
    const session = this.#session;
    this.#finish("leaving");
    this.#farewell = headers;
    if (session !== undefined) this.#sendCancel(session, headers);
    const attempt = { uri: this.#candidate.uri, ...failure };
    this.#attempts.push(attempt);
    this.#tell(attempt, undefined, now);
    if (!wasInviting) this.#settle(now);
  }

  #sendCancel(session: SessionId, headers: Headers): void {
    this.#agent.perform((userAgent, now) => userAgent.cancel(session, headers, now));
  }

  #tell(attempt: DialAttempt, response: SipResponse | undefined, now: Millis): void {
    const { statusCode, reasonPhrase, cause } = attempt;
    const attempts = this.#attempts;
    this.#finish("leaving");
    const result = { type: "failed", statusCode, reasonPhrase, cause, response, attempts } as const;
    this.#options.events.done(result, now);
  }

  #settle(now: Millis): void {
    if (this.#state === "over") return;
    this.#finish();
    this.#options.events.settled?.(now);
  }

  #finish(state: DialState = "over"): void {
    this.#state = state;
    this.#ringTimer?.cancel();
    this.#patienceTimer?.cancel();
  }
}

/** Hears of a session that was given up for another. */
const NOBODY: SessionOwner = { receive: () => {} };
