/**
 * Why requests were refused, in the operator's words: one line for each, with what to do about it.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { NO_ROUTE } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import { findAnswer } from "../sip/auth/digest_answer.ts";
import type { SipRequest } from "../sip/message/message.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { GatewayObserver, RefusedRequest } from "./observer.ts";
import type { ConnectionFailure } from "./signalling/options.ts";

/** Refusals that are logged a second; the others are only counted. */
const LOGGED_PER_SECOND = 10;

/** When the same is told of the same place again, and of how many places that is known. */
const TOLD_AGAIN: Millis = 600_000;
const UNREACHED_MAX = 256;

/** Longest text from the wire in a line, and longest line, in characters. */
const QUOTED_MAX = 60;
const REASON_MAX = 300;

/** Logs refusals; a flood of them is counted, not logged. */
export class RefusalLog {
  readonly #observer: GatewayObserver;
  readonly #config: () => Config;
  /** What was told of places that we cannot get to. */
  readonly #unreached = new Map<string, { readonly reason: string; readonly at: Millis }>();
  #logged = 0;
  #since: Millis = 0;

  constructor(options: { readonly observer: GatewayObserver; readonly config: () => Config }) {
    this.#observer = options.observer;
    this.#config = options.config;
  }

  /** A request was refused; `reason` is that of whoever refused it. */
  refused(refused: RefusedRequest, now: Millis): void {
    const { statusCode, request, flow } = refused;
    const reason = printable(explainRefusal(refused, this.#config())).slice(0, REASON_MAX);
    this.#observer.refused?.({ ...refused, reason }, now);
    if (!this.#mayLog(now)) return;
    const verb = statusCode < 400 ? "Redirected" : "Refused";
    this.#observer.log?.("info", `${verb} with ${statusCode}: ${reason}`, fieldsOf(request, flow));
  }

  /** A caller was asked for a password, which is no refusal. */
  challenged(request: SipRequest, flow: Flow): void {
    this.#observer.log?.("debug", "Asked for a password", fieldsOf(request, flow));
  }

  /** A message could not be read. A request that can be answered all the same is refused later. */
  malformed({ message, request }: SipParseError, flow: Flow, now: Millis): void {
    if (request !== undefined || !this.#mayLog(now)) return;
    const reason = printable(message).slice(0, REASON_MAX);
    const source = formatSocketAddress(flow.remote);
    this.#observer.log?.("info", `Dropped what is no SIP message: ${reason}`, { source });
  }

  /** There is no connection: each place that we cannot get to is told of once in a while. */
  unconnected({ role, transport, remote, why }: ConnectionFailure, now: Millis): void {
    const place = `${transport}://${formatSocketAddress(remote)}`;
    const reason = printable(why).slice(0, REASON_MAX);
    if (role === "accepted") {
      if (!this.#mayLog(now)) return;
      this.#observer.log?.("info", `No connection from ${place}: ${reason}`, {});
      return;
    }
    const told = this.#unreached.get(place);
    const isNews = told === undefined || told.reason !== reason || now >= told.at + TOLD_AGAIN;
    if (!isNews || !this.#mayLog(now)) return;
    if (this.#unreached.size >= UNREACHED_MAX) this.#unreached.clear();
    this.#unreached.set(place, { reason, at: now });
    this.#observer.log?.("warning", `No connection to ${place}: ${reason}`, {});
  }

  /** Something that was asked for within a call was refused, and the call goes on. */
  inCall(reason: string, fields: Readonly<Record<string, string>>, now: Millis): void {
    if (!this.#mayLog(now)) return;
    const text = printable(reason).slice(0, REASON_MAX);
    this.#observer.log?.("info", `Refused with ${text}; the call goes on`, fields);
  }

  #mayLog(now: Millis): boolean {
    if (now - this.#since >= 1000) {
      const quiet = this.#logged - LOGGED_PER_SECOND;
      if (quiet > 0) this.#observer.log?.("warning", `${quiet} more requests were refused`, {});
      this.#logged = 0;
      this.#since = now;
    }
    this.#logged++;
    return this.#logged <= LOGGED_PER_SECOND;
  }
}

/** Says why a request was refused, and what the operator can do about it. */
export function explainRefusal(refused: RefusedRequest, config: Config): string {
  const { statusCode, reason, request } = refused;
  const { method } = request;
  // The operator's own words, whatever the status
  if (reason.startsWith("route ")) return reason;
  switch (statusCode) {
    case 400:
      return `the ${method} of the other side is malformed: ${reason}`;
    case 401:
      return `sip.auth: ${explainDigest(refused, config)}`;
    case 403:
      return method === "INVITE"
        ? `${reason}; add it there if it may call`
        : `${reason} is not taken: calls are sent on within a call alone`;
    case 404:
      return reason === NO_ROUTE.reason ? noRoute(request) : reason;
    case 405:
      return method === "REGISTER"
        ? "REGISTER is not taken, since this is no registrar: register at the PBX"
        : `${quote(method)} is not taken`;
    case 415:
      return `the body of the ${method} cannot be read: ${reason}`;
    case 416:
      return `${reason} cannot be called: only sip, sips and tel can`;
    case 420:
      return `${reason} is not supported; let the other side not require it`;
    case 422:
      return `sip.min_session_expires is ${
        config.sip.min_session_expires / 1000
      } s, and the other` +
        " side asks for a shorter session timer; it should try again with a longer one";
    case 481:
      return reason.endsWith("outside a dialog")
        ? `${method} for a call that is not up here; it may be over, or of another server`
        : reason;
    case 486:
      return `${reason}; every call needs one of its own`;
    case 488:
      return `the media that the ${method} offers cannot be used: ${reason}`;
    case 489:
      return `${method} of ${reason} is not taken`;
    case 491:
      return `${reason}: both sides asked at once, the other side should try again`;
    case 501:
      return `${quote(method)} is not known`;
    default:
      return reason;
  }
}

/** Whoever is refused hears the same in all cases; the operator hears which it is. */
function explainDigest({ reason, request }: RefusedRequest, { sip: { auth } }: Config): string {
  const fault = reason.replace(/^digest: /, "");
  const username = usernameOf(request, auth?.realm ?? "");
  if (username === undefined) return `the Authorization cannot be read: ${fault}`;
  if (fault !== "Wrong user or password") return `${fault} (user ${quote(username)})`;
  return auth !== undefined && Object.hasOwn(auth.users, username)
    ? `the password of user ${quote(username)} is wrong`
    : `there is no user ${quote(username)}`;
}

function usernameOf(request: SipRequest, realm: string): string | undefined {
  try {
    return findAnswer(request, realm)?.username;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

function noRoute({ requestUri }: SipRequest): string {
  const { user } = uriParts(requestUri);
  return `no route matches a call to ${quote(user === "" ? requestUri : user)}` +
    "; voicegw route says why not";
}

function fieldsOf({ headers }: SipRequest, flow: Flow): Readonly<Record<string, string>> {
  const source = formatSocketAddress(flow.remote);
  const callId = headers.get("Call-ID");
  return { source, ...(callId === undefined ? {} : { call_id: printable(callId).slice(0, 256) }) };
}

function quote(text: string): string {
  return `"${text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text}"`;
}

/** What comes from the wire moves no cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "�");
}
