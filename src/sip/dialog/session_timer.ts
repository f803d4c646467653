/**
 * Session timers: a session that nobody refreshes in time is over, even when its BYE was lost.
 * RFC 4028.
 *
 * Functions agree on interval and refresher in INVITE, UPDATE and their 2xx; the machine says when
 * to refresh and when to give up. What carries a refresh, and the BYE, are the user agent's. A
 * header that cannot be read counts as absent, since nothing else needs it (RFC 3261 §8.2.2).
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { parseScalar, trimSpace } from "../message/grammar.ts";
import type { Headers, SipHeaders } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { scanParameters } from "../message/parameters.ts";
import { SipParseError } from "../message/parse_error.ts";

/** What we want of session timers. */
export interface SessionTimerPolicy {
  /** The interval that we ask for. 0: we never ask, but serve a peer that does. */
  readonly expires: Millis;
  /** The shortest interval that we take; less than {@linkcode INTERVAL_MIN} counts as that. */
  readonly minimum: Millis;
}

/** What both sides agreed on with the last 2xx. */
export interface SessionTimerAgreement {
  /** The session ends so long after its last refresh. */
  readonly interval: Millis;
  /** Who refreshes. */
  readonly refresher: "local" | "remote";
}

/** The absolute minimum of a session interval. §4 */
export const INTERVAL_MIN: Millis = 90_000;

/** The longest wait between two tries to refresh: as long as a transaction may take, 64·T1. */
export const REFRESH_RETRY: Millis = 32_000;

/**
 * Writes what an INVITE or UPDATE of ours says about the session timer; `Supported: timer` not
 * included. §7.1, §7.4
 *
 * @param options.current What is agreed on already: a refresh then keeps interval and roles.
 */
export function requestSessionTimer(
  policy: SessionTimerPolicy,
  { current }: { readonly current?: SessionTimerAgreement | undefined },
): Headers {
  const wanted = current?.interval ?? policy.expires;
  if (wanted <= 0) return [];
  const minimum = minimumOf(policy);
  const expires = seconds(Math.max(wanted, minimum));
  // §7.4: the side that refreshes now goes on refreshing. §7.1: at first the called side decides
  const refresher = current === undefined
    ? ""
    : `;refresher=${current.refresher === "local" ? "uac" : "uas"}`;
  return [["Session-Expires", `${expires}${refresher}`], ["Min-SE", String(seconds(minimum))]];
}

/** How an INVITE or UPDATE of the peer's is to be answered. */
export type SessionTimerAnswer =
  /** With 422 and these headers. §6 */
  | { readonly type: "too_small"; readonly headers: Headers }
  /** The session has no timer, from the 2xx on. */
  | { readonly type: "none" }
  /** It has this one, and these headers go into the 2xx. */
  | {
    readonly type: "agreed";
    readonly agreement: SessionTimerAgreement;
    readonly headers: Headers;
  };

/** Decides on the session timer that an INVITE or UPDATE of the peer's asks for. §9 */
export function answerSessionTimer(
  { headers }: SipRequest,
  policy: SessionTimerPolicy,
): SessionTimerAnswer {
  const supported = headers.lists("Supported", "timer") || headers.lists("Require", "timer");
  const asked = sessionExpiresOf(headers);
  const minimum = minimumOf(policy);
  const floor = Math.max(minimum, minimumAsked(headers));
  if (asked === undefined) {
    // §9: the 2xx may bring in a timer that nobody asked for; we do so if the peer knows of it
    if (!supported || policy.expires <= 0) return { type: "none" };
    return agreed({ interval: Math.max(policy.expires, floor), refresher: "local" }, supported);
  }
  if (asked.interval < minimum && supported) {
    return { type: "too_small", headers: [["Min-SE", String(seconds(minimum))]] };
  }
  // Erratum 1687: a peer without timers, for which a proxy asked, cannot use a 422
  const offered = Math.max(asked.interval, minimum);
  const wanted = policy.expires <= 0 ? offered : Math.max(policy.expires, floor);
  // §9: the interval may be reduced, not below Min-SE, and never raised
  const interval = Math.min(offered, wanted);
  return agreed({ interval, refresher: refresherOf(asked.refresher, supported) }, supported);
}

/** §9 table 2; where it leaves the choice, who asked for the timer refreshes. */
function refresherOf(asked: Refresher | undefined, supported: boolean): "local" | "remote" {
  if (!supported) return "local";
  return asked === "uas" ? "local" : "remote";
}

function agreed(agreement: SessionTimerAgreement, supported: boolean): SessionTimerAnswer {
  const refresher = agreement.refresher === "local" ? "uas" : "uac";
  const expires = `${seconds(agreement.interval)};refresher=${refresher}`;
  const headers: (readonly [string, string])[] = [["Session-Expires", expires]];
  // §9: MUST when the peer refreshes, SHOULD when it only supports the timer
  if (supported) headers.push(["Require", "timer"]);
  return { type: "agreed", agreement, headers };
}

/**
 * Reads what the peer's 2xx to our INVITE or UPDATE agreed to. §7.2
 *
 * @param request Ours, as it was sent.
 * @returns `undefined` when the session has no timer.
 */
export function acceptSessionTimer(
  request: SipRequest,
  response: SipResponse,
  policy: SessionTimerPolicy,
): SessionTimerAgreement | undefined {
  const answered = sessionExpiresOf(response.headers);
  if (answered !== undefined) {
    // §4: less is not allowed, and would have us refresh without end
    const interval = Math.max(answered.interval, INTERVAL_MIN);
    // A 2xx must say who refreshes. When it does not, we do: both doing so harms nobody
    return { interval, refresher: answered.refresher === "uas" ? "remote" : "local" };
  }
  const asked = sessionExpiresOf(request.headers);
  if (asked === undefined || policy.expires <= 0) return undefined;
  // §7.2: the peer knows no timers; refreshing alone, we still learn whether it is there
  return { interval: asked.interval, refresher: "local" };
}

/**
 * Reads from a 422 the interval that the next try must ask for at least, and name as its Min-SE.
 * §7.3
 *
 * @returns `undefined` when it does not say: there is nothing to try.
 */
export function raisedMinimum(response: SipResponse): Millis | undefined {
  const minimum = deltaOf(response.headers.get("min-se"))?.interval;
  return minimum === undefined ? undefined : Math.max(minimum, INTERVAL_MIN);
}

/** `expired` is the end, and told once. */
export type SessionTimerState = "running" | "expired";

/** What is to be done. */
export type SessionTimerOutput =
  /** Send an UPDATE or re-INVITE. Comes again until `refreshed`. */
  | { readonly type: "refresh" }
  /** Nobody refreshed the session in time: send a BYE. §10 */
  | { readonly type: "expired" };

/** The timer of one session. */
export class SessionTimer {
  #agreement: SessionTimerAgreement;
  #state: SessionTimerState = "running";
  /** `undefined`: the peer refreshes. */
  #refreshAt: Millis | undefined;
  #expireAt: Millis;

  /** @param now When the 2xx was sent or received. */
  constructor(agreement: SessionTimerAgreement, now: Millis) {
    this.#agreement = agreement;
    this.#refreshAt = refreshInstant(agreement, now);
    this.#expireAt = expiryInstant(agreement, now);
  }

  get agreement(): SessionTimerAgreement {
    return this.#agreement;
  }

  get state(): SessionTimerState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    if (this.#state === "expired") return undefined;
    return this.#refreshAt === undefined
      ? this.#expireAt
      : Math.min(this.#refreshAt, this.#expireAt);
  }

  /** A refresh of either side got a 2xx, which agreed on this. After the end it revives nothing. */
  refreshed(agreement: SessionTimerAgreement, now: Millis): void {
    this.#agreement = agreement;
    this.#refreshAt = refreshInstant(agreement, now);
    this.#expireAt = expiryInstant(agreement, now);
  }

  /**
   * A re-INVITE or UPDATE of ours is under way, which refreshes if it succeeds: the next try waits
   * for its end.
   */
  refreshSent(now: Millis): void {
    if (this.#refreshAt === undefined) return;
    this.#refreshAt = Math.max(this.#refreshAt, now + REFRESH_RETRY);
  }

  timeout(now: Millis): SessionTimerOutput | undefined {
    if (this.#state === "expired") return undefined;
    if (now >= this.#expireAt) {
      this.#state = "expired";
      return { type: "expired" };
    }
    if (this.#refreshAt === undefined || now < this.#refreshAt) return undefined;
    this.#refreshAt = now + REFRESH_RETRY;
    return { type: "refresh" };
  }
}

/** §10: half the interval is the recommended time of a refresh. */
function refreshInstant(agreement: SessionTimerAgreement, now: Millis): Millis | undefined {
  return agreement.refresher === "local" ? now + agreement.interval / 2 : undefined;
}

/** §10: the side that does not refresh ends the session slightly before its time. */
function expiryInstant({ interval, refresher }: SessionTimerAgreement, now: Millis): Millis {
  return now + interval - (refresher === "local" ? 0 : Math.min(32_000, interval / 3));
}

type Refresher = "uac" | "uas";

function sessionExpiresOf(headers: SipHeaders) {
  return deltaOf(headers.get("session-expires"));
}

/** §5: absent, it is the absolute minimum. */
function minimumAsked(headers: SipHeaders): Millis {
  return deltaOf(headers.get("min-se"))?.interval ?? INTERVAL_MIN;
}

/** Reads `delta-seconds *(SEMI param)`; `undefined` for what is anything else. */
function deltaOf(
  text: string | undefined,
): { readonly interval: Millis; readonly refresher: Refresher | undefined } | undefined {
  if (text === undefined) return undefined;
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  try {
    const delta = parseScalar(trimSpace(text.slice(0, end)), {
      what: "Session interval",
      max: 0xffff_ffff,
    });
    const word = scanParameters(text, end).parameters.get("refresher")?.toLowerCase();
    const refresher = word === "uac" || word === "uas" ? word : undefined;
    return { interval: delta * 1000, refresher };
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return undefined;
  }
}

function minimumOf(policy: SessionTimerPolicy): Millis {
  return Math.max(policy.minimum, INTERVAL_MIN);
}

function seconds(duration: Millis): number {
  return Math.ceil(duration / 1000);
}
